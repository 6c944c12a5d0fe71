"""Number parameters, with the precision that the digits of the question imply (spec page search, number).

`100` asks for [99.5, 100.5), `100.00` for [99.995, 100.005). Of `1e2` the page says [95, 105): a mantissa without a
fraction counts as one with a zero behind the point. With gt, lt, ge, le, sa and eb the value is exact. A Range is
stored as `{low, high}`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Any, NamedTuple

from fhirstore.errors import InvalidSearch
from fhirstore.search.conditions import (
    All,
    Among,
    Condition,
    Either,
    Element,
    Present,
    Within,
    either,
)
from fhirstore.search.escapes import unescape
from fhirstore.search.parameter_type import Asking, Facet, ParameterType, Target, Writer, Writing

# What a stored Range says of itself, in the place of a value.
RANGE = "range"
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
PREFIX = re.compile(rf"({'|'.join(PREFIXES)})?(.*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d{1,100}(\.\d{1,100})?(?:[eE]([+-]?\d{1,4}))?", re.ASCII)
# Decimal128 reaches to about 10 to the 6144.
_MAX_EXPONENT = 6000
_WIDE = Context(prec=250)
_TENTH = Decimal("0.1")
_TYPES = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})


class Asked(NamedTuple):
    """A number as it was asked for: `prefix`, the value, and what its digits leave open to either side, or `ap`: "the
    recommended value is 10% of the stated value" (spec page search, Prefixes), in the unit in which it is stated."""

    prefix: str
    value: Decimal
    half: Decimal


def read(text: str) -> Asked:
    """The prefix and number in `text`. Raises InvalidSearch."""
    match = PREFIX.fullmatch(text)
    assert match is not None
    number = _NUMBER.fullmatch(match[2])
    if number is None:
        raise InvalidSearch(f"{text[:80]!r} is no number", code="value")
    value = Decimal(match[2])
    if abs(value.adjusted()) > _MAX_EXPONENT:
        raise InvalidSearch(f"{text[:80]!r} is outside the range of numbers", code="value")
    decimals = len(number[1]) - 1 if number[1] else 0
    last_digit = int(number[2]) - max(decimals, 1) if number[2] else -decimals
    prefix = match[1] or "eq"
    half = (
        _WIDE.multiply(abs(value), _TENTH) if prefix == "ap" else Decimal(5).scaleb(last_digit - 1)
    )
    return Asked(prefix, value, half)


def bounds(asked: Asked, field: str) -> Condition:
    """What a single stored number in `field` meets."""
    prefix, value, _ = asked
    if prefix in ("gt", "sa"):
        return Within(field, more_than=value)
    if prefix in ("lt", "eb"):
        return Within(field, less_than=value)
    if prefix == "ge":
        return Within(field, at_least=value)
    if prefix == "le":
        return Within(field, at_most=value)
    low, high = span(asked)
    if prefix == "ap":
        return Within(field, at_least=low, at_most=high)
    if prefix == "ne":
        return Either((Within(field, less_than=low), Within(field, at_least=high)))
    return Within(field, at_least=low, less_than=high)


def range_bounds(asked: Asked, low: str, high: str) -> Condition:
    """What a stored Range meets, from the field `low` to the field `high`; one that is not there is no limit.

    The comparisons are those of periods (spec page search, Prefixes), but that both ends belong to a Range: 10 to 20 is
    ge 20, and not gt 20.
    """
    prefix, value, _ = asked
    above = Either((Within(high, more_than=value), All((Present(low), Present(high, False)))))
    below = Either((Within(low, less_than=value), All((Present(high), Present(low, False)))))
    if prefix == "gt":
        return above
    if prefix == "lt":
        return below
    if prefix == "ge":
        return Either((above, Within(high, at_least=value)))
    if prefix == "le":
        return Either((below, Within(low, at_most=value)))
    if prefix == "sa":
        return Within(low, more_than=value)
    if prefix == "eb":
        return Within(high, less_than=value)
    least, most = span(asked)
    if prefix == "ap":
        reaches = Either((Within(high, at_least=least), Present(high, False)))
        begins = Either((Within(low, at_most=most), Present(low, False)))
        return Either((All((Present(low), begins, reaches)), All((Present(high), begins, reaches))))
    if prefix == "ne":
        before = Either((Within(low, less_than=least), All((Present(high), Present(low, False)))))
        beyond = Either((Within(high, at_least=most), All((Present(low), Present(high, False)))))
        return Either((before, beyond))
    return All((Within(low, at_least=least), Within(high, less_than=most)))


def span(asked: Asked) -> tuple[Decimal, Decimal]:
    """What the number covers."""
    return _WIDE.subtract(asked.value, asked.half), _WIDE.add(asked.value, asked.half)


def decimal(value: Any) -> Decimal | None:
    """A JSON number as a decimal, anything else as None."""
    if isinstance(value, Decimal):
        return value
    return Decimal(value) if type(value) is int else None


def _write(element: Any, values: list[Any]) -> None:
    if (number := decimal(element)) is not None:
        values.append(number)


def _write_range(element: Any, values: list[Any]) -> None:
    if type(element) is not dict:
        return
    ends = {
        name: number
        for name in ("low", "high")
        if type(end := element.get(name)) is dict
        and (number := decimal(end.get("value"))) is not None
    }
    if ends:
        values.append({**ends, RANGE: True})


def _writer(fhir_type: str, writing: Writing) -> Writer | None:
    if fhir_type == "Range":
        return _write_range
    return _write if fhir_type in _TYPES else None


def _ask(target: Target, modifier: str | None, values: Sequence[str], asking: Asking) -> Condition:
    made = tuple(_one(target, read(unescape(value))) for value in values)
    return either(made)


def _one(target: Target, asked: Asked) -> Condition:
    if "Range" not in target.fhir_types:
        return bounds(asked, target.field)
    if target.many:
        # Both ends of one and the same Range.
        ranges: Condition = Element(target.field, _ranges(asked, ""))
    else:
        ranges = _ranges(asked, f"{target.field}.")
    return Either((bounds(asked, target.field), ranges))


def _ranges(asked: Asked, path: str) -> Condition:
    return All((is_range(path), range_bounds(asked, f"{path}low", f"{path}high")))


def is_range(path: str) -> Condition:
    """That it is a Range and no number. The mark has an index: its ends have none, and MongoDB reads a whole collection for an
    `$or` of which one part has no index."""
    return Among(f"{path}{RANGE}", (True,))


def _compare(target: Target, operator: str, value: str, asking: Asking) -> Condition:
    """What `_filter` asks: its operators are the prefixes (spec page search_filter)."""
    return _one(target, read(f"{operator}{value}"))


TYPE = ParameterType(
    "number",
    (Facet("", _writer, lambda fhir_type: True),),
    _ask,
    operators=PREFIXES,
    compare=_compare,
)
