"""The primitive types of FHIR: what text is one, and what span of time a date says.

The formats are those of the spec page datatypes (its regular expressions), together with what no regular expression
says: that a day is one of the calendar, and an integer one of 32 bits.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from fhirstore.short_texts import for_short_texts

# What stands for "no beginning" and "no end": the first and the last instant that both Python and BSON can say.
FAR_PAST = datetime(1, 1, 1, tzinfo=UTC)
FAR_FUTURE = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)

_DATE = r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01])"
_ZONE = r"(Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))"
_CLOCK = r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?"
_is_date = re.compile(_DATE + r")?)?", re.ASCII).fullmatch
_is_date_time = re.compile(rf"{_DATE}(?:T{_CLOCK}{_ZONE})?)?)?", re.ASCII).fullmatch
_is_instant = re.compile(
    rf"(\d{{4}})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T{_CLOCK}{_ZONE}", re.ASCII
).fullmatch
_is_time = re.compile(_CLOCK, re.ASCII).fullmatch
# A search may leave out the seconds (spec page search, date).
_is_span = re.compile(
    rf"{_DATE}(?:T([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d|60)(?:\.(\d+))?)?{_ZONE}?)?)?)?", re.ASCII
).fullmatch

_is_id = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII).fullmatch
# What is below the space are tabs, ends of lines and other controls: "no whitespace other than single spaces".
_is_code = re.compile(r"[^\x00-\x20]+(?: [^\x00-\x20]+)*").fullmatch
_is_uri = re.compile(r"[^\x00-\x20]+").fullmatch
_is_integer = re.compile(r"0|[-+]?[1-9]\d{0,18}", re.ASCII).fullmatch
_is_oid = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+", re.ASCII).fullmatch
_is_uuid = re.compile(
    r"urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII
).fullmatch
_has_control = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]").search
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

# One MB, the limit for a string (spec page datatypes).
_LONGEST_STRING = 1024 * 1024

# Says whether a JSON value is one of the type.
Check = Callable[[Any], object]


def _is_integer64(text: str) -> bool:
    """R5's, a text in JSON: JavaScript's numbers have only 53 bits (R5 page json)."""
    return _is_integer(text) is not None and -(2**63) <= int(text) < 2**63


def _integers(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _texts(fits: Callable[[str], object]) -> Check:
    return lambda value: type(value) is str and fits(value)


def _in_calendar(matches: Callable[[str], re.Match[str] | None]) -> Callable[[str], object]:
    def fits(text: str) -> object:
        match = matches(text)
        if match is None or text[:4] == "0000":
            return False
        day = match[3]
        return day is None or day < "29" or int(day) <= monthrange(int(text[:4]), int(match[2]))[1]

    return for_short_texts(50_000)(fits)


def _is_string(text: str) -> object:
    return text and not text.isspace() and len(text) <= _LONGEST_STRING and not _has_control(text)


def _is_base64(text: str) -> object:
    if not text.isascii():
        return False
    content = "".join(text.split()).encode()
    digits = content.rstrip(b"=")
    if len(content) % 4 or len(content) - len(digits) > 2:
        return False
    return digits and not digits.translate(None, _BASE64)


def _is_xhtml(text: str) -> object:
    """A div that is well-formed by itself: no entities but those of XML (spec page narrative), no declarations.

    In the namespace of XHTML or in none, as many write it. Which elements it has is not looked at.
    """
    parser = ParserCreate()

    def begins(name: str, _: object) -> None:
        parser.StartElementHandler = None
        if name != "div":
            raise ValueError(name)

    def is_refused(*_: object) -> None:
        raise ValueError("a declaration")

    parser.StartElementHandler = begins
    # Without a document type there are no entities to expand, and nothing outside to fetch.
    parser.StartDoctypeDeclHandler = parser.XmlDeclHandler = is_refused
    try:
        parser.Parse(text, True)
    except (ExpatError, ValueError):
        return False
    return True


_uri = _texts(_is_uri)

CHECKS: dict[str, Check] = {
    "base64Binary": _texts(_is_base64),
    "boolean": lambda value: value is True or value is False,
    "canonical": _uri,
    "code": _texts(for_short_texts(10_000)(_is_code)),
    "date": _texts(_in_calendar(_is_date)),
    "dateTime": _texts(_in_calendar(_is_date_time)),
    "decimal": lambda value: type(value) is int or isinstance(value, Decimal),
    "id": _texts(_is_id),
    "instant": _texts(_in_calendar(_is_instant)),
    "integer": _integers(-(2**31), 2**31 - 1),
    "integer64": _texts(_is_integer64),
    "markdown": _texts(_is_string),
    "oid": _texts(_is_oid),
    "positiveInt": _integers(1, 2**31 - 1),
    "string": _texts(_is_string),
    "time": _texts(_is_time),
    "unsignedInt": _integers(0, 2**31 - 1),
    "uri": _uri,
    "url": _uri,
    "uuid": _texts(_is_uuid),
    "xhtml": _texts(_is_xhtml),
}


def instant_text(instant: datetime) -> str:
    """A FHIR instant in UTC with milliseconds: `2026-01-31T08:00:00.123Z`."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


@for_short_texts(100_000)
def date_range(text: str) -> tuple[datetime, datetime]:
    """The span that a date says, from its start up to but not including its end: UTC, to the millisecond.

    As long as its precision: a year, month, day, minute, second, or a fraction of one (a millisecond at least, for
    MongoDB keeps no less). Without a zone it is in UTC. Raises ValueError for what is no date.
    """
    match = _is_span(text)
    if match is None:
        raise ValueError("dates are YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss[.s]][zone]")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    # A leap second is the first of the next minute: no clock here knows the 61st.
    start = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
    if month is None:
        return start, _or_far(lambda: start.replace(year=start.year + 1))
    if day is None:
        return start, _or_far(lambda: (start + timedelta(days=31)).replace(day=1))
    if hour is None:
        return start, _or_far(lambda: start + timedelta(days=1))
    precision = _precision(second, fraction)
    clock = timedelta(
        hours=int(hour),
        minutes=int(minute),
        seconds=int(second or 0),
        milliseconds=int(((fraction or "") + "000")[:3]),
    )
    offset = _offset(zone)
    try:
        start = start + clock - offset
    except OverflowError:
        start = FAR_PAST if year == "0001" else FAR_FUTURE
    return start, _or_far(lambda: start + precision)


def _or_far(end: Callable[[], datetime]) -> datetime:
    try:
        return min(end(), FAR_FUTURE)
    except (OverflowError, ValueError):
        return FAR_FUTURE


def _precision(second: str | None, fraction: str | None) -> timedelta:
    if second is None:
        return timedelta(minutes=1)
    if fraction is None:
        return timedelta(seconds=1)
    return timedelta(milliseconds=10 ** max(0, 3 - len(fraction)))


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta()
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return -offset if zone[0] == "-" else offset
