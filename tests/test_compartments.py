"""Compartments: a resource is in those that a parameter of the definition leads to, and an owner is in its own."""

from __future__ import annotations

from typing import Any

import pytest

from fhirstore import json_text
from fhirstore.compartments import compartments
from fhirstore.definitions import definitions
from fhirstore.fhirpath import Truth, branches, parse
from fhirstore.references import Reader
from fhirstore.search.extraction import Extractor
from tests.conftest import EXAMPLES
from tests.walker import walk

R4 = definitions("4.0")
BASES = ("http://me/fhir",)
EXTRACTORS = {type: Extractor(type, R4, BASES) for type in R4.resource_types}


def of(resource: dict[str, Any]) -> list[str]:
    type = resource["resourceType"]
    search = EXTRACTORS[type].extract(resource)
    return compartments(type, resource.get("id", "1"), search, R4)


def to(*references: str) -> list[dict[str, Any]]:
    return [{"reference": text} for text in references]


(PATIENT,) = to("Patient/p")
CASES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "none": ("Observation", {}, []),
    "of no compartment": ("ValueSet", {"url": "Patient/p"}, []),
    "its own": ("Patient", {"id": "a"}, ["Patient/a"]),
    "its own, and others": (
        "Patient",
        {"id": "a", "link": [{"other": PATIENT}], "generalPractitioner": to("Practitioner/g")},
        ["Patient/a", "Patient/p", "Practitioner/g"],
    ),
    "one that refers to itself": (
        "Patient",
        {"id": "a", "link": [{"other": {"reference": "Patient/a"}}]},
        ["Patient/a"],
    ),
    "of a subject": ("Observation", {"subject": PATIENT}, ["Patient/p"]),
    "of a subject that owns none": ("Observation", {"subject": {"reference": "Group/g"}}, []),
    "of several, each once": (
        "Observation",
        {
            "subject": PATIENT,
            "encounter": {"reference": "Encounter/e"},
            "device": {"reference": "Device/d"},
            "performer": to("Practitioner/a", "Patient/p", "RelatedPerson/r", "Organization/o"),
        },
        ["Device/d", "Encounter/e", "Patient/p", "Practitioner/a", "RelatedPerson/r"],
    ),
    # what refers to an owner is not in its compartment, if the definition does not list it
    "not by a parameter that is not listed": ("Observation", {"focus": [PATIENT]}, []),
    "not by another's parameter": (
        "Patient",
        {"id": "a", "managingOrganization": {"reference": "Organization/o"}},
        ["Patient/a"],
    ),
    # by a parameter that is kept in another's field
    "by the patient among the subjects": ("Basic", {"subject": PATIENT}, ["Patient/p"]),
    "by participants": (
        "Appointment",
        {"participant": [{"actor": PATIENT}, {"actor": {"reference": "Location/l"}}]},
        ["Patient/p"],
    ),
    # addresses
    "absolute, of this store": (
        "Observation",
        {"subject": {"reference": "http://me/fhir/Patient/p"}},
        ["Patient/p"],
    ),
    "absolute, of another": (
        "Observation",
        {"subject": {"reference": "http://other/fhir/Patient/p"}},
        [],
    ),
    "of a version": (
        "Observation",
        {"subject": {"reference": "Patient/p/_history/2"}},
        ["Patient/p"],
    ),
    "contained": (
        "Observation",
        {"contained": [{"resourceType": "Patient", "id": "p"}], "subject": {"reference": "#p"}},
        [],
    ),
    "by identifier": ("Observation", {"subject": {"identifier": {"value": "p"}}}, []),
}


@pytest.mark.parametrize(("type", "elements", "expected"), CASES.values(), ids=CASES.keys())
def test_what_a_resource_belongs_to(
    type: str, elements: dict[str, Any], expected: list[str]
) -> None:
    found = of({"resourceType": type, **elements})
    assert sorted(found) == expected
    if type in R4.compartments:
        assert found[0] == f"{type}/{elements['id']}", "its own is the first"


def by_definition(resource: dict[str, Any]) -> set[str]:
    """The compartments by the words of the specification, whatever is kept where."""
    type = resource["resourceType"]
    read = Reader(BASES, R4).read
    found = {f"{type}/{resource.get('id', '1')}"} if type in R4.compartments else set()
    for owner in R4.compartments:
        for code in R4.compartment(owner).get(type, ()):
            parameter = R4.search_parameters(type)[code]
            ways = branches(parse(parameter.expression), type, type, R4)
            assert not isinstance(ways, Truth)
            for element in (e for way in ways for e in walk(resource, resource, way)):
                text = element.get("reference") if isinstance(element, dict) else element
                reference = read(text) if isinstance(text, str) else None
                if reference and reference.kind == "local" and reference.type == owner:
                    found.add(f"{owner}/{reference.id}")
    return found


def test_over_the_examples_it_is_what_the_definition_says() -> None:
    files = sorted(EXAMPLES.glob("*-*.json"))
    if not files:
        pytest.skip("HL7's examples are not here: `make examples` fetches them")
    owners: set[str] = set()
    several = 0
    for file in files:
        resource = json_text.parse(file.read_bytes())
        found = of(resource)
        assert set(found) == by_definition(resource), file.name
        assert len(found) == len(set(found))
        owners |= {entry.partition("/")[0] for entry in found}
        several += len(found) > 1
    assert owners == R4.compartments
    assert several > 100
