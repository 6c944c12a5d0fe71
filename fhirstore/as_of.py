"""The database as it was at a moment, for reading: what was current then of each resource.

A version is current from `last_updated` until `superseded`. So what was current at a moment lies in two places: in the
type's own collection, if it still is, and else in the history. Both are asked the same question. The own collection is
asked first: a version that moves to the history in between is then found twice, and counted once, and never missed.

The history has no indexes on search values. It is asked by `superseded`: the cost is that of looking at each version
of the type that was superseded since the moment.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhirstore.documents import history_collection
from fhirstore.ports.port import Document, Filter, ReadPort, Sort
from fhirstore.search.order import values_at


@dataclass(frozen=True, slots=True)
class AsOf:
    """The collections of the types as they were at `moment`; any other is as it is."""

    port: ReadPort
    moment: datetime

    async def find_one(
        self, collection: str, filter: Filter, projection: Mapping[str, Any] | None = None
    ) -> Document | None:
        """Of a collection that is named itself, such as a history."""
        return await self.port.find_one(collection, filter, projection)

    async def find(
        self,
        collection: str,
        filter: Filter,
        *,
        projection: Mapping[str, Any] | None = None,
        sort: Sort | None = None,
        limit: int = 0,
        hint: str | None = None,
    ) -> list[Document]:
        current = await self.port.find(
            collection,
            self._current(filter),
            projection=projection,
            sort=sort,
            limit=limit,
            hint=hint,
        )
        past = await self.port.find(
            history_collection(collection),
            self._past(filter),
            projection=_with_id(projection),
            sort=[(_past_name(field), direction) for field, direction in sort or ()] or None,
            limit=limit,
        )
        found = {document["_id"]: document for document in map(_as_current, past)}
        found.update((document["_id"], document) for document in current)
        documents = list(found.values())
        for field, direction in reversed(sort or ()):
            documents.sort(
                key=lambda document: _sorts(document, field, direction), reverse=direction < 0
            )
        return documents[:limit] if limit else documents

    async def stream(
        self,
        collection: str,
        filter: Filter,
        *,
        projection: Mapping[str, Any] | None = None,
        sort: Sort | None = None,
        batch: int = 1000,
    ) -> AsyncGenerator[Document, None]:
        """In no order, which no caller asks of the past."""
        assert not sort
        seen: set[str] = set()
        projection = _with_id(projection)
        current = self.port.stream(
            collection, self._current(filter), projection=projection, batch=batch
        )
        async with aclosing(current):
            async for document in current:
                seen.add(document["_id"])
                yield document
        past = self.port.stream(
            history_collection(collection), self._past(filter), projection=projection, batch=batch
        )
        async with aclosing(past):
            async for document in past:
                document = _as_current(document)
                if document["_id"] not in seen:
                    yield document

    async def count(self, collection: str, filter: Filter, *, limit: int = 0) -> int:
        counted = 0
        stream = self.stream(collection, filter, projection={"_id": 1})
        async with aclosing(stream):
            async for _ in stream:
                counted += 1
                if counted == limit:
                    break
        return counted

    async def estimated_count(self, collection: str) -> int:
        return await self.count(collection, {"deleted": {"$exists": False}})

    async def collection_names(self) -> set[str]:
        return await self.port.collection_names()

    async def explain(
        self, collection: str, filter: Filter, *, sort: Sort | None = None, limit: int = 0
    ) -> Document:
        return await self.port.explain(collection, self._current(filter), sort=sort, limit=limit)

    def now(self) -> datetime:
        return self.port.now()

    # filters ------------------------------------------------------------------------------------

    def _current(self, filter: Filter) -> dict[str, Any]:
        return _updated_by(filter, self.moment)

    def _past(self, filter: Filter) -> dict[str, Any]:
        # `superseded` first: weak planners take the first predicate that has an index.
        since = {"superseded": {"$gt": self.moment}}
        return since | _updated_by(_past_filter(filter), self.moment)


def _updated_by(filter: Filter, moment: datetime) -> dict[str, Any]:
    """`filter`, of versions made at `moment` at the latest; in one document of operators where that can be."""
    bound = {"$lte": moment}
    asked = filter.get("last_updated", {})
    if isinstance(asked, Mapping) and "$lte" not in asked:
        return {**filter, "last_updated": {**asked, **bound}}
    return {"$and": [dict(filter), {"last_updated": bound}]}


def _past_filter(filter: Filter) -> dict[str, Any]:
    """`filter` for the history, where the id of a resource is in `id`."""
    return {
        _past_name(name): [_past_filter(part) for part in asked]
        if name in ("$and", "$or", "$nor")
        else asked
        for name, asked in filter.items()
    }


def _past_name(field: str) -> str:
    return "id" if field == "_id" else field


def _with_id(projection: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A projection under which a document says whose version it is."""
    if projection is None:
        return None
    return {**{name: shown for name, shown in projection.items() if name != "_id"}, "id": 1}


def _as_current(document: Document) -> Document:
    return {**document, "_id": document["id"]}


def _sorts(document: Document, field: str, direction: int) -> tuple[int, Any]:
    """What MongoDB sorts by: the least of several values, or the greatest for a descending order; nothing comes first."""
    values = [value for value in values_at(document, field) if not isinstance(value, dict)]
    if not values:
        return (0, 0)
    return (1, min(values) if direction > 0 else max(values))
