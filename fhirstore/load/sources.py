"""Where a load reads: files, directories and archives, as a stream of JSON documents and NDJSON lines.

Nothing is unpacked to disk, and no more than one document is held at a time, so an archive may be larger than the
memory. Archives come from strangers: what they inflate to is counted, and a document has a largest size.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal, cast

import zstandard

from fhirstore.errors import FhirError, MalformedContent, NotFound, TooLarge

MEBIBYTE = 1 << 20

# A bundle is parsed as a whole. The largest patient of a million Synthea makes is some 100 MB.
MAX_DOCUMENT = 256 * MEBIBYTE

# JSON of patients deflates to a twentieth, pretty-printed and by zstd to a hundredth. A file that inflates beyond both
# was made to fill something up.
MAX_RATIO = 1000
ALWAYS_ALLOWED = 1024 * MEBIBYTE

_IN_MEMORY = 64 * MEBIBYTE
_BOM = b"\xef\xbb\xbf"

# Synthea writes what all patients refer to into bundles of their own. Read first, no reference has to wait for them.
_PLACES = re.compile(r"(hospital|practitioner)Information", re.IGNORECASE)

Form = Literal["json", "ndjson", "gzip", "zst", "zip", "tar"]
_FORMS: dict[str, Form] = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".gz": "gzip",
    ".zst": "zst",
    ".zip": "zip",
    ".tar": "tar",
}
_SHORT = {".tgz": ".tar.gz", ".tzst": ".tar.zst"}

_UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zstandard.ZstdError,
    NotImplementedError,  # a zip member in a compression that Python lacks
    RuntimeError,  # an encrypted zip member
)


@dataclass(frozen=True, slots=True)
class Item:
    """One JSON document or one line of NDJSON.

    `source` says where it was found: `export.tar.zst!R4/a.json`, `Patient.ndjson:12`. `read` is how many bytes of the
    file on disk were read for it, since the item before.
    """

    source: str
    content: bytes
    read: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """A file, or the rest of one, that cannot be read."""

    source: str
    error: FhirError


def form_of(name: str) -> tuple[Form | None, str]:
    """What the end of a file's name says it is, and the name without that end (for `.gz` of something)."""
    stem, end = os.path.splitext(name)
    end = end.lower()
    if end in _SHORT:
        return form_of(stem + _SHORT[end])
    return _FORMS.get(end), stem


def is_hidden(name: str) -> bool:
    """Whether any part of a path is hidden, or is what macOS puts beside the files of a zip."""
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") and part not in (".", "..") for part in parts) or (
        "__MACOSX" in parts
    )


