"""Periods within a span: `date=ge2020&date=lt2021` asks of each that it ends after the one and starts before the other.

Each of the two is half of an index: to look for a day of 2015 is to look through all before or all after it. So the
question is cut at the moments it names into ranges of starts, in each of which it asks less: what starts within the span
has only to end in time. What starts before it has to reach into it. A period of a day at most does so only if it starts
less than a day before; the long ones, which say so (`long`), are looked for beside.

The ranges exclude each other, so that no document is read for two of them. In the order of starts each is a stretch of
an index, which MongoDB merges until the page is full; behind a page, what lies before it is not asked any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from fhirstore.primitives import FAR_FUTURE, FAR_PAST
from fhirstore.search.conditions import (
    All,
    Among,
    Condition,
    Either,
    Never,
    Ranges,
    Value,
    Within,
    bounded,
    either,
)
from fhirstore.search.filter import is_single
from fhirstore.search.tightening import tighten

# What is longer has `long` in its document. Of Synthea's observations that is none, of its encounters 4 %.
LONG = timedelta(days=1)
# Beyond so many moments, which no span of a person names, to cut costs more than it saves.
_MOST_CUTS = 24
# The least that stored dates differ by.
_LEAST = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Range:
    """Starts from `low` up to but not including `high` (None: without end), and what is asked beside; of long ones alone
    with `long`."""

    low: datetime | None
    high: datetime | None
    beside: tuple[Condition, ...]
    long: bool = False

    def conditions(self, field: str) -> Iterator[Condition]:
        if self.long:
            yield Among(f"{field}.long", (True,))
        if self.low is not None or self.high is not None:
            yield Within(f"{field}.start", at_least=self.low, less_than=self.high)
        yield from self.beside


def spanned(conditions: Sequence[Condition], single: frozenset[str]) -> str | None:
    """The field of which a span with both ends is asked, so that `narrowed` gives each part both bounds.

    None where there is nothing to gain: of spans that touch the ends of time, or of very many.
    """
    for condition in conditions:
        if isinstance(condition, Within) and condition.field.endswith(".start"):
            field = condition.field.removesuffix(".start")
            if field in single and _can_be_cut(conditions, field):
                return field if _both_ends(conditions, field) else None
    return None


def narrowed(
    conditions: Sequence[Condition], field: str, single: frozenset[str]
) -> tuple[Condition, ...]:
    """The same conditions, with those on `field` cut into ranges of starts."""
    own = [condition for condition in conditions if _is_of(condition, field)]
    ranges = _parts(own, field, single)
    if not ranges:
        return (Never(),)
    ways = [tuple(part.conditions(field)) for part in ranges]
    others = [condition for condition in conditions if condition not in own]
    if len(ways) == 1:
        return (*ways[0], *others)
    return (Ranges(tuple(map(All, ways)), f"{field}.start"), *others)


def within_bounds(conditions: Iterable[Condition], single: frozenset[str]) -> tuple[Condition, ...]:
    """The same, tight; with what is asked of a field beside alternatives on that field put into each of them, since behind
    a page what lies before it is not asked any more. `(Never(),)` for none."""
    tight = tighten(conditions, single)
    for condition in tight:
        field = _field_of(condition, single)
        beside = [c for c in tight if isinstance(c, Among | Within) and c.field == field]
        if isinstance(condition, Either) and beside:
            others = (c for c in tight if c != condition and c not in beside)
            return (*_with(condition, beside, single), *others)
    return tight


def _field_of(condition: Condition, single: frozenset[str]) -> str | None:
    """The field on which alternatives have their bounds, where it holds one value."""
    if isinstance(condition, Ranges):
        return condition.field
    field = bounded(condition)
    return field if field is not None and is_single(single, field) else None


def _with(
    alternatives: Either, beside: Sequence[Condition], single: frozenset[str]
) -> tuple[Condition, ...]:
    ways = [tighten((*beside, way), single) for way in alternatives.conditions]
    possible = [way for way in ways if Never() not in way]
    if len(possible) < 2:
        return possible[0] if possible else (Never(),)
    if isinstance(alternatives, Ranges):
        return (Ranges(tuple(map(All, possible)), alternatives.field),)
    return (Either(tuple(way[0] if len(way) == 1 else All(way) for way in possible)),)


def _parts(own: Sequence[Condition], field: str, single: frozenset[str]) -> list[_Range]:
    cuts: list[datetime | None] = [None, *sorted(set(_cuts(own, f"{field}.start"))), None]
    found: list[_Range] = []
    for low, high in pairwise(cuts):
        asked = [_at(condition, f"{field}.start", low, high) for condition in own]
        beside = tighten((condition for condition in asked if condition is not None), single)
        if Never() in beside:
            continue
        if found and found[-1].high == low and found[-1].beside == beside:
            found[-1] = replace(found[-1], high=high)
        else:
            found.append(_Range(low, high, beside))
    return [part for whole in found for part in _with_long(whole)]


def _with_long(whole: _Range) -> Iterator[_Range]:
    """A range whose periods have to reach beyond a moment: those that are too far from it to be short, by themselves."""
    after = [_first(condition) for condition in whole.beside if isinstance(condition, Within)]
    latest = max((moment for moment in after if moment), default=None)
    from_here = FAR_PAST if latest is None else latest - LONG
    if whole.low is not None and whole.low >= from_here:
        yield whole
        return
    far_end = from_here if whole.high is None else min(whole.high, from_here)
    yield replace(whole, high=far_end, long=True)
    if far_end != whole.high:
        yield replace(whole, low=far_end)


def _at(
    condition: Condition, start: str, low: datetime | None, high: datetime | None
) -> Condition | None:
    """What `condition` comes to where the start lies from `low` up to `high`, between which it is bounded nowhere; None for
    nothing at all."""
    if isinstance(condition, Either):
        left = [_at(part, start, low, high) for part in condition.conditions]
        possible = tuple(part for part in left if part is not None and part != Never())
        if None in left:
            return None
        return either(possible) if possible else Never()
    if not isinstance(condition, Within) or condition.field != start:
        return condition
    least, most = _first(condition), _beyond(condition)
    if least is not None and (low is None or low < least):
        return Never()
    if most is not None and (high is None or high > most):
        return Never()
    return None


def _cuts(own: Iterable[Condition], start: str) -> Iterator[datetime]:
    for condition in own:
        if isinstance(condition, Either):
            yield from _cuts(condition.conditions, start)
        elif isinstance(condition, Within) and condition.field == start:
            yield from (cut for cut in (_first(condition), _beyond(condition)) if cut is not None)


def _first(bounds: Within) -> datetime | None:
    """The first moment within."""
    return _moment(bounds.at_least) or _moment(bounds.more_than, _LEAST)


def _beyond(bounds: Within) -> datetime | None:
    """The first moment after."""
    return _moment(bounds.less_than) or _moment(bounds.at_most, _LEAST)


def _moment(bound: Value | None, later: timedelta = timedelta(0)) -> datetime | None:
    return bound + later if isinstance(bound, datetime) else None


def _is_of(condition: Condition, field: str) -> bool:
    """Whether it has bounds on that field and nothing else, as every prefix asks for."""
    if isinstance(condition, Either):
        return all(isinstance(p, Within) and _is_of(p, field) for p in condition.conditions)
    return isinstance(condition, Within) and condition.field in (f"{field}.start", f"{field}.end")


def _can_be_cut(conditions: Sequence[Condition], field: str) -> bool:
    own = [condition for condition in conditions if _is_of(condition, field)]
    moments = {
        bound
        for condition in own
        for within in (condition.conditions if isinstance(condition, Either) else (condition,))
        if isinstance(within, Within)
        for bound in (within.at_least, within.more_than, within.less_than, within.at_most)
        if isinstance(bound, datetime)
    }
    inside = min(moments) > FAR_PAST + LONG and max(moments) < FAR_FUTURE - LONG
    return inside and len(moments) <= _MOST_CUTS


def _both_ends(conditions: Sequence[Condition], field: str) -> bool:
    """Whether something has to start before a moment, and to end, or to start, after one."""
    bounds = [c for c in conditions if isinstance(c, Within) and _is_of(c, field)]
    before = any(c.field.endswith(".start") and _beyond(c) is not None for c in bounds)
    return before and any(_first(c) is not None for c in bounds)
