"""Searches over several types with one page and one sort: `[base]?_type=Patient,Observation`, and all of a compartment.

Each type is planned by itself, so that a parameter means in each what its own definition says; all of them have to know
it, those without resources too: else what a search means would hang on what is stored. Without an order of its own the
result is type after type. With one, each type gives its part of the page and the parts are merged: a place says for every
type where it goes on, since among equals the types come in the order of their names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from fhirstore.definitions import Definitions
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
        left_out: list[Issue] = []
        if named is None:
            rest, left_out = self._of_all_types(rest, compartment, handling)
        types = await self._searched(named, compartment)
        # Where nothing is stored, a search is still read, for what is wrong with it.
        plans = self._plans(types or named or ["Basic"], rest, page, handling, compartment)
        for made in plans.values():
            if made.query.contained != "false":
                said = "contained resources are searched for one type at a time"
                raise InvalidSearch(said, code="not-supported", expression="_contained")
        answer = await (self.answer(plans, named) if types else self._nothing(plans))
        answer.issues[:0] = left_out
        # As they were given: repeated they may name no type at all, which one `_type` cannot say.
        answer.parameters[:0] = [pair for pair in query if pair[0] == "_type" and pair[1]]
        return answer

    async def _nothing(self, plans: dict[str, Plan]) -> SearchPage:
        answer = await self.searcher.page_of(next(iter(plans.values())).query, [])
        answer.total = 0
        return answer

    async def answer(self, plans: dict[str, Plan], among: Sequence[str] | None) -> SearchPage:
        """One page of what the plans find, each of its type. `among` are the types that were named, None for all."""
        first = next(iter(plans.values()), None)
        if first is None:
            return SearchPage(matches=[], total=0)
        settled = {type: await self.searcher.settled(made) for type, made in plans.items()}
        asked = first.query
        binding = first.binding_of(among)
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

    def _of_all_types(
        self, rest: Pairs, compartment: str | None, handling: Handling
    ) -> tuple[list[tuple[str, str]], list[Issue]]:
        """The parameters that each type has, and issues for others (spec page http, search: "the only search parameters that
        can be used in global search are the base parameters that apply to all resources")."""
        known = _common(self.searcher.definitions, self._possible(compartment))
        wrong = [name for name, value in rest if value and not _is_common(name, known)]
        lenient = handling == "lenient"
        left_out = [
            Issue(
                "warning" if lenient else "error",
                "not-supported",
                f"not all types have a search parameter {name[:80]!r}: _type names those that are meant"
                + ("; it was left out" if lenient else ""),
                name[:200],
            )
            for name in dict.fromkeys(wrong)
        ]
        if left_out and not lenient:
            raise InvalidSearch(issues=left_out)
        return [pair for pair in rest if pair[0] not in wrong], left_out

    def _possible(self, compartment: str | None) -> frozenset[str]:
        """The types of which a resource may be found."""
        known = self.searcher.definitions
        if compartment is None:
            return known.resource_types
        owner = compartment.partition("/")[0]
        if owner not in known.compartments:
            raise NotFound(f"{owner[:80]!r} is not a compartment", code="not-supported")
        return known.resource_types & {owner, *known.compartment(owner)}

    async def _searched(self, named: list[str] | None, compartment: str | None) -> list[str]:
        """The types that have to be asked, in order."""
        types = self._possible(compartment)
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
        _check_sort(made)
        return made

    # pages --------------------------------------------------------------------------------------

    async def _find(
        self, plans: dict[str, Plan], after: tuple[str, Place] | None, limit: int
    ) -> list[Found]:
        first = next(iter(plans.values()))
        order, by_id = first.order, _is_by_id(first)
        if not order.keys and not by_id:
            return await self._one_after_the_other(plans, after, limit)
        found = [
            (type, document)
            for type, made in plans.items()
            for document in await self.searcher.find(
                made, _place_for(type, made.order, after, by_id), limit
            )
        ]
        rank = order.rank()
        found.sort(
            key=lambda pair: rank(_joint_place(plans[pair[0]].order, pair[0], pair[1], by_id))
        )
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


@lru_cache(maxsize=64)
def _common(known: Definitions, types: frozenset[str]) -> frozenset[str]:
    """The codes of the parameters that all of `types` have."""
    codes = [frozenset(known.search_parameters(type)) for type in sorted(types)]
    return frozenset.intersection(*codes)


def _is_common(name: str, known: frozenset[str]) -> bool:
    # What begins so is no parameter of a type: a control, `_has`, or one of all resources.
    return name.startswith(("_", "-")) or re.split("[:.]", name, maxsplit=1)[0] in known


def _check_sort(plans: dict[str, Plan]) -> None:
    """Raise InvalidSearch where the types have different kinds of values for one key: there is no order among those."""
    kinds: dict[str, str] = {}
    for made in plans.values():
        for rule in made.query.sort:
            code, type = rule.parameter.code, rule.parameter.type
            if kinds.setdefault(code, type) != type:
                said = f"{code} is a {kinds[code]} of one type and a {type} of another: they have no order"
                raise InvalidSearch(said, code="not-supported", expression="_sort")


def _is_by_id(made: Plan) -> bool:
    """Whether the id decides before the type does, since it was asked for."""
    return any(rule.parameter.code == "_id" for rule in made.query.sort)


def _place_for(
    type: str, order: Order, after: tuple[str, Place] | None, by_id: bool
) -> Place | None:
    """Where `type` goes on behind a place of another type, which has passed its equals or has not."""
    if after is None:
        return None
    last, place = after
    if type == last:
        return place
    passed = (type > last) if order.descending else (type < last)
    if not by_id:
        high = passed != order.descending
        return Place(place.values, _AFTER_ALL if high else _BEFORE_ALL)
    if passed:
        return place
    return Place(place.values, f"{place.id}!" if order.descending else _just_before(place.id))


def _just_before(id: str) -> str:
    """A string that no id comes after that is less than `id`."""
    return f"{id[:-1]}{chr(ord(id[-1]) - 1)}{_AFTER_ALL}"


def _joint_place(order: Order, type: str, document: Document, by_id: bool) -> Place:
    place = order.place(document)
    # A slash, and a NUL, sort before letters and digits, so that types and ids compare as wholes.
    return Place(place.values, f"{place.id}\0{type}" if by_id else f"{type}/{place.id}")
