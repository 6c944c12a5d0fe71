"""Validation: what is wrong with a resource is found, at its place; what is well is let through; nothing makes it fail.

The tables have one row for each rule of the spec pages json, datatypes, references and terminologies. HL7's own
examples are the control: all are well, but those which the table `NOT_WELL` names, with what is wrong with each.
"""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirstore import json_text
from fhirstore.definitions import definitions
from fhirstore.validation import MOST_ISSUES, validate
from tests.any_json import Path, any_json, names_in, places, with_other
from tests.conftest import EXAMPLES

R4 = definitions("4.0")
Problem = tuple[str, str | None]


def problems(resource: Any) -> list[Problem]:
    return [(issue.code, issue.expression) for issue in validate(resource, R4)]


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **elements}


def observation(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "?"}, **elements}


def condition(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, **elements}


ABSENT = {"extension": [{"url": "http://hl7.org/fhir/x", "valueCode": "unknown"}]}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"

# What is well

GOOD: dict[str, dict[str, Any]] = {
    "an empty resource of a type that needs nothing": patient(),
    "a primitive of each kind": {
        "resourceType": "Patient",
        "id": "a.B-9",
        "meta": {"versionId": "1", "lastUpdated": "2021-01-01T00:00:00.5+14:00", "profile": ["http://x|1"]},
        "language": "de-CH",
        "text": {"status": "generated", "div": DIV},
        "active": False,
        "name": [{"family": "Müller", "given": ["Zoë", "A B"]}],
        "birthDate": "2020-02-29",
        "multipleBirthInteger": 2,
        "photo": [{"contentType": "image/png", "data": "AAAA", "size": 0}],
    },
    "a number with many digits": observation(valueQuantity={"value": Decimal("1.00000000000000000001")}),
    "a number that is whole": observation(valueQuantity={"value": 3}),
    "an extension in place of a value": patient(_birthDate=ABSENT),
    "an extension beside a value": patient(birthDate="1974", _birthDate={"id": "b"} | ABSENT),
    "an extension in place of a required value": {
        "resourceType": "Observation", "_status": ABSENT, "code": {"text": "?"},
    },
    "an extension in place of a required choice": {
        "resourceType": "MedicationStatement", "status": "active",
        "medicationCodeableConcept": ABSENT, "subject": {"display": "?"},
    },
    "values and extensions in turn": patient(name=[{"given": ["A", None], "_given": [None, ABSENT]}]),
    "extensions alone": patient(name=[{"_given": [ABSENT]}]),
    "one of a choice, and its extension": patient(deceasedBoolean=True, _deceasedBoolean=ABSENT),
    "an element that says what it contains again": {
        "resourceType": "Questionnaire", "status": "draft",
        "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "string"}]}],
    },
    "a reference to each kind of target": condition(
        asserter={"reference": "Practitioner/1"},
        recorder={"reference": "http://elsewhere.org/fhir/PractitionerRole/1/_history/3"},
        encounter={"reference": "urn:uuid:6a5ed3b1-0f2a-4f1e-8a52-7b2f6f9d2f0c"},
        evidence=[{"detail": [{"reference": "Observation/1"}]}],
    ),
    "a conditional reference": condition(encounter={"reference": "Encounter?identifier=a|1"}),
    "a reference of another shape": condition(
        encounter={"reference": "../a/b.html"}, asserter={"reference": "p1"}, recorder={"reference": "http://x/Foo/1"}
    ),
    "a reference and its type": condition(
        encounter={"reference": "Encounter/1", "type": "Encounter"},
        asserter={"reference": "http://x/Patient/1", "type": "http://hl7.org/fhir/StructureDefinition/Patient"},
        recorder={"reference": "urn:uuid:6a5ed3b1-0f2a-4f1e-8a52-7b2f6f9d2f0c", "type": "Practitioner"},
        evidence=[{"detail": [{"reference": "http://x/y", "type": "http://mine/Model"}]}],
    ),
    "a reference by identifier": condition(encounter={"identifier": {"value": "1"}, "type": "Encounter"}),
    "a reference to a contained resource": condition(
        contained=[{"resourceType": "Practitioner", "id": "p"}], asserter={"reference": "#p"}
    ),
    "a contained resource that leads to what contains it": patient(
        contained=[{"resourceType": "Provenance", "target": [{"reference": "#"}], "recorded": "2021-01-01T00:00:00Z",
                    "agent": [{"who": {"reference": "#d"}}]}, {"resourceType": "Device", "id": "d"}],
    ),
    "a code of a required value set among others": condition(
        clinicalStatus={"coding": [{"system": "http://mine", "code": "x"}, {"system": CLINICAL, "code": "active"}]}
    ),
    "a concept without any code": condition(clinicalStatus={"text": "as before", "coding": [{"display": "?"}]}),
    "a code of a value set that has no finite list": patient(language="tlh"),
    "a bundle": {
        "resourceType": "Bundle", "type": "collection",
        "entry": [{"fullUrl": "urn:oid:1.2", "resource": condition(
            contained=[{"resourceType": "Practitioner", "id": "p"}], asserter={"reference": "#p"})}],
    },
    "parameters": {
        "resourceType": "Parameters",
        "parameter": [{"name": "a", "part": [{"name": "b", "resource": patient(active=True)}]}],
    },
}  # fmt: skip


