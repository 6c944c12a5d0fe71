"""Periods that overlap a span: `date=ge2020&date=lt2021` asks of each that it ends after the one and starts before the other.

Each of the two is half of an index: to look for a day of 2015 is to look through all before or all after it. But a
period of a day at most that ends after a moment starts a day before that moment at the earliest. So the short ones are
looked for between two bounds on their start, and the long ones, which say so (`long`), beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

from fhirstore.primitives import FAR_PAST
from fhirstore.search.conditions import All, Among, Condition, Either, Never, Within
from fhirstore.search.tightening import tighten

# What is longer has `long` in its document. Of Synthea's observations that is none, of its encounters 4 %.
LONG = timedelta(days=1)


def overlapping(conditions: Sequence[Condition], single: frozenset[str]) -> str | None:
    """The date field of which an overlap with a span is asked."""
    found = _pair(conditions, single)
    return None if found is None else found[0]


def narrowed(conditions: Sequence[Condition], single: frozenset[str]) -> tuple[Condition, ...]:
    """The same conditions, an overlap among them said so that an index has both bounds."""
    found = _pair(conditions, single)
    if found is None:
        return tuple(conditions)
    field, start, end = found
    after = end.more_than if end.at_least is None else end.at_least
    assert isinstance(after, datetime)
    short = (replace(start, at_least=_before(after)), end)
    long = (Among(f"{field}.long", (True,)), start, end)
    # What else is asked of the same periods is multiplied out: another alternative beside this one might be the one whose
    # index is taken, and has no bounds.
    more = [c for c in conditions if isinstance(c, Either) and _is_of(c, field)]
    ways = [
        tighten((*chosen, *others), single)
        for chosen in (short, long)
        for others in product(*(c.conditions for c in more))
    ]
    either = Either(tuple(All(way) for way in ways if Never() not in way))
    return tuple(either if c == start else c for c in conditions if c != end and c not in more)


def _is_of(either: Either, field: str) -> bool:
    """Whether it has bounds on that field, as `ge` and `le` ask for."""
    fields = (f"{field}.start", f"{field}.end")
    return all(isinstance(part, Within) and part.field in fields for part in either.conditions)


def _pair(
    conditions: Sequence[Condition], single: frozenset[str]
) -> tuple[str, Within, Within] | None:
    """A field, what its start has to be before, and what its end has to be after."""
    bounds = {c.field: c for c in conditions if isinstance(c, Within)}
    for name, start in bounds.items():
        field, _, part = name.rpartition(".")
        end = bounds.get(f"{field}.end")
        if part != "start" or end is None or field not in single:
            continue
        starts_before = _has(start.less_than, start.at_most) and not _has(
            start.at_least, start.more_than
        )
        ends_after = _has(end.at_least, end.more_than) and not _has(end.less_than, end.at_most)
        if starts_before and ends_after:
            return field, start, end
    return None


def _has(*bounds: object) -> bool:
    return any(bound is not None for bound in bounds)


def _before(moment: datetime) -> datetime:
    try:
        return moment - LONG
    except OverflowError:
        return FAR_PAST
