"""Who may import whom: a module only from its own layer or a lower one (docs/design.md has the table)."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fhirstore"

# The longest prefix of a module's name decides.
LAYERS = {
    "errors": 0,
    "primitives": 0,
    "json_text": 0,
    "shipped": 0,
    "base_addresses": 0,
    "short_texts": 0,
    "declared_indexes": 3,
    "versions": 0,
    "definitions": 1,
    "validation": 2,
    "fhirpath": 2,
    "references": 2,
    "rdf": 2,
    "ucum": 2,
    "search": 3,
    "links": 3,
    "compartments": 3,
    "decimals": 3,
    "documents": 3,
    "arguments": 3,
    "large_resources": 3,
    "turtle_field": 3,
    "ports": 4,
    "capabilities": 5,
    "repository": 5,
    "history": 5,
    "as_of": 5,
    "background": 5,
    "custom_parameters": 3,
    "lease": 4,
    "parameter_building": 5,
    "parameter_registry": 5,
    "reindexing": 5,
    "hops": 5,
    "includes": 5,
    "contained_search": 5,
    "explaining": 5,
    "advising": 6,
    "query_shapes": 5,
    "searcher": 5,
    "terminology": 5,
    "hierarchies": 5,
    "system_search": 5,
    "catalogue": 5,
    "migrate": 5,
    "own_addresses": 5,
    "doctor": 5,
    "stored_turtle": 5,
    "bulk": 5,
    "opened": 6,
    "selection": 6,
    "graphs": 6,
    "embedded": 6,
    "async_store": 6,
    "store": 6,
    "settings": 6,
    "sample": 7,
    "rest": 7,
    "load": 7,
    "demo": 7,
    "rdf_export": 7,
    "sparql": 7,
    "cli": 8,
    "__main__": 9,
}
PURE = 3
DRIVERS = {"pymongo", "motor", "mongomock", "bson"}
IO_MODULES = {"socket", "asyncio", "subprocess", "time", "threading", "http", "urllib.request"}


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name:
            found.append((name, path))
    return found


def layer(module: str) -> int:
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if (found := LAYERS.get(".".join(parts[:length]))) is not None:
            return found
    raise AssertionError(f"{module} stands in no layer: add it to LAYERS and to docs/design.md")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(imported: str) -> str | None:
    """The module of the package that an import names, None for anything else."""
    if not imported.startswith("fhirstore."):
        return None
    name = imported.removeprefix("fhirstore.")
    place = PACKAGE.joinpath(*name.split("."))
    return name if place.is_dir() or place.with_suffix(".py").is_file() else None


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: str(value))
def test_imports_only_from_its_own_layer_or_a_lower_one(name: str, path: Path) -> None:
    for imported in imports(path):
        if (target := own(imported)) is not None:
            assert layer(target) <= layer(name), f"{name} may not import {target}"


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: str(value))
def test_only_ports_import_a_driver_and_the_pure_layers_do_no_io(name: str, path: Path) -> None:
    roots = {imported.partition(".")[0] for imported in imports(path)}
    if layer(name) != LAYERS["ports"]:
        assert not roots & DRIVERS, f"{name} imports a driver"
    if layer(name) <= PURE and not name.startswith("definitions"):
        assert not set(imports(path)) & IO_MODULES, f"{name} is pure and may not do I/O"


def test_the_arrows_would_be_noticed() -> None:
    assert layer("search.plan") < layer("searcher") < layer("rest.app")
    assert own("fhirstore.errors") == "errors"
    assert own("fhirstore.errors.Issue") is None
    assert set(imports(PACKAGE / "repository.py")) >= {"fhirstore.documents", "fhirstore.errors"}


def test_the_public_names_are_there() -> None:
    import fhirstore

    assert set(fhirstore.__all__) == {
        "AsyncStore",
        "Explanation",
        "FhirError",
        "HistoryPage",
        "Issue",
        "SearchPage",
        "Store",
        "Version",
    }
    for name in fhirstore.__all__:
        assert getattr(fhirstore, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = fhirstore.Nothing


_SECONDS_TO_IMPORT = """
import time
began = time.process_time()
import pymongo
there = time.process_time()
from fhirstore import Store, AsyncStore
print(there - began, time.process_time() - there)
"""


def test_importing_costs_little_more_than_pymongo(tmp_path: Path) -> None:
    """0.07 s where it was written, beside 0.08 s of PyMongo's. Both from compiled modules, as a user has them after the first
    time, whatever the environment says of writing them (compiling takes twice as long as importing). A busy machine makes both
    slower, so there PyMongo is the measure; the first of several runs that is good enough ends it."""
    compiled = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    compiled.pop("PYTHONDONTWRITEBYTECODE", None)
    for _ in range(20):
        ran = subprocess.run(
            [sys.executable, "-c", _SECONDS_TO_IMPORT],
            capture_output=True,
            check=True,
            env=compiled,
        )
        driver, own = map(float, ran.stdout.split())
        if own < max(0.3, 2 * driver):
            return
    pytest.fail(f"it took {own:.2f} s, and PyMongo {driver:.2f} s")