@pytest.mark.parametrize("resource", GOOD.values(), ids=GOOD.keys())
def test_what_is_well_has_no_problem(resource: dict[str, Any]) -> None:
    assert problems(resource) == []


# What is not

WRONG: dict[str, tuple[dict[str, Any], list[Problem]]] = {
    # the type
    "no type": ({"active": True}, [("structure", "resourceType")]),
    "no such type": ({"resourceType": "Person2"}, [("structure", "resourceType")]),
    "a datatype": ({"resourceType": "HumanName"}, [("structure", "resourceType")]),
    "an abstract type": ({"resourceType": "DomainResource"}, [("structure", "resourceType")]),
    "a type that is no text": ({"resourceType": ["Patient"]}, [("structure", "resourceType")]),
    # elements that are none
    "an unknown element": (patient(nickname="Z"), [("structure", "Patient.nickname")]),
    "an unknown element below": (
        patient(name=[{}, {"famliy": "M"}]),
        [("structure", "Patient.name[0]"), ("structure", "Patient.name[1].famliy")],
    ),
    "a choice without its type": (observation(value=1), [("structure", "Observation.value")]),
    "a choice with a type it has not": (
        observation(valueDecimal=1),
        [("structure", "Observation.valueDecimal")],
    ),
    "a comment": (patient(fhir_comments=["x"]), [("structure", "Patient.fhir_comments")]),
    "the type of what is no resource": (
        patient(name=[{"resourceType": "HumanName", "family": "M"}]),
        [("structure", "Patient.name[0].resourceType")],
    ),
    "an extension of what is no primitive": (
        patient(_name=[ABSENT]),
        [("structure", "Patient._name")],
    ),
    "an extension of nothing known": (patient(_nick=ABSENT), [("structure", "Patient._nick")]),
    # JSON types
    "text for a truth": (patient(active="true"), [("value", "Patient.active")]),
    "a number for a truth": (patient(active=1), [("value", "Patient.active")]),
    "a truth for a number": (patient(multipleBirthInteger=True), [("value", "Patient.multipleBirthInteger")]),
    "text for a number": (
        observation(valueQuantity={"value": "1.0"}),
        [("value", "Observation.valueQuantity.value")],
    ),
    "a float, whose digits are lost already": (
        observation(valueQuantity={"value": 1.5}),
        [("value", "Observation.valueQuantity.value")],
    ),
    "a number for text": (patient(name=[{"family": 7}]), [("value", "Patient.name[0].family")]),
    "an object for text": (
        patient(name=[{"family": {"a": 1}}]),
        [("structure", "Patient.name[0].family")],
    ),
    "an array for text": (
        patient(name=[{"family": ["M"]}]),
        [("structure", "Patient.name[0].family")],
    ),
    "text for an object": (patient(maritalStatus="M"), [("structure", "Patient.maritalStatus")]),
    "an array for an object": (
        patient(maritalStatus=[{"text": "M"}]),
        [("structure", "Patient.maritalStatus")],
    ),
    "an object for an array": (patient(name={"family": "M"}), [("structure", "Patient.name")]),
    "text for an array": (
        patient(name=[{"given": "Zoë"}]),
        [("structure", "Patient.name[0].given")],
    ),
    "an array in an array": (patient(name=[[]]), [("structure", "Patient.name[0]")]),
    # formats
    "a day that no calendar has": (patient(birthDate="2021-02-29"), [("value", "Patient.birthDate")]),
    "a time for a day": (patient(birthDate="2021-02-28T10:00:00Z"), [("value", "Patient.birthDate")]),
    "a time without a zone": (
        observation(effectiveDateTime="2021-02-28T10:00:00"),
        [("value", "Observation.effectiveDateTime")],
    ),
    "a time without seconds": (
        observation(effectiveDateTime="2021-02-28T10:00Z"),
        [("value", "Observation.effectiveDateTime")],
    ),
    "an instant that is a day": (observation(issued="2021-02-28"), [("value", "Observation.issued")]),
    "an integer that is a decimal": (
        patient(multipleBirthInteger=Decimal("2.0")),
        [("value", "Patient.multipleBirthInteger")],
    ),
    "an integer of more than 32 bits": (
        patient(multipleBirthInteger=2**31),
        [("value", "Patient.multipleBirthInteger")],
    ),
    "a positive integer that is none": (
        patient(telecom=[{"rank": 0}]),
        [("value", "Patient.telecom[0].rank")],
    ),
    "a URI with a space": (
        patient(identifier=[{"system": "a b"}]),
        [("value", "Patient.identifier[0].system")],
    ),
    "text that is no base64": (
        patient(photo=[{"data": "A==="}, {"data": "*"}]),
        [("value", "Patient.photo[0].data"), ("value", "Patient.photo[1].data")],
    ),
    "a narrative that is no div": (
        patient(text={"status": "empty", "div": "<p>x</p>"}),
        [("value", "Patient.text.div")],
    ),
    "an id that is too long": (patient(id="x" * 65), [("value", "Patient.id")]),
    "an id with an underscore": (patient(id="a_b"), [("value", "Patient.id")]),
    "an id that is a number": (patient(id=1), [("value", "Patient.id")]),
    "a code with two spaces": (
        observation(code={"coding": [{"code": "a  b"}]}),
        [("value", "Observation.code.coding[0].code")],
    ),
    # cardinality
    "required and not there": (
        {"resourceType": "Observation"},
        [("required", "Observation.status"), ("required", "Observation.code")],
    ),
    "required below": (
        patient(link=[{"type": "seealso"}]),
        [("required", "Patient.link[0].other")],
    ),
    "a required choice": (
        {"resourceType": "MedicationStatement", "status": "active", "subject": {"display": "?"}},
        [("required", "MedicationStatement.medication")],
    ),
    "two of a choice": (
        patient(deceasedBoolean=True, deceasedDateTime="2021"),
        [("structure", "Patient.deceased")],
    ),
    "a value and an extension of another choice": (
        patient(deceasedBoolean=True, _deceasedDateTime=ABSENT),
        [("structure", "Patient.deceased")],
    ),
    # nothing is empty
    "an empty object": (patient(maritalStatus={}), [("structure", "Patient.maritalStatus")]),
    "an object of an id alone": (
        patient(maritalStatus={"id": "a"}),
        [("structure", "Patient.maritalStatus")],
    ),
    "an empty array": (patient(name=[]), [("structure", "Patient.name")]),
    "an empty array of primitives": (
        patient(name=[{"given": []}]),
        [("structure", "Patient.name[0].given")],
    ),
    "empty text": (patient(name=[{"family": ""}]), [("value", "Patient.name[0].family")]),
    "text of spaces": (patient(name=[{"family": " \n"}]), [("value", "Patient.name[0].family")]),
    "null": (patient(birthDate=None), [("structure", "Patient.birthDate")]),
    "null for an object": (patient(maritalStatus=None), [("structure", "Patient.maritalStatus")]),
    "null for an array": (patient(name=None), [("structure", "Patient.name")]),
    "null among objects": (
        patient(name=[None, {"family": "M"}]),
        [("structure", "Patient.name[0]")],
    ),
    "null beside nothing": (
        patient(name=[{"given": ["A", None]}]),
        [("structure", "Patient.name[0].given[1]")],
    ),
    # what accompanies primitives
    "null on both sides": (
        patient(name=[{"given": ["A", None], "_given": [ABSENT, None]}]),
        [("structure", "Patient.name[0].given[1]"), ("structure", "Patient.name[0]._given[1]")],
    ),
    "arrays of two lengths": (
        patient(name=[{"given": ["A", "B"], "_given": [ABSENT]}]),
        [("structure", "Patient.name[0]._given")],
    ),
    "an object where an array accompanies": (
        patient(name=[{"given": ["A"], "_given": ABSENT}]),
        [("structure", "Patient.name[0]._given")],
    ),
    "an array where an object accompanies": (
        patient(birthDate="1974", _birthDate=[ABSENT]),
        [("structure", "Patient._birthDate")],
    ),
    "an empty array that accompanies": (
        patient(name=[{"given": ["A"], "_given": []}]),
        [("structure", "Patient.name[0]._given")],
    ),
    "an empty object that accompanies": (
        patient(birthDate="1974", _birthDate={}),
        [("structure", "Patient._birthDate")],
    ),
    "a value where an extension stands": (
        patient(birthDate="1974", _birthDate={"value": "1974"}),
        [("structure", "Patient._birthDate.value")],
    ),
    "an extension without its url": (
        patient(_birthDate={"extension": [{"valueCode": "x"}]}),
        [("required", "Patient._birthDate.extension[0].url")],
    ),
    # bindings
    "a code of no required value set": (patient(gender="F"), [("code-invalid", "Patient.gender")]),
    "a code of it in another case": (patient(gender="Female"), [("code-invalid", "Patient.gender")]),
    "a code among several": (
        {"resourceType": "CapabilityStatement", "status": "draft", "date": "2021", "kind": "instance",
         "fhirVersion": "4.0.1", "format": ["json"],
         "rest": [{"mode": "server", "resource": [{"type": "Patient", "referencePolicy": ["local", "x"]}]}]},
        [("code-invalid", "CapabilityStatement.rest[0].resource[0].referencePolicy[1]")],
    ),
    "a concept of no required value set": (
        condition(clinicalStatus={"coding": [{"system": CLINICAL, "code": "lost"}]}),
        [("code-invalid", "Condition.clinicalStatus")],
    ),
    "the code of it, and another system": (
        condition(clinicalStatus={"coding": [{"system": "http://mine", "code": "active"}]}),
        [("code-invalid", "Condition.clinicalStatus")],
    ),
    "the code of it, and no system": (
        condition(clinicalStatus={"coding": [{"code": "active"}]}),
        [("code-invalid", "Condition.clinicalStatus")],
    ),
    # references
    "a target that is not allowed": (
        condition(asserter={"reference": "Device/1"}),
        [("value", "Condition.asserter")],
    ),
    "one elsewhere": (
        condition(asserter={"reference": "https://elsewhere.org/r4/Device/1"}),
        [("value", "Condition.asserter")],
    ),
    "one by type": (
        condition(encounter={"identifier": {"value": "1"}, "type": "Patient"}),
        [("value", "Condition.encounter")],
    ),
    "one that is contained": (
        condition(contained=[{"resourceType": "Device", "id": "d"}], asserter={"reference": "#d"}),
        [("value", "Condition.asserter")],
    ),
    "the resource itself": (condition(asserter={"reference": "#"}), [("value", "Condition.asserter")]),
    "one among several": (
        observation(performer=[{"reference": "Patient/1"}, {"reference": "Encounter/1"}]),
        [("value", "Observation.performer[1]")],
    ),
    "one by a search": (
        condition(asserter={"reference": "Device?identifier=a|b"}),
        [("value", "Condition.asserter")],
    ),
    "one by the address of a type": (
        condition(encounter={"identifier": {"value": "1"}, "type": "http://hl7.org/fhir/StructureDefinition/Patient"}),
        [("value", "Condition.encounter")],
    ),
    "a target of no type": (
        condition(asserter={"reference": "Foo/1"}, encounter={"reference": "encounter/1/_history/2"},
                  recorder={"reference": "Foo?identifier=a"}),
        [("value", "Condition.asserter.reference"), ("value", "Condition.encounter.reference"),
         ("value", "Condition.recorder.reference")],
    ),
    "a target of no type where any may stand": (
        {"resourceType": "List", "status": "current", "mode": "working", "entry": [{"item": {"reference": "Foo/1"}}]},
        [("value", "List.entry[0].item.reference")],
    ),
    "a type that the reference contradicts": (
        condition(asserter={"reference": "Patient/1", "type": "Practitioner"}),
        [("value", "Condition.asserter.type")],
    ),
    "a type that what is contained contradicts": (
        condition(contained=[{"resourceType": "Practitioner", "id": "p"}],
                  asserter={"reference": "#p", "type": "http://hl7.org/fhir/StructureDefinition/Patient"}),
        [("value", "Condition.asserter.type")],
    ),
    "no such contained resource": (
        condition(asserter={"reference": "#p"}),
        [("not-found", "Condition.asserter.reference")],
    ),
    "a contained resource of another entry": (
        {"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": patient(contained=[{"resourceType": "Practitioner", "id": "p"}])},
            {"resource": condition(asserter={"reference": "#p"})}]},
        [("not-found", "Bundle.entry[1].resource.asserter.reference")],
    ),
    # resources in resources
    "what is contained is checked": (
        patient(contained=[{"resourceType": "Device", "id": "d", "serial": "1"}]),
        [("structure", "Patient.contained[0].serial")],
    ),
    "contained without a type": (
        patient(contained=[{"id": "d"}]),
        [("structure", "Patient.contained[0]")],
    ),
    "contained of no type": (
        patient(contained=[{"resourceType": "Devise", "id": "d"}]),
        [("structure", "Patient.contained[0]")],
    ),
    "contained in what is contained": (
        patient(contained=[patient(contained=[{"resourceType": "Device", "id": "d"}])]),
        [("structure", "Patient.contained[0].contained")],
    ),
    "contained twice by one id": (
        patient(contained=[{"resourceType": "Device", "id": "d"}, patient(id="e"), patient(id="d")]),
        [("structure", "Patient.contained[2].id")],
    ),
    "contained with what the store says": (
        patient(contained=[patient(id="p", meta={
            "versionId": "1", "_lastUpdated": ABSENT, "security": [{"code": "x"}], "tag": [{"code": "x"}]})]),
        [("structure", f"Patient.contained[0].meta.{name}") for name in ("versionId", "lastUpdated", "security")],
    ),
    "what stands in an entry is checked": (
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient(gender="F")}]},
        [("code-invalid", "Bundle.entry[0].resource.gender")],
    ),
    "no resource in an entry": (
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": "Patient/1"}]},
        [("structure", "Bundle.entry[0].resource")],
    ),
    "what stands in a parameter is checked": (
        {"resourceType": "Parameters", "parameter": [{"name": "a", "resource": patient(x=1)}]},
        [("structure", "Parameters.parameter[0].resource.x")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("resource", "expected"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_where_it_is(
    resource: dict[str, Any], expected: list[Problem]
) -> None:
    assert problems(resource) == expected


@pytest.mark.parametrize("text", ["1E0", "1.0", "-0", "1e400"])
def test_a_number_is_told_as_it_was_sent(text: str) -> None:
    resource = json_text.parse(
        f'{{"resourceType":"Patient","multipleBirthInteger":{text}}}'.encode()
    )
    (issue,) = validate(resource, R4)
    assert issue.diagnostics == f"{text} is no integer"


def test_all_that_is_wrong_is_said_at_once() -> None:
    resource = patient(gender="F", birthDate="2021-02-29", nick=1, name=[{"given": [1, ""]}])
    assert {expression for _, expression in problems(resource)} == {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.nick",
        "Patient.name[0].given[0]",
        "Patient.name[0].given[1]",
    }


@pytest.mark.parametrize(
    "elements",
    [
        {"deceasedBoolean": True, "deceasedDateTime": "2021"},
        {"deceasedBoolean": True, "_deceasedDateTime": ABSENT},
        {"_deceasedBoolean": ABSENT, "_deceasedDateTime": ABSENT},
    ],
)
def test_all_that_stand_for_one_choice_are_named(elements: dict[str, Any]) -> None:
    (issue,) = validate(patient(**elements), R4)
    assert issue.diagnostics.endswith("not deceasedBoolean, deceasedDateTime")


def test_a_list_of_problems_has_an_end() -> None:
    names = [{"family": 1}] * (MOST_ISSUES + 1)
    assert len(problems(patient(name=names[:-2]))) == MOST_ISSUES - 1
    assert len(problems(patient(name=names))) == MOST_ISSUES


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (patient(gender="F", nick=[None]), []),
        (patient(), []),
        ({"resourceType": "Person2"}, ["resourceType"]),
        ({}, ["resourceType"]),
    ],
)
def test_without_validation_only_the_type_counts(
    resource: dict[str, Any], expected: list[str]
) -> None:
    assert [issue.expression for issue in validate(resource, R4, level="off")] == expected


# Changes of something that is well

RICH: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o",
    "meta": {"profile": ["http://x"], "tag": [{"system": "http://t", "code": "t"}]},
    "text": {"status": "generated", "div": DIV},
    "contained": [{"resourceType": "Device", "id": "d", "status": "active"}],
    "extension": [{"url": "http://x", "valueRange": {"low": {"value": Decimal("1.0")}}}],
    "status": "final",
    "_status": ABSENT,
    "category": [{"coding": [{"system": "http://c", "code": "vital-signs"}], "text": "Vital"}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    "subject": {"reference": "Patient/1", "identifier": {"value": "1"}},
    "performer": [{"reference": "Practitioner/1"}],
    "device": {"reference": "#d"},
    "effectivePeriod": {"start": "2021", "end": "2022-02-28"},
    "issued": "2021-01-01T00:00:00Z",
    "valueSampledData": {
        "origin": {"value": 0},
        "period": Decimal("1.5"),
        "dimensions": 1,
        "data": "1 2",
    },
    "component": [{"code": {"text": "a"}, "valueBoolean": False}],
}
ANOTHER: dict[str, Any] = patient(
    active=True,
    name=[{"given": ["A", None], "_given": [None, ABSENT]}],
    contact=[{"name": {"family": "M"}, "gender": "male"}],
    photo=[{"data": "AAAA"}],
)


def spelled(type: str, path: Path) -> str:
    return type + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


CHANGES = [
    pytest.param(resource, path, value, id=f"{spelled('', path)} {json.dumps(value)}")
    for resource in (RICH, ANOTHER)
    for path in places(resource)
    for value in ({}, [], None, "", {"x": []}, [[]], [{}], 1.5)
]


@pytest.mark.parametrize("resource", [RICH, ANOTHER])
def test_the_changed_are_well(resource: dict[str, Any]) -> None:
    assert problems(resource) == []


@pytest.mark.parametrize(("resource", "path", "value"), CHANGES)
def test_what_can_stand_nowhere_is_found_everywhere(
    resource: dict[str, Any], path: Path, value: Any
) -> None:
    found = problems(with_other(resource, path, value))
    place = spelled(resource["resourceType"], path)
    if path[-1] == "resourceType":
        place = place.removesuffix(".resourceType") if len(path) > 1 else "resourceType"
    assert any(expression and expression.startswith(place) for _, expression in found)


# Hostile values

NAMES = sorted(names_in(RICH, ANOTHER))
anything = any_json(NAMES)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(R4.resource_types)),
    st.dictionaries(st.sampled_from(NAMES), anything, max_size=4),
)
def test_no_object_makes_it_fail(type: str, elements: dict[str, Any]) -> None:
    for found in validate({**elements, "resourceType": type}, R4):
        assert found.expression is not None
        assert found.expression.startswith(type)
        assert (found.severity, bool(found.diagnostics)) == ("error", True)
        assert found.code in ("structure", "value", "required", "code-invalid", "not-found")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([(r, path) for r in (RICH, ANOTHER) for path in places(r)]), anything)
