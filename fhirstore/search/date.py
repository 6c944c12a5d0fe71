"""Date parameters: periods of time, on both sides (spec page search, date and Prefixes).

Every date is a period, as long as its precision says; stored as `start` and `end`, from the one up to but not including
the other; one of more than a day says that it is `long` (`overlap`). An instant is one moment however it is written:
the least that the store tells apart. A Timing counts from its first to its last moment. What has no start or no end
reaches as far as dates do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from fhirstore.errors import InvalidSearch
from fhirstore.primitives import FAR_FUTURE, FAR_PAST, date_range
from fhirstore.search.conditions import All, Condition, Either, Element, Within, either
from fhirstore.search.escapes import unescape
from fhirstore.search.number import PREFIX, PREFIXES
from fhirstore.search.overlap import LONG
from fhirstore.search.parameter_type import Asking, Facet, ParameterType, Target, Writer, Writing

_OPERATORS = (*PREFIXES, "co", "po")
FILTERED = re.compile(rf"({'|'.join(_OPERATORS)})(.*)", re.DOTALL)
_POINTS = frozenset({"date", "dateTime"})
LEAST = timedelta(milliseconds=1)

Span = tuple[datetime, datetime]


def _span(text: Any) -> Span | None:
    if type(text) is not str:
        return None
    try:
        return date_range(text)
    except ValueError:
        return None


def _moment(text: Any) -> Span | None:
    span = _span(text)
    return None if span is None else (span[0], min(span[1], shifted(span[0], LEAST)))


def _period(element: Any) -> Span | None:
    if type(element) is not dict:
        return None
    start, end = _span(element.get("start")), _span(element.get("end"))
    if start is None and end is None:
        return None
    return (start[0] if start else FAR_PAST, end[1] if end else FAR_FUTURE)


def _timing(element: Any) -> Span | None:
    if type(element) is not dict:
        return None
    events = element.get("event")
    repeat = element.get("repeat")
    spans = [_span(event) for event in (events if type(events) is list else ())]
    spans.append(_period(repeat.get("boundsPeriod")) if type(repeat) is dict else None)
    known = [span for span in spans if span is not None]
    if not known:
        return None
    return min(start for start, _ in known), max(end for _, end in known)


def _writes(read: Callable[[Any], Span | None]) -> Writer:
    def write(element: Any, values: list[Any]) -> None:
        span = read(element)
        if span is None:
            return
        start, end = span
        value: dict[str, Any] = {"start": start, "end": end}
        if end - start > LONG:
            value["long"] = True
        values.append(value)

    return write


_WRITERS = {
    "Period": _writes(_period),
    "Timing": _writes(_timing),
    "instant": _writes(_moment),
    **dict.fromkeys(_POINTS, _writes(_span)),
}


def _writer(fhir_type: str, writing: Writing) -> Writer | None:
    return _WRITERS.get(fhir_type)


def _ask(target: Target, modifier: str | None, values: Sequence[str], asking: Asking) -> Condition:
    made = tuple(_one(target, unescape(value), asking.now) for value in values)
    return either(made)


def _one(target: Target, text: str, now: datetime, prefixes: re.Pattern[str] = PREFIX) -> Condition:
    match = prefixes.fullmatch(text)
    assert match is not None
    try:
        # A `+` that was not percent-encoded arrives as a space.
        low, high = date_range(match[2].replace(" ", "+"))
    except ValueError as error:
        raise InvalidSearch(f"{text[:80]!r} is no date: {error}", code="value") from None
    if not target.many:
        return _compared(match[1] or "eq", low, high, now, f"{target.field}.")
    return Element(target.field, _compared(match[1] or "eq", low, high, now, ""))


def _compare(target: Target, operator: str, value: str, asking: Asking) -> Condition:
    """What `_filter` asks: the prefixes, and `co` and `po`, which compare periods as well."""
    return _one(target, f"{operator}{value}", asking.now, FILTERED)


def _compared(prefix: str, low: datetime, high: datetime, now: datetime, path: str) -> Condition:
    """What a stored period meets that compares so with [low, high).

    Where either of two conditions will do, a bound that both imply stands before them: it is what an index can serve.
    """
    start, end = f"{path}start", f"{path}end"
    if prefix == "ne":
        return Either((Within(start, less_than=low), Within(end, more_than=high)))
    if prefix == "gt":
        return Within(end, more_than=high)
    if prefix == "lt":
        return Within(start, less_than=low)
    if prefix == "ge":
        either = Either((Within(start, at_least=low), Within(end, more_than=high)))
        return All((Within(end, more_than=low), either))
    if prefix == "le":
        either = Either((Within(start, less_than=low), Within(end, at_most=high)))
        return All((Within(start, less_than=high), either))
    if prefix == "co":
        return All((Within(start, at_most=low), Within(end, at_least=high)))
    if prefix == "po":
        return All((Within(start, less_than=high), Within(end, more_than=low)))
    if prefix == "sa":
        return Within(start, at_least=high)
    if prefix == "eb":
        return Within(end, at_most=low)
    if prefix == "ap":
        margin = abs(now - low) / 10
        low, high = shifted(low, -margin), shifted(high, margin)
        return All((Within(start, less_than=high), Within(end, more_than=low)))
    return All((Within(start, at_least=low, less_than=high), Within(end, at_most=high)))


def shifted(instant: datetime, by: timedelta) -> datetime:
    """An instant later or earlier, at the end of time at most."""
    try:
        return instant + by
    except OverflowError:
        return FAR_PAST if by.days < 0 else FAR_FUTURE


TYPE = ParameterType(
    "date",
    (Facet("", _writer, lambda fhir_type: True),),
    _ask,
    indexed=("start", "end"),
    sort_path="start",
    operators=_OPERATORS,
    compare=_compare,
)
