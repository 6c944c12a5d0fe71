"""Search and control parameters, from the query of an address and from a form."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from fhirstore.errors import BadRequest
from fhirstore.search.query_string import BROKEN_ESCAPE

Pairs = list[tuple[str, str]]

# Far above what a search can mean, and low enough that making the pairs costs nothing.
_MOST_PARAMETERS = 1000


def check_escapes(text: str) -> None:
    """Raise BadRequest for a `%` that two hexadecimal digits do not follow: Python would let it stand as text."""
    broken = BROKEN_ESCAPE.search(text)
    if broken:
        at = text[broken.start() : broken.start() + 3]
        raise BadRequest(f"{at!r} is not a percent-encoded byte", code="value")


def parse(encoded: bytes) -> Pairs:
    """The (name, value) pairs of `application/x-www-form-urlencoded` text, in order, empty values included.

    Raises BadRequest where it is not that, or not UTF-8.
    """
    try:
        text = encoded.decode("ascii") if encoded.isascii() else encoded.decode("utf-8")
        if "%" in text:
            check_escapes(text)
        return parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except UnicodeDecodeError:
        raise BadRequest("the parameters are not UTF-8", code="value") from None
    except ValueError:
        raise BadRequest(f"more than {_MOST_PARAMETERS} parameters", code="too-costly") from None


def encode(pairs: Sequence[tuple[str, str]]) -> str:
    """The pairs as the query of a link, `?` included; "" for none.

    What RFC 3986 allows in a query and FHIR's values are full of stays legible (`2020-01-01T00:00:00`, `a,b`,
    `Patient/1`).
    """
    return f"?{urlencode(pairs, safe=':/,', errors='surrogatepass')}" if pairs else ""


def take(pairs: Pairs, name: str) -> tuple[str | None, Pairs]:
    """The value of a control parameter that may stand once, and the other pairs. BadRequest where it stands twice.

    One without a value says nothing (spec page search, Handling Errors).
    """
    values = [value for key, value in pairs if key == name and value]
    if len(values) > 1:
        raise BadRequest(f"{name} stands {len(values)} times", expression=name)
    return next(iter(values), None), [pair for pair in pairs if pair[0] != name]


def whole_number(name: str, value: str | None) -> int | None:
    """A count that was asked for. Raises BadRequest unless it is a whole number of up to nine digits."""
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise BadRequest(f"{name} has to be a whole number, not {value[:40]!r}", expression=name)
    return int(value)


def flag(name: str, value: str | None) -> bool:
    """`true` or `false` (absent). Raises BadRequest for anything else."""
    if value not in (None, "true", "false"):
        raise BadRequest(f"{name} is true or false, not {value[:40]!r}", expression=name)
    return value == "true"
