"""The MongoDB indexes: what the files under `indexes/` declare, what a database has, and how the one becomes the other.

`indexes/r4/mongodb.json` has one line for each index: its name, its keys and why it is there. How it is made depends on
the server (`Profile`). Nothing is ever dropped unless somebody asks for exactly that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import msgspec

from fhirstore import shipped
from fhirstore.capabilities import ServerCapabilities
from fhirstore.declared_indexes import rows_of
from fhirstore.definitions import Definitions
from fhirstore.documents import history_collection
from fhirstore.ports.port import CommandFailed, Document, Port
from fhirstore.search.layout import layout

log = logging.getLogger("fhirstore")

# How servers are told to leave out of an index what has no value. MongoDB's planner uses a partial index where the
# query implies its condition, and then its second key gives the order of the result. Of the compatible servers some
# never use one, and some answer wrongly where a key follows the one that a range is on; all use a plain sparse index
# rightly (docs/design.md).
Profile = Literal["partial", "sparse"]
State = Literal["present", "missing", "extra", "different"]

# Below so many documents a type is new, and missing indexes are made without being asked for.
_NEW = 100


def profile_for(capabilities: ServerCapabilities) -> Profile:
    """The profile that a server is best served by."""
    return "partial" if capabilities.partial_indexes else "sparse"


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    keys: list[str]
    why: str
    always: bool = False
    then: str | None = None
    kind: str | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    every: list[_Row]
    history: list[_Row]
    types: dict[str, list[_Row]]


@dataclass(frozen=True, slots=True)
class Index:
    """One declared index. `keys` has the fields, all ascending; `why` says what it serves.

    `always`: every document has the first key. `then`: the key that gives the order behind it, where the server can use
    that; or several with commas between. `kind` is "2dsphere" for positions.
    """

    collection: str
    name: str
    keys: tuple[str, ...]
    why: str
    always: bool = False
    then: str | None = None
    kind: str | None = None

    def specification(self, profile: Profile) -> Document:
        """The index as the createIndexes command takes it."""
        keys: dict[str, Any] = dict.fromkeys(self.keys, self.kind or 1)
        made: Document = {"name": self.name, "key": keys}
        if self.kind:
            return made
        if profile == "partial" and self.then:
            keys.update(dict.fromkeys(self.then.split(","), 1))
        if not self.always:
            if profile == "partial":
                made["partialFilterExpression"] = {self.keys[0]: {"$exists": True}}
            else:
                made["sparse"] = True
        return made


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """One index of one collection. `bytes` and `uses` (since the server started) are None where the server does not tell."""

    collection: str
    name: str
    state: State
    keys: Mapping[str, Any]
    why: str
    bytes: int | None = None
    uses: int | None = None

    @property
    def unused(self) -> bool:
        return self.uses == 0 and self.state == "present"


@dataclass(frozen=True, slots=True)
class Change:
    """One step to the declared state: `action` is "create", "replace" or "drop"."""

    action: Literal["create", "replace", "drop"]
    collection: str
    name: str
    specification: Document | None


def declared_views(type: str) -> tuple[str, list[Document]]:
    """The view of the bare resources of a type: its name and pipeline."""
    return f"views.{type}", [
        # One resource without a native form (`large_resources`) would make the whole view fail.
        {"$match": {"deleted": {"$exists": False}, "resource": {"$exists": True}}},
        {"$replaceRoot": {"newRoot": "$resource"}},
    ]


class Catalogue:
    """The declared indexes of one FHIR version, against one database."""

    def __init__(self, port: Port, definitions: Definitions, profile: Profile) -> None:
        self.port = port
        self.definitions = definitions
        self.profile: Profile = profile
        self._ready: set[str] = set()

    @cached_property
    def _file(self) -> _File:
        version = self.definitions.release.partition(".")[0]
        path = shipped.directory("indexes") / f"r{version}" / "mongodb.json"
        return msgspec.json.decode(path.read_bytes(), type=_File)

    def declared(self, type: str) -> list[Index]:
        """The indexes that a type's two collections are to have."""
        # One of the compatible servers answers wrongly from its index of positions for thousands of kilometres (measured).
        current = [
            row
            for row in (*self._file.every, *self._file.types.get(type, ()))
            if row.kind is None or self.profile == "partial"
        ]
        past = history_collection(type)
        return [
            *(_index(type, row) for row in current),
            *(_index(type, row) for row in self._custom(type)),
            *(_index(past, row) for row in self._file.history),
        ]

    def _custom(self, type: str) -> Iterator[_Row]:
        """Those of the search parameters that came later."""
        for kept in layout(type, self.definitions).values():
            if kept.parameter.url in self.definitions.custom:
                yield from msgspec.convert([*rows_of(kept)], list[_Row])

    async def drop_of_parameter(self, type: str, code: str) -> None:
        """Drop the indexes of a custom parameter that are not declared any more."""
        declared = {index.name for index in self.declared(type)}
        for index in await self.port.indexes(type):
            field, name = f"search.{code}", index["name"]
            is_its = name == field or name.startswith((f"{field}.", f"{field}:"))
            if is_its and name not in declared:
                await self.port.drop_index(type, name)

    # on the way of a write ----------------------------------------------------------------------

    async def ensure(self, type: str) -> None:
        """Make the collections, indexes and view of a type, if it is new. Asked before the first write of a type."""
        if type in self._ready:
            return
        there = await self.port.indexes(type)
        if not there or await self._is_new(type, there):
            await self._make(type)
        self._ready.add(type)

    async def _is_new(self, type: str, there: Sequence[Document]) -> bool:
        """Whether indexes are missing that cost nothing yet: an earlier process began to make them, and was killed."""
        names = {index["name"] for index in there}
        if all(index.name in names for index in self.declared(type) if index.collection == type):
            return False
        return await self.port.estimated_count(type) < _NEW

    async def _make(self, type: str) -> None:
        """The type's own collection comes last: once its indexes are there, so is all else (`_is_new` looks no further)."""
        name, pipeline = declared_views(type)
        try:
            await self.port.create_view(name, type, pipeline)
        except CommandFailed as error:
            # It is there already, or the server has no views: nothing depends on them.
            log.debug("no view %s: %s", name, error)
        by_collection = _by_collection(self.declared(type))
        for collection in sorted(by_collection, key=lambda name: name == type):
            specifications = [
                index.specification(self.profile) for index in by_collection[collection]
            ]
            try:
                await self.port.create_indexes(collection, specifications)
            except CommandFailed:
                await self._make_each(collection, specifications)

    async def _make_each(self, collection: str, specifications: Sequence[Document]) -> None:
        """One by one: a server that lacks one kind of index (positions, say) still gets all others. `status` shows what is
        missing."""
        for specification in specifications:
            try:
                await self.port.create_indexes(collection, [specification])
            except CommandFailed as error:
                log.warning("no index %s on %s: %s", specification["name"], collection, error)

    # as an operator asks ------------------------------------------------------------------------

    async def stored_types(self) -> list[str]:
        """The types that the database has collections of."""
        names = await self.port.collection_names()
        return sorted(names & self.definitions.resource_types)

    async def status(self, types: Iterable[str] | None = None) -> list[IndexStatus]:
        """Every index that is declared or there, of the types that are stored or of those named."""
        found: list[IndexStatus] = []
        for type in await self.stored_types() if types is None else types:
            for collection, indexes in _by_collection(self.declared(type)).items():
                found += await self._status_of(collection, indexes)
        return found

    async def _status_of(self, collection: str, indexes: list[Index]) -> list[IndexStatus]:
        there = {index["name"]: index for index in await self.port.indexes(collection)}
        sizes = await self._sizes(collection)
        uses = await self._uses(collection)
        found = []
        for index in indexes:
            wanted = index.specification(self.profile)
            state: State = "missing"
            if index.name in there:
                state = "present" if _is_same(wanted, there[index.name]) else "different"
            found.append(
                IndexStatus(
                    collection, index.name, state, wanted["key"], index.why,
                    sizes.get(index.name), uses.get(index.name),
                )
            )  # fmt: skip
        declared = {index.name for index in indexes} | {"_id_"}
        return found + [
            IndexStatus(
                collection, name, "extra", dict(index["key"]), "not declared",
                sizes.get(name), uses.get(name),
            )
            for name, index in there.items()
            if name not in declared
        ]  # fmt: skip

    async def _sizes(self, collection: str) -> dict[str, int]:
        try:
            stats = await self.port.command({"collStats": collection})
        except CommandFailed:
            return {}
        return {name: int(size) for name, size in (stats.get("indexSizes") or {}).items()}

    async def _uses(self, collection: str) -> dict[str, int]:
        try:
            rows = await self.port.aggregate(collection, [{"$indexStats": {}}])
        except CommandFailed:
            return {}
        return {
            row["name"]: int(row["accesses"]["ops"])
            for row in rows
            if isinstance(row.get("accesses"), Mapping)
        }

    async def plan(
        self,
        types: Iterable[str] | None = None,
        *,
        replace: bool = False,
        drop_extra: bool = False,
    ) -> list[Change]:
        """What `apply` would do. Different indexes are replaced, and extra ones dropped, only when asked for."""
        changes: list[Change] = []
        for type in await self.stored_types() if types is None else list(types):
            wanted = {
                (index.collection, index.name): index.specification(self.profile)
                for index in self.declared(type)
            }
            for status in await self.status([type]):
                specification = wanted.get((status.collection, status.name))
                if status.state == "missing":
                    changes.append(Change("create", status.collection, status.name, specification))
                elif status.state == "different" and replace:
                    changes.append(Change("replace", status.collection, status.name, specification))
                elif status.state == "extra" and drop_extra:
                    changes.append(Change("drop", status.collection, status.name, None))
        return changes

    async def apply(self, change: Change) -> None:
        """Carry out one change of a plan."""
        if change.action in ("drop", "replace"):
            await self.port.drop_index(change.collection, change.name)
        if change.specification is not None:
            await self.port.create_indexes(change.collection, [change.specification])


def _index(collection: str, row: _Row) -> Index:
    return Index(collection, row.name, tuple(row.keys), row.why, row.always, row.then, row.kind)


def _by_collection(indexes: Iterable[Index]) -> dict[str, list[Index]]:
    found: dict[str, list[Index]] = {}
    for index in indexes:
        found.setdefault(index.collection, []).append(index)
    return found


_COMPARED = ("sparse", "partialFilterExpression", "unique")


def _is_same(wanted: Document, there: Document) -> bool:
    if [*wanted["key"].items()] != [(name, _direction(d)) for name, d in there["key"].items()]:
        return False
    return all((wanted.get(name) or None) == (there.get(name) or None) for name in _COMPARED)


def _direction(direction: Any) -> Any:
    """Servers say 1 as a double or as an integer."""
    return direction if isinstance(direction, str) else int(direction)
