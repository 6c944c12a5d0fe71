"""Literal references: what each form says, and what a search compares of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirstore.definitions import definitions
from fhirstore.references import Kind, Reader, Reference, parse

R4 = definitions("4.0")
BASES = ("http://me/fhir", "https://me.org:8080/a/b/")
UUID = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"

# A text; its kind, type, id and version; what is compared.
CASES: list[tuple[str, Kind, str | None, str | None, str | None, str | None]] = [
    ("Patient/1", "local", "Patient", "1", None, "Patient/1"),
    ("Patient/a.B-9", "local", "Patient", "a.B-9", None, "Patient/a.B-9"),
    ("Patient/" + "x" * 64, "local", "Patient", "x" * 64, None, "Patient/" + "x" * 64),
    ("Patient/1/_history/2", "local", "Patient", "1", "2", "Patient/1"),
    ("http://me/fhir/Patient/1", "local", "Patient", "1", None, "Patient/1"),
    ("http://me/fhir/Patient/1/_history/2", "local", "Patient", "1", "2", "Patient/1"),
    ("https://me.org:8080/a/b/Patient/1", "local", "Patient", "1", None, "Patient/1"),
    # another scheme, host, port or path is another server
    ("https://me/fhir/Patient/1", "external", "Patient", "1", None, "https://me/fhir/Patient/1"),
    ("http://me/Patient/1", "external", "Patient", "1", None, "http://me/Patient/1"),
    ("http://me/fhir/x/Patient/1", "external", "Patient", "1", None, "http://me/fhir/x/Patient/1"),
    ("http://you/fhir/Patient/1/_history/2", "external", "Patient", "1", "2", "http://you/fhir/Patient/1"),
    ("https://me.org/a/b/Patient/1", "external", "Patient", "1", None, "https://me.org/a/b/Patient/1"),
    ("#", "contained", None, None, None, None),
    ("#p", "contained", None, None, None, None),
    ("#Patient/1", "contained", None, None, None, None),
    # no address of a resource
    (UUID, "other", None, None, None, UUID),
    ("urn:oid:1.2.3", "other", None, None, None, "urn:oid:1.2.3"),
    ("Person2/1", "other", None, None, None, "Person2/1"),
    ("DomainResource/1", "other", None, None, None, "DomainResource/1"),
    ("patient/1", "other", None, None, None, "patient/1"),
    ("Patient", "other", None, None, None, "Patient"),
    ("Patient/", "other", None, None, None, "Patient/"),
    ("/Patient/1", "other", None, None, None, "/Patient/1"),
    ("Patient/1/", "other", None, None, None, "Patient/1/"),
    ("Patient/" + "x" * 65, "other", None, None, None, "Patient/" + "x" * 65),
    ("Patient/a_b", "other", None, None, None, "Patient/a_b"),
    ("Patient/é", "other", None, None, None, "Patient/é"),
    ("Patient/1\n", "other", None, None, None, "Patient/1\n"),
    ("Patient/1#x", "other", None, None, None, "Patient/1#x"),
    ("Patient/1/name", "other", None, None, None, "Patient/1/name"),
    ("Patient/1/_history", "other", None, None, None, "Patient/1/_history"),
    ("Patient?identifier=s|1", "other", None, None, None, "Patient?identifier=s|1"),
    ("http://x?y=/Patient/1", "other", None, None, None, "http://x?y=/Patient/1"),
    ("ftp://x/Patient/1", "other", None, None, None, "ftp://x/Patient/1"),
    ("http:///Patient/1", "other", None, None, None, "http:///Patient/1"),
    ("", "other", None, None, None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "type", "id", "version", "key"), CASES)
def test_what_a_reference_says(
    text: str, kind: Kind, type: str | None, id: str | None, version: str | None, key: str | None
) -> None:
    found = parse(text, BASES, R4.resource_types)
    assert found == Reference(kind, text, type, id, version)
    assert found.key == key
    assert Reader(BASES, R4).read(text) == found


def test_without_addresses_of_its_own_a_store_has_relative_references_only() -> None:
    assert parse("Patient/1", (), R4.resource_types).kind == "local"
    assert parse("http://me/fhir/Patient/1", (), R4.resource_types).kind == "external"


types = st.sampled_from(sorted(R4.resource_types))
ids = st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True)
bases = st.sampled_from([base.rstrip("/") for base in BASES])


@given(types, ids, bases, st.none() | ids)
def test_the_same_resource_has_one_key(type: str, id: str, base: str, version: str | None) -> None:
    end = "" if version is None else f"/_history/{version}"
    relative = parse(f"{type}/{id}{end}", BASES, R4.resource_types)
    absolute = parse(f"{base}/{type}/{id}{end}", BASES, R4.resource_types)
    assert relative.key == absolute.key == f"{type}/{id}"
    assert (relative.kind, absolute.kind) == ("local", "local")
    assert relative.version == absolute.version == version


@given(st.text() | st.text("Patient/1_historyhttp:#?|.", max_size=30))
def test_any_text_is_read_and_kept(text: str) -> None:
    found = parse(text, BASES, R4.resource_types)
    assert found.url == text
    assert (found.kind == "contained") is text.startswith("#")
    assert (found.type is None) is (found.kind in ("contained", "other"))
    if found.kind == "local":
        assert found.key == f"{found.type}/{found.id}"
