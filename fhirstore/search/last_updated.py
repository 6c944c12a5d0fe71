"""`_lastUpdated`: one instant to the millisecond on every document, at its top and not under `search`.

The prefixes are those of a date parameter (spec page search, Prefixes), where the value of the resource is a period of
one millisecond: then no comparison needs both ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from fhirstore.errors import InvalidSearch
from fhirstore.primitives import date_range
from fhirstore.search.conditions import Condition, Either, Never, Within, either
from fhirstore.search.date import FILTERED, LEAST, shifted
from fhirstore.search.number import PREFIX

FIELD = "last_updated"


def ask(values: Sequence[str], now: datetime) -> Condition:
    """The condition that one of `values` is met. Raises InvalidSearch for what is no date."""
    conditions = tuple(_one(value, now) for value in values)
    return either(conditions)


def _one(value: str, now: datetime, prefixes: re.Pattern[str] = PREFIX) -> Condition:
    match = prefixes.fullmatch(value)
    assert match is not None
    prefix = match[1] or "eq"
    try:
        start, end = date_range(match[2].replace(" ", "+"))
    except ValueError as error:
        raise InvalidSearch(f"{value[:80]!r} is no date: {error}", code="value") from None
    if prefix == "co" and end - start > LEAST:
        return Never()
    if prefix == "ne":
        return Either((Within(FIELD, less_than=start), Within(FIELD, at_least=end)))
    if prefix in ("eq", "co"):
        return Within(FIELD, at_least=start, less_than=end)
    if prefix == "ap":
        margin = abs(now - start) / 10
        return Within(FIELD, at_least=shifted(start, -margin), less_than=shifted(end, margin))
    if prefix in ("gt", "sa"):
        return Within(FIELD, at_least=end)
    if prefix == "ge":
        return Within(FIELD, at_least=start)
    return Within(FIELD, less_than=end if prefix == "le" else start)


def compare(operator: str, value: str, now: datetime) -> Condition:
    """The same for an operator of `_filter`. An instant contains no longer period, and overlaps what it lies in."""
    return _one(f"{'eq' if operator == 'po' else operator}{value}", now, FILTERED)
