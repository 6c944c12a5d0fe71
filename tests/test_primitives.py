"""Primitive types: which JSON values are of a type and which are not; and the span of time that a date says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirstore.definitions import definitions
from fhirstore.primitives import CHECKS, FAR_FUTURE, FAR_PAST, date_range

DAYS_GOOD = ["2020", "2020-02", "2020-02-29", "2000-02-29", "0001-01-01", "9999-12-31"]
DAYS_BAD = [
    "", "0000", "0000-01-01", "20", "202", "20200", "2020-2", "2020-00", "2020-13", "2020-01-00", "2020-01-32", "2021-02-29",
    "1900-02-29", "2020-04-31", "2020-1-01", "2020/01/01", "20200101", " 2020", "2020 ", "2020\n", "-2020", "२०२०", "2020-01-1",
]  # fmt: skip
CLOCKS_GOOD = [
    "T00:00:00Z",
    "T23:59:60Z",
    "T12:00:00.123456789+14:00",
    "T12:00:00-00:00",
    "T12:00:00.0+05:30",
]
CLOCKS_BAD = [
    "T", "T12", "T12:00", "T12:00Z", "T12:00:00", "T24:00:00Z", "T12:60:00Z", "T12:00:61Z", "T12:00:00.Z", "T12:00:00,5Z",
    "T12:00:00+14:01", "T12:00:00+15:00", "T12:00:00+0100", "T12:00:00+1:00", "T12:00:00z", "t12:00:00Z", " 12:00:00Z",
]  # fmt: skip
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'
NO_TEXT: list[Any] = [None, True, 1, Decimal("1.0"), 1.5, [], {}, b"x", ["x"]]

# Type, values that are of it, values that are not.
VALUES: list[tuple[str, list[Any], list[Any]]] = [
    ("boolean", [True, False], [None, 0, 1, "true", [], {}]),
    ("integer", [0, -1, 2**31 - 1, -(2**31)], [2**31, -(2**31) - 1, True, 1.0, Decimal(1), "1", None, []]),
    ("unsignedInt", [0, 2**31 - 1], [-1, 2**31, False, Decimal(0), "0", None]),
    ("positiveInt", [1, 2**31 - 1], [0, -1, 2**31, True, Decimal(1), "1", None]),
    (
        "integer64",
        ["0", "-1", "+1", "9223372036854775807", "-9223372036854775808"],
        ["", "-0", "01", "1.0", "a", "9223372036854775808", "-9223372036854775809", *NO_TEXT],
    ),
    ("decimal", [0, -1, 10**40, Decimal("1.50"), Decimal("1E+5")], [True, 1.5, "1.5", None, [], {}]),
    ("string", ["a", " a ", "\n\ta", "é 🙂", "\u00a0a"], ["", " ", "\n", "\u2003", "a\x00", "a\x0b", "\x1f", *NO_TEXT]),
    ("markdown", ["# a\n\nb\r\n"], ["", " \n", "\x00", *NO_TEXT]),
    ("id", ["a", "A.b-9", "x" * 64], ["", "x" * 65, "a_b", "a b", "a/b", "é", "a\n", "٣", *NO_TEXT]),
    ("code", ["a", "a b", "é", "a-b/c|d"], ["", " a", "a ", "a  b", "a\n", " ", "a\tb", "a\nb", "a\x00b", "a\x1f", *NO_TEXT]),
    ("uri", ["http://x", "urn:oid:1", "a", "é"], ["", " ", "http://x y", "a\n", "\ta", "a\x00", "\x1fa", *NO_TEXT]),
    ("url", ["ftp://x"], ["", "a b", "a\x00", *NO_TEXT]),
    ("canonical", ["http://x|1", "#a"], ["", "a b", "a\x00", *NO_TEXT]),
    ("oid", ["urn:oid:1.2.840", "urn:oid:2.0"], ["1.2", "urn:oid:3.1", "urn:oid:1", "urn:oid:1.02", "urn:oid:1.2.", *NO_TEXT]),
    (
        "uuid",
        ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"],
        ["c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:c757873d", "urn:uuid:c757873dec9a4326a141556f43239520", *NO_TEXT],
    ),
    (
        "base64Binary",
        ["AAAA", "AA==", "AAA=", "a+/9", "AAAA\nAAAA", " AA == "],
        ["", " ", "A", "AA", "AAA", "A===", "====", "=AAA", "AA=A", "AA==AAAA", "AA-_", "é===", *NO_TEXT],
    ),
    (
        "xhtml",
        [
            "<div>x</div>", " <div/> \n", f"{DIV}x</div>", f"{DIV}x</div >", f"<!-- x -->{DIV}<br/>&amp;&#160;&#xa0;é</div>",
            "<div><!-- <p> --><p class='a'>x</p></div>",
        ],
        [
            "", "x", "<p>x</p>", "<div>", "x<div>x</div>", "<divx/>", "<div></p></div>", "<div><br></div>", "<div/><div/>",
            "<div>&nbsp;</div>", "<div>a & b</div>", "<div a=b/>", "<div>\x00</div>", "<?xml version='1.0'?><div/>",
            "<!DOCTYPE div [<!ENTITY a 'b'>]><div>&a;</div>", "<!DOCTYPE div SYSTEM 'file:///etc/passwd'><div/>",
            "<div>\ud800</div>", *NO_TEXT,
        ],
    ),
    ("date", DAYS_GOOD, [*DAYS_BAD, *(f"2020-01-01{clock}" for clock in CLOCKS_GOOD), *NO_TEXT]),
    (
        "dateTime",
        [*DAYS_GOOD, *(f"2020-02-29{clock}" for clock in CLOCKS_GOOD)],
        [*DAYS_BAD, *(f"2020-02-29{clock}" for clock in CLOCKS_BAD), "2021-02-29T00:00:00Z", "2020T00:00:00Z", *NO_TEXT],
    ),
    (
        "instant",
        [f"2020-02-29{clock}" for clock in CLOCKS_GOOD],
        [*DAYS_GOOD, *(f"2020-02-29{clock}" for clock in CLOCKS_BAD), "2021-02-29T00:00:00Z", "0000-01-01T00:00:00Z", *NO_TEXT],
    ),
    ("time", ["00:00:00", "23:59:60", "12:00:00.5"], ["", "12", "12:00", "24:00:00", "12:00:00Z", "1:00:00", *NO_TEXT]),
]  # fmt: skip


def test_each_primitive_type_is_in_the_table() -> None:
    releases = (definitions("4.0"), definitions("5.0"))
    types = [type for release in releases for type in release.types.values()]
    primitives = {type.path for type in types if type.kind == "primitive"}
    assert primitives == set(CHECKS) == {type for type, _, _ in VALUES}


@pytest.mark.parametrize(("type", "value"), [(t, value) for t, good, _ in VALUES for value in good])
def test_what_is_of_a_type(type: str, value: Any) -> None:
    assert CHECKS[type](value)


@pytest.mark.parametrize(("type", "value"), [(t, value) for t, _, bad in VALUES for value in bad])
def test_what_is_not_of_a_type(type: str, value: Any) -> None:
    assert not CHECKS[type](value)


@pytest.mark.parametrize("type", ["string", "markdown"])
def test_text_has_an_end(type: str) -> None:
    assert CHECKS[type]("x" * 2**20)
    assert not CHECKS[type]("x" * (2**20 + 1))


# Dates as spans of time


def at(year: int, month: int = 1, day: int = 1, *time: int) -> datetime:
    return datetime(year, month, day, *time, tzinfo=UTC)


MS = timedelta(milliseconds=1)
SPANS: list[tuple[str, datetime, datetime]] = [
    ("2020", at(2020), at(2021)),
    ("2020-12", at(2020, 12), at(2021)),
    ("2020-02", at(2020, 2), at(2020, 3)),
    ("2020-02-29", at(2020, 2, 29), at(2020, 3)),
    ("2020-01-31", at(2020, 1, 31), at(2020, 2)),
    ("2020-01-01T10:30", at(2020, 1, 1, 10, 30), at(2020, 1, 1, 10, 31)),
    ("2020-01-01T10:30Z", at(2020, 1, 1, 10, 30), at(2020, 1, 1, 10, 31)),
    ("2020-01-01T10:30:05", at(2020, 1, 1, 10, 30, 5), at(2020, 1, 1, 10, 30, 6)),
    ("2020-01-01T10:30:05Z", at(2020, 1, 1, 10, 30, 5), at(2020, 1, 1, 10, 30, 6)),
    ("2020-01-01T00:30:00+01:00", at(2019, 12, 31, 23, 30), at(2019, 12, 31, 23, 30, 1)),
    ("2020-01-01T00:30:00-05:30", at(2020, 1, 1, 6), at(2020, 1, 1, 6, 0, 1)),
    ("2020-01-01T00:00:00.1Z", at(2020) + 100 * MS, at(2020) + 200 * MS),
    ("2020-01-01T00:00:00.12Z", at(2020) + 120 * MS, at(2020) + 130 * MS),
    ("2020-01-01T00:00:00.123Z", at(2020) + 123 * MS, at(2020) + 124 * MS),
    # MongoDB keeps no less than a millisecond
    ("2020-01-01T00:00:00.123999999Z", at(2020) + 123 * MS, at(2020) + 124 * MS),
    # a leap second is the first of the next minute
    ("2016-12-31T23:59:60Z", at(2017), at(2017, 1, 1, 0, 0, 1)),
    # at either end of time
    ("0001", FAR_PAST, at(2)),
    ("0001-01-01T00:00:00+14:00", FAR_PAST, FAR_PAST + timedelta(seconds=1)),
    ("9999", at(9999), FAR_FUTURE),
    ("9999-12", at(9999, 12), FAR_FUTURE),
    ("9999-12-31", at(9999, 12, 31), FAR_FUTURE),
    ("9999-12-31T23:59:59.999Z", FAR_FUTURE, FAR_FUTURE),
    ("9999-12-31T23:59:60Z", FAR_FUTURE, FAR_FUTURE),
    ("9999-12-31T23:59:59-14:00", FAR_FUTURE, FAR_FUTURE),
]  # fmt: skip


@pytest.mark.parametrize(("text", "start", "end"), SPANS)
def test_the_span_of_a_date(text: str, start: datetime, end: datetime) -> None:
    assert date_range(text) == (start, end)


@pytest.mark.parametrize(
    "text", [*DAYS_BAD, "2021-02-29T00:00:00Z", "2020-01-01T10", "2020-01-01T24:00", "today", "2020-01-01T10:30:00+15:00"]
)  # fmt: skip
def test_what_is_no_date_has_no_span(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        date_range(text)


instants = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 30))
zones = st.sampled_from(["Z", "+00:00", "-14:00", "+14:00", "+05:45"])


@given(instants, zones)
def test_a_longer_date_lies_in_a_shorter_one(instant: datetime, zone: str) -> None:
    texts = [
        f"{instant.isoformat(timespec='microseconds')[:n]}{zone}" for n in (16, 19, 21, 22, 23, 26)
    ]
    spans = [date_range(text) for text in texts]
    for (start, end), (inner_start, inner_end) in pairwise(spans):
        assert start <= inner_start < inner_end <= end


@given(instants)
def test_days_months_and_years_follow_on_each_other(instant: datetime) -> None:
    text = instant.isoformat()
    for length in (4, 7, 10):
        start, end = date_range(text[:length])
        assert start <= instant.replace(tzinfo=UTC) < end
        assert date_range(end.isoformat()[:length])[0] == end


@given(instants, zones)
def test_a_zone_shifts_and_does_nothing_else(instant: datetime, zone: str) -> None:
    text = instant.isoformat(timespec="milliseconds")
    start, end = date_range(text + zone)
    if zone == "Z":
        assert (start, end) == date_range(text)
    assert start == datetime.fromisoformat(text + zone)
    assert end - start == MS


signs = st.text("0123456789-T:.Z+", max_size=30)
shapes = st.from_regex(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?)?)?", fullmatch=True)  # fmt: skip


@settings(max_examples=500)
@given(signs | shapes | st.text())
def test_any_text_has_a_span_that_can_be_stored_or_none(text: str) -> None:
    try:
        start, end = date_range(text)
    except ValueError:
        assert not CHECKS["dateTime"](text)
        return
    assert FAR_PAST <= start <= end <= FAR_FUTURE
    assert start.tzinfo is end.tzinfo is UTC
    assert start.microsecond % 1000 == end.microsecond % 1000 == 0
