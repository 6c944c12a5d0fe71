"""A `Query` becomes a `Plan`: what is asked of the documents, in which order they come, and how a page is found again.

Every criterion becomes a condition over the fields where its parameter is kept (`layout`), in one place
(`criterion_conditions`).
A parameter that needs other resources to be looked at first (a chain, `_has`) is a condition with the conditions of the
other type in it, which `fhirstore.hops` settles before a filter is made; a compartment is one more condition, an
equality.

Conditions stand in the order in which they are likely to narrow: an identifier or a reference before a code, a code
before a range, a range before a status that half of all resources share. MongoDB weighs indexes itself; weaker planners
take the first predicate that has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fhirstore.definitions import Definitions
from fhirstore.errors import InvalidSearch, Issue
from fhirstore.search import last_updated
from fhirstore.search.conditions import (
    All,
    Among,
    Condition,
    Element,
    Never,
    Not,
    bounded,
)
from fhirstore.search.criteria import Asked, Combined, as_written
from fhirstore.search.criterion_conditions import condition_of
from fhirstore.search.filter import Filter, is_single, to_filter
from fhirstore.search.layout import Kept, layout
from fhirstore.search.order import Order, Phase, Place, SortKey, phases
from fhirstore.search.overlap import narrowed, spanned, within_bounds
from fhirstore.search.parameter_type import Asking
from fhirstore.search.query import Query
from fhirstore.search.selectivity import HALF_OF_ALL, narrow
from fhirstore.search.sorting import sort_key
from fhirstore.search.splitting import alternatives
from fhirstore.search.text import CONTENT
from fhirstore.search.tightening import tighten
from fhirstore.search.tombstone import without_deleted


@dataclass(frozen=True)
class Plan:
    """How a query is answered.

    `conditions` hold for every match, the most selective first. `order` is that of the result; `by_default` says that
    the client asked for none. `single` has the fields that hold one value in a document.
    """

    query: Query
    conditions: tuple[Condition, ...]
    order: Order
    by_default: bool
    single: frozenset[str]

    @property
    def unfiltered(self) -> bool:
        """Whether every resource of the type is a match."""
        return not self.conditions

    def with_conditions(self, conditions: tuple[Condition, ...]) -> Plan:
        """This plan, asking for `conditions`. The order stays, since page tokens are bound to it."""
        return replace(self, conditions=conditions)

    def phases(self, after: Place | None = None) -> Sequence[Phase]:
        """The questions that give the result from its start, or from a place on, in their order."""
        return self._from_the_start if after is None else self._phases(after)

    @cached_property
    def _from_the_start(self) -> Sequence[Phase]:
        return self._phases(None)

    def _phases(self, after: Place | None) -> Sequence[Phase]:
        asked = phases(self.conditions, self.order, after)
        tight = [
            replace(phase, conditions=within_bounds(phase.conditions, self.single))
            for phase in asked
        ]
        return [phase for phase in tight if Never() not in phase.conditions]

    def questions(self) -> Sequence[Phase]:
        """What is asked for the first page: the phases, or one question without order where all matches are compared."""
        if self.order.ordered:
            return self.phases()
        return [Phase(self.conditions, None, Order())]

    def together(self, conditions: Iterable[Condition]) -> Condition:
        """All of `conditions` as one, tight, and of no deleted resource."""
        tight = without_deleted(tighten(conditions, self.single))
        return tight[0] if len(tight) == 1 else All(tight)

    @property
    def binding(self) -> str:
        """What a page token is bound to: the type, what was asked, in any order, and the order of the result."""
        return repr(("search", self.query.type, self._asked, self.order_in_words()))

    def binding_of(self, types: Iterable[str] | None) -> str:
        """The same of a search among several types, None for all: not of those that happen to have resources by now."""
        order = [(key.code, key.descending) for key in self.order.keys]
        among = None if types is None else sorted(set(types))
        return repr(("types", among, self._asked, order, self.order.descending))

    @property
    def _asked(self) -> tuple[object, ...]:
        query = self.query
        written = sorted(map(as_written, query.criteria))
        return (query.compartment, query.as_of, query.contained, written)

    def filter(self, conditions: Iterable[Condition]) -> Filter:
        """The MongoDB filter for all of `conditions`."""
        return to_filter(self.together(conditions), self.single)

    def alternatives(self, conditions: Iterable[Condition]) -> list[tuple[Condition, ...]]:
        """The questions that together ask for all of `conditions` without an `$or` (`splitting`)."""
        return alternatives(tighten(conditions, self.single), self.single)

    def order_in_words(self) -> tuple[str, ...]:
        keys = (f"{'-' if key.descending else ''}{'+'.join(key.fields)}" for key in self.order.keys)
        return (*keys, "-_id" if self.order.descending else "_id")


def plan(query: Query, definitions: Definitions, asking: Asking) -> Plan:
    """How `query` is answered. Raises InvalidSearch with everything that is wrong with it."""
    kept = layout(query.type, definitions)
    issues = list(query.errors)
    conditions = _conditions(query, kept, definitions, asking, issues)
    if query.compartment is not None:
        conditions.insert(0, Among("compartments", (query.compartment,)))
    order = _order(query, kept, issues)
    if issues:
        raise InvalidSearch(issues=issues)
    single = single_fields(query.type, definitions)
    tight = tighten(conditions, single)
    span = None if narrow(_equalities(tight)) else spanned(tight, single)
    if span is not None:
        tight = narrowed(tight, span, single)
    if query.sort:
        return Plan(query, tight, order, False, single)
    return Plan(query, tight, _cheapest_order(tight, span, single), True, single)


def single_fields(type: str, definitions: Definitions) -> frozenset[str]:
    """The fields of a type's documents that hold one value."""
    return frozenset({"_id", last_updated.FIELD}) | {
        entry.field
        for entry in layout(type, definitions).values()
        if entry.field and not entry.many
    }


