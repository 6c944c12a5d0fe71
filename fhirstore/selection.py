"""What a graph or an export is made of: everything, a type, a resource, a search, or a compartment.

It is said the way FHIR's HTTP interactions address it: "", "Patient", "Patient/1", "Observation?code=8867-4",
"Patient/1/*", "Patient/1/Observation?code=8867-4".
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fhirstore.documents import MATCH_FIELDS, match_of
from fhirstore.errors import BadRequest
from fhirstore.opened import Opened
from fhirstore.search.query_string import pairs
from fhirstore.versions import Version

# The most that is held at once; resources may have megabytes.
_PAGE = 200
# With these a search gives parts of resources, or not all from the first on.
_PARTS = ("_summary", "_elements", "_page")


@dataclass(frozen=True, slots=True)
class Selection:
    """`type` None is all types. With a `compartment` ("Patient/1") only what belongs to it."""

    type: str | None = None
    id: str | None = None
    query: str = ""
    compartment: str | None = None


def parse(address: str) -> Selection:
    """What `address` selects. Raises BadRequest where it has no such form."""
    path, _, query = address.partition("?")
    parts = path.strip("/").split("/") if path.strip("/") else []
    if len(parts) <= 1:
        return Selection(parts[0] if parts else None, query=query)
    if len(parts) == 2 and not query:
        return Selection(parts[0], parts[1])
    if len(parts) == 3:
        within = None if parts[2] == "*" else parts[2]
        return Selection(within, query=query, compartment=f"{parts[0]}/{parts[1]}")
    said = f"{address[:80]!r} is no Type, Type/id, Type?search, Type/id/* or Type/id/Type?search"
    raise BadRequest(said)


def of_whole(address: str) -> Selection:
    """The same for what is to be said of whole resources, all that are found. Raises BadRequest for a search of less."""
    for name, value in pairs(address.partition("?")[2]):
        if name in _PARTS or (name == "_count" and not value.strip("0")):
            raise BadRequest(
                f"{name} is for answers in pages: here all that is found is taken, whole"
            )
    return parse(address)


async def versions(opened: Opened, selection: Selection) -> AsyncIterator[Version]:
    """The current versions, each once, with what the search includes. Raises NotFound, Gone, InvalidSearch."""
    if selection.type is not None and selection.id is not None:
        yield await opened.repository.read(selection.type, selection.id)
    elif selection.query or selection.compartment is not None:
        async for version in _found(opened, selection):
            yield version
    else:
        for type in await _types(opened, selection):
            async for version in _all(opened, type):
                yield version


async def _types(opened: Opened, selection: Selection) -> list[str]:
    if selection.type is None:
        return await opened.stored_types()
    return [opened.repository.check_type(selection.type)]


async def _all(opened: Opened, type: str) -> AsyncIterator[Version]:
    """By one cursor: pages would be asked for one by one, and some servers read the collection for each."""
    found = opened.repository.port.stream(
        type,
        {"deleted": {"$exists": False}},
        projection=MATCH_FIELDS,
        sort=[("_id", 1)],
        batch=_PAGE,
    )
    async for document in found:
        yield match_of(type, document)


async def _found(opened: Opened, selection: Selection) -> AsyncIterator[Version]:
    query = selection.query
    if "_count=" not in query:
        query += f"{'&' if query else ''}_count={_PAGE}"
    # What is included may come again, with another match or as one.
    may_repeat = "include" in query
    seen: set[tuple[str, str]] = set()
    token = None
    while True:
        page = await opened.search(selection.type, query, token, "strict", selection.compartment)
        for version in (*page.matches, *page.included):
            if may_repeat:
                key = (version.type, version.id)
                if key in seen:
                    continue
                seen.add(key)
            yield version
        token = page.next
        if token is None:
            return


async def history(opened: Opened, selection: Selection) -> AsyncIterator[Version]:
    """All versions, newest first, without deletions. Raises BadRequest for a search or a compartment: they have no history."""
    if selection.query or selection.compartment is not None:
        raise BadRequest("a history is of everything, of a type or of a resource")
    token = None
    while True:
        page = await opened.versions_of(selection.type, selection.id, None, None, _PAGE, token)
        for version in page.entries:
            if not version.deleted:
                yield version
        token = page.next
        if token is None:
            return


async def size(opened: Opened, selection: Selection, history: bool = False) -> int | None:
    """How many matches there are, for a progress bar; None where that is not to be had cheaply."""
    if history or (selection.type is None and (selection.query or selection.compartment)):
        return None
    if selection.id is not None:
        return 1
    if selection.query or selection.compartment is not None:
        query = f"{selection.query}{'&' if selection.query else ''}_summary=count"
        page = await opened.search(selection.type, query, None, "strict", selection.compartment)
        return page.total
    port = opened.repository.port
    return sum([await port.estimated_count(type) for type in await _types(opened, selection)])
