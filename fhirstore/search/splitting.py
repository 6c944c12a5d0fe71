"""Takes a question apart where a weak planner would read the whole collection for it.

MongoDB answers an `$or` from the indexes of its parts, and two bounds on one element of an array from one range of an
index. SecantusDB's Python server scans for both, even beside an indexed equality (measured: 20 to 40 microseconds a
document). There the alternatives are asked one after the other, and the values within the bounds are looked up first
and then asked for as equalities.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from fhirstore.search.conditions import All, Condition, Either, Element, Within, either
from fhirstore.search.filter import conjunctions, is_single, to_filter

# More questions than this cost more than one scan.
_MOST = 8


def alternatives(
    conditions: Iterable[Condition], single: frozenset[str]
) -> list[tuple[Condition, ...]]:
    """Conjunctions of which a document meets at least one if it meets all of `conditions`; those alone, where nothing is
    gained.

    A document may meet several of them.
    """
    ways = [_ways(condition, single) for condition in conditions]
    count = 1
    for some in ways:
        count *= len(some)
    if count > _MOST:
        return [tuple(map(either, ways))]
    return [tuple(chosen) for chosen in product(*ways)]


def _ways(condition: Condition, single: frozenset[str]) -> list[Condition]:
    """The alternatives of one condition. Equalities of one field are none: they are one `$in`."""
    if isinstance(condition, All):
        return [All(chosen) for chosen in alternatives(condition.conditions, single)]
    if "$or" not in to_filter(condition, single):
        return [condition]
    if isinstance(condition, Either):
        return [way for part in condition.conditions for way in _ways(part, single)]
    if isinstance(condition, Element):
        return [Element(condition.field, All(parts)) for parts in conjunctions(condition.condition)]
    return [condition]


def to_look_up(condition: Condition, single: frozenset[str]) -> Within | None:
    """`condition`, if it sets two bounds on one element of an array of values."""
    if not isinstance(condition, Within) or is_single(single, condition.field):
        return None
    low = (condition.at_least, condition.more_than) != (None, None)
    high = (condition.less_than, condition.at_most) != (None, None)
    return condition if low and high else None
