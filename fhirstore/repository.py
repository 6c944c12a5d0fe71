"""The repository: versions of resources, each state change one single-document compare-and-set.

The protocol (docs/design.md, "Writing") needs no transaction and holds on every topology:

1. read the current document;
2. insert a copy of it into the history, under `_id = "<id>/<version>"`, with the instant at which it is superseded;
3. replace the current document, where its version is still the one that was read, by one of that instant.

Interrupted between 2 and 3 it leaves a copy of the *current* version in the history, which every reader ignores. So no
step needs to be undone, and no reader ever sees half a write.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from fhirstore.documents import (
    VERSION_FIELDS,
    Content,
    Pipeline,
    Prepared,
    check_id,
    history_collection,
    superseded_copy,
    tombstone,
    version_of,
)
from fhirstore.errors import Conflict, Gone, InvalidId, NotFound, PreconditionFailed
from fhirstore.ports.port import Document, DuplicateKey, Port
from fhirstore.versions import Version

_MILLISECOND = timedelta(milliseconds=1)

# Under 16 writers on one resource a write took about ten attempts; a hundred, with the pauses below, is some ten
# seconds of being overtaken, and then the caller should hear of it.
_ATTEMPTS = 100
_LONGEST_PAUSE = 0.2

# How old the instant may be that another writer set for a change and did not live to carry out.
_RECENT = timedelta(seconds=10)

# The document to write instead of the current one at an instant, or None where nothing has to change.
NextVersion = Callable[[Document | None, datetime], Document | None]


class Repository:
    """Versions of resources behind one port. `ready(type)` is awaited before the first write of a type."""

    def __init__(
        self, port: Port, pipeline: Pipeline, ready: Callable[[str], Awaitable[None]]
    ) -> None:
        self.port = port
        self.pipeline = pipeline
        self._ready = ready

    def check_type(self, type: str) -> str:
        """`type`, if it is a resource type of this FHIR version; else NotFound."""
        if type not in self.pipeline.definitions.resource_types:
            raise NotFound(f"{type[:80]!r} is not a resource type", code="not-supported")
        return type

    # reading ------------------------------------------------------------------------------------

    async def read(self, type: str, id: str) -> Version:
        """The current version. Raises NotFound, or Gone where it is a deletion."""
        current = await self._current(type, id)
        if current is None:
            raise NotFound(f"there is no {type}/{id}")
        return _alive(version_of(type, current))

    async def vread(self, type: str, id: str, version: str | int) -> Version:
        """One version, current or past. Raises NotFound, or Gone where that version is a deletion."""
        wanted = _version_number(version)
        current = await self._current(type, id)
        found = current
        if current is not None and wanted is not None and wanted < current["version"]:
            found = await self.port.find_one(
                history_collection(type), {"_id": f"{id}/{wanted}"}, VERSION_FIELDS
            )
        if found is None or found["version"] != wanted:
            raise NotFound(f"there is no version {version} of {type}/{id}")
        return _alive(version_of(type, found))

    async def read_many(self, type: str, ids: Sequence[str]) -> list[Version]:
        """The current versions of those of `ids` that are there, without deletions, in no particular order."""
        wanted = {"_id": {"$in": [check_id(id) for id in ids]}}
        found = await self.port.find(self.check_type(type), wanted, projection=VERSION_FIELDS)
        return [version_of(type, document) for document in found if not document.get("deleted")]

    async def _current(self, type: str, id: str) -> Document | None:
        return await self.port.find_one(
            self.check_type(type), {"_id": check_id(id)}, VERSION_FIELDS
        )

    # writing ------------------------------------------------------------------------------------

    async def create(self, content: Content, *, resource_type: str | None = None) -> Version:
        """Store a new resource under an id of the store's choosing; an id in the content is not used.

        Raises MalformedContent, Unprocessable, TooLarge.
        """
        resource = self._parse(content, resource_type)
        prepared = self.pipeline.prepare(resource, self.port.new_id())
        await self._ready(prepared.type)
        document = prepared.document(1, self.port.now(), "POST")
        try:
            await self.port.insert_one(prepared.type, document)
        except DuplicateKey:
            if not await self._is_current(prepared.type, document):
                raise Conflict(f"the new id {prepared.id} is taken") from None
        return version_of(prepared.type, document, "created")

    async def update(
        self,
        content: Content,
        *,
        resource_type: str | None = None,
        id: str | None = None,
        if_match: int | None = None,
        create: bool = True,
    ) -> Version:
        """Make `content` the current version of the resource whose id it carries (which must be `id`, if given).

        Where there is no such resource it is created under that id (spec page http, Update as Create) unless
        `create` is False (NotFound). A deleted resource comes back with the next version number. An update that changes
        nothing makes no new version (outcome "unchanged").

        `if_match` is the version the caller has seen: PreconditionFailed if it is not the current one. Raises
        MalformedContent, InvalidId, Unprocessable, TooLarge, and Conflict where other writers were faster a
        hundred times.
        """
        resource = self._parse(content, resource_type)
        own = resource.get("id")
        if not isinstance(own, str) or (id is not None and own != id):
            raise InvalidId(
                f"the resource must carry the id it is stored under, {id or 'and has none'}",
                expression=f"{resource.get('resourceType')}.id",
            )
        prepared = self.pipeline.prepare(resource, check_id(own))
        await self._ready(prepared.type)
        return await self.put(prepared, if_match=if_match, create=create)

    async def put(
        self, prepared: Prepared, *, if_match: int | None = None, create: bool = True
    ) -> Version:
        """`update` for a resource that is prepared already."""

        def next_version(current: Document | None, now: datetime) -> Document | None:
            if current is None:
                return prepared.document(1, now, "PUT")
            if not current.get("deleted") and prepared.says_the_same_as(current):
                return None
            return prepared.document(current["version"] + 1, now, "PUT")

        before, after = await self._change(
            prepared.type, prepared.id, next_version, if_match=if_match, create=create
        )
        if after is None:
            assert before is not None
            return version_of(prepared.type, before, "unchanged")
        comes_back = before is None or before.get("deleted", False)
        return version_of(prepared.type, after, "created" if comes_back else "updated")

    async def delete(self, type: str, id: str, *, if_match: int | None = None) -> Version | None:
        """Put a tombstone in the place of the current version; what was is kept in the history.

        Returns the version that says so, or None where there was nothing to delete (never there, or deleted
        already; spec page http, delete).
        """
        self.check_type(type)
        check_id(id)

        def next_version(current: Document | None, now: datetime) -> Document | None:
            if current is None or current.get("deleted"):
                return None
            return tombstone(
                id, current["version"] + 1, now, self.pipeline.definitions.fhir_version
            )

        _, after = await self._change(type, id, next_version, if_match=if_match, create=True)
        return None if after is None else version_of(type, after, "deleted")

    # the protocol -------------------------------------------------------------------------------

    async def _change(
        self,
        type: str,
        id: str,
        next_version: NextVersion,
        *,
        if_match: int | None,
        create: bool,
    ) -> tuple[Document | None, Document | None]:
        """Carry out one state change: (what was, what is now); None is now where nothing had to change.

        `next_version` makes the document to write from the current one; it is asked again whenever another
        writer was faster.
        """
        for attempt in range(_ATTEMPTS):
            current = await self.port.find_one(type, {"_id": id})
            _check_precondition(type, id, current, if_match, create)
            document = next_version(current, self._later_than(current))
            if document is None:
                return current, None
            if current is None:
                if await self._insert(type, document):
                    return None, document
            elif after := await self._supersede(type, current, document, next_version):
                return current, after
            await self.port.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.001 * 2**attempt)))
        raise Conflict(f"other writers of {type}/{id} were faster {_ATTEMPTS} times; try again")

    def _later_than(self, current: Mapping[str, Any] | None) -> datetime:
        """Now, but never at or before what `current` says: instants of a resource only go forward, on any clock."""
        now = self.port.now()
        return now if current is None else max(now, current["last_updated"] + _MILLISECOND)

    async def _insert(self, type: str, document: Document) -> bool:
        try:
            await self.port.insert_one(type, document)
        except DuplicateKey:
            return await self._is_current(type, document)
        return True

    async def _supersede(
        self, type: str, current: Document, document: Document, next_version: NextVersion
    ) -> Document | None:
        """Steps 2 and 3: what took the place of `current`, or None if another writer was faster."""
        now = document["last_updated"]
        instant = await self._copy(type, current, now)
        if instant is None:
            return None
        if instant != now:
            agreed = next_version(current, instant)
            assert agreed is not None  # it was a change at any other instant
            document = agreed
        still_current = {"_id": current["_id"], "version": current["version"]}
        replaced = await self.port.replace_one(type, still_current, document)
        return document if replaced or await self._is_current(type, document) else None

    async def _copy(self, type: str, current: Document, now: datetime) -> datetime | None:
        """Copy `current` into the history; the instant at which it is superseded, or None if that is still open.

        Where another writer copied it already, the instant that stands there holds for whoever wins: so `superseded` is
        the `last_updated` of the next version always, with no step after the replacement that a crash could skip. An
        instant that a writer left behind long ago is renewed first, or a version would be dated before it was written.
        """
        history = history_collection(type)
        copy = superseded_copy(current, now)
        try:
            await self.port.insert_one(history, copy)
        except DuplicateKey:
            there = await self.port.find_one(history, {"_id": copy["_id"]}, {"superseded": 1})
            if there is None:
                return None
            instant: datetime = there["superseded"]
            if instant >= now - _RECENT:
                return instant
            renewed = await self.port.update_one(history, there, {"$set": {"superseded": now}})
            return now if renewed else None
        return now

    async def _is_current(self, type: str, document: Document) -> bool:
        """Whether what lies in the database is `document` itself: our own write, acknowledged only now.

        A driver sends a write again when the network failed, and a server that does not remember the first
        then answers that the key is taken, or that nothing matched.
        """
        current = await self.port.find_one(type, {"_id": document["_id"]}, VERSION_FIELDS)
        return current is not None and all(
            current.get(field) == document.get(field)
            for field in ("version", "last_updated", "method", "json", "json_zstd", "deleted")
        )

    def _parse(self, content: Content, resource_type: str | None) -> dict[str, Any]:
        resource = self.pipeline.parse(content)
        own = resource.get("resourceType")
        if resource_type is not None and own != resource_type:
            raise InvalidId(
                f"the content is a {str(own)[:80]!r}, the address says {resource_type}",
                expression="resourceType",
            )
        return resource


def _check_precondition(
    type: str, id: str, current: Mapping[str, Any] | None, if_match: int | None, create: bool
) -> None:
    if current is None and not create:
        raise NotFound(f"there is no {type}/{id}")
    if if_match is not None and (current is None or current["version"] != if_match):
        found = "it does not exist" if current is None else f"it is at {current['version']}"
        raise PreconditionFailed(f"If-Match asks for version {if_match} of {type}/{id}; {found}")


def _alive(version: Version) -> Version:
    if version.deleted:
        raise Gone(f"{version.type}/{version.id} was deleted with version {version.version}")
    return version


def _version_number(version: str | int) -> int | None:
    text = str(version)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
