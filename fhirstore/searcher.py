"""Carries out a search plan through the port: pages of matches, totals, and what an index does for them.

A page is read by the phases of the plan's order (`search.order`), one question after the other until it is full. Where
the server cannot give the order (a token's code, a parameter that is kept in several fields), the sort values of all
matches are read and the page picked from them; only then does its cost grow with the number of matches.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fhirstore import json_text
from fhirstore.as_of import AsOf
from fhirstore.definitions import Definitions
from fhirstore.documents import MATCH_FIELDS, check_id, match_of
from fhirstore.errors import InvalidSearch, Issue, NotFound
from fhirstore.hops import Hops
from fhirstore.includes import MOST as MOST_INCLUDED
from fhirstore.includes import MOST_QUESTIONS, MOST_ROUNDS, Includes
from fhirstore.ports.port import Document, ReadPort
from fhirstore.query_shapes import Recorder
from fhirstore.search import keyset
from fhirstore.search.conditions import Among, Condition, Never
from fhirstore.search.filter import to_filter
from fhirstore.search.moment import resolve
from fhirstore.search.order import Phase, Place, values_at
from fhirstore.search.plan import Plan
from fhirstore.search.plans import Plans
from fhirstore.search.query import Handling, Query
from fhirstore.search.query_string import Pairs, as_pairs
from fhirstore.search.splitting import to_look_up
from fhirstore.search.subsetting import Subset
from fhirstore.search.tightening import lies_within
from fhirstore.versions import SearchPage, Version

_CUT = Issue(
    "warning",
    "too-costly",
    f"more would be included than {MOST_INCLUDED} resources, or what {MOST_QUESTIONS} questions and {MOST_ROUNDS} rounds"
    " find: the rest was left out",
    "_include",
)
# An `$in` of more costs more than a scan.
_MOST_LOOKED_UP = 2000


@dataclass(frozen=True, slots=True)
class Searcher:
    """Searches of one FHIR version behind one port. `secret` signs the page tokens.

    `recorder` notes a sample of what is asked, where an operator wants that. `splits` says that the server reads the
    whole collection for an `$or`, so that the alternatives are asked one by one, `explains_one_predicate` that its
    explain knows of an index only where there is one predicate.
    """

    port: ReadPort
    definitions: Definitions
    base_urls: tuple[str, ...]
    secret: bytes
    splits: bool = False
    explains_one_predicate: bool = False
    recorder: Recorder | None = None
    _plans: Plans = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_plans", Plans(self.definitions, self.base_urls))

    async def search(
        self,
        type: str,
        query: str | Pairs,
        *,
        page: str | None = None,
        handling: Handling = "strict",
        compartment: str | None = None,
    ) -> SearchPage:
        """One page of the resources of `type` that meet `query`. Raises NotFound, InvalidSearch, InvalidPageToken.

        `compartment` is the address of an owner ("Patient/1"): then only what is in its compartment is found.
        """
        at = resolve(as_pairs(query), page, self.port.now())
        searcher = self.at(at.instant)
        answer = await searcher._search(type, at.pairs, at.page, handling, compartment)
        answer.next = at.token(answer.next)
        return answer

    def at(self, instant: datetime | None) -> Searcher:
        """The same searches of the state at an instant, or of whatever is current."""
        return self if instant is None else replace(self, port=AsOf(self.port, instant))

    async def _search(
        self,
        type: str,
        query: Pairs,
        page: str | None,
        handling: Handling,
        compartment: str | None,
    ) -> SearchPage:
        began = None if self.recorder is None else self.recorder.begin()
        planned = self.plan(type, query, page, handling, compartment)
        if planned.query.contained != "false":
            said = "contained resources are found by a search of their type alone"
            raise InvalidSearch(said, code="not-supported", expression="_contained")
        made = await self.settled(planned)
        asked = made.query
        after = None if asked.page is None else self._redeem(made, asked.page)
        found = [] if asked.only_total else await self.find(made, after, asked.count + 1)
        matches, more = found[: asked.count], len(found) > asked.count
        whole = after is None and not more and not asked.only_total
        answer = await self.page_of(asked, [(type, document) for document in matches])
        answer.total = len(matches) if whole else await self.total(made)
        answer.next = self._issue(made, matches[-1]) if more and matches else None
        if self.recorder is not None and began is not None:
            await self.recorder.note(made, began)
        return answer

    async def page_of(self, asked: Query, found: list[tuple[str, Document]]) -> SearchPage:
        """The page that has these matches, and what comes along with them."""
        versions = [match_of(type, document) for type, document in found]
        if not asked.subset.is_whole:
            versions = [self._part_of(asked.subset, version) for version in versions]
        issues = list(asked.issues)
        included: list[Version] = []
        if asked.inclusions and versions:
            includes = Includes(self.port, self.definitions)
            included, cut = await includes.of(versions, asked.inclusions)
            if asked.subset.summary in ("true", "data"):
                included = [self._part_of(asked.subset, version) for version in included]
            if cut:
                issues.append(_CUT)
        return SearchPage(
            matches=versions,
            included=included,
            parameters=list(asked.parameters),
            issues=issues,
            summary=asked.summary,
        )

    def _part_of(self, subset: Subset, version: Version) -> Version:
        part = subset.of(version.resource, self.definitions)
        return replace(version, json=json_text.dump(part))

    def plan(
        self,
        type: str,
        query: str | Pairs,
        page: str | None,
        handling: Handling,
        compartment: str | None = None,
    ) -> Plan:
        """How `query` is answered for resources of `type`. Raises NotFound, InvalidSearch."""
        if type not in self.definitions.resource_types:
            raise NotFound(f"{type[:80]!r} is not a resource type", code="not-supported")
        if compartment is not None:
            self._check_compartment(type, compartment)
        return self._plans.of(type, as_pairs(query), page, handling, compartment, self.port.now)

    def _check_compartment(self, type: str, owner: str) -> None:
        name, _, id = owner.partition("/")
        if name not in self.definitions.compartments:
            raise NotFound(f"{name[:80]!r} is not a compartment", code="not-supported")
        check_id(id)
        if type != name and type not in self.definitions.compartment(name):
            raise NotFound(f"{type} is not in the compartment of {name}", code="not-supported")

    async def settled(self, made: Plan) -> Plan:
        """The plan with everything looked up that other types have to say first."""
        hops = Hops(self.port, self.definitions)
        settled = await hops.settle(made.query.type, made.conditions)
        return made if settled is made.conditions else made.with_conditions(settled)

    # pages

    async def find(self, made: Plan, after: Place | None, limit: int) -> list[Document]:
        """The first `limit` matches beyond `after`, in order."""
        if Never() in made.conditions:
            return []
        if not made.order.ordered:
            return await self._compare_all(made, after, limit)
        found: list[Document] = []
        for phase in made.phases(after):
            found += await self._ask(made, phase, limit - len(found))
            if len(found) >= limit:
                break
        return found

    async def _ask(self, made: Plan, phase: Phase, limit: int) -> list[Document]:
        found = await self._question(made, phase, limit)
        if phase.key is None or not phase.rest:
            return found
        return await self._order_groups(made, phase, found, limit)

    async def _question(self, made: Plan, phase: Phase, limit: int) -> list[Document]:
        projection = MATCH_FIELDS | dict.fromkeys(made.order.fields, 1)
        found: dict[str, Document] = {}
        ways = await self.alternatives(made, phase.conditions)
        for conditions in ways:
            for document in await self.port.find(
                made.query.type,
                made.filter(conditions),
                projection=projection,
                sort=phase.sort,
                limit=limit,
            ):
                found[document["_id"]] = document
        if len(ways) == 1:
            return list(found.values())
        rank = made.order.rank()
        ordered = sorted(found.values(), key=lambda document: rank(made.order.place(document)))
        return ordered[:limit]

    async def alternatives(
        self, made: Plan, conditions: tuple[Condition, ...]
    ) -> list[tuple[Condition, ...]]:
        """The questions that are asked for `conditions`: one, unless the server would scan for it (`search.splitting`)."""
        if not self.splits:
            return [conditions]
        return [
            tuple([await self._looked_up(made, condition) for condition in way])
            for way in made.alternatives(conditions)
        ]

    async def _looked_up(self, made: Plan, condition: Condition) -> Condition:
        """Bounds on elements of an array, as the equalities that they come to; as they are, where those are many."""
        within = to_look_up(condition, made.single)
        if within is None:
            return condition
        flat = to_filter(within, frozenset({within.field}))
        values: set[Any] = set()
        # Also finds documents of which one element is above, and another below: their values are passed over.
        stream = self.port.stream(made.query.type, flat, projection={"_id": 0, within.field: 1})
        async with aclosing(stream):
            async for document in stream:
                found = values_at(document, within.field)
                # A Range beside the numbers lies between no numbers.
                plain = (value for value in found if not isinstance(value, dict))
                values.update(value for value in plain if lies_within(within, value))
                if len(values) > _MOST_LOOKED_UP:
                    return condition
        return Among(within.field, tuple(sorted(values))) if values else Never()

    async def _order_groups(
        self, made: Plan, phase: Phase, found: list[Document], limit: int
    ) -> list[Document]:
        """Put the equals of the phase's key in order; the last group, which the limit may have cut, is asked for again."""
        assert phase.key is not None
        ordered = sorted(found, key=lambda document: made.order.rank()(made.order.place(document)))
        if len(found) < limit:
            return ordered
        last = phase.key.value(found[-1])
        ordered = [document for document in ordered if phase.key.value(document) != last]
        for following in phase.following(last):
            ordered += await self._ask(made, following, limit - len(ordered))
            if len(ordered) >= limit:
                return ordered
        # The group has shrunk since it was first read, so the page goes on behind it.
        conditions = (*phase.conditions, phase.key.beyond(last))
        behind = replace(phase, conditions=conditions)
        return ordered + await self._ask(made, behind, limit - len(ordered))

    async def _compare_all(self, made: Plan, after: Place | None, limit: int) -> list[Document]:
        """The page for an order that only we can tell: from the sort values of all matches."""
        rank = made.order.rank()
        start = None if after is None else rank(after)
        places: dict[str, Place] = {}
        projection = {"_id": 1} | dict.fromkeys(made.order.fields, 1)
        for conditions in await self.alternatives(made, made.conditions):
            async for document in self.port.stream(
                made.query.type, made.filter(conditions), projection=projection
            ):
                place = made.order.place(document)
                if start is None or start < rank(place):
                    places[place.id] = place
                    if len(places) > 10 * limit + 10_000:
                        places = _first(limit, places, rank)
        chosen = list(_first(limit, places, rank).values())
        found = await self._read(made, chosen)
        if len(chosen) == limit and len(found) < limit:
            # Some are no matches any more, so the page goes on behind them.
            found += await self._compare_all(made, chosen[-1], limit - len(found))
        return found

    async def _read(self, made: Plan, places: Iterable[Place]) -> list[Document]:
        ids = [place.id for place in places]
        if not ids:
            return []
        # The conditions again: a resource may have changed since it was compared.
        conditions = (Among("_id", tuple(ids)), *made.conditions)
        projection = MATCH_FIELDS | dict.fromkeys(made.order.fields, 1)
        found = await self.port.find(
            made.query.type, made.filter(conditions), projection=projection
        )
        by_id = {document["_id"]: document for document in found}
        return [by_id[id] for id in ids if id in by_id]

    # totals

    async def total(self, made: Plan) -> int | None:
        """How many matches there are, where that was asked for (spec page search, `_total` and `_summary=count`)."""
        if not made.query.only_total and made.query.total == "none":
            return None
        if Never() in made.conditions:
            return 0
        if made.unfiltered and made.query.total == "estimate":
            return await self.port.estimated_count(made.query.type)
        ways = await self.alternatives(made, made.conditions)
        if len(ways) == 1:
            return await self.port.count(made.query.type, made.filter(ways[0]))
        ids: set[str] = set()
        for conditions in ways:
            async for document in self.port.stream(
                made.query.type, made.filter(conditions), projection={"_id": 1}
            ):
                ids.add(document["_id"])
        return len(ids)

    # page tokens

    def _issue(self, made: Plan, last: Document) -> str:
        place = made.order.place(last)
        return keyset.issue([*place.values, place.id], made.binding, self.secret)

    def _redeem(self, made: Plan, token: str) -> Place:
        values: list[Any] = keyset.redeem(token, made.binding, self.secret)
        return Place(tuple(values[:-1]), values[-1])


def _first(limit: int, places: dict[str, Place], rank: Callable[[Place], Any]) -> dict[str, Place]:
    return {place.id: place for place in heapq.nsmallest(limit, places.values(), key=rank)}
