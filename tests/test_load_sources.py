"""What a load finds in files, directories and archives, and what it refuses."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from fhirstore.errors import MalformedContent, NotFound, TooLarge
from fhirstore.load import sources
from fhirstore.load.sources import Item, Refused, Sources

FILES = {
    "a/one.json": b'{"resourceType":"Patient","id":"1"}',
    "a/lines.ndjson": b'\xef\xbb\xbf{"n":1}\n\n  \n{"n":2}\r\n{"n":3}',
    "readme.txt": b"no JSON",
    ".hidden.json": b"{}",
    "__MACOSX/a/one.json": b"{}",
    "b/hospitalInformation1.json": b'{"places":1}',
}
IN_FILES = {
    "a/one.json": FILES["a/one.json"],
    "a/lines.ndjson:1": b'{"n":1}',
    "a/lines.ndjson:4": b'{"n":2}',
    "a/lines.ndjson:5": b'{"n":3}',
    "b/hospitalInformation1.json": b'{"places":1}',
}


def tar_of(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("a/link.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    return made.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("a")
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "x.tar": lambda: tar_of(FILES),
    "x.tar.gz": lambda: gzip.compress(tar_of(FILES)),
    "x.TGZ": lambda: gzip.compress(tar_of(FILES)),
    "x.tar.zst": lambda: zstandard.compress(tar_of(FILES)),
    "x.zip": lambda: zip_of(FILES),
}


def items(found: Sources) -> dict[str, bytes]:
    read = list(found)
    assert all(isinstance(item, Item) for item in read), read
    return {item.source: item.content for item in read if isinstance(item, Item)}


def only(found: Sources) -> Refused:
    (read,) = found
    assert isinstance(read, Refused)
    return read


def test_a_name_that_is_no_utf8_can_be_printed(tmp_path: Path) -> None:
    named = os.fsencode(tmp_path) + b"/b\xfcro.json"
    with open(named, "wb") as file:
        file.write(b"{}")
    (found,) = Sources([tmp_path])
    assert found.source == f"{tmp_path}/b\\xfcro.json"
    packed = tar_of({os.fsdecode(b"b\xfcro.json"): b"{}"})
    (tmp_path / "x.tar").write_bytes(packed)
    assert list(items(Sources([tmp_path / "x.tar"]))) == [f"{tmp_path}/x.tar!b\\xfcro.json"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")
    assert "no regular file" in str(only(Sources([tmp_path / "x.json"])).error)
    below = Sources([tmp_path])
    assert (list(below), below.skipped) == ([], 1)


def test_what_the_load_writes_itself_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{}")
    (tmp_path / "rejects.ndjson").write_bytes(b"{}")
    found = Sources([tmp_path], without=tmp_path / "." / "rejects.ndjson")
    assert list(items(found)) == [f"{tmp_path}/a.json"]
    assert found.skipped == 1


@pytest.mark.parametrize("name", ARCHIVES)
def test_archive_is_streamed_with_what_is_no_json_counted(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(ARCHIVES[name]())
    found = Sources([path])
    assert items(found) == {f"{path}!{inner}": content for inner, content in IN_FILES.items()}
    assert found.skipped == (4 if "zip" not in name else 3)  # a tar has the symbolic link besides
    assert sum(item.read for item in Sources([path]) if isinstance(item, Item)) <= found.size


def test_directory_is_read_recursively_places_first_then_by_name(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.json").write_bytes(b"{}")
    found = Sources([tmp_path])
    read = items(found)
    assert read == {f"{tmp_path}/{inner}": content for inner, content in IN_FILES.items()}
    assert next(iter(read)).endswith("hospitalInformation1.json")
    assert found.skipped == 2  # what is in a hidden directory is not even looked at
    assert found.size == sum(len(FILES[name]) for name in FILES if name.startswith(("a/", "b/")))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("one.json", FILES["a/one.json"]),
        ("one.json.gz", gzip.compress(FILES["a/one.json"], mtime=0)),
        ("one.json.zst", zstandard.compress(FILES["a/one.json"])),
    ],
)
def test_single_file(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert items(Sources([path])) == {str(path): FILES["a/one.json"]}


def test_an_archive_may_hold_archives_and_those_no_more(tmp_path: Path) -> None:
    innermost = zip_of({"deep.json": b"{}"})
    inner = {"i.json": b"[]", "deeper.zip": innermost}
    path = tmp_path / "outer.tar.gz"
    files = {"n.zip": zip_of(inner), "t.tar.zst": zstandard.compress(tar_of(inner))}
    files["g.ndjson.gz"] = gzip.compress(b"1\n2\n")
    path.write_bytes(gzip.compress(tar_of(files)))
    found = Sources([path])
    assert items(found) == {
        f"{path}!n.zip!i.json": b"[]",
        f"{path}!t.tar.zst!i.json": b"[]",
        f"{path}!g.ndjson.gz:1": b"1",
        f"{path}!g.ndjson.gz:2": b"2",
    }
    assert found.skipped == 4  # the two archives two levels down, and the two symbolic links


def test_a_path_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        Sources([tmp_path, tmp_path / "nowhere.json"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tar.gz", gzip.compress(tar_of(FILES), mtime=0)[:-20]),
        ("a.tar.zst", zstandard.compress(tar_of(FILES))[:-20]),
        ("a.tar", b"no tar" * 200),
        ("a.zip", zip_of(FILES)[:-20]),
        ("a.json.gz", b"no gzip"),
        ("a.txt", b"{}"),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_rest_is_read(
    name: str, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.json").write_bytes(b"{}")
    read = list(Sources([tmp_path / name, tmp_path / "good.json"]))
    refused = [item for item in read if isinstance(item, Refused)]
    assert [r.source for r in refused] == [str(tmp_path / name)]
    assert isinstance(refused[0].error, MalformedContent)
    assert read[-1] == Item(str(tmp_path / "good.json"), b"{}", 2)


def test_an_encrypted_member_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    made = bytearray(zip_of({"a.json": b"{}", "b.json": b"{}"}))
    central = made.index(b"PK\x01\x02")
    made[central + 8] |= 1
    # The member's own header says it too, right after the entry of the directory "a/".
    made[made.index(b"PK\x03\x04", 1) + 6] |= 1
    central = made.index(b"PK\x01\x02", central + 1)
    made[central + 8] |= 1
    path = tmp_path / "x.zip"
    path.write_bytes(bytes(made))
    first, second = Sources([path])
    assert isinstance(first, Refused)
    assert "encrypted" in str(first.error)
    assert isinstance(second, Item)


def test_a_document_and_a_line_have_a_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[" + b" " * 98 + b"]")
    assert len(items(Sources([path], max_document=100))) == 1
    assert isinstance(only(Sources([path], max_document=99)).error, TooLarge)
    lines = tmp_path / "a.ndjson"
    lines.write_bytes(b"1\n" + b"2" * 300 + b"\n3\n")
    one, two, three = Sources([lines], max_document=99)
    assert isinstance(two, Refused)
    assert (one, three) == (Item(f"{lines}:1", b"1", 2), Item(f"{lines}:3", b"3", 303))


@pytest.mark.parametrize("name", ["bomb.ndjson.gz", "bomb.ndjson.zst", "bomb.zip"])
def test_what_inflates_without_bounds_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_RATIO", 10)
    blank = b" \n" * (1 << 19)
    pack = {"gz": gzip.compress, "st": zstandard.compress, "ip": lambda b: zip_of({"b.ndjson": b})}
    path = tmp_path / name
    path.write_bytes(pack[name[-2:]](blank))
    assert list(Sources([path])) == []
    monkeypatch.setattr(sources, "ALWAYS_ALLOWED", 1 << 18)
    assert isinstance(only(Sources([path])).error, TooLarge)
