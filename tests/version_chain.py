"""The law that every version history keeps, read from the documents themselves and not through the store."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from itertools import pairwise
from typing import Any, TypeVar

from fhirstore import json_text
from fhirstore.ports.port import Document, Port
from fhirstore.primitives import instant_text

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine over a blocking port, or over any port in a loop of its own."""
    return asyncio.run(coroutine)


async def chain(port: Port, type: str, id: str) -> list[Document]:
    """All versions of a resource, oldest first; fails where one is missing, doubled or torn."""
    current = await port.find_one(type, {"_id": id})
    if current is None:
        assert await port.find(f"{type}_history", {"id": id}) == []
        return []
    newest = current["version"]
    past = await port.find(f"{type}_history", {"id": id})
    left_over = [document for document in past if document["version"] >= newest]
    assert len(left_over) <= 1
    for copy in left_over:
        # An interrupted change leaves a copy of the current version and nothing else.
        assert {**copy, "_id": id} == {**current, "id": id, "superseded": copy["superseded"]}
    past = sorted((d for d in past if d["version"] < newest), key=lambda d: d["version"])
    assert [document["version"] for document in past] == list(range(1, newest))
    versions = [*past, current]
    for document, following in pairwise(versions):
        assert document["_id"] == f"{id}/{document['version']}"
        assert document["last_updated"] < following["last_updated"]
        assert document["superseded"] == following["last_updated"]
    for document in versions:
        _is_whole(document, type, id)
    return versions


def _is_whole(document: Document, type: str, id: str) -> None:
    if document.get("deleted"):
        assert document["method"] == "DELETE"
        assert not {"json", "resource", "search", "links", "compartments"} & set(document)
        return
    resource = json_text.parse(document["json"].encode())
    assert (resource["resourceType"], resource["id"]) == (type, id)
    assert resource["meta"]["versionId"] == str(document["version"])
    assert resource["meta"]["lastUpdated"] == instant_text(document["last_updated"])
    assert document["resource"]["meta"] == resource["meta"]
    assert marker_of(document) == document["resource"]["identifier"][0]["value"]
    assert marker_of(document) in document["search"]["identifier"]


def marked(id: str, marker: str) -> dict[str, Any]:
    """A resource that carries `marker` where its JSON, its native form and its search values must all show it."""
    return {
        "resourceType": "Patient",
        "id": id,
        "identifier": [{"system": "urn:x-test", "value": marker}],
        "name": [{"family": "Chain", "given": [marker]}],
    }


def marker_of(document: Mapping[str, Any]) -> str | None:
    """The marker that a version carries, None for a deletion."""
    if document.get("deleted"):
        return None
    value: str = json_text.parse(document["json"].encode())["identifier"][0]["value"]
    return value
