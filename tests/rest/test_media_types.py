"""Content negotiation (spec page http, Content Types and encodings; FHIR Version Parameter)."""

from __future__ import annotations

import time

import pytest

from fhirstore.errors import BadRequest, NotAcceptable, UnsupportedMediaType
from fhirstore.rest import media_types

VERSIONS = ("4.0", "4.0.1")
FHIR = "application/fhir+json; charset=utf-8"
TURTLE = "application/fhir+turtle; charset=utf-8"

ACCEPTED = [
    ("", FHIR),
    (" , ", FHIR),
    ("*/*", FHIR),
    ("*", FHIR),
    ("application/*", FHIR),
    ("application/fhir+json", FHIR),
    ("Application/FHIR+JSON", FHIR),
    ("application/fhir+json;charset=utf-8", FHIR),
    ("application/json", "application/json; charset=utf-8"),
    ("text/json", "text/json; charset=utf-8"),
    ("text/*", "text/json; charset=utf-8"),
    ("application/json+fhir", "application/json+fhir; charset=utf-8"),
    ("application/json, application/fhir+json", FHIR),
    ("application/json, text/plain, */*", FHIR),
    ("application/json, */*;q=0.8", "application/json; charset=utf-8"),
    ("application/fhir+json;q=0.5, application/json;q=0.9", "application/json; charset=utf-8"),
    ("application/fhir+xml, application/fhir+json;q=0.1", FHIR),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", FHIR),
    ("application/fhir+json;q=0, */*", "application/json; charset=utf-8"),
    ("text/html, image/gif, *; q=.2, */*; q=.2", FHIR),
    ("application/fhir+json; fhirVersion=4.0", f"{FHIR}; fhirVersion=4.0"),
    ('application/fhir+json; fhirVersion="4.0"', f"{FHIR}; fhirVersion=4.0"),
    ("application/fhir+json; fhirVersion=3.0, application/fhir+json;q=0.5", FHIR),
    ("application/fhir+turtle", TURTLE),
    ("text/turtle", "text/turtle; charset=utf-8"),
    ("application/fhir+turtle, application/fhir+json", FHIR),
    ("application/fhir+turtle, application/fhir+json;q=0.9", TURTLE),
    ("application/fhir+turtle, */*;q=0.1", TURTLE),
    ("application/fhir+turtle; fhirVersion=4.0", f"{TURTLE}; fhirVersion=4.0"),
]

REFUSED = [
    "application/fhir+xml",
    "application/xml, text/xml;q=0.5",
    "application/x-turtle",
    "application/fhir+turtle; fhirVersion=5.0",
    "text/html",
    "application/fhir+json;q=0",
    "*/*;q=0",
    "application/*;q=0, */*;q=0.0",
    "application/fhir+json; fhirVersion=3.0",
    "application/fhir+json; fhirVersion=5.0",
    "application/json; fhirVersion=3.0",
    "json",
]


@pytest.mark.parametrize(("accept", "answer"), ACCEPTED)
def test_accepted(accept: str, answer: str) -> None:
    assert media_types.negotiate(accept, VERSIONS) == answer.encode()


@pytest.mark.parametrize("accept", REFUSED)
def test_not_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        media_types.negotiate(accept, VERSIONS)


@pytest.mark.parametrize("quality", ["2", "-1", "x", "1.5", ""])
def test_a_quality_that_is_none(quality: str) -> None:
    with pytest.raises(BadRequest):
        media_types.negotiate(f"application/fhir+json;q={quality}", VERSIONS)


def test_a_header_of_any_make_is_read_in_time() -> None:
    started = time.perf_counter()
    for accept in ('"' * 60_000, '"\\' * 30_000, ";" * 60_000, ",;q=1" * 12_000):
        with pytest.raises((NotAcceptable, BadRequest)):
            media_types.negotiate(accept, VERSIONS)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "value",
    [
        "json",
        "application/json",
        "application/fhir+json",
        "application/fhir json",
        "text/json",
        "JSON",
    ],
)
def test_formats_that_mean_json(value: str) -> None:
    assert media_types.requested_format(value, VERSIONS) == FHIR.encode()


@pytest.mark.parametrize(
    "value",
    ["ttl", "turtle", "text/turtle", "application/fhir+turtle", "application/fhir turtle", "TTL"],
)
def test_formats_that_mean_turtle(value: str) -> None:
    assert media_types.requested_format(value, VERSIONS) == TURTLE.encode()


def test_a_format_may_name_the_version() -> None:
    answer = media_types.requested_format("application/fhir+json; fhirVersion=4.0", VERSIONS)
    assert answer == f"{FHIR}; fhirVersion=4.0".encode()
    with pytest.raises(NotAcceptable):
        media_types.requested_format("application/fhir+json; fhirVersion=3.0", VERSIONS)


@pytest.mark.parametrize(
    "value",
    [
        "xml",
        "text/xml",
        "application/xml",
        "application/fhir+xml",
        "nt",
        "application/x-turtle",
        "html",
        "yaml",
    ],
)
def test_formats_that_are_refused(value: str) -> None:
    with pytest.raises(NotAcceptable):
        media_types.requested_format(value, VERSIONS)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "application/fhir+json",
        "application/json",
        "text/json",
        "application/json+fhir",
        "application/fhir+json; charset=UTF-8",
        'application/fhir+json;charset="utf-8"',
        "application/fhir+json; fhirVersion=4.0",
    ],
)
def test_content_that_is_read(header: str | None) -> None:
    assert media_types.check_content(header, "", VERSIONS) == media_types.FHIR_JSON


@pytest.mark.parametrize(
    "header",
    ["application/fhir+turtle", "text/turtle", "Text/Turtle; charset=utf-8; fhirVersion=4.0"],
)
def test_content_that_is_read_as_turtle(header: str) -> None:
    assert media_types.check_content(header, "", VERSIONS) == media_types.FHIR_TURTLE


@pytest.mark.parametrize(
    "header",
    [
        "application/fhir+xml",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/fhir+json; charset=latin-1",
        "application/fhir+json; fhirVersion=3.0",
        "nonsense",
    ],
)
def test_content_that_is_not_read(header: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        media_types.check_content(header, "", VERSIONS)


def test_one_interaction_has_one_version() -> None:
    four, three = (f"application/fhir+json; fhirVersion={version}" for version in ("4.0", "3.0"))
    media_types.check_content(four, four, VERSIONS)
    media_types.check_content(four, four + ".1", VERSIONS)
    media_types.check_content(four, f"{three}, {four}", VERSIONS)
    with pytest.raises(BadRequest):
        media_types.check_content(three, four, VERSIONS)
    with pytest.raises(BadRequest):
        media_types.check_content(four, three, VERSIONS)


def test_a_form() -> None:
    media_types.check_form(None)
    media_types.check_form("application/x-www-form-urlencoded; charset=utf-8")
    with pytest.raises(UnsupportedMediaType):
        media_types.check_form("application/fhir+json")
