"""Generate the committed tables from the official packages: `python -m fhirstore.definitions.generate`.

The same packages always give the same bytes, and the packages are pinned by digest, so that a change in a table is a
change in this code. Every table has one entry a line: a person can read it, and a diff shows which entry changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from fhirstore.definitions import (
    source_archives,
    source_codes,
    source_extensions,
    source_search,
    source_structures,
)
from fhirstore.definitions.tables import StructureType


def tables() -> dict[Path, str]:
    """The content of each table by its path from the top of the checkout. Fetches the packages."""
    return _tables_r4() | _tables_r5()


def _tables_r4() -> dict[Path, str]:
    core = source_archives.core_resources()
    types = source_structures.structure_types(core)
    concrete = frozenset(p for p, t in types.items() if t.kind == "resource" and not t.abstract)
    indexes = Path("indexes/r4")
    return {
        **_structures("r4", types, source_archives.expansions()),
        indexes / "search-parameters.json": _array(source_search.search_parameters(core, concrete)),
        indexes / "compartments.json": _object_of_objects(source_search.compartments(core)),
    }


def _tables_r5() -> dict[Path, str]:
    """What RDF and validation need. The store searches R4 alone."""
    core = source_archives.structures_r5(source_archives.CORE_R5)
    extensions = source_archives.structures_r5(source_archives.EXTENSIONS_R5)
    types = source_structures.structure_types(core)
    return {
        **_structures("r5", types, source_archives.expansions(source_archives.EXPANSIONS_R5)),
        Path("fhirstore/definitions/r5/extensions.json"): _object(
            source_extensions.value_types(extensions, types)
        ),
    }


def _structures(
    folder: str, types: Mapping[str, StructureType], expansions: Iterable[Mapping[str, Any]]
) -> dict[Path, str]:
    package = Path("fhirstore/definitions") / folder
    return {
        package / "elements.json": _object(source_structures.rows(types)),
        package / "codes.json": _object(source_codes.required_codes(types, expansions)),
    }


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _object(entries: Mapping[str, Any]) -> str:
    lines = (f"{_dump(key)}: {_dump(value)}" for key, value in entries.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _object_of_objects(entries: Mapping[str, Mapping[str, Any]]) -> str:
    parts = (f"{_dump(key)}: {_object(value).rstrip()}" for key, value in entries.items())
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _array(entries: Iterable[Any]) -> str:
    return "[\n" + ",\n".join(_dump(entry) for entry in entries) + "\n]\n"


def stale(checkout: Path) -> list[Path]:
    """The tables in `checkout` that differ from what the packages give."""
    return [path for path, content in tables().items() if _read(checkout / path) != content]


def _read(path: Path) -> str | None:
    return path.read_bytes().decode() if path.exists() else None


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if a committed table is stale.")
@click.option("--examples", is_flag=True, help="Only fetch and unpack HL7's example resources.")
def main(check: bool, examples: bool) -> None:
    """Write the tables of FHIR R4 and R5 from the pinned official packages."""
    try:
        if examples:
            click.echo(source_archives.unpack_examples())
        elif check:
            _report(stale(source_archives.CHECKOUT))
        else:
            _write(source_archives.CHECKOUT)
    except source_archives.ArchiveError as error:
        raise click.ClickException(str(error)) from None


def _report(paths: list[Path]) -> None:
    if paths:
        raise click.ClickException(f"not what the packages give: {', '.join(map(str, paths))}")
    click.echo("the tables are what the packages give")


def _write(checkout: Path) -> None:
    for path, content in tables().items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_bytes(content.encode())
        click.echo(path)


if __name__ == "__main__":
    main()
