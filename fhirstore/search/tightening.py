"""Joins what several parameters ask of one and the same field into one tight condition.

`date=ge2020&date=lt2021` sorted by date, on its second page, asks three bounds of one field. Written side by side they
need an `$and`, which weak planners answer by reading the whole collection, and which makes MongoDB scan one index range
and filter by the others. One pair of bounds is one range of one index.

Only a field with a single value may be joined: of an array, each condition may be met by another element.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from fhirstore.search.conditions import All, Among, Condition, Never, Value, Within


def tighten(conditions: Iterable[Condition], single: Container[str]) -> tuple[Condition, ...]:
    """The same as all of `conditions`, in their order, without nesting and repetition; `(Never(),)` if none can meet them.

    `single` has the fields (`search.date`, `_id`) that hold one value. Below such a field only bounds are joined that
    are no strings: `search.date.start` is one instant, while strings may lie there in an array of their own.
    """
    joined: dict[object, Condition] = {}
    for condition in _flat(conditions):
        key = _joinable(condition, single) or condition
        before = joined.get(key)
        joined[key] = condition if before is None else _join(before, condition)
    made = tuple(joined.values())
    return (Never(),) if Never() in made else made


def _flat(conditions: Iterable[Condition]) -> Iterable[Condition]:
    for condition in conditions:
        if isinstance(condition, All):
            yield from _flat(condition.conditions)
        else:
            yield condition


def _joinable(condition: Condition, single: Container[str]) -> str | None:
    """The field of a condition that may be joined with others on that field, or None."""
    if not isinstance(condition, Among | Within):
        return None
    if condition.field in single:
        return condition.field
    if isinstance(condition, Within) and ".".join(condition.field.split(".")[:2]) in single:
        bounds = (condition.at_least, condition.more_than, condition.less_than, condition.at_most)
        return None if any(isinstance(bound, str) for bound in bounds) else condition.field
    return None


def _join(one: Condition, other: Condition) -> Condition:
    if one == other or isinstance(one, Never):
        return one
    if isinstance(one, Within) and isinstance(other, Within):
        return _narrower(one, other)
    if isinstance(one, Within):
        one, other = other, one
    assert isinstance(one, Among)
    kept = tuple(value for value in one.values if lies_within(other, value))
    return Among(one.field, kept) if kept else Never()


def lies_within(condition: Condition, value: Value) -> bool:
    """Whether a value of the bounds' own kind is among those of an Among, or between the bounds of a Within."""
    if isinstance(condition, Among):
        return value in condition.values
    assert isinstance(condition, Within)
    v: Any = value
    return (
        (condition.at_least is None or v >= condition.at_least)
        and (condition.more_than is None or v > condition.more_than)
        and (condition.less_than is None or v < condition.less_than)
        and (condition.at_most is None or v <= condition.at_most)
    )


def _narrower(one: Within, other: Within) -> Condition:
    """Both bounds of both, or Never where nothing lies between them."""
    at_least = _last(one.at_least, other.at_least)
    more_than = _last(one.more_than, other.more_than)
    less_than = _first(one.less_than, other.less_than)
    at_most = _first(one.at_most, other.at_most)
    if at_least is not None and more_than is not None:
        at_least, more_than = (at_least, None) if at_least > more_than else (None, more_than)
    if at_most is not None and less_than is not None:
        at_most, less_than = (at_most, None) if at_most < less_than else (None, less_than)
    low = more_than if at_least is None else at_least
    high = less_than if at_most is None else at_most
    closed = at_least is not None and at_most is not None
    if low is not None and high is not None and not (low < high or (closed and low == high)):
        return Never()
    return Within(one.field, at_least, more_than, less_than, at_most)


def _last(one: Any, other: Any) -> Any:
    return max((bound for bound in (one, other) if bound is not None), default=None)


def _first(one: Any, other: Any) -> Any:
    return min((bound for bound in (one, other) if bound is not None), default=None)
