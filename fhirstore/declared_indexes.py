"""Writes `indexes/r4/mongodb.json`: the MongoDB indexes that the layout of the search values asks for, with the reason of
each.

    python -m fhirstore.declared_indexes            # write the file
    python -m fhirstore.declared_indexes --check    # fail if it is not what the layout gives

The file is what the store reads, so that an operator can read it as well; this only keeps it true when definitions or
layout change.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from fhirstore import shipped
from fhirstore.definitions import Definitions, definitions
from fhirstore.search.layout import Kept, layout
from fhirstore.search.number import RANGE
from fhirstore.search.parameter_type import Target
from fhirstore.search.parameter_types import TYPES
from fhirstore.search.token import OF_TYPE

# Every type has these: what is common is not repeated 146 times.
EVERY = [
    {"name": "last_updated", "keys": ["last_updated"], "always": True, "then": "_id",
     "why": "_lastUpdated; the history of a type; what changed since"},
    {"name": "compartments", "keys": ["compartments"], "then": "_id",
     "why": "all that belongs to a patient, an encounter ..."},
    {"name": "links.identifier", "keys": ["links.identifier"], "why": "references by identifier (:identifier)"},
    {"name": "contained.type", "keys": ["contained.type"], "why": "what is contained: chains to it, and _contained"},
    {"name": "links.id", "keys": ["links.id"], "why": "what refers to a resource"},
]  # fmt: skip
HISTORY = [
    {"name": "id_version", "keys": ["id", "version"], "always": True,
     "why": "the history of one resource"},
    {"name": "last_updated", "keys": ["last_updated"], "always": True, "then": "id",
     "why": "the history of a type"},
    {"name": "superseded", "keys": ["superseded"], "always": True,
     "why": "searches as of a moment"},
]  # fmt: skip
_COMMON = ("_profile", "_security", "_source", "_tag")


def rows(resource_type: str, known: Definitions) -> list[dict[str, Any]]:
    """The indexes on the search values of a type, in the order of their parameters."""
    kept = layout(resource_type, known)
    return [row for code, entry in kept.items() if code not in _COMMON for row in rows_of(entry)]


def rows_of(kept: Kept) -> Iterator[dict[str, Any]]:
    """The indexes on the values of one parameter."""
    if kept.kind != "own":
        return
    assert kept.field is not None
    code, type = kept.parameter.code, kept.parameter.type
    if type == "special":
        yield {
            "name": kept.field,
            "keys": [kept.field],
            "kind": "2dsphere",
            "why": f"{code} (special)",
        }
        return
    if kept.composed:
        yield _row(_guarded(kept.field, kept.components), f"{code} (composite)")
        return
    if type == "token" and "Identifier" in kept.fhir_types:
        yield _row(kept.field + OF_TYPE, f"{code}:of-type (token)")
    if type == "date" and not kept.many:
        row = _row(f"{kept.field}.long", f"{code} (date): periods of more than a day")
        yield row | {"then": f"{kept.field}.start,_id"}
    if "Range" in kept.fhir_types and type in ("number", "quantity"):
        yield _row(f"{kept.field}.{RANGE}", f"{code} ({type}): what is a Range")
    for path in TYPES[type].indexed:
        yield _row(f"{kept.field}.{path}" if path else kept.field, f"{code} ({type})")


def _row(field: str, why: str) -> dict[str, Any]:
    return {"name": field, "keys": [field], "then": "_id", "why": why}


# What narrows most, if a part of a composite is of that type.
_NARROW = ("reference", "uri", "token", "string", "date", "quantity", "number")


def _guarded(field: str, components: tuple[Target, ...]) -> str:
    """The part of a composite that an index is put on: the one that is asked most narrowly."""
    part = min(components, key=lambda target: _NARROW.index(target.parameter.type))
    path = TYPES[part.parameter.type].indexed[0]
    return f"{field}.{part.field}" + (f".{path}" if path else "")


def text(known: Definitions) -> str:
    """The file, one index a line."""
    common = [row for code in _COMMON for row in rows_of(layout("Basic", known)[code])]
    types = {type: found for type in sorted(known.resource_types) if (found := rows(type, known))}
    head = (
        f'{{\n"every": {_lines([*EVERY, *common])},\n"history": {_lines(HISTORY)},\n"types": {{\n'
    )
    return (
        head + ",\n".join(f'"{type}": {_lines(found)}' for type, found in types.items()) + "\n}}\n"
    )


def _lines(found: Sequence[object]) -> str:
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in found) + "\n]"


def main(arguments: list[str]) -> int:
    path = shipped.directory("indexes") / "r4" / "mongodb.json"
    made = text(definitions("4.0"))
    if arguments == ["--check"]:
        if path.read_text(encoding="utf-8") == made:
            return 0
        print(f"{path.name} is not what the layout gives", file=sys.stderr)
        return 1
    path.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
