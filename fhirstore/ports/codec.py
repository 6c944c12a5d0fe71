"""Python values to BSON and back: decimals, integers of any size, dates; and what BSON cannot say.

Decimals are written as Decimal128 and read as `decimal.Decimal`, dates are read as aware datetimes in UTC. So a
document that is read and written again is the same document.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from decimal import (
    Clamped,
    Context,
    Decimal,
    DecimalException,
    InvalidOperation,
    Overflow,
    Underflow,
)
from typing import Any

from bson import Decimal128
from bson.codec_options import CodecOptions, TypeRegistry

from fhirstore.errors import Unprocessable

INT64 = range(-(2**63), 2**63)

# IEEE 754 decimal128: 34 digits. Rounding is expected (`json` keeps every digit), leaving the range is not.
_ROUNDING = Context(
    prec=34, Emin=-6143, Emax=6144, clamp=1, traps=[InvalidOperation, Overflow, Underflow]
)


def decimal128(value: Decimal | int) -> Decimal128:
    """`value` rounded to the 34 digits of Decimal128. Raises Unprocessable beyond its range (about 10 to the ±6144)."""
    try:
        return Decimal128(_ROUNDING.create_decimal(value))
    except (DecimalException, Clamped):
        # By way of a decimal: Python refuses to spell an integer of some thousand digits.
        shown = str(Decimal(value))[:40]
        raise Unprocessable(
            f"the number {shown} is outside the range that can be stored", code="value"
        ) from None


def _encodable(value: Any) -> Any:
    return decimal128(value) if isinstance(value, Decimal) else value


# The encoder is a fallback and not a codec by type, since it has to serve the subclasses of Decimal as well. A decoder by
# type would
# make the driver take each answer apart twice: a page of 50 took a fifth longer.
OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, type_registry=TypeRegistry((), _encodable)
)


def with_decimals(document: dict[str, Any]) -> dict[str, Any]:
    """A decoded document, with each Decimal128 in it made a `Decimal`, in place. Costs nothing for what a read asks for."""
    for name, value in document.items():
        kind = type(value)
        if kind is dict:
            with_decimals(value)
        elif kind is list:
            _in_list(value)
        elif kind is Decimal128:
            document[name] = value.to_decimal()
    return document


def _in_list(values: list[Any]) -> None:
    for position, value in enumerate(values):
        kind = type(value)
        if kind is dict:
            with_decimals(value)
        elif kind is list:
            _in_list(value)
        elif kind is Decimal128:
            values[position] = value.to_decimal()


def widened(value: Any) -> Any:
    """`value` with each integer that BSON's 64 bits cannot hold as Decimal128.

    Too slow a walk for every document; a port takes it when an encoder has refused one.
    """
    if isinstance(value, Mapping):
        return {name: widened(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [widened(inner) for inner in value]
    if isinstance(value, int) and value not in INT64:
        return decimal128(value)
    return value
