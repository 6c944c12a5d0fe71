"""Preferences, entity tags, dates, request ids."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fhirstore.errors import BadRequest, NotImplementedByStore, PreconditionFailed
from fhirstore.rest import headers
from fhirstore.rest.headers import Preferences

PREFERENCES = [
    ("", Preferences()),
    ("return=minimal", Preferences("minimal")),
    ("return=representation", Preferences("representation")),
    ("return=OperationOutcome", Preferences("OperationOutcome")),
    ("Return=operationoutcome", Preferences("OperationOutcome")),
    ('return="minimal"', Preferences("minimal")),
    ("return=maximal", Preferences()),
    ("return=minimal, return=representation", Preferences("minimal")),
    ("handling=strict", Preferences(None, "strict")),
    ("handling=lenient; return=minimal", Preferences("minimal", "lenient")),
    ("respond-async, handling=strict, return=minimal", Preferences("minimal", "strict")),
    ("handling=other", Preferences()),
]


@pytest.mark.parametrize(("text", "found"), PREFERENCES)
def test_preferences(text: str, found: Preferences) -> None:
    assert headers.preferences(text) == found


@pytest.mark.parametrize(("text", "version"), [('W/"3"', 3), ('"3"', 3), (' W/"12" ', 12)])
def test_if_match(text: str, version: int) -> None:
    assert headers.if_match(text) == version


@pytest.mark.parametrize(
    "text", ["", "3", "W/3", 'W/""', 'W/"3', '"3"x', 'w/"3"', 'W/"1", W/"2"', 'W/"a b"']
)
def test_if_match_that_is_no_tag(text: str) -> None:
    with pytest.raises(BadRequest):
        headers.if_match(text)


def test_if_match_that_names_all() -> None:
    with pytest.raises(NotImplementedByStore, match="If-Match: "):
        headers.if_match("*")


@pytest.mark.parametrize(
    "text", ['W/"abc"', '"1.0"', 'W/"99999999999"', 'W/"05"', '"0"', 'W/"0x5"', 'W/"5.0"']
)
def test_if_match_that_no_version_has(text: str) -> None:
    with pytest.raises(PreconditionFailed):
        headers.if_match(text)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ('W/"3"', True),
        ('"3"', True),
        ('W/"2", W/"3"', True),
        ("*", True),
        ("3", True),
        ('W/"33"', False),
        ("", False),
        ('W/"2"', False),
    ],
)
def test_if_none_match(text: str, matches: bool) -> None:
    assert headers.names(text, "3") is matches


NO_DATES = [
    "yesterday",
    "",
    "99999999999999999999",
    "Sun, 06 Nov 9999999 08:49:37 GMT",
    "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 +99999999999999999999",
    "Sun, 06 Nov 1994 99999999999999999999:49:37 GMT",
    f"Sun, 06 Nov {'9' * 5000} 08:49:37 GMT",
]


@pytest.mark.parametrize(
    ("text", "unchanged"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", True),
        ("Sun, 06 Nov 1994 08:49:38 GMT", True),
        ("Sun, 06 Nov 1994 08:49:36 GMT", False),
        ("Sunday, 06-Nov-94 08:49:37 GMT", True),
        ("Sun Nov  6 08:49:37 1994", True),
        *((text, None) for text in NO_DATES),
    ],
)
def test_since_a_date(text: str, unchanged: bool | None) -> None:
    instant = datetime(1994, 11, 6, 8, 49, 37, 123_000, tzinfo=UTC)
    assert headers.unchanged_since(text, instant) is bool(unchanged)
    assert headers.changed_since(text, instant) is (unchanged is False)


def test_a_date_says_itself_again() -> None:
    instant = datetime(2024, 2, 29, 23, 59, 59, 999_000, tzinfo=UTC)
    said = headers.http_date(instant).decode()
    assert said == "Thu, 29 Feb 2024 23:59:59 GMT"
    assert headers.unchanged_since(said, instant)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        (b"gzip", True),
        (b"gzip, deflate, br", True),
        (b"GZIP;q=0.5", True),
        (b"x-gzip", True),
        (b"*", True),
        (b"br", False),
        (b"identity", False),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000, *", False),
        (b"", False),
    ],
)
def test_accepts_gzip(text: bytes, accepted: bool) -> None:
    assert headers.accepts_gzip(text) is accepted


def test_the_id_of_a_client_is_kept() -> None:
    assert headers.request_ids(b"abc-1", None) == ("abc-1", [(b"x-request-id", b"abc-1")])
    _, said = headers.request_ids(b"abc-1", b"other")
    assert said == [(b"x-request-id", b"abc-1"), (b"x-correlation-id", b"other")]


@pytest.mark.parametrize("given", [None, b"", b"x" * 129, b"a b", b"\xff"])
def test_an_id_is_made(given: bytes | None) -> None:
    id, said = headers.request_ids(given, None)
    assert said[0] == (b"x-request-id", id.encode())
    assert id.encode() != given
    assert id != headers.request_ids(given, None)[0]
    assert said[1:] == ([(b"x-correlation-id", given)] if given else [])
