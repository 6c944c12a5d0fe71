"""Quantity parameters: numbers with units, compared across units of UCUM (spec page search, quantity).

A quantity is stored with its value, unit, system and code, and where the unit is one of UCUM in base units as well
(`canonical`), exactly: a search in any unit of the same dimension is one range. The system is left out where there is a
`canonical`, which implies it, and the unit where it is the code. A Range is stored with `low` and `high` in the place
of `value`. A `comparator` is not considered, and SampledData has no value that could be searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhirstore import ucum
from fhirstore.errors import InvalidSearch
from fhirstore.search.conditions import All, Among, Condition, Either, Element, either
from fhirstore.search.escapes import split, unescape
from fhirstore.search.number import (
    PREFIXES,
    RANGE,
    Asked,
    bounds,
    decimal,
    is_range,
    range_bounds,
    read,
)
from fhirstore.search.parameter_type import Asking, Facet, ParameterType, Target, Writer, Writing

_QUANTITIES = frozenset({"Quantity", "Age", "Duration", "Count", "Distance", "MoneyQuantity"})
_CURRENCIES = "urn:iso:std:iso:4217"
_UNITS = ("unit", "system", "code")


def _unit_of(quantity: dict[str, Any]) -> dict[str, Any]:
    return {name: text for name in _UNITS if type(text := quantity.get(name)) is str}


def _base_unit(units: dict[str, Any]) -> ucum.Unit | None:
    return (
        ucum.unit(units["code"]) if units.get("system") == ucum.SYSTEM and "code" in units else None
    )


def _kept(units: dict[str, Any], base: ucum.Unit | None) -> dict[str, Any]:
    """What is stored of a unit. Base units imply the system, and a name that is the code says nothing; both are in most
    observations."""
    kept = dict(units)
    if base is not None:
        del kept["system"]
    if kept.get("unit") == kept.get("code"):
        kept.pop("unit", None)
    return kept


def _quantity(element: Any, values: list[Any]) -> None:
    if type(element) is not dict or (value := decimal(element.get("value"))) is None:
        return
    units = _unit_of(element)
    base = _base_unit(units)
    stored: dict[str, Any] = {"value": value, **_kept(units, base)}
    if base is not None:
        stored["canonical"] = {"value": base.convert(value), "unit": base.base}
    values.append(stored)


def _range(element: Any, values: list[Any]) -> None:
    if type(element) is not dict:
        return
    ends = {name: end for name in ("low", "high") if type(end := element.get(name)) is dict}
    numbers = {n: v for n, end in ends.items() if (v := decimal(end.get("value"))) is not None}
    if not numbers:
        return
    units = _unit_of(ends[next(iter(numbers))])
    base = _base_unit(units)
    stored: dict[str, Any] = {**numbers, RANGE: True, **_kept(units, base)}
    if base is not None:
        stored["canonical"] = {name: base.convert(value) for name, value in numbers.items()}
        stored["canonical"]["unit"] = base.base
    values.append(stored)


def _money(element: Any, values: list[Any]) -> None:
    if type(element) is dict and (value := decimal(element.get("value"))) is not None:
        currency = element.get("currency")
        units = {"system": _CURRENCIES, "code": currency} if type(currency) is str else {}
        values.append({"value": value, **units})


_WRITERS: dict[str, Writer] = {
    "Money": _money,
    "Range": _range,
    **dict.fromkeys(_QUANTITIES, _quantity),
}


def _writer(fhir_type: str, writing: Writing) -> Writer | None:
    return _WRITERS.get(fhir_type)


def _ask(target: Target, modifier: str | None, values: Sequence[str], asking: Asking) -> Condition:
    made = tuple(_one(target, value) for value in values)
    return either(made)


def _one(target: Target, value: str) -> Condition:
    parts = [unescape(part) for part in split(value, "|")]
    if len(parts) not in (1, 3):
        raise InvalidSearch(
            f"a quantity is number, number||code or number|system|code, not {value[:80]!r}",
            code="value",
        )
    system, code = (parts[1], parts[2]) if len(parts) == 3 else ("", "")
    if system and not code:
        raise InvalidSearch(f"{value[:80]!r} names a system of units and no unit", code="value")
    asked = read(parts[0])
    if not target.many:
        return _compared(target, asked, system, code, f"{target.field}.")
    return Element(target.field, _compared(target, asked, system, code, ""))


def _compare(target: Target, operator: str, value: str, asking: Asking) -> Condition:
    """What `_filter` asks: its operators are the prefixes (spec page search_filter)."""
    return _one(target, f"{operator}{value}")


def _compared(target: Target, asked: Asked, system: str, code: str, path: str) -> Condition:
    base = ucum.unit(code) if system == ucum.SYSTEM else None
    if base is not None:
        asked = _in_base(asked, base)
        units: tuple[Condition, ...] = (Among(f"{path}canonical.unit", (base.base,)),)
        return _amount(target, asked, path, f"{path}canonical.", units)
    if system:
        units = (Among(f"{path}code", (code,)), Among(f"{path}system", (system,)))
    elif code:
        units = (Either((Among(f"{path}code", (code,)), Among(f"{path}unit", (code,)))),)
    else:
        units = ()
    return _amount(target, asked, path, path, units)


def _in_base(asked: Asked, base: ucum.Unit) -> Asked:
    """What was asked, with the precision that its digits had in its own unit."""
    half = base.convert(asked.value + asked.half) - base.convert(asked.value)
    return Asked(asked.prefix, base.convert(asked.value), abs(half))


def _amount(
    target: Target, asked: Asked, path: str, within: str, units: tuple[Condition, ...]
) -> Condition:
    """The values are `within`, which is `path` itself or the canonical ones in it."""
    amount = bounds(asked, f"{within}value")
    if "Range" in target.fhir_types:
        ranges = range_bounds(asked, f"{within}low", f"{within}high")
        amount = Either((amount, All((is_range(path), ranges))))
    return All((amount, *units)) if units else amount


TYPE = ParameterType(
    "quantity",
    (Facet("", _writer, lambda fhir_type: True),),
    _ask,
    indexed=("value", "canonical.value"),
    operators=PREFIXES,
    compare=_compare,
    sort_path="value",
)
