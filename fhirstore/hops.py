"""From one type to another: what chained and reverse-chained parameters ask of other collections, settled before the
search itself.

`subject:Patient.name=peter` is settled from its smaller end. Either the patients are found, and become the equalities
that `subject` is asked for; or the observations that meet everything else are, and the patients that they refer to are
asked whether they are called so. Which end is the smaller one shows by reading both in turns: the cost is twice that of
the smaller one at most. No side is ever held beyond `MOST` ids.

This is the one place where a search goes from one type to another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from fhirstore.definitions import Definitions
from fhirstore.errors import InvalidSearch
from fhirstore.hierarchies import Hierarchies
from fhirstore.ports.port import Document, ReadPort
from fhirstore.search.canonical import (
    CanonicalField,
    canonical_fields,
    name_fields,
    names,
    said,
    said_fields,
    saying,
    url_field,
)
from fhirstore.search.conditions import (
    All,
    Among,
    Coded,
    Condition,
    Contained,
    Either,
    Element,
    Hop,
    Kin,
    Leads,
    LeadsByUrl,
    LedTo,
    Never,
    Not,
    Present,
    Within,
    either,
)
from fhirstore.search.contained import FIELD
from fhirstore.search.filter import Filter, to_filter
from fhirstore.search.order import values_at
from fhirstore.search.plan import single_fields
from fhirstore.search.selectivity import narrow
from fhirstore.search.tightening import tighten
from fhirstore.search.tombstone import without_deleted
from fhirstore.search.words import is_looked_up
from fhirstore.terminology import Terminology

# The most resources that a hop may lead to or come from: some megabytes of ids, and the largest `$in` that servers answer well.
MOST = 20_000
# So much is read at a time of each side: where the first that is read has less, the other is not even looked at.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Hops:
    """Settles hops of one FHIR version behind one port."""

    port: ReadPort
    definitions: Definitions

    async def settle(self, type: str, conditions: Sequence[Condition]) -> tuple[Condition, ...]:
        """The same conditions on resources of `type`, without hops. Raises InvalidSearch where too many resources lie on
        the way."""
        settled = [condition for condition in conditions if not is_looked_up(condition)]
        if len(settled) == len(conditions):
            return tuple(conditions)
        for condition in conditions:
            if is_looked_up(condition):
                settled.append(await self._settled(type, condition, tuple(settled)))
        return tighten(settled, single_fields(type, self.definitions))

    async def _settled(
        self, type: str, condition: Condition, beside: tuple[Condition, ...]
    ) -> Condition:
        """One condition without hops; `beside` has what else is asked, and settled already."""
        if isinstance(condition, LedTo):
            return await self._led(type, condition, beside)
        if isinstance(condition, Leads):
            return await self._hop(type, condition, beside)
        if isinstance(condition, LeadsByUrl):
            return await self._by_url(type, condition)
        if isinstance(condition, Kin):
            return await Hierarchies(self.port, self.definitions).settle(condition)
        if isinstance(condition, Coded):
            return await Terminology(self.port, self.definitions).settle(condition)
        if isinstance(condition, Not):
            return Not(await self._settled(type, condition.condition, ()))
        if isinstance(condition, Element):
            return Element(condition.field, await self._settled(type, condition.condition, ()))
        if isinstance(condition, All):
            return All(
                tuple([await self._settled(type, part, beside) for part in condition.conditions])
            )
        if isinstance(condition, Either):
            parts = [await self._settled(type, part, beside) for part in condition.conditions]
            return either(parts)
        if isinstance(condition, Contained):
            return await self._contained(type, condition)
        return condition

    async def _contained(self, type: str, asked: Contained) -> Condition:
        """One element of `contained`. Most types contain nothing, which is one look at an index."""
        of_type = Among(f"{FIELD}.type", (asked.type,))
        if not await self.port.find(
            type, self._filter(type, (of_type,)), projection={"_id": 1}, limit=1
        ):
            return Never()
        inner = [await self._settled(asked.type, _inside(part), ()) for part in asked.conditions]
        by = () if asked.by is None else (Among("by", asked.by),)
        return Element(FIELD, All((Among("type", (asked.type,)), *by, *inner)))

    async def _led(self, type: str, hop: LedTo, beside: tuple[Condition, ...]) -> Condition:
        """A reverse chain, along the references in the field and the canonicals."""
        by_url = [
            await self._led_by_url(type, hop, place, beside)
            for place in canonical_fields(hop.type, self.definitions)
            if place.field == hop.field and type in place.targets
        ]
        return either([await self._hop(type, hop, beside), *by_url])

    async def _hop(self, type: str, hop: Hop, beside: tuple[Condition, ...]) -> Condition:
        inner = await self.settle(hop.type, hop.conditions)
        if Never() in inner or Never() in beside:
            return Never()
        there = self._filter(hop.type, (*inner, *self._refers(hop)))
        stream = self.port.stream(hop.type, there, projection=_fields_there(hop), batch=_BATCH)
        async with aclosing(stream):
            far = _FarEnd(hop, stream)
            if beside:
                return await self._from_the_smaller(type, hop, far, beside, inner)
            while not await far.whole():
                if far.too_many:
                    raise _too_many(hop)
            return far.condition

    async def _from_the_smaller(
        self,
        type: str,
        hop: Hop,
        far: _FarEnd,
        beside: tuple[Condition, ...],
        inner: tuple[Condition, ...],
    ) -> Condition:
        """Both ends are read in turns, some at a time: the one that is read whole first is the smaller one.

        The far end comes first, since it then needs no further question, unless only this end is likely to be small.
        """
        if (narrow(inner) or not narrow(beside)) and await far.whole():
            return far.condition
        near = self.port.stream(
            type, self._filter(type, beside), projection=_fields_here(hop), batch=_BATCH
        )
        found: list[str] = []
        waiting: list[Document] = []
        async with aclosing(near):
            while len(read := await _some(near)) == _BATCH:
                waiting += read
                if not far.too_many and await far.whole():
                    return far.condition
                if far.too_many or len(waiting) > MOST:
                    found += await self._linked(hop, waiting, inner)
                    waiting = []
                if len(found) > MOST:
                    raise _too_many(hop)
        return _one_of(found + await self._linked(hop, waiting + read, inner))

    def _refers(self, hop: Hop) -> tuple[Condition, ...]:
        """That a resource at the other end refers to this type at all, where it is the one that refers."""
        if isinstance(hop, Leads):
            return ()
        return (Within(hop.field, at_least=f"{hop.own_type}/", less_than=f"{hop.own_type}0"),)

    def _filter(self, type: str, conditions: Iterable[Condition]) -> Filter:
        single = single_fields(type, self.definitions)
        return to_filter(All(without_deleted(tighten(conditions, single))), single)

    async def _by_url(self, type: str, hop: LeadsByUrl) -> Condition:
        """Canonicals name what they lead to by its URL, and by its version if they say one."""
        field = url_field(hop.type, self.definitions)
        inner = await self.settle(hop.type, hop.conditions)
        if field is None or Never() in inner:
            return Never()
        urls: dict[str, None] = {}
        stream = self.port.stream(
            hop.type, self._filter(hop.type, inner), projection=name_fields(field)
        )
        async with aclosing(stream):
            async for document in stream:
                urls.update(dict.fromkeys(names(document, field)))
                if len(urls) > MOST:
                    raise _too_many(hop)
        here = next(c for c in canonical_fields(type, self.definitions) if c.field == hop.field)
        return either(saying(here, urls))

    async def _led_by_url(
        self, type: str, hop: LedTo, place: CanonicalField, beside: tuple[Condition, ...]
    ) -> Condition:
        """The resources here that canonicals in the field there lead to, by their ids."""
        field = url_field(type, self.definitions)
        inner = await self.settle(hop.type, hop.conditions)
        if field is None or Never() in inner or Never() in beside:
            return Never()
        urls: set[str] = set()
        there = self._filter(hop.type, (*inner, Present(hop.field)))
        stream = self.port.stream(hop.type, there, projection=said_fields((place,)))
        async with aclosing(stream):
            async for document in stream:
                urls.update(said(document, place))
                if len(urls) > MOST:
                    raise _too_many(hop)
        if not urls:
            return Never()
        ids: list[str] = []
        addresses = tuple(sorted({url.partition("|")[0] for url in urls}))
        here = self._filter(type, (*beside, Among(field, addresses)))
        stream = self.port.stream(type, here, projection=name_fields(field))
        async with aclosing(stream):
            async for document in stream:
                if not urls.isdisjoint(names(document, field)):
                    ids.append(document["_id"])
                if len(ids) > MOST:
                    raise _too_many(hop)
        return _one_of(ids)

    async def _linked(
        self, hop: Hop, documents: Iterable[Document], inner: tuple[Condition, ...]
    ) -> list[str]:
        """The ids of those of `documents` whose other end meets `inner`."""
        batch = {document["_id"]: _links(hop, document) for document in documents}
        wanted = tuple({link for links in batch.values() for link in links})
        if not wanted:
            return []
        field = "_id" if isinstance(hop, Leads) else hop.field
        filter = self._filter(hop.type, (Among(field, wanted), *inner))
        there: set[Any] = set()
        async for document in self.port.stream(hop.type, filter, projection={field: 1}):
            there.update(values_at(document, field))
        return [id for id, links in batch.items() if not there.isdisjoint(links)]


class _FarEnd:
    """The other end of a hop, read some documents at a time."""

    def __init__(self, hop: Hop, stream: AsyncIterator[Document]) -> None:
        self._hop, self._stream = hop, stream
        self._values: dict[str, None] = {}

    async def whole(self) -> bool:
        """Reads on. Whether all has been read, and was not too much."""
        documents = await _some(self._stream)
        for document in documents:
            self._values.update(dict.fromkeys(_values_there(self._hop, document)))
        return len(documents) < _BATCH and not self.too_many

    @property
    def too_many(self) -> bool:
        return len(self._values) > MOST

    @property
    def condition(self) -> Condition:
        """All that was read, as equalities at this end."""
        return _equal_to(self._hop, self._values)


async def _some(stream: AsyncIterator[Document]) -> list[Document]:
    """The next documents of a stream: a whole batch, or the last ones."""
    documents: list[Document] = []
    async for document in stream:
        documents.append(document)
        if len(documents) == _BATCH:
            break
    return documents


def _fields_there(hop: Hop) -> dict[str, int]:
    return {"_id": 1} if isinstance(hop, Leads) else {"_id": 0, hop.field: 1}


def _fields_here(hop: Hop) -> dict[str, int]:
    return {"_id": 1} | ({hop.field: 1} if isinstance(hop, Leads) else {})


def _values_there(hop: Hop, document: Document) -> list[str]:
    """What the field here has to be: the address of a resource there, or the ids that it refers to."""
    if isinstance(hop, Leads):
        return [f"{hop.type}/{document['_id']}"]
    return _ids_of(hop.own_type, document, hop.field)


def _equal_to(hop: Hop, values: Iterable[str]) -> Condition:
    """That the field here is one of `values`, each of which is asked for once."""
    wanted = tuple(dict.fromkeys(values))
    return Among(hop.field if isinstance(hop, Leads) else "_id", wanted) if wanted else Never()


def _one_of(ids: Sequence[str]) -> Condition:
    return Among("_id", tuple(ids)) if ids else Never()


def _links(hop: Hop, document: Document) -> list[str]:
    """What the other end of a hop has to be: an id of `type`, or the address of this resource."""
    if isinstance(hop, LedTo):
        return [f"{hop.own_type}/{document['_id']}"]
    return _ids_of(hop.type, document, hop.field)


def _ids_of(type: str, document: Document, field: str) -> list[str]:
    """The ids of that type that the references in a field lead to."""
    prefix = f"{type}/"
    found = values_at(document, field)
    return [value.removeprefix(prefix) for value in found if value.startswith(prefix)]


def _inside(condition: Condition) -> Condition:
    """A condition on a contained resource: its id is not `_id`, and nothing outside of its container refers to it."""
    if isinstance(condition, All):
        return All(tuple(map(_inside, condition.conditions)))
    if isinstance(condition, Either):
        return Either(tuple(map(_inside, condition.conditions)))
    if isinstance(condition, Not):
        return Not(_inside(condition.condition))
    if isinstance(condition, LedTo | Contained):
        return Never()
    if isinstance(condition, Among) and condition.field == "_id":
        return replace(condition, field="id")
    if getattr(condition, "field", "") in ("last_updated", "json", "links"):
        return Never()
    return condition


def _too_many(hop: Hop | LeadsByUrl) -> InvalidSearch:
    return InvalidSearch(
        f"more than {MOST} resources of type {hop.type} lie on the way: narrow the search down",
        code="too-costly",
    )
