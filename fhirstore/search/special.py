"""Special parameters. R4 defines one whose meaning is a definition's own: `near` of Location (spec page location, near).

`near=latitude|longitude|distance|units`: the places within a distance, of 10 km where none is given. Stored is a
GeoJSON point.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from fhirstore import ucum
from fhirstore.errors import InvalidSearch
from fhirstore.search.conditions import Condition, Near, either
from fhirstore.search.escapes import split, unescape
from fhirstore.search.parameter_type import Asking, Facet, ParameterType, Target, Writer, Writing

_DEFAULT_DISTANCE, _DEFAULT_UNIT = Decimal(10), "km"
# Half of the way around the earth: all there is.
_FARTHEST = Decimal(20_037_500)
_WORDS = {"mi": "[mi_i]", "miles": "[mi_i]", "ft": "[ft_i]", "[mi_us]": "[mi_us]"}


def _write(element: Any, values: list[Any]) -> None:
    if type(element) is not dict:
        return
    longitude: Any = element.get("longitude")
    latitude: Any = element.get("latitude")
    if not (_is_number(longitude) and _is_number(latitude)):
        return
    # Before they are floats, which have no place for large integers.
    if abs(longitude) <= 180 and abs(latitude) <= 90:
        point = [float(longitude), float(latitude)]
        values.append({"type": "Point", "coordinates": point})


def _is_number(value: Any) -> bool:
    return isinstance(value, Decimal) or type(value) is int


def _writer(fhir_type: str, writing: Writing) -> Writer | None:
    return _write if fhir_type == "Location.position" else None


def _ask(target: Target, modifier: str | None, values: Sequence[str], asking: Asking) -> Condition:
    made = tuple(_one(target, value) for value in values)
    return either(made)


def _one(target: Target, value: str) -> Condition:
    parts = [unescape(part) for part in split(value, "|")]
    if not 2 <= len(parts) <= 4:
        raise InvalidSearch(
            f"near is latitude|longitude|distance|units, not {value[:80]!r}", code="value"
        )
    latitude = _number(parts[0], 90, "a latitude")
    longitude = _number(parts[1], 180, "a longitude")
    distance = _DEFAULT_DISTANCE
    if len(parts) > 2 and parts[2]:
        distance = _number(parts[2], 1_000_000_000, "a distance")
    code = parts[3] if len(parts) > 3 and parts[3] else _DEFAULT_UNIT
    unit = ucum.unit(_WORDS.get(code, code))
    if unit is None or unit.base != "m":
        raise InvalidSearch(f"{code[:40]!r} is no unit of length", code="value")
    if distance < 0:
        raise InvalidSearch("a distance is not negative", code="value")
    metres = min(unit.convert(distance), _FARTHEST)
    return Near(target.field, float(longitude), float(latitude), float(metres))


def _number(text: str, most: int, what: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise InvalidSearch(f"{text[:40]!r} is not {what}", code="value") from None
    if not number.is_finite() or abs(number) > most:
        raise InvalidSearch(f"{text[:40]!r} is not {what}", code="value")
    return number


TYPE = ParameterType(
    "special", (Facet("", _writer, lambda fhir_type: True),), _ask, indexed=(), sort_path=None
)
