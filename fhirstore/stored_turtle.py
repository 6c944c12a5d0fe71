"""Which types keep their graphs (`turtle_field`), and how that is made true for what is there already.

The setting is in the database and read when it is opened: all writers have to agree. One that was open before writes
documents as it was then: without the field, or still with it; never with a false one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fhirstore import json_text, large_resources, turtle_field
from fhirstore.definitions import Definitions
from fhirstore.errors import BadRequest
from fhirstore.migrate import SETTINGS
from fhirstore.ports.port import Document, Port
from fhirstore.rdf import Options, Projection

_SETTING = {"_id": "turtle"}
_ALIVE = {"deleted": {"$exists": False}}
# Whole documents are read; they may have megabytes.
_BATCH = 100


@dataclass(slots=True)
class Rebuilt:
    """`changed` of the `seen` were not as they should be. `without` have no text, for they cannot have one."""

    seen: int = 0
    changed: int = 0
    without: int = 0


async def kept(port: Port) -> dict[str, str]:
    """The types that keep their graphs, each with the base of its nodes."""
    found = await port.find_one(SETTINGS, _SETTING)
    return dict(found["types"]) if found else {}


async def projections(port: Port, definitions: Definitions) -> dict[str, Projection]:
    """The projection of each type that keeps its graphs."""
    return {
        type: Projection(definitions, Options(base=base))
        for type, base in (await kept(port)).items()
    }


async def keep(port: Port, definitions: Definitions, type: str, base: str) -> None:
    """From the next opening on, documents of `type` keep their graphs, with nodes below `base`.

    Raises BadRequest for a type or a base that is none.
    """
    _check_type(definitions, type)
    Projection(definitions, Options(base=base))
    await port.update_one(SETTINGS, _SETTING, {"$set": {f"types.{type}": base}}, upsert=True)


async def stop(port: Port, definitions: Definitions, type: str) -> None:
    """From the next opening on, documents of `type` keep no graphs. Raises BadRequest for a type that is none."""
    _check_type(definitions, type)
    await port.update_one(SETTINGS, _SETTING, {"$unset": {f"types.{type}": ""}})


def _check_type(definitions: Definitions, type: str) -> None:
    if type not in definitions.resource_types:
        raise BadRequest(f"{type[:80]!r} is not a resource type")


async def left_over(port: Port, types: Iterable[str]) -> dict[str, int]:
    """How many documents have a graph, for those of `types` that keep none and have such documents.

    Where no type was ever told to keep them nobody looks: it takes reading all documents.
    """
    setting = await port.find_one(SETTINGS, _SETTING)
    if setting is None:
        return {}
    found = {
        type: await port.count(type, {turtle_field.FIELD: {"$exists": True}})
        for type in types
        if type not in setting["types"]
    }
    return {type: count for type, count in found.items() if count}


async def rebuild(
    port: Port,
    definitions: Definitions,
    type: str,
    say: Callable[[Rebuilt], None] = lambda rebuilt: None,
) -> Rebuilt:
    """Make the field of every current document of `type` what the setting says: the graph, or no field.

    May be interrupted and run again, beside writers: a document that is overtaken meanwhile got its field from its writer.
    """
    projection = (await projections(port, definitions)).get(type)
    done = Rebuilt()
    async for document in port.stream(type, _ALIVE, sort=[("_id", 1)], batch=_BATCH):
        if update := _update(projection, document, done):
            same = {"_id": document["_id"], "version": document["version"]}
            await port.update_one(type, same, update)
            done.changed += 1
        done.seen += 1
        say(done)
    return done


def _update(
    projection: Projection | None, document: Document, done: Rebuilt
) -> Mapping[str, Any] | None:
    """What has to be done to a document, None for nothing."""
    is_there = turtle_field.FIELD in document
    current = document.pop(turtle_field.FIELD, None)
    if projection is None:
        return {"$unset": {turtle_field.FIELD: ""}} if is_there else None
    text = large_resources.text_of(document)
    assert text is not None
    turtle = turtle_field.turtle_for(projection, json_text.parse(text.encode()), document)
    done.without += turtle is None
    return None if is_there and turtle == current else {"$set": {turtle_field.FIELD: turtle}}


async def false_ones(port: Port, type: str, projection: Projection) -> tuple[int, int]:
    """Of how many current documents the field is missing or does not say the version, and how many were looked at."""
    wrong = seen = 0
    async for document in port.stream(type, _ALIVE, projection=turtle_field.FIELDS, batch=_BATCH):
        seen += 1
        wrong += not turtle_field.is_true(projection, document)
    return wrong, seen