# conditions


def _conditions(
    query: Query,
    kept: Mapping[str, Kept],
    definitions: Definitions,
    asking: Asking,
    issues: list[Issue],
) -> list[Condition]:
    made: list[tuple[int, Condition]] = []
    for criterion in query.criteria:
        try:
            named = replace(asking, name=criterion.name[:200])
            condition = condition_of(criterion, query.type, kept, definitions, named)
        except InvalidSearch as error:
            issues += [replace(issue, expression=criterion.name) for issue in error.issues]
        else:
            made.append((_rank(criterion, condition), condition))
    return [condition for _, condition in sorted(made, key=lambda pair: pair[0])]


# How much a condition is likely to leave over, lowest first.
_RANKS = {"reference": 2, "uri": 2, "string": 3, "special": 4, "composite": 4, "token": 5}
_RANGE = 6
_LEAVES_MOST = 9


def _rank(criterion: Asked, condition: Condition) -> int:
    if isinstance(criterion, Combined):
        ranks = [_rank(part, condition) for part in criterion.parts]
        if criterion.how == "not":
            return _LEAVES_MOST
        return max(ranks) if criterion.how == "or" else min(ranks)
    if criterion.through is not None:
        return 1
    if (
        criterion.modifier in ("missing", "not", "not-in", "contains", "text")
        or criterion.parameter.code == CONTENT
        or isinstance(condition, Not)
    ):
        return _LEAVES_MOST
    if criterion.parameter.code in ("_id", "identifier"):
        return 0
    if criterion.parameter.code in HALF_OF_ALL:
        return _RANGE + 1
    return _RANKS.get(criterion.parameter.type, _RANGE)


# order


def _order(query: Query, kept: Mapping[str, Kept], issues: list[Issue]) -> Order:
    keys: list[SortKey] = []
    for rule in query.sort:
        code = rule.parameter.code
        if code == "_id":
            return Order(tuple(keys), rule.descending)
        if code == "_lastUpdated":
            keys.append(SortKey(code, (last_updated.FIELD,), rule.descending, always=True))
            continue
        try:
            keys.append(sort_key(code, kept, descending=rule.descending))
        except InvalidSearch as error:
            issues += error.issues
    # The id goes along with the last key, so that one index on both can be walked, either way.
    return Order(tuple(keys), keys[-1].descending if keys else False)


def _cheapest_order(
    conditions: tuple[Condition, ...], span: str | None, single: frozenset[str]
) -> Order:
    """The order that costs least where the client asked for none: it has only to be the same on every page.

    By id, which an index gives beside an equality. Where ranges alone narrow the result, by what they range over: else
    each page would sort all that lies within.
    """
    if span is not None:
        return Order((SortKey(f"{span}.start", (f"{span}.start",), always=True),))
    if any(_equalities(conditions)):
        return Order()
    for condition in conditions:
        field = bounded(condition)
        if field is not None and is_single(single, field):
            return Order((SortKey(field, (field,), always=True),))
    return Order()


def _equalities(conditions: Iterable[Condition]) -> list[Condition]:
    return [condition for condition in conditions if _is_equality(condition)]


def _is_equality(condition: Condition) -> bool:
    if isinstance(condition, Element):
        return _is_equality(condition.condition)
    if isinstance(condition, All):
        return any(_is_equality(part) for part in condition.conditions)
    return isinstance(condition, Among | Never)
