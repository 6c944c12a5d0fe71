"""What a search finds: cases as a table, each type with a positive control, asked of every backend through both interfaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from fhirstore.errors import InvalidPageToken, InvalidSearch
from tests.contract.conftest import dropped, open_store

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def quantity(value: Any, code: str, system: str = UCUM) -> dict[str, Any]:
    return {"value": value, "unit": code, "system": system, "code": code}


def observation(id: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "Observation", "id": id, "status": "final"}
    return made | {"code": {"text": "something"}} | more


def coded(*codings: tuple[str | None, str]) -> dict[str, Any]:
    return {
        "coding": [
            {"system": system, "code": code} if system else {"code": code}
            for system, code in codings
        ]
    }


RESOURCES: list[dict[str, Any]] = [
    {
        "resourceType": "Patient", "id": "p1", "active": True, "gender": "female",
        "name": [{"family": "Müller-Lüdenscheidt", "given": ["Anna", "Zoë"], "prefix": ["Dr."]}],
        "birthDate": "1980-05-17",
        "identifier": [{"system": "urn:mrn", "value": "A|1"}, {"value": "bare"}],
        "telecom": [{"system": "phone", "value": "+41 79 1"}, {"system": "email", "value": "Anna@Example.org"}],
        "address": [{"line": ["Main St. 5"], "city": "Basel", "country": "CH"}],
        "managingOrganization": {"reference": "Organization/o1"},
        "meta": {"tag": [{"system": "urn:t", "code": "red"}], "source": "urn:feed:1",
                 "profile": ["http://example.org/p1"], "security": [{"system": "urn:s", "code": "R"}]},
    },
    {
        "resourceType": "Patient", "id": "p2", "active": False, "gender": "male",
        "name": [{"family": "O'Neil", "given": ["Bert"]}], "birthDate": "1980",
        "deceasedDateTime": "2015-03-01T10:00:00Z",
        "identifier": [{"system": "urn:mrn", "value": "A",
                        "type": {"text": "Record no", "coding": [{"system": "urn:v2", "code": "MR"}]}}],
        "link": [{"other": {"reference": "Patient/p1"}, "type": "seealso"}],
    },
    {
        "resourceType": "Patient", "id": "p3", "name": [{"family": "muller"}], "birthDate": "1981-01-01",
        "deceasedBoolean": False,
        "generalPractitioner": [{"reference": "Practitioner/d1"}, {"reference": "http://other.org/fhir/Practitioner/d2"}],
    },
    {"resourceType": "Patient", "id": "p4"},
    {"resourceType": "Organization", "id": "o1", "name": "Clinic", "alias": ["Spital"]},
    observation(
        "v1", code=coded((LOINC, "8867-4"), ("urn:local", "hr")), subject={"reference": "Patient/p1"},
        effectiveDateTime="2020-02-29T10:00:00+01:00", valueQuantity=quantity(72, "/min"),
        category=[coded((CATEGORY, "vital-signs"))],
    ),
    observation(
        "v2", code={**coded((LOINC, "29463-7")), "text": "Body Weight"},
        subject={"reference": "Patient/p2", "identifier": {"system": "urn:mrn", "value": "A"}},
        effectivePeriod={"start": "2020-01-01", "end": "2020-03-31"}, valueQuantity=quantity(5.4, "g"),
    ),
    observation(
        "v3", code=coded((LOINC, "29463-7")), subject={"reference": "Group/g1"}, status="amended",
        effectiveDateTime="2020", valueQuantity=quantity(5400, "mg"),
    ),
    observation(
        "v4", code=coded((LOINC, "85354-9")), subject={"reference": "Patient/p1"},
        effectivePeriod={"start": "2019-06-01T00:00:00Z"},
        component=[
            {"code": coded((LOINC, "8480-6")), "valueQuantity": quantity(107, "mm[Hg]")},
            {"code": coded((LOINC, "8462-4")), "valueQuantity": quantity(60, "mm[Hg]")},
        ],
    ),
    observation("v5", code=coded((None, "8867-4")), valueString="Straße, lang"),
    observation("v6", valueCodeableConcept=coded(("urn:c", "x"), (None, "y")), effectiveInstant="2020-02-29T09:00:00.500Z"),
    observation("v7", valueQuantity={"value": 5.4, "unit": "Stück"}, valueString=None),
    {"resourceType": "ValueSet", "id": "vs1", "url": "http://example.org/vs", "version": "1", "status": "draft",
     "name": "One", "date": "2021-06"},
    {"resourceType": "ValueSet", "id": "vs2", "url": "http://example.org/vs/", "status": "active", "name": "Two"},
    {"resourceType": "PlanDefinition", "id": "pd1", "status": "draft", "library": ["http://example.org/lib|2.0"]},
    {"resourceType": "PlanDefinition", "id": "pd2", "status": "draft", "library": ["http://example.org/lib"]},
    {"resourceType": "RiskAssessment", "id": "r1", "status": "final", "subject": {"reference": "Patient/p1"},
     "prediction": [{"probabilityDecimal": 0.9}, {"probabilityDecimal": 0.00002}]},
    {"resourceType": "RiskAssessment", "id": "r2", "status": "final", "subject": {"reference": "Patient/p1"},
     "prediction": [{"probabilityDecimal": 100}]},
    {"resourceType": "RiskAssessment", "id": "r3", "status": "final", "subject": {"reference": "Patient/p2"},
     "prediction": [{"probabilityRange": {"low": {"value": 10}, "high": {"value": 20}}}]},
    {"resourceType": "List", "id": "list1", "status": "current", "mode": "working",
     "entry": [{"item": {"reference": "Patient/p1"}}, {"item": {"reference": "Observation/v1"}},
               {"item": {"identifier": {"value": "X"}}}]},
    {"resourceType": "Location", "id": "l1", "position": {"longitude": 7.5886, "latitude": 47.5596}, "name": "Basel"},
    {"resourceType": "Location", "id": "l2", "position": {"longitude": 8.5417, "latitude": 47.3769}, "name": "Zürich"},
    {"resourceType": "Bundle", "id": "b1", "type": "document", "timestamp": "2020-01-01T00:00:00Z",
     "identifier": {"system": "urn:b", "value": "1"},
     "entry": [{"fullUrl": "urn:uuid:6d2d0c6e-1f4e-4a52-8c2c-2b2f5d7a0001", "resource":
                {"resourceType": "Composition", "id": "x", "status": "final", "type": {"text": "x"}, "date": "2020",
                 "author": [{"display": "x"}], "title": "x"}}]},
]  # fmt: skip
del RESOURCES[11]["valueString"]

# Type, query, the ids of what is found.
CASES: list[tuple[str, str, str]] = [
    # all
    ("Patient", "", "p1 p2 p3 p4"),
    ("Organization", "", "o1"),
    ("Practitioner", "", ""),
    # _id
    ("Patient", "_id=p1", "p1"),
    ("Patient", "_id=p1,p3,nobody", "p1 p3"),
    ("Patient", "_id=p1&_id=p3", ""),
    ("Patient", "_id=Patient/p1", ""),
    ("Patient", "_id:not=p1", "p2 p3 p4"),
    # token
    ("Patient", "gender=female", "p1"),
    ("Patient", "gender=FEMALE", ""),
    ("Patient", "gender=female,male", "p1 p2"),
    ("Patient", "gender=http://hl7.org/fhir/administrative-gender|female", "p1"),
    ("Patient", "gender=urn:x|female", ""),
    ("Patient", "gender=http://hl7.org/fhir/administrative-gender|", "p1 p2"),
    ("Patient", "gender:not=female", "p2 p3 p4"),
    ("Patient", "gender:not=female,male", "p3 p4"),
    ("Patient", "gender:missing=true", "p3 p4"),
    ("Patient", "gender:missing=false", "p1 p2"),
    ("Patient", "active=true", "p1"),
    ("Patient", "active=http://hl7.org/fhir/special-values|true", "p1"),
    ("Patient", "deceased=true", "p2"),
    ("Patient", "deceased=false", "p1 p3 p4"),
    ("Patient", "identifier=urn:mrn|A", "p2"),
    ("Patient", r"identifier=urn:mrn|A\|1", "p1"),
    ("Patient", r"identifier=A\|1", "p1"),
    ("Patient", "identifier=|bare", "p1"),
    ("Patient", "identifier=bare", "p1"),
    ("Patient", "identifier=urn:mrn|", "p1 p2"),
    ("Patient", "identifier=|A", ""),
    ("Patient", "email=anna@example.org", "p1"),
    ("Patient", "email=ANNA@example.org", "p1"),
    ("Patient", "phone=%2B41 79 1", "p1"),
    ("Patient", "phone=anna@example.org", ""),
    ("Patient", "telecom=anna@example.org", "p1"),
    ("Observation", "code=8867-4", "v1 v5"),
    ("Observation", f"code={LOINC}|8867-4", "v1"),
    ("Observation", "code=|8867-4", "v5"),
    ("Observation", "code=hr", "v1"),
    ("Observation", f"code={LOINC}|", "v1 v2 v3 v4"),
    ("Observation", "code=8867-4,29463-7", "v1 v2 v3 v5"),
    ("Observation", f"code={LOINC}|8867-4,urn:x|1", "v1"),
    ("Observation", "code:not=8867-4", "v2 v3 v4 v6 v7"),
    ("Observation", "code:not=8867-4,29463-7", "v4 v6 v7"),
    ("Observation", "category=vital-signs&code=8867-4", "v1"),
    ("Observation", "status=amended", "v3"),
    ("Observation", "value-concept=urn:c|x", "v6"),
    ("Observation", "value-concept=|y", "v6"),
    ("Observation", "combo-code=8480-6", "v4"),
    ("Observation", "combo-code=8867-4,8480-6", "v1 v4 v5"),
    ("Patient", "_tag=urn:t|red", "p1"),
    ("Patient", "_tag=red", "p1"),
    ("Patient", "_security=urn:s|R", "p1"),
    ("Patient", "_profile=http://example.org/p1", "p1"),
    ("Patient", "_source=urn:feed:1", "p1"),
    ("Patient", "identifier:of-type=urn:v2|MR|A", "p2"),
    ("Patient", "identifier:of-type=urn:v2|MR|B", ""),
    ("Patient", "identifier:of-type=urn:v2|XX|A", ""),
    ("Patient", "identifier:text=record", "p2"),
    ("Patient", "identifier:text=no", ""),
    ("Observation", "code:text=body", "v2"),
    ("Observation", "code:text=BODY w", "v2"),
    ("Observation", "code:text=weight", ""),
    ("Observation", "code:text=.*", ""),
    ("Observation", "code:text=body,some", "v2 v6 v7"),
    ("Observation", "combo-code:text=body", "v2"),
    # string
    ("Patient", "family=muller", "p1 p3"),
    ("Patient", "family=MÜLLER", "p1 p3"),
    ("Patient", "family=Müller-L", "p1"),
    ("Patient", "family=ller", ""),
    ("Patient", "family:contains=ller", "p1 p3"),
    ("Patient", "family:contains=UDENS", "p1"),
    ("Patient", "family:contains=.*", None),
    ("Patient", "family:exact=muller", "p3"),
    ("Patient", "family:exact=Müller-Lüdenscheidt", "p1"),
    ("Patient", "family:exact=Müller", ""),
    ("Patient", "family=oneil", "p2"),
    ("Patient", "family=O'N", "p2"),
    ("Patient", "name=zoe", "p1"),
    ("Patient", "name=dr", "p1"),
    ("Patient", "given=anna,bert", "p1 p2"),
    ("Patient", "given=anna&given=zoe", "p1"),
    ("Patient", "given=anna&given=bert", ""),
    ("Patient", "address=main st", "p1"),
    ("Patient", "address-city=bas", "p1"),
    ("Patient", "name:missing=true", "p4"),
    ("Organization", "name=spital", "o1"),
    ("Observation", "value-string=strasse", "v5"),
    ("Observation", r"value-string=Straße\, l", "v5"),
    ("Patient", "phonetic=muller", "p1 p3"),
    # reference
    ("Observation", "subject=Patient/p1", "v1 v4"),
    ("Observation", "subject=p1", "v1 v4"),
    ("Observation", "subject:Patient=p1", "v1 v4"),
    ("Observation", "subject:Group=g1", "v3"),
    ("Observation", "subject:Group=p1", ""),
    ("Observation", "subject=Group/g1", "v3"),
    ("Observation", "patient=p1", "v1 v4"),
    ("Observation", "patient=Patient/p1,Patient/p2", "v1 v2 v4"),
    ("Observation", "patient=g1", ""),
    ("Observation", "patient=Group/g1", ""),
    ("Observation", "subject=http://base.test/fhir/Patient/p1", "v1 v4"),
    ("Observation", "subject=http://elsewhere.test/fhir/Patient/p1", ""),
    ("Observation", "subject:missing=true", "v5 v6 v7"),
    ("Observation", "patient:missing=true", "v3 v5 v6 v7"),
    ("Observation", "patient:missing=false", "v1 v2 v4"),
    ("Patient", "general-practitioner=Practitioner/d1", "p3"),
    ("Patient", "general-practitioner=http://other.org/fhir/Practitioner/d2", "p3"),
    ("Patient", "general-practitioner=d2", ""),
    ("Patient", "organization=o1", "p1"),
    ("Patient", "link=Patient/p1", "p2"),
    ("PlanDefinition", "depends-on=http://example.org/lib|2.0", "pd1"),
    ("PlanDefinition", "depends-on=http://example.org/lib", "pd1 pd2"),
    ("PlanDefinition", "depends-on=http://example.org/lib|3", ""),
    ("Observation", "subject:identifier=urn:mrn|A", "v2"),
    ("Observation", "subject:identifier=A", "v2"),
    ("Observation", "patient:identifier=A", "v2"),
    ("Observation", "subject:identifier=urn:mrn|B", ""),
    ("Observation", "encounter:identifier=A", ""),
    ("List", "item:identifier=X", "list1"),
    ("Patient", "_list=list1", "p1"),
    ("Observation", "_list=list1", "v1"),
    ("Observation", "_list=nothing", ""),
    # uri
    ("ValueSet", "url:below=http://example.org", "vs1 vs2"),
    ("ValueSet", "url:below=http://example.org/", "vs1 vs2"),
    ("ValueSet", "url:below=http://example.org/vs", "vs1 vs2"),
    ("ValueSet", "url:below=http://example.org/v", ""),
    ("ValueSet", "url:above=http://example.org/vs/a/b", "vs1 vs2"),
    ("ValueSet", "url:above=http://example.org/vs", "vs1"),
    ("ValueSet", "url:above=http://example.org/vs/", "vs1 vs2"),
    ("ValueSet", "url:above=http://example.org/", ""),
    ("ValueSet", "url=http://example.org/vs", "vs1"),
    ("ValueSet", "url=http://example.org/vs/", "vs2"),
    ("ValueSet", "url=http://EXAMPLE.org/vs", ""),
    ("ValueSet", "url=http://example.org/vs,http://example.org/vs/", "vs1 vs2"),
    # date
    ("Patient", "birthdate=1980-05-17", "p1"),
    ("Patient", "birthdate=1980", "p1 p2"),
    ("Patient", "birthdate=1980-05", "p1"),
    ("Patient", "birthdate=ne1980", "p3"),
    ("Patient", "birthdate=ne1980-05-17", "p2 p3"),
    ("Patient", "birthdate=gt1980", "p3"),
    ("Patient", "birthdate=gt1980-05-17", "p2 p3"),
    ("Patient", "birthdate=lt1980-05-17", "p2"),
    ("Patient", "birthdate=ge1980-05-17", "p1 p2 p3"),
    ("Patient", "birthdate=le1980-05-17", "p1 p2"),
    ("Patient", "birthdate=sa1980", "p3"),
    ("Patient", "birthdate=sa1980-05-16", "p1 p3"),
    ("Patient", "birthdate=eb1981", "p1 p2"),
    ("Patient", "birthdate=eb1980-12-31", "p1"),
    ("Patient", "birthdate=ge1980&birthdate=lt1981", "p1 p2"),
    ("Patient", "birthdate=1980-05-17,1981-01-01", "p1 p3"),
    ("Patient", "birthdate:missing=true", "p4"),
    ("Patient", "death-date=2015-03", "p2"),
    ("Observation", "date=2020-02-29", "v1 v6"),
    ("Observation", "date=2020-02-29T09:00:00Z", "v1 v6"),
    ("Observation", "date=2020-02-29T09:00Z", "v1 v6"),
    ("Observation", "date=2020-02-29T10:00:00%2B01:00", "v1 v6"),
    ("Observation", "date=2020-02-29T10:00:00+01:00", "v1 v6"),
    ("Observation", "date=2020-02-29T09:00:00.500Z", "v6"),
    ("Observation", "date=2020", "v1 v2 v3 v6"),
    ("Observation", "date=ge2020", "v1 v2 v3 v4 v6"),
    ("Observation", "date=gt2020", "v4"),
    ("Observation", "date=lt2020", "v4"),
    ("Observation", "date=le2020", "v1 v2 v3 v4 v6"),
    ("Observation", "date=sa2020-02", ""),
    ("Observation", "date=sa2019", "v1 v2 v3 v6"),
    ("Observation", "date=eb2020-04", "v1 v2 v6"),
    ("Observation", "date=eb2020-03-31", "v1 v6"),
    ("Observation", "date=ne2020", "v4"),
    ("ValueSet", "date=2021", "vs1"),
    # number
    ("RiskAssessment", "probability=100", "r2"),
    ("RiskAssessment", "probability=100.00", "r2"),
    ("RiskAssessment", "probability=1e2", "r2"),
    ("RiskAssessment", "probability=0.9", "r1"),
    ("RiskAssessment", "probability=1", "r1"),
    ("RiskAssessment", "probability=0.00002", "r1"),
    ("RiskAssessment", "probability=2e-5", "r1"),
    ("RiskAssessment", "probability=gt0.9", "r2 r3"),
    ("RiskAssessment", "probability=ge0.9", "r1 r2 r3"),
    ("RiskAssessment", "probability=lt0.9", "r1"),
    ("RiskAssessment", "probability=le0.00002", "r1"),
    ("RiskAssessment", "probability=ne100", "r1 r3"),
    ("RiskAssessment", "probability=ap95", "r2"),
    ("RiskAssessment", "probability=sa20", "r2"),
    ("RiskAssessment", "probability=sa5", "r2 r3"),
    ("RiskAssessment", "probability=eb21", "r1 r3"),
    ("RiskAssessment", "probability=gt15", "r2 r3"),
    ("RiskAssessment", "probability=gt20", "r2"),
    ("RiskAssessment", "probability=ge20", "r2 r3"),
    ("RiskAssessment", "probability=lt10", "r1"),
    ("RiskAssessment", "probability=le10", "r1 r3"),
    ("RiskAssessment", "probability=99.4", ""),
    # quantity
    ("Observation", "value-quantity=5.4", "v2 v7"),
    ("Observation", f"value-quantity=5.4|{UCUM}|g", "v2 v3"),
    ("Observation", f"value-quantity=5400|{UCUM}|mg", "v2 v3"),
    ("Observation", f"value-quantity=5400000|{UCUM}|ug", "v2 v3"),
    ("Observation", f"value-quantity=gt5.3|{UCUM}|g", "v2 v3"),
    ("Observation", f"value-quantity=lt5.4|{UCUM}|g", ""),
    ("Observation", f"value-quantity=ge5.4|{UCUM}|g", "v2 v3"),
    ("Observation", f"value-quantity=5|{UCUM}|m", ""),
    ("Observation", "value-quantity=5.4||g", "v2"),
    ("Observation", "value-quantity=5.4||Stück", "v7"),
    ("Observation", "value-quantity=5400||mg", "v3"),
    ("Observation", f"value-quantity=1.2|{UCUM}|s-1", "v1"),
    ("Observation", f"value-quantity=1.2|{UCUM}|Hz", "v1"),
    ("Observation", "value-quantity=gt5.4", "v1 v3"),
    ("Observation", "value-quantity=ne5.4", "v1 v3"),
    ("Observation", "value-quantity=72", "v1"),
    ("Observation", "value-quantity=ap70", "v1"),
    ("Observation", "value-quantity=5.4|urn:x|g", ""),
    ("Observation", "combo-value-quantity=107", "v4"),
    ("Observation", "value-quantity:missing=true", "v4 v5 v6"),
    # composite
    ("Observation", "code-value-quantity=8867-4$72", "v1"),
    ("Observation", f"code-value-quantity={LOINC}|8867-4$gt70|{UCUM}|/min", "v1"),
    ("Observation", "code-value-quantity=8867-4$73", ""),
    ("Observation", "code-value-quantity=8867-4$72,29463-7$5.4", "v1 v2"),
    ("Observation", "component-code-value-quantity=8480-6$107", "v4"),
    ("Observation", "component-code-value-quantity=8462-4$107", ""),
    ("Observation", "component-code-value-quantity=8462-4$lt61", "v4"),
    ("Observation", "component-code-value-quantity=8480-6$gt100,8462-4$gt100", "v4"),
    ("Observation", "combo-code-value-quantity=8867-4$72", "v1"),
    ("Observation", "combo-code-value-quantity=8480-6$107", "v4"),
    # near
    ("Location", "near=47.56|7.59", "l1"),
    ("Location", "near=47.56|7.59|100|km", "l1 l2"),
    ("Location", "near=47.56|7.59|40|[mi_us]", "l1"),
    ("Location", "near=47.56|7.59|100000|m", "l1 l2"),
    ("Location", "near=0|0|1|km", ""),
    # chains
    ("Observation", "subject:Patient.family=muller", "v1 v4"),
    ("Observation", "subject:Patient.family:exact=O'Neil", "v2"),
    ("Observation", "patient.gender=female", "v1 v4"),
    ("Observation", "patient.identifier=bare", "v1 v4"),
    ("Observation", "patient.gender=female,male", "v1 v2 v4"),
    ("Observation", "patient.gender=female&patient.family=oneil", ""),
    ("Observation", "patient.gender:missing=true", ""),
    ("Observation", "patient.gender:not=female", "v2"),
    ("Observation", "patient._id=p1", "v1 v4"),
    ("Observation", "patient.organization.name=clin", "v1 v4"),
    ("Observation", "patient.organization.name=nowhere", ""),
    ("Observation", "patient.birthdate=ge1980&code=8867-4", "v1"),
    ("Observation", "subject:Group.identifier=x", ""),
    ("Patient", "general-practitioner:Practitioner.name=x", ""),
    ("Patient", "link:Patient.family=muller", "p2"),
    # reverse chains
    ("Patient", "_has:Observation:patient:code=8867-4", "p1"),
    ("Patient", "_has:Observation:patient:code=8867-4,29463-7", "p1 p2"),
    ("Patient", "_has:Observation:subject:value-quantity=5.4", "p2"),
    ("Patient", "_has:Observation:patient:code=8867-4&_has:Observation:patient:code=85354-9", "p1"),
    ("Patient", "_has:Observation:patient:code=8867-4&gender=male", ""),
    ("Patient", "_has:Patient:link:gender=male", "p1"),
    ("Organization", "_has:Patient:organization:gender=female", "o1"),
    ("Organization", "_has:Patient:organization:_has:Observation:patient:code=8867-4", "o1"),
    ("Organization", "_has:Patient:organization:_has:Observation:patient:code=nothing", ""),
    ("Observation", "patient._has:Patient:link:gender=male", "v1 v4"),
    ("Patient", "_has:Observation:patient:encounter:Encounter.status=x", ""),
    # several
    ("Observation", "subject=p1&code=8867-4&date=ge2020&value-quantity=gt70", "v1"),
    ("Observation", "subject=p1&code=8867-4&date=lt2020", ""),
    ("Observation", "subject=p1&status:not=amended&category:missing=true", "v4"),
    ("Observation", "_lastUpdated=gt2020&code=hr", "v1"),
    ("Observation", "_lastUpdated=lt2020", ""),
    ("Bundle", "identifier=urn:b|1", "b1"),
    ("Bundle", "composition=Composition/x", "b1"),
    ("Bundle", "composition=http://base.test/fhir/Composition/x", "b1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(kind: str, server: str) -> Iterator[Any]:
    """A store with all of the resources; one of them has an earlier version, and one is deleted."""
    with ExitStack() as stack:
        options = {"base_urls": ["http://base.test/fhir"]}
        store = open_store(kind, server, dropped(server, stack), stack, **options)
        store.update(
            {
                "resourceType": "Patient",
                "id": "p4",
                "gender": "female",
                "name": [{"family": "Muller"}],
            }
        )
        for resource in RESOURCES:
            store.update(resource)
        store.update(
            {"resourceType": "Patient", "id": "gone", "gender": "female", "birthDate": "1980-05-17"}
        )
        store.delete("Patient", "gone")
        yield store


@pytest.mark.parametrize(("type", "query", "expected"), CASES)
def test_finds(filled: Any, kind: str, type: str, query: str, expected: str | None) -> None:
    if kind == "mongomock" and query.startswith("near"):
        pytest.skip("mongomock knows no positions")
    if expected is None:
        with pytest.raises(InvalidSearch):
            filled.search(type, query)
        return
    found = filled.search(type, query)
    assert sorted(match.id for match in found.matches) == expected.split()
    assert filled.search(type, f"{query}&_summary=count").total == len(expected.split())


# Type, query, the code of the issue and something of what it says.
REFUSED: list[tuple[str, str, str, str]] = [
    ("Patient", "foo=1", "not-supported", "foo"),
    ("Patient", "birthdat=1980", "not-supported", "birthdate"),
    ("Patient", "gender:exact=x", "not-supported", "exact"),
    ("Patient", "family:not=x", "not-supported", "not"),
    ("Patient", "name:text=x", "not-supported", "text"),
    ("Patient", "identifier:of-type=a|b", "value", "of-type"),
    ("Patient", "_list=$current-problems", "not-supported", "functional"),
    ("Observation", "subject.identifier=x", "not-supported", "subject:Patient.identifier"),
    ("Observation", "subject.foo=x", "not-supported", "none of"),
    ("Observation", "code.name=x", "not-supported", "leads nowhere"),
    ("Observation", "subject:Patient.birthdate=x", "value", "no date"),
    ("Patient", "_has:Observation:code:code=x", "not-supported", "no reference parameter"),
    ("Patient", "_has:Observation:encounter:code=x", "not-supported", "does not refer"),
    ("Patient", "_has:Nothing:patient:code=x", "not-supported", "not a resource type"),
    ("Patient", "_has:Observation=x", "not-supported", "_has:Type"),
    ("Patient", "link:Patient." * 7 + "name=x", "too-costly", "links"),
    ("Observation", "subject:Organization=x", "not-supported", "does not refer"),
    ("Bundle", "composition.title=x", "not-supported", "first entry"),
    ("Bundle", "message:MessageHeader.event=x", "not-supported", "first entry"),
    ("Patient", r"name=a\xb", "value", "backslash"),
    ("Patient", "birthdate=x", "value", "no date"),
    ("Patient", "birthdate=1980-02-30", "value", "no date"),
    ("Patient", "birthdate=xx1980", "value", "no date"),
    ("Patient", "birthdate=1980-5", "value", "no date"),
    ("Observation", "value-quantity=x", "value", "no number"),
    ("Observation", "value-quantity=5|g", "value", "quantity"),
    ("Observation", "value-quantity=1e99999", "value", "number"),
    ("RiskAssessment", "probability=", "", ""),
    ("RiskAssessment", "probability=0x10", "value", "no number"),
    ("Patient", "gender=a|b|c", "value", "token"),
    ("Patient", "gender=|", "value", "neither"),
    ("Patient", "gender:missing=maybe", "value", "true or false"),
    ("Observation", "code-value-quantity=8867-4", "value", "code$value-quantity"),
    ("Observation", "code-value-quantity=8867-4$", "value", "code$value-quantity"),
    ("Location", "near=1", "value", "near"),
    ("Location", "near=100|0", "value", "latitude"),
    ("Location", "near=1|1|1|kg", "value", "length"),
    ("Patient", "_count=x", "value", "_count"),
    ("Patient", "_count=-1", "value", "_count"),
    ("Patient", "_sort=foo", "value", "foo"),
    ("Patient", "_total=maybe", "value", "_total"),
    ("Patient", "_summary=all", "value", "_summary"),
    ("Patient", "name=%zz", "value", "%zz"),
]


@pytest.mark.parametrize(("type", "query", "code", "said"), REFUSED)
def test_refuses(filled: Any, type: str, query: str, code: str, said: str) -> None:
    if not code:
        assert filled.search(type, query).matches
        return
    with pytest.raises(InvalidSearch) as caught:
        filled.search(type, query)
    (issue,) = caught.value.issues
    assert (issue.severity, issue.code) == ("error", code)
    assert said in issue.diagnostics
    if "%" not in query:
        assert issue.expression == query.partition("=")[0][:200]


def test_refuses_all_at_once(filled: Any) -> None:
    with pytest.raises(InvalidSearch) as caught:
        filled.search("Patient", "foo=1&birthdate=x&gender=female&_sort=bar")
    assert {issue.expression for issue in caught.value.issues} == {"foo", "birthdate", "_sort"}


def test_leaves_out_and_says_so_when_lenient(filled: Any) -> None:
    found = filled.search("Patient", "foo=1&gender=female&organization.foo=x", handling="lenient")
    assert [match.id for match in found.matches] == ["p1"]
    assert [(issue.severity, issue.expression) for issue in found.issues] == [
        ("warning", "foo"),
        ("warning", "organization.foo"),
    ]
    assert found.parameters == [("gender", "female")]
    for wrong in ("birthdate=x", "name:text=x", "_query=x", "_filter=foo eq 1"):
        with pytest.raises(InvalidSearch):
            filled.search("Patient", wrong, handling="lenient")


# Type, query, the ids in their order.
SORTED: list[tuple[str, str, str]] = [
    ("Patient", "_sort=_id", "p1 p2 p3 p4"),
    ("RiskAssessment", "_sort=probability", "r1 r2 r3"),
    ("RiskAssessment", "_sort=-probability", "r2 r1 r3"),
    ("Patient", "_sort=-_id", "p4 p3 p2 p1"),
    ("Patient", "_sort=birthdate", "p2 p1 p3 p4"),
    ("Patient", "_sort=-birthdate", "p3 p1 p2 p4"),
    ("Patient", "_sort=family", "p3 p1 p2 p4"),
    ("Patient", "_sort=-family", "p2 p1 p3 p4"),
    ("Patient", "_sort=gender,-_id", "p1 p2 p4 p3"),
    ("Patient", "_sort=-gender,_id", "p2 p1 p3 p4"),
    ("Patient", "_sort=-deceased,-birthdate", "p2 p3 p1 p4"),
    ("Patient", "_sort=name", "p1 p2 p3 p4"),
    ("Patient", "_sort=-name", "p1 p2 p3 p4"),
    ("Observation", "_sort=code,_id", "v2 v3 v4 v1 v5 v6 v7"),
    ("Observation", "_sort=value-quantity&value-quantity:missing=false", "v2 v7 v1 v3"),
    ("Observation", "_sort=-date&date:missing=false", "v6 v1 v3 v2 v4"),
    ("Observation", "_sort=subject,-date&subject:missing=false", "v3 v1 v4 v2"),
    ("Observation", "_sort=patient,_id", "v1 v4 v2 v3 v5 v6 v7"),
    ("Observation", "_sort=status,-_id", "v3 v7 v6 v5 v4 v2 v1"),
    ("Observation", "_sort=combo-code,_id", "v2 v3 v4 v1 v5 v6 v7"),
]


@pytest.mark.parametrize(("type", "query", "expected"), SORTED)
@pytest.mark.parametrize("count", [50, 2, 1])
def test_sorts(filled: Any, type: str, query: str, expected: str, count: int) -> None:
    found, token = [], None
    while True:
        page = filled.search(type, f"{query}&_count={count}", page=token)
        assert len(page.matches) <= count
        found += [match.id for match in page.matches]
        token = page.next
        if token is None:
            break
    assert found == expected.split()


@pytest.mark.parametrize("code", ["near", "code-value-quantity"])
def test_what_gives_no_order(filled: Any, code: str) -> None:
    type = "Location" if code == "near" else "Observation"
    with pytest.raises(InvalidSearch):
        filled.search(type, f"_sort={code}")


def test_totals(filled: Any) -> None:
    assert filled.search("Patient", "_total=accurate&_count=1").total == 4
    assert filled.search("Patient", "_total=none&_count=1").total is None
    assert filled.search("Patient", "_count=1").total is None
    assert filled.search("Patient", "").total == 4
    assert filled.search("Patient", "gender=female&_total=estimate").total == 1
    for count_only in ("_summary=count", "_count=0"):
        page = filled.search("Patient", f"active=true&{count_only}")
        assert (page.total, page.matches, page.next) == (1, [], None)


def test_tokens_are_bound_to_their_query(filled: Any) -> None:
    token = filled.search("Patient", "birthdate=ge1980&_count=1").next
    assert filled.search("Patient", "birthdate=ge1980&_count=1", page=token).matches
    assert filled.search("Patient", "birthdate=ge1980&_count=2", page=token).matches
    for wrong in (
        lambda: filled.search("Patient", "birthdate=ge1981", page=token),
        lambda: filled.search("Patient", "birthdate=ge1980&_sort=family", page=token),
        lambda: filled.search("Observation", "", page=token),
        lambda: filled.search("Patient", "birthdate=ge1980", page=f"A{token}"),
        lambda: filled.search("Patient", "birthdate=ge1980", page=token.swapcase()),
    ):
        with pytest.raises(InvalidPageToken):
            wrong()


def test_iterates(filled: Any) -> None:
    found = [match.id for match in filled.iterate("Observation", "_sort=-_id&_count=2")]
    assert found == ["v7", "v6", "v5", "v4", "v3", "v2", "v1"]


@pytest.mark.parametrize("sort", ["", "_sort=birthdate&", "_sort=-family&", "_sort=name&"])
def test_pages_neither_lose_nor_repeat_what_stays(store: Any, sort: str) -> None:
    """Others write and delete between the pages; what is there throughout is found once."""
    for number in range(12):
        store.update(
            {
                "resourceType": "Patient",
                "id": f"s{number:02}",
                "birthDate": f"19{80 + number % 3}",
                "name": [{"family": f"F{number % 4}"}],
            }
        )
    found, token, step = [], None, 0
    while True:
        page = store.search("Patient", f"{sort}_count=2", page=token)
        found += [match.id for match in page.matches]
        token = page.next
        if token is None:
            break
        step += 1
        store.update({"resourceType": "Patient", "id": f"n{step}", "birthDate": f"19{79 + step}"})
        store.delete("Patient", f"n{step - 1}")
    stayed = [id for id in found if id.startswith("s")]
    assert sorted(stayed) == [f"s{number:02}" for number in range(12)]


@pytest.mark.parametrize(
    ("type", "query", "expected"),
    [
        ("ValueSet", "url:below=http://a/b", "b2 b1 d c e"),
        ("ValueSet", "url:below=http://a/b,http://a/b/c", "b2 b1 d c e"),
        ("Observation", "value-quantity=lt2,gt3", "o1 o0 o4 o5"),
    ],
)
def test_alternatives_on_one_field_give_the_order(
    store: Any, type: str, query: str, expected: str
) -> None:
    urls = {
        "b2": "http://a/b",
        "b1": "http://a/b/",
        "d": "http://a/b/a",
        "c": "http://a/b/c",
        "e": "http://a/b/c/d",
    }
    for id, url in {**urls, "f": "http://a/bc", "g": "http://a"}.items():
        store.update({"resourceType": "ValueSet", "id": id, "url": url, "status": "draft"})
    for number in range(6):
        store.update({"resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"text": "x"},
                      "valueQuantity": {"value": 1 - number if number < 2 else number}})  # fmt: skip
    found, token = [], None
    while True:
        page = store.search(type, f"{query}&_count=1", page=token)
        found += [match.id for match in page.matches]
        token = page.next
        if token is None:
            break
    assert found == expected.split()


def test_explains(filled: Any, kind: str) -> None:
    if kind == "mongomock":
        pytest.skip("mongomock explains nothing")
    explained = filled.explain("Observation", "code=8867-4&date=ge2020")
    assert explained.questions
    assert not any(question.scans for question in explained.questions)
    text = str(explained)
    assert text.startswith("Observation?code=8867-4&date=ge2020")
    assert "search.code" in text


def test_parts_of_matches(filled: Any) -> None:
    (match,) = filled.search("Observation", "_id=v1&_elements=subject").matches
    assert set(match.resource) == {"resourceType", "id", "meta", "status", "code", "subject"}
    assert match.resource["meta"]["tag"][0]["code"] == "SUBSETTED"
    (match,) = filled.search("Patient", "_id=p1&_summary=true").matches
    assert "maritalStatus" not in match.resource
    assert match.resource["name"][0]["family"] == "Müller-Lüdenscheidt"
    for query in ("_elements=foo", "_elements=name&_summary=true", "_summary=text&_include=*"):
        with pytest.raises(InvalidSearch):
            filled.search("Patient", query)
