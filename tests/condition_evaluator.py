"""Whether a document meets a condition, said once more and naively: it shares no code with the filters that servers are asked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from fhirstore.search.conditions import (
    All,
    Among,
    Condition,
    Either,
    Element,
    Matches,
    Near,
    Never,
    Not,
    Present,
    Within,
)


def holds(condition: Condition, document: Mapping[str, Any]) -> bool:
    """Whether `document` (or an element of one) meets `condition`."""
    match condition:
        case All(conditions):
            return all(holds(part, document) for part in conditions)
        case Either(conditions):
            return any(holds(part, document) for part in conditions)
        case Not(inner):
            return not holds(inner, document)
        case Never():
            return False
        case Present(field, present):
            return bool(list(values(document, field))) == present
        case Among(field, wanted):
            return any(_same(value, one) for value in values(document, field) for one in wanted)
        case Within(field):
            return any(_lies(value, condition) for value in values(document, field))
        case Matches(field, pattern, ignore_case):
            texts = (value for value in values(document, field) if isinstance(value, str))
            flags = re.IGNORECASE if ignore_case else 0
            return any(re.search(pattern, text, flags) for text in texts)
        case Element(field, inner):
            return any(holds(inner, entry) for entry in _array(document, field))
        case Near(field, longitude, latitude, metres):
            points = (value["coordinates"] for value in values(document, field))
            return any(_distance(longitude, latitude, *point) <= metres for point in points)
    raise AssertionError(condition)


def values(value: Any, field: str) -> Iterator[Any]:
    """What lies at a dotted path, each entry of an array by itself."""
    return _at(value, field.split("."))


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for entry in value:
            yield from _at(entry, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


def _array(document: Any, field: str) -> list[Any]:
    found = document
    for name in field.split("."):
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, list) else []


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal):
        return "number"
    return "date" if isinstance(value, datetime) else type(value).__name__


def _same(one: Any, other: Any) -> bool:
    return _kind(one) == _kind(other) and bool(one == other)


def _lies(value: Any, within: Within) -> bool:
    """Only values of the bounds' own kind are compared at all."""
    bounds = [
        (within.at_least, lambda v, b: v >= b),
        (within.more_than, lambda v, b: v > b),
        (within.less_than, lambda v, b: v < b),
        (within.at_most, lambda v, b: v <= b),
    ]
    return all(
        _kind(value) == _kind(bound) and compare(value, bound)
        for bound, compare in bounds
        if bound is not None
    )


def _distance(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Metres over a sphere, by the haversine formula."""
    a, b = math.radians(lat1), math.radians(lat2)
    half = math.sin((b - a) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(half))
