"""Links: each Reference and canonical of a resource is one, at its path, whatever it leads to; nothing else is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirstore import json_text
from fhirstore.definitions import definitions
from fhirstore.links import links
from fhirstore.references import Reader
from tests.any_json import any_json, names_in, places, with_other
from tests.conftest import EXAMPLES

R4 = definitions("4.0")
BASES = ("http://me/fhir",)
Link = dict[str, Any]


def leads(reference: dict[str, Any]) -> Link:
    """The one link of a resource with this reference."""
    (link,) = links({"resourceType": "Observation", "subject": reference}, R4, BASES)
    assert link.pop("path") == "subject"
    return link


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"reference": "Patient/1"}, {"type": "Patient", "id": "1"}),
        (
            {"reference": "Patient/1/_history/2"},
            {"type": "Patient", "id": "1", "version": "2"},
        ),
        ({"reference": "http://me/fhir/Patient/1"}, {"type": "Patient", "id": "1"}),
        # where it stands counts, and not what type it may be of
        ({"reference": "Medication/1", "type": "Patient"}, {"type": "Medication", "id": "1"}),
        (
            {"reference": "http://other/fhir/Patient/1"},
            {"kind": "external", "url": "http://other/fhir/Patient/1"},
        ),
        ({"reference": "urn:uuid:1"}, {"kind": "external", "url": "urn:uuid:1"}),
        (
            {"reference": "Patient?identifier=1"},
            {"kind": "external", "url": "Patient?identifier=1"},
        ),
        ({"reference": "#p"}, {"kind": "contained", "url": "#p"}),
        (
            {"identifier": {"system": "http://s", "value": "1"}},
            {"kind": "logical", "identifier": ["http://s|1", "1"]},
        ),
        ({"identifier": {"value": "1"}}, {"kind": "logical", "identifier": ["|1", "1"]}),
        # the literal reference comes first
        (
            {"reference": "Patient/1", "identifier": {"value": "1"}},
            {"type": "Patient", "id": "1", "identifier": ["|1", "1"]},
        ),
    ],
)
def test_where_a_reference_leads(reference: dict[str, Any], expected: Link) -> None:
    assert leads(reference) == expected


RELATED = {"reference": "RelatedPerson/1"}
PERSON = {"type": "RelatedPerson", "id": "1"}
EXTENSION = {"extension": [{"url": "http://x", "valueReference": RELATED}]}
PLACES: dict[str, tuple[dict[str, Any], list[Link]]] = {
    "nowhere": ({"resourceType": "Patient", "name": [{"text": "Patient/1"}]}, []),
    "what is no reference": (
        {"resourceType": "DetectedIssue", "reference": "http://x", "status": "final"},
        [],
    ),
    "what says nothing": (
        {"resourceType": "Observation", "subject": {"display": "x", "identifier": {"use": "usual"}}},
        [],
    ),
    "arrays have no positions": (
        {"resourceType": "Patient", "link": [{"other": RELATED}, {"other": RELATED}]},
        [{"path": "link.other", **PERSON}] * 2,
    ),
    "the order of the resource": (
        {"resourceType": "Observation", "subject": {"reference": "#p"}, "performer": [RELATED]},
        [{"path": "subject", "kind": "contained", "url": "#p"}, {"path": "performer", **PERSON}],
    ),
    "a choice": (
        {"resourceType": "MedicationStatement", "medicationReference": RELATED},
        [{"path": "medicationReference", **PERSON}],
    ),
    "in an element that contains itself": (
        {"resourceType": "Questionnaire", "item": [{"item": [{"item": [{"answerValueSet": "http://v"}]}]}]},
        [{"path": "item.item.item.answerValueSet", "kind": "canonical", "url": "http://v"}],
    ),
    "in a contained resource": (
        {"resourceType": "Patient", "contained": [{"resourceType": "Observation", "performer": [RELATED]}]},
        [{"path": "contained.performer", **PERSON}],
    ),
    "in an entry": (
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Basic", "subject": RELATED}}]},
        [{"path": "entry.resource.subject", **PERSON}],
    ),
    "in an extension": (
        {"resourceType": "Patient", **EXTENSION},
        [{"path": "extension.valueReference", **PERSON}],
    ),
    "in an extension of a primitive": (
        {"resourceType": "Patient", "_birthDate": EXTENSION},
        [{"path": "_birthDate.extension.valueReference", **PERSON}],
    ),
    "in an extension of primitives": (
        {"resourceType": "Patient", "name": [{"given": ["A", "B"], "_given": [None, EXTENSION]}]},
        [{"path": "name._given.extension.valueReference", **PERSON}],
    ),
    "in an extension of canonicals": (
        {"resourceType": "PlanDefinition", "library": ["http://l"], "_library": [EXTENSION]},
        [
            {"path": "library", "kind": "canonical", "url": "http://l"},
            {"path": "_library.extension.valueReference", **PERSON},
        ],
    ),
    "in a reference": (
        {"resourceType": "Basic", "subject": {"identifier": {"value": "1", "assigner": RELATED}}},
        [
            {"path": "subject", "kind": "logical", "identifier": ["|1", "1"]},
            {"path": "subject.identifier.assigner", **PERSON},
        ],
    ),
    "canonicals": (
        {"resourceType": "PlanDefinition", "meta": {"profile": ["http://p"]}, "library": ["http://l|1", "#l"]},
        [
            {"path": "meta.profile", "kind": "canonical", "url": "http://p"},
            {"path": "library", "kind": "canonical", "url": "http://l|1"},
            {"path": "library", "kind": "contained", "url": "#l"},
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("resource", "expected"), PLACES.values(), ids=PLACES.keys())
def test_where_a_link_stands(resource: dict[str, Any], expected: list[Link]) -> None:
    assert links(resource, R4, BASES) == expected


# Over all examples

OF_REFERENCES = {"reference", "type", "identifier", "display", "id", "extension", "_display"}


def references(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """What looks like a Reference, by its properties alone: its path and text."""
    if isinstance(value, list):
        for entry in value:
            yield from references(entry, path)
    elif isinstance(value, dict):
        text = value.get("reference")
        if isinstance(text, str) and set(value) <= OF_REFERENCES:
            yield path, text
        for name, below in value.items():
            yield from references(below, f"{path}.{name}" if path else name)


def test_all_that_look_like_references_are_links_and_no_others() -> None:
    files = sorted(EXAMPLES.glob("*-*.json"))
    if not files:
        pytest.skip("HL7's examples are not here: `make examples` fetches them")
    read = Reader(BASES, R4).read
    kinds: Counter[str] = Counter()
    for file in files:
        resource = json_text.parse(file.read_bytes())
        found = links(resource, R4, BASES)
        kinds.update(link.get("kind", "local") for link in found)
        expected = list(references(resource))
        at = {path for path, _ in expected}
        literal = [x for x in found if x["path"] in at and x.get("kind") != "logical"]
        others = {x.get("kind") for x in found if x["path"] not in at}
        assert others <= {"canonical", "contained", "logical"}, file.name
        assert [x["path"] for x in literal] == [path for path, _ in expected], file.name
        for link, (_, text) in zip(literal, expected, strict=True):
            reference = read(text)
            if reference.kind == "local":
                assert (link["type"], link["id"]) == (reference.type, reference.id)
            else:
                assert link["url"] == text
    assert kinds.keys() == {"local", "external", "contained", "canonical", "logical"}
    assert min(kinds.values()) > 10, kinds


# Anything

SEEDS = [resource for resource, _ in PLACES.values()]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([(seed, path) for seed in SEEDS for path in places(seed)]),
    any_json(names_in(*SEEDS)),
)
def test_no_value_makes_it_fail_and_all_it_gives_can_be_stored(place: Any, value: Any) -> None:
    found = links(with_other(*place, value), R4, BASES)
    assert bson.encode({"links": found})
    for link in found:
        assert ("type" in link) is ("kind" not in link)
        tokens = link.pop("identifier", ["a token"])
        assert all(isinstance(said, str) for said in (*link.values(), *tokens))