class Sources:
    """The items below `paths`, in an order that is the same each time.

    `size` is the bytes of all files on disk; `skipped` counts files that were passed over, for they are hidden, not
    JSON or nested too deep. `without` is a file that is none of them, though it may lie among them. Raises NotFound at
    once for a path that is not there.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        max_document: int = MAX_DOCUMENT,
        without: Path | None = None,
    ) -> None:
        self._named = [Path(path) for path in paths]
        self._max_document = max_document
        self._without = without.resolve() if without is not None else None
        self.skipped = 0
        for path in self._named:
            if not path.exists():
                raise NotFound(f"there is no file or directory {path}")
        self._files = [(path, file) for path in self._named for file in self._below(path)]
        self.size = sum(file.stat().st_size for _, file in self._files)

    def _below(self, path: Path) -> list[Path]:
        if not path.is_dir():
            return [path]
        found: list[Path] = []
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            files = [Path(folder, name) for name in names]
            usable = [file for file in files if self._is_usable(file)]
            self.skipped += len(files) - len(usable)
            found += usable
        return sorted(found, key=lambda file: (not _PLACES.match(file.name), str(file)))

    def _is_usable(self, file: Path) -> bool:
        if not file.is_file() or is_hidden(file.name) or form_of(file.name)[0] is None:
            return False
        return file.resolve() != self._without

    def __iter__(self) -> Iterator[Item | Refused]:
        for path, file in self._files:
            source = _printable(str(file))
            if file == path and form_of(file.name)[0] is None:
                yield Refused(
                    source, MalformedContent("its name is not that of JSON or an archive")
                )
                continue
            if not file.is_file():
                # A pipe would be waited for, and its size is not that of what it gives.
                yield Refused(source, MalformedContent("it is no regular file"))
                continue
            try:
                with file.open("rb") as stream:
                    yield from _File(self, stream, file.stat().st_size).items(source)
            except OSError as error:
                yield Refused(source, MalformedContent(f"it cannot be opened: {error.strerror}"))


class _File:
    """One file on disk while it is read: how far, and how much it has inflated to."""

    def __init__(self, sources: Sources, stream: IO[bytes], size: int) -> None:
        self._sources = sources
        self._max_document = sources._max_document
        self._stream = stream
        self._reported = 0
        self._left = max(ALWAYS_ALLOWED, MAX_RATIO * size)

    def items(self, source: str) -> Iterator[Item | Refused]:
        return self._within(self._stream, source, source, 0)

    def _within(
        self, stream: IO[bytes], name: str, source: str, depth: int
    ) -> Iterator[Item | Refused]:
        """The items of `stream`, of the form that `name` says. An error ends this stream alone."""
        form, stem = form_of(name)
        try:
            if form == "json":
                yield self._document(stream, source)
            elif form == "ndjson":
                yield from self._lines(stream, source)
            elif form == "gzip":
                inflated = self._counted(gzip.GzipFile(fileobj=stream))
                yield from self._within(inflated, stem, source, depth)
            elif form == "zst":
                reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
                yield from self._within(self._counted(reader), stem, source, depth)
            elif form is None or depth > 1:
                self._sources.skipped += 1
            else:
                members = self._zip if form == "zip" else self._tar
                yield from members(stream, source, depth)
        except FhirError as error:
            yield Refused(source, error)
        except _UNREADABLE as error:
            yield Refused(source, MalformedContent(f"it cannot be read: {error}"))

    def _counted(self, stream: object) -> IO[bytes]:
        return io.BufferedReader(_Counted(cast("IO[bytes]", stream), self), MEBIBYTE)

    def spend(self, size: int) -> None:
        """Count inflated bytes. Raises TooLarge beyond what a file of this size may become."""
        self._left -= size
        if self._left < 0:
            raise TooLarge(f"it inflates to more than {MAX_RATIO} times its size")

    def _read(self) -> int:
        """The bytes read from disk since the last call. A zip is not read in order, hence the high-water mark."""
        position = self._stream.tell()
        more = max(0, position - self._reported)
        self._reported += more
        return more

    def _document(self, stream: IO[bytes], source: str) -> Item:
        content = stream.read(self._max_document + 1)
        if len(content) > self._max_document:
            raise TooLarge(f"a document may have {self._max_document // MEBIBYTE} MiB at most")
        return Item(source, content.removeprefix(_BOM), self._read())

    def _lines(self, stream: IO[bytes], source: str) -> Iterator[Item | Refused]:
        number = 0
        while line := stream.readline(self._max_document + 1):
            number += 1
            where = f"{source}:{number}"
            if len(line) > self._max_document:
                yield Refused(where, TooLarge("the line is longer than a document may be"))
                while line and not line.endswith(b"\n"):
                    line = stream.readline(MEBIBYTE)
            elif line := line.removeprefix(_BOM).strip():
                yield Item(where, line, self._read())

    def _tar(self, stream: IO[bytes], source: str, depth: int) -> Iterator[Item | Refused]:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                if self._passes_over(member.name, member.isdir()):
                    continue
                content = archive.extractfile(member) if member.isreg() else None
                if content is None:
                    self._sources.skipped += 1
                    continue
                where = f"{source}!{_printable(member.name)}"
                yield from self._within(content, member.name, where, depth + 1)

    def _zip(self, stream: IO[bytes], source: str, depth: int) -> Iterator[Item | Refused]:
        if stream is self._stream:
            yield from self._zip_members(stream, source, depth)
            return
        # The directory of a zip is at its end, and a stream from another archive cannot go back.
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
            shutil.copyfileobj(stream, copy, MEBIBYTE)
            yield from self._zip_members(cast("IO[bytes]", copy), source, depth)

    def _zip_members(self, stream: IO[bytes], source: str, depth: int) -> Iterator[Item | Refused]:
        with zipfile.ZipFile(stream) as archive:
            members = sorted(archive.infolist(), key=lambda m: not _PLACES.match(_base(m.filename)))
            for member in members:
                if self._passes_over(member.filename, member.is_dir()):
                    continue
                where = f"{source}!{member.filename}"
                try:
                    content = self._counted(archive.open(member))
                except _UNREADABLE as error:
                    yield Refused(where, MalformedContent(f"it cannot be read: {error}"))
                    continue
                yield from self._within(content, member.filename, where, depth + 1)

    def _passes_over(self, name: str, is_directory: bool) -> bool:
        if is_directory:
            return True
        if is_hidden(name) or form_of(name)[0] is None:
            self._sources.skipped += 1
            return True
        return False


class _Counted(io.RawIOBase):
    """A decompressing stream whose bytes are counted against what its file may inflate to."""

    def __init__(self, stream: IO[bytes], file: _File) -> None:
        self._inner = stream
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = cast("bytearray", buffer)
        block = self._inner.read(len(view))
        self._file.spend(len(block))
        view[: len(block)] = block
        return len(block)


def _printable(name: str) -> str:
    """A name of bytes that are no UTF-8 (`b\\xfcro.json`), as it can be printed and kept."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _base(name: str) -> str:
    return PurePosixPath(name).name
