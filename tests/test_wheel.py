"""What is installed from a wheel is whole: the package, its declared files, its command, and nothing of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "FHIRSTORE_"))}
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env={**clean, **environment}, capture_output=True, text=True
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the checkout, by the build backend that pyproject.toml names."""
    place = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", place, ROOT, cwd=place)
    if (
        built.returncode
        and "hatchling" in built.stderr
        and "No matching distribution" in built.stderr
    ):
        pytest.skip("the build backend is not to be had: no package index can be reached")
    assert built.returncode == 0, built.stderr
    (found,) = place.glob("fhirstore_mongodb-*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the wheel in it; what the wheel depends on is that of this run."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    made = place / "bin" / "python"
    install = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        made,
        "install",
        "--no-deps",
        "--no-index",
        wheel,
    )
    done = run(*install, cwd=place)
    assert done.returncode == 0, done.stderr
    # Behind the wheel's own, and without the links to the checkout that an editable install has there.
    (site,) = (place / "lib").glob("python3*/site-packages")
    dependencies = place / "dependencies"
    dependencies.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "fhirstore" not in path.name:
            (dependencies / path.name).symlink_to(path)
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    return made


def test_the_wheel_has_what_it_needs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    top = {name.partition("/")[0] for name in names}
    assert {name.partition("-")[0] for name in top} == {"fhirstore", "fhirstore_mongodb"}
    assert "fhirstore/py.typed" in names
    for directory in ("indexes", "migrations"):
        shipped = [path for path in (ROOT / directory).rglob("*") if path.is_file()]
        assert len(shipped) > 1
        for path in shipped:
            if "__pycache__" not in path.parts:
                assert f"fhirstore/_shipped/{path.relative_to(ROOT)}" in names
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "fhirstore").rglob("*.py")}
    assert modules == {name for name in names if name.endswith(".py") and "_shipped" not in name}
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]
    assert any(name.endswith("/licenses/LICENSE") for name in names)


CHECK = """
import fhirstore, pathlib, sys
from fhirstore import migrate, shipped
from fhirstore.catalogue import Catalogue
from fhirstore.definitions import definitions
assert pathlib.Path(fhirstore.__file__).is_relative_to(sys.prefix), fhirstore.__file__
for name in ("indexes", "migrations"):
    assert shipped.directory(name).is_relative_to(sys.prefix)
known = definitions("4.0")
print(len(known.resource_types), len(known.search_parameters("Patient")))
print(len(Catalogue(None, known, "partial").declared("Patient")))
print([step.name for step in migrate.steps()])
"""


def test_what_is_installed_works_outside_the_checkout(python: Path, tmp_path: Path) -> None:
    said = run(python, "-c", CHECK, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    here = run(sys.executable, "-c", CHECK.replace("assert ", "bool() and "), cwd=ROOT)
    assert said.stdout == here.stdout
    assert said.stdout.startswith("146 ")


# One finds what another left.
COMMANDS = [
    (("--version",), 0, "fhirstore, version "),
    (("--help",), 0, "Commands"),
    (("sample", "people", "--patients", "2"), 0, "2 patients in people"),
    (("validate", "people"), 0, "resources are well, 0 are not"),
    (("get", "Patient/1", "--path", "store"), 1, "there is no Patient/1"),
    (("load", "people", "--path", "store"), 0, "resources in"),
    (("search", "Patient", "--count", "--path", "store"), 0, "2\n"),
    (("indexes", "plan", "--path", "store"), 0, "nothing to do"),
    (("doctor", "--path", "store"), 0, "all 1 steps have run"),
]


def test_its_command_works(python: Path, tmp_path: Path) -> None:
    # The server of an embedded store is looked for beside the running Python, and on the PATH.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    for arguments, status, words in COMMANDS:
        said = run(python.parent / "fhirstore", *arguments, cwd=tmp_path, PATH=path)
        assert (said.returncode, words in said.stdout + said.stderr) == (status, True), said
        assert "Traceback" not in said.stderr
