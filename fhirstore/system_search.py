"""Searches over several types with one page and one sort: `[base]?_type=Patient,Observation`, and all of a compartment.

Each type is planned by itself, so that a parameter means in each what its own definition says; all of them have to know
it. Without an order of its own the result is type after type. With one, each type gives its part of the page and the
parts are merged: a place says for every type where it goes on, since among equals the types come in the order of their
names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhirstore.errors import InvalidSearch, Issue, NotFound
from fhirstore.ports.port import Document
from fhirstore.search import keyset
from fhirstore.search.moment import resolve
from fhirstore.search.order import Order, Place
from fhirstore.search.plan import Plan
from fhirstore.search.query import Handling
from fhirstore.search.query_string import Pairs, as_pairs
from fhirstore.searcher import Searcher
from fhirstore.versions import SearchPage

# Ids are ASCII letters, digits, "-" and ".": the one comes before all of them, the other behind.
_BEFORE_ALL, _AFTER_ALL = "", "~"
# A question to a collection that is not there costs a sixth of listing those that are.
_ASKED_UNSEEN = 5

Found = tuple[str, Document]


@dataclass(frozen=True, slots=True)
class SystemSearch:
    """Searches over all that a `Searcher` searches one by one."""

    searcher: Searcher

    async def search(
        self,
        query: str | Pairs,
        *,
        page: str | None = None,
        handling: Handling = "strict",
        compartment: str | None = None,
    ) -> SearchPage:
        """One page of the resources of the types in `_type`, or of all types. Raises NotFound, InvalidSearch,
        InvalidPageToken."""
        at = resolve(as_pairs(query), page, self.searcher.port.now())
        then = replace(self, searcher=self.searcher.at(at.instant))
        answer = await then._search(at.pairs, at.page, handling, compartment)
        answer.next = at.token(answer.next)
        return answer

    async def _search(
        self, query: Pairs, page: str | None, handling: Handling, compartment: str | None
    ) -> SearchPage:
        named, rest = self._types(query)
        types = await self._searched(named, compartment)
        plans = self._plans(types or named or ["Basic"], rest, page, handling, compartment)
        if not types:
            plans = {}
        for made in plans.values():
            if made.query.contained != "false":
                said = "contained resources are searched for one type at a time"
                raise InvalidSearch(said, code="not-supported", expression="_contained")
        answer = await self.answer(plans)
        if named is not None:
            answer.parameters.insert(0, ("_type", ",".join(named)))
        return answer

    async def answer(self, plans: dict[str, Plan]) -> SearchPage:
        """One page of what the plans find, each of its type."""
        first = next(iter(plans.values()), None)
        if first is None:
            return SearchPage(matches=[], total=0)
        settled = {type: await self.searcher.settled(made) for type, made in plans.items()}
        asked = first.query
        binding = repr((first.binding, sorted(plans)))
        after = None if asked.page is None else self._redeem(asked.page, binding)
        found: list[Found] = []
        if not asked.only_total:
            found = await self._find(settled, after, asked.count + 1)
        matches, more = found[: asked.count], len(found) > asked.count
        whole = after is None and not more and not asked.only_total
        token = None
        if more and matches:
            token = self._issue(settled, matches[-1], binding)
        made = await self.searcher.page_of(asked, matches)
        made.total = len(matches) if whole else await self._total(settled)
        made.next = token
        return made

    # what is asked ------------------------------------------------------------------------------

    def _types(self, given: Pairs) -> tuple[list[str] | None, list[tuple[str, str]]]:
        """The types that `_type` names, None for all, and the other parameters."""
        named: list[str] | None = None
        for name, value in given:
            if name == "_type" and value:
                more = [type for type in value.split(",") if type]
                for type in more:
                    if type not in self.searcher.definitions.resource_types:
                        said = f"{type[:80]!r} is not a resource type"
                        raise InvalidSearch(said, code="value", expression="_type")
                # Repetition means "and": a resource has one type.
                named = more if named is None else [type for type in named if type in more]
        return named, [pair for pair in given if pair[0] != "_type"]

    async def _searched(self, named: list[str] | None, compartment: str | None) -> list[str]:
        """The types that have to be asked, in order."""
        types = set(self.searcher.definitions.resource_types)
        if compartment is not None:
            owner = compartment.partition("/")[0]
            if owner not in self.searcher.definitions.compartments:
                raise NotFound(f"{owner[:80]!r} is not a compartment", code="not-supported")
            types &= {owner, *self.searcher.definitions.compartment(owner)}
        if named is not None:
            types &= set(named)
            if len(types) <= _ASKED_UNSEEN:
                return sorted(types)
        names = await self.searcher.port.collection_names()
        return sorted(types & names)

    def _plans(
        self,
        types: Sequence[str],
        rest: Pairs,
        page: str | None,
        handling: Handling,
        compartment: str | None,
    ) -> dict[str, Plan]:
        made: dict[str, Plan] = {}
        issues: list[Issue] = []
        for type in types:
            try:
                planned = self.searcher.plan(type, rest, page, handling, compartment)
            except InvalidSearch as error:
                issues += [issue for issue in error.issues if issue not in issues]
                continue
            if planned.by_default:
                planned = replace(planned, order=Order())
            made[type] = planned
        if issues:
            raise InvalidSearch(issues=issues)
        return made

    # pages --------------------------------------------------------------------------------------

    async def _find(
        self, plans: dict[str, Plan], after: tuple[str, Place] | None, limit: int
    ) -> list[Found]:
        order = next(iter(plans.values())).order
        if not order.keys:
            return await self._one_after_the_other(plans, after, limit)
        found = [
            (type, document)
            for type, made in plans.items()
            for document in await self.searcher.find(
                made, _place_for(type, made.order, after), limit
            )
        ]
        rank = order.rank()
        found.sort(key=lambda pair: rank(_joint_place(plans[pair[0]].order, *pair)))
        return found[:limit]

    async def _one_after_the_other(
        self, plans: dict[str, Plan], after: tuple[str, Place] | None, limit: int
    ) -> list[Found]:
        found: list[Found] = []
        descending = next(iter(plans.values())).order.descending
        for type in sorted(plans, reverse=descending):
            if after is not None and (type > after[0] if descending else type < after[0]):
                continue
            place = after[1] if after is not None and type == after[0] else None
            part = await self.searcher.find(plans[type], place, limit - len(found))
            found += [(type, document) for document in part]
            if len(found) >= limit:
                break
        return found

    async def _total(self, plans: dict[str, Plan]) -> int | None:
        counts = [await self.searcher.total(made) for made in plans.values()]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def _issue(self, plans: dict[str, Plan], last: Found, binding: str) -> str:
        type, document = last
        place = plans[type].order.place(document)
        return keyset.issue([*place.values, type, place.id], binding, self.searcher.secret)

    def _redeem(self, token: str, binding: str) -> tuple[str, Place]:
        values: list[Any] = keyset.redeem(token, binding, self.searcher.secret)
        return values[-2], Place(tuple(values[:-2]), values[-1])


def _place_for(type: str, order: Order, after: tuple[str, Place] | None) -> Place | None:
    """Where `type` goes on behind a place of another type, which has passed its equals or has not."""
    if after is None:
        return None
    last, place = after
    if type == last:
        return place
    passed = (type > last) if order.descending else (type < last)
    high = passed != order.descending
    return Place(place.values, _AFTER_ALL if high else _BEFORE_ALL)


def _joint_place(order: Order, type: str, document: Document) -> Place:
    place = order.place(document)
    # A slash sorts before letters and digits, so that types compare as wholes.
    return Place(place.values, f"{type}/{place.id}")