def test_no_value_at_any_place_makes_it_fail(
    place: tuple[dict[str, Any], Path], value: Any
) -> None:
    resource = with_other(*place, value)
    before = copy.deepcopy(resource)
    assert validate(resource, R4) == validate(resource, R4)
    assert str(resource) == str(before), "a check changes nothing"


# HL7's examples

BASE = [("required", "SearchParameter.base")]
NOT_WELL: dict[str, tuple[str, list[Problem]]] = {
    "DeviceMetric-example": (
        "its parent is a DeviceDefinition, and may be a Device",
        [("value", "DeviceMetric.parent")],
    ),
    "DeviceUseStatement-example": (
        "its reason is a Procedure, which is none of the five that may be one",
        [("value", "DeviceUseStatement.reasonReference[0]")],
    ),
    "ImplementationGuide-fhir": (
        "it has neither a name nor a status",
        [("required", "ImplementationGuide.name"), ("required", "ImplementationGuide.status")],
    ),
    "MedicationRequest-medrx0301": (
        "its dispenser is a Practitioner, and may be an Organization",
        [("value", "MedicationRequest.dispenseRequest.performer")],
    ),
    "Observation-clinical-gender": (
        "its performer is an Encounter",
        [("value", "Observation.performer[0]")],
    ),
    "Questionnaire-qs1": (
        "its items of type display have no linkId",
        [("required", "Questionnaire.item[0].item[0].linkId")],
    ),
    "SearchParameter-codesystem-extensions-CodeSystem-author": ("no base", BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-effective": ("no base", BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-end": ("no base", BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-keyword": ("no base", BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-workflow": ("no base", BASE),
    "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject": (
        "its id has more than 64 characters",
        [("value", "SearchParameter.id")],
    ),
    "SearchParameter-valueset-extensions-ValueSet-author": ("no base", BASE),
    "SearchParameter-valueset-extensions-ValueSet-effective": ("no base", BASE),
    "SearchParameter-valueset-extensions-ValueSet-end": ("no base", BASE),
    "SearchParameter-valueset-extensions-ValueSet-keyword": ("no base", BASE),
    "SearchParameter-valueset-extensions-ValueSet-workflow": ("no base", BASE),
    "ig-r4": (
        "it has neither a name nor a status",
        [("required", "ImplementationGuide.name"), ("required", "ImplementationGuide.status")],
    ),
}


def test_the_examples_are_well_but_those_of_the_table() -> None:
    files = sorted(EXAMPLES.glob("*.json"))
    if not files:
        pytest.skip("HL7's examples are not here: `make examples` fetches them")
    found = {
        file.stem: said
        for file in files
        if file.name != "package.json" and (said := problems(json_text.parse(file.read_bytes())))
    }
    assert len(files) == 5307
    assert set(found) == set(NOT_WELL)
    for name, (_, expected) in NOT_WELL.items():
        some = found[name][:1] if name == "Questionnaire-qs1" else found[name]
        assert some == expected, name
