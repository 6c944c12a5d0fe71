"""Paths below the service base, and what they lead to."""

from __future__ import annotations

from contextlib import suppress

import pytest

from fhirstore.errors import BadRequest, FhirError, NotFound
from fhirstore.rest.addresses import Address, parse

TYPES = {"Patient", "Observation"}

PATHS = [
    ("", Address("system")),
    ("/", Address("system")),
    ("/metadata", Address("metadata")),
    ("/_history", Address("history")),
    ("/_search", Address("search-all")),
    ("/$versions", Address("operation")),
    ("/Patient", Address("type", "Patient")),
    ("/Patient/", Address("type", "Patient")),
    ("/Patient/_search", Address("search", "Patient")),
    ("/Patient/_history", Address("history", "Patient")),
    ("/Patient/$validate", Address("operation", "Patient")),
    ("/Patient/1", Address("instance", "Patient", "1")),
    ("/Patient/1/", Address("instance", "Patient", "1")),
    ("/Patient/a%2Fb", Address("instance", "Patient", "a/b")),
    ("/Patient/%C3%A9", Address("instance", "Patient", "é")),
    ("/Patient/1/_history", Address("history", "Patient", "1")),
    ("/Patient/1/_history/2", Address("version", "Patient", "1", "2")),
    ("/Patient/1/$everything", Address("operation", "Patient", "1")),
    ("/Patient/1/_history/2/$meta", Address("operation", "Patient", "1", "2")),
    ("/Patient/1/Observation", Address("compartment", "Patient", "1", within="Observation")),
    (
        "/Patient/1/Observation/_search",
        Address("search-compartment", "Patient", "1", within="Observation"),
    ),
    ("/Patient/1/*", Address("compartment", "Patient", "1", within="*")),
]

NOTHING = [
    "/Pattient",
    "/patient/1",
    "/metadata/1",
    "/_other",
    "/_search/1",
    "/$a/b",
    "/Patient/_foo",
    "/Patient/1/2",
    "/Patient/1/_search",
    "/Patient/1/_history/2/3",
    "/Patient/1/_history/2/$meta/x",
    "/Patient/_history/2",
    "/Patient/1/Observation/2",
    "//Patient/1",
    "/Patient//1",
]


@pytest.mark.parametrize(("path", "address"), PATHS, ids=[path for path, _ in PATHS])
def test_an_address(path: str, address: Address) -> None:
    assert parse(path.encode(), TYPES) == address


@pytest.mark.parametrize("path", NOTHING)
def test_nothing_is_there(path: str) -> None:
    with pytest.raises(NotFound):
        parse(path.encode(), TYPES)


@pytest.mark.parametrize("path", ["/Patient/%zz", "/Patient/%e9", "/Patient/%"])
def test_what_is_no_text(path: str) -> None:
    with pytest.raises(BadRequest):
        parse(path.encode(), TYPES)


def test_any_bytes_give_an_address_or_a_fhir_error() -> None:
    for byte in range(256):
        for path in (
            bytes([0x2F, byte]),
            b"/Patient/" + bytes([byte]),
            b"/Patient/1/" + bytes([byte]),
        ):
            with suppress(FhirError):
                parse(path, TYPES)
