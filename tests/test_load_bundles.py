"""Splitting bundles, giving ids, reading criteria and rewriting references."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhirstore.definitions import definitions
from fhirstore.documents import Pipeline
from fhirstore.errors import (
    FhirError,
    InvalidId,
    InvalidSearch,
    MalformedContent,
    NotImplementedByStore,
)
from fhirstore.load.bundles import Entry, id_from_content, identity, split
from fhirstore.load.criteria import Criteria, criteria_of, is_conditional
from fhirstore.load.rewriting import references, rewrite

R4 = definitions("4.0")
TYPES = R4.resource_types
PATIENT = {"resourceType": "Patient"}
URN = "urn:uuid:0b9f4a5c-6a0e-4b0e-8a88-0c4c7d6c1e11"


def bundle(type: str, *entries: dict[str, Any]) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": type, "entry": list(entries)}).encode()


# splitting


@pytest.mark.parametrize(
    "type", ["transaction", "batch", "collection", "document", "message", "searchset"]
)
def test_a_bundle_is_split_into_its_resources_as_they_were_written(type: str) -> None:
    content = bundle(type, {"fullUrl": URN, "resource": PATIENT}).replace(
        b'"Patient"', b' "Patient" '
    )
    (entry,) = split(content)
    assert entry == Entry(b'{"resourceType":  "Patient" }', 0, URN)


def test_what_the_request_says_is_kept() -> None:
    request = {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=a|b"}
    (entry,) = split(bundle("transaction", {"resource": PATIENT, "request": request}))
    assert (entry.method, entry.url, entry.if_none_exist) == ("POST", "Patient", "identifier=a|b")


@pytest.mark.parametrize(
    "content",
    [
        b'{"resourceType":"Patient","id":"Bundle"}',
        b'{"resourceType":"Patient","contained":[{"resourceType":"Bundle"}]}',
        b'"Bundle" is not JSON',
    ],
)
def test_anything_else_is_one_resource(content: bytes) -> None:
    assert split(content) == [Entry(content)]


def test_entries_without_anything_to_store_are_left_out() -> None:
    outcome = {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}}
    read = {"request": {"method": "GET", "url": "Patient/1"}}
    answer = {"response": {"status": "204"}}
    kept = {"resource": PATIENT, "search": {"mode": "match"}}
    assert [e.number for e in split(bundle("searchset", outcome, read, answer, kept))] == [3]
    assert split(bundle("collection")) == []
    assert split(b'{"resourceType":"Bundle","type":"collection"}') == []


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (bundle("history"), NotImplementedByStore),
        (b'{"resourceType":"Bundle","entry":{}}', MalformedContent),
        (b'{"resourceType":"Bundle","entry":[{"fullUrl":1}]}', MalformedContent),
        (b'{"resourceType":"Bundle","entry":[1]}', MalformedContent),
        (b'{"resourceType":"Bundle","type":5}', MalformedContent),
    ],
)
def test_a_bundle_that_is_none_is_refused(content: bytes, error: type[FhirError]) -> None:
    with pytest.raises(error):
        split(content)


# ids


def entry(
    method: str = "", url: str = "", full_url: str | None = None, if_none: str | None = None
) -> Entry:
    return Entry(b"", 0, full_url, method, url, if_none)


IDENTITIES = [
    (entry(), {"id": "own"}, "own"),
    (entry("POST", "Patient", URN), {"id": "own"}, "own"),
    (entry("POST", "Patient", URN), {}, URN.removeprefix("urn:uuid:")),
    (entry(full_url="http://example.org/fhir/Patient/12"), {}, "12"),
    (entry(full_url="http://example.org/fhir/Person/12"), {}, ""),
    (entry(full_url="urn:oid:1.2.3"), {}, ""),
    (entry("PUT", "Patient/7"), {"id": "7"}, "7"),
    (entry("PUT", "https://example.org/fhir/Patient/7"), {}, "7"),
    (entry(), {}, ""),
]


@pytest.mark.parametrize(("found", "content", "id"), IDENTITIES)
def test_where_an_id_comes_from(found: Entry, content: dict[str, Any], id: str) -> None:
    made = identity(found, PATIENT | content, TYPES)
    assert (made.type, made.id, made.condition) == ("Patient", id, None)


def test_conditions_of_creates_and_updates() -> None:
    asked = Criteria("Patient", "a|b")
    made = identity(entry("POST", "Patient", URN, "identifier=a|b"), PATIENT, TYPES)
    assert (made.condition, made.replaces) == (asked, False)
    assert made.id == URN.removeprefix("urn:uuid:")
    made = identity(entry("PUT", "Patient?identifier=a%7Cb"), PATIENT | {"id": "x"}, TYPES)
    assert (made.condition, made.replaces, made.id) == (asked, True, "x")


@pytest.mark.parametrize(
    ("found", "content", "error"),
    [
        (entry(), {"resourceType": "Patent"}, MalformedContent),
        (entry(), {"resourceType": None}, MalformedContent),
        (entry(), {"id": "a b"}, InvalidId),
        (entry(), {"id": 5}, InvalidId),
        (entry("DELETE", "Patient/1"), {}, NotImplementedByStore),
        (entry("PATCH", "Patient/1"), {}, NotImplementedByStore),
        (entry("PUT", "Patient/1"), {"id": "2"}, InvalidId),
        (entry("PUT", "Person/1"), {}, InvalidId),
        (entry("PUT", "Patient"), {}, InvalidId),
        (entry("PUT", ""), {}, InvalidId),
        (entry("PUT", "Patient?name=x"), {}, InvalidSearch),
        (entry("POST", "Patient", None, "name=x"), {}, InvalidSearch),
        (entry(full_url="urn:uuid:a b"), {}, InvalidId),
    ],
)
def test_what_cannot_be_addressed_is_refused(
    found: Entry, content: dict[str, Any], error: type[FhirError]
) -> None:
    with pytest.raises(error):
        identity(found, PATIENT | content, TYPES)


def test_an_id_from_content_is_the_same_for_the_same_content_alone() -> None:
    one = {"resourceType": "Patient", "active": True, "meta": {"tag": []}}
    again = {"meta": {"versionId": "4", "tag": []}, "active": True, "resourceType": "Patient"}
    assert id_from_content(one) == id_from_content(again)
    assert id_from_content(one) != id_from_content(one | {"active": False})


# criteria


@pytest.mark.parametrize(
    ("reference", "token"),
    [
        ("Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9999", "http://hl7.org/fhir/sid/us-npi|9999"),
        ("Practitioner?identifier=http%3A%2F%2Fa.b%7C9%2F9", "http://a.b|9/9"),
        ("Practitioner?identifier=9999", "9999"),
        ("Practitioner?identifier=|9999", "|9999"),
        (r"Practitioner?identifier=a\|b|c\,d\\e", r"a\|b|c,d\\e"),
    ],
)  # fmt: skip
def test_criteria_are_tokens_as_the_database_keeps_them(reference: str, token: str) -> None:
    assert is_conditional(reference, TYPES)
    assert criteria_of(reference) == Criteria("Practitioner", token)


@pytest.mark.parametrize(
    "query",
    ["name=x", "identifier:missing=true", "identifier=a,b", "identifier=a|b|c", "identifier=",
     "identifier=a|", "identifier=1&identifier=2", "identifier"],
)  # fmt: skip
def test_other_criteria_are_refused(query: str) -> None:
    with pytest.raises(InvalidSearch):
        criteria_of(f"Patient?{query}")


@pytest.mark.parametrize(
    "reference", ["Patient/1", "http://a.b/Patient?identifier=1", "Foo?a=b", URN]
)
def test_references_that_are_no_search(reference: str) -> None:
    assert not is_conditional(reference, TYPES)


def test_the_tokens_of_a_resource_meet_its_criteria() -> None:
    identifier = [{"system": "a|b", "value": "c,d\\e"}, {"value": "1"}]
    derived = Pipeline(R4).derive({**PATIENT, "identifier": identifier}, "p").search["identifier"]
    for asked in (r"a\|b|c\,d\\e", r"c\,d\\e", "1", "|1"):
        assert criteria_of(f"Patient?identifier={asked}").token in derived
    assert criteria_of("Patient?identifier=a|1").token not in derived


# rewriting


def rewritten(resource: dict[str, Any], targets: dict[str, str]) -> dict[str, Any]:
    text = json.dumps(resource).encode()
    rewrite(resource, references(resource), targets, R4, text)
    return resource


def test_references_at_any_depth_are_rewritten() -> None:
    resource = {
        "resourceType": "Encounter",
        "subject": {"reference": URN},
        "participant": [{"individual": {"reference": "http://a.b/Practitioner/1"}}],
        "contained": [{"resourceType": "Location", "partOf": {"reference": URN}}],
        "serviceProvider": {"reference": "urn:uuid:unknown"},
    }
    rewritten(resource, {URN: "Patient/1", "http://a.b/Practitioner/1": "Practitioner/1"})
    assert resource["subject"] == {"reference": "Patient/1"}
    assert resource["participant"] == [{"individual": {"reference": "Practitioner/1"}}]
    assert resource["contained"][0]["partOf"] == {"reference": "Patient/1"}  # type: ignore[index]
    assert resource["serviceProvider"] == {"reference": "urn:uuid:unknown"}


def test_links_in_uris_and_narrative_are_rewritten_and_nothing_else() -> None:
    div = f'<div><a href="{URN}">x</a> <img alt="" src="{URN}"/> {URN} <a href="urn:x">y</a></div>'
    resource = {
        "resourceType": "Questionnaire",
        "url": "http://a.b/q",
        "text": {"status": "generated", "div": div},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": URN}],
        "derivedFrom": [URN],
        "extension": [
            {"url": "http://x", "valueUri": URN},
            {"url": "http://x", "valueString": URN},
        ],
        "item": [{"linkId": "1", "definition": URN, "text": URN}],
    }
    rewritten(resource, {URN: "Patient/1", "http://a.b/q": "Questionnaire/q"})
    assert resource == {
        "resourceType": "Questionnaire",
        "url": "http://a.b/q",
        "text": {
            "status": "generated",
            "div": f'<div><a href="Patient/1">x</a> <img alt="" src="Patient/1"/> {URN} '
            '<a href="urn:x">y</a></div>',
        },
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": URN}],
        "derivedFrom": [URN],
        "extension": [
            {"url": "http://x", "valueUri": "Patient/1"},
            {"url": "http://x", "valueString": URN},
        ],
        "item": [{"linkId": "1", "definition": "Patient/1", "text": URN}],
    }
