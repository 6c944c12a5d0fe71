"""What `_filter` finds (spec page search_filter): every operator on every type of parameter that takes it, and how they are
joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from fhirstore.errors import InvalidSearch
from tests.contract.conftest import holding
from tests.contract.test_search import LOINC, RESOURCES, UCUM, coded

MORE: list[dict[str, Any]] = [
    {"resourceType": "DocumentReference", "id": "d1", "status": "current", "content": [{"attachment": {"title": "x"}}],
     "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/d8"}},
                   {"code": "appends", "target": {"reference": "DocumentReference/d9"}}]},
    {"resourceType": "DocumentReference", "id": "d2", "status": "current", "content": [{"attachment": {"title": "x"}}],
     "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/d9"}}]},
    {"resourceType": "Group", "id": "g1", "type": "person", "actual": False,
     "characteristic": [{"code": coded(("urn:c", "age")), "valueCodeableConcept": coded(("urn:c", "old")), "exclude": False},
                        {"code": coded(("urn:c", "size")), "valueCodeableConcept": coded(("urn:c", "young")), "exclude": False}]},
    {"resourceType": "CodeSystem", "id": "c", "url": "urn:c", "status": "active", "content": "complete",
     "concept": [{"code": "whole", "concept": [{"code": "x"}]}]},
    {"resourceType": "ValueSet", "id": "vs3", "url": "http://example.org/some", "status": "active",
     "compose": {"include": [{"system": LOINC, "concept": [{"code": "29463-7"}]}]}},
]  # fmt: skip

# Type, filter, the ids of what is found.
CASES: list[tuple[str, str, str]] = [
    # the page's examples
    ("Patient", 'name co "ulle"', "p1 p3"),
    ("Patient", "given eq anna and birthdate ge 1980-05-17", "p1"),
    ("Observation", f"code eq {LOINC}|8867-4", "v1"),
    ("Observation", 'subject:Patient.name co "neil"', "v2"),
    ("DocumentReference", "relatesTo[code eq replaces].target re DocumentReference/d9", "d2"),
    ("DocumentReference", "relatesTo[code eq appends].target re DocumentReference/d9", "d1"),
    ("DocumentReference", "relatesTo[code eq appends].target re DocumentReference/d8", ""),
    ("DocumentReference", "relatesTo[code eq replaces].target re d9", "d2"),
    ("DocumentReference", "relatesTo[not (code eq replaces)].target re DocumentReference/d9", "d1"),
    ("DocumentReference", "relatesTo[code eq appends or code eq replaces].target re DocumentReference/d9", "d1 d2"),
    ("Group", "characteristic[code eq age].value eq old", "g1"),
    ("Group", "characteristic[code eq age].value eq young", ""),
    # string
    ("Patient", "family eq muller", "p3"),
    ("Patient", "family eq MÜLLER", "p3"),
    ("Patient", "family eq mull", ""),
    ("Patient", "family ne muller", "p1 p2"),
    ("Patient", "family sw muller", "p1 p3"),
    ("Patient", "family ew scheidt", "p1"),
    ("Patient", "family ew müller", "p3"),
    ("Patient", 'family eq "muller ludenscheidt"', "p1"),
    ("Patient", "family gt muller", "p1 p2"),
    ("Patient", "family ge muller", "p1 p2 p3"),
    ("Patient", "family lt o", "p1 p3"),
    ("Patient", "family le muller", "p3"),
    ("Patient", "given ne anna", "p1 p2"),
    ("Patient", "name eq bert", "p2"),
    ("Patient", "name pr true", "p1 p2 p3"),
    ("Patient", "name pr false", "p4"),
    # token
    ("Patient", "gender eq female", "p1"),
    ("Patient", "gender ne female", "p2"),
    ("Patient", "gender pr false", "p3 p4"),
    ("Patient", "active eq true", "p1"),
    ("Patient", "active ne true", "p2"),
    ("Patient", "identifier eq urn:mrn|A", "p2"),
    ("Patient", "identifier ne urn:mrn|A", "p1"),
    ("Patient", "identifier ne bare", "p1 p2"),
    ("Patient", "identifier ne A", "p1"),
    ("Patient", "identifier eq urn:mrn|", "p1 p2"),
    ("Patient", "email eq anna@example.org", "p1"),
    ("Observation", "code eq 8867-4", "v1 v5"),
    ("Observation", "code eq loinc|8867-4", "v1"),
    ("Observation", "code ne 8867-4", "v1 v2 v3 v4"),
    ("Observation", f"code ne {LOINC}|29463-7", "v1 v4 v5"),
    ("Observation", "value-concept ss urn:c|whole", "v6"),
    ("Observation", "value-concept sb urn:c|x", "v6"),
    ("Observation", "value-concept ss urn:c|y", ""),
    ("Observation", "code in http://example.org/some", "v2 v3"),
    ("Observation", "code ni http://example.org/some and code pr true", "v1 v4 v5"),
    ("Patient", "_id eq p1", "p1"),
    ("Patient", "_id ne p1", "p2 p3 p4"),
    ("Patient", "_tag eq urn:t|red", "p1"),
    # date
    ("Patient", "birthdate eq 1980", "p1 p2"),
    ("Patient", "birthdate ne 1980", "p3"),
    ("Patient", "birthdate gt 1980", "p3"),
    ("Patient", "birthdate lt 1981", "p1 p2"),
    ("Patient", "birthdate le 1980-05-17", "p1 p2"),
    ("Patient", "birthdate sa 1980", "p3"),
    ("Patient", "birthdate eb 1980-06", "p1"),
    ("Patient", "birthdate co 1980-05-17", "p1 p2"),
    ("Patient", "birthdate co 1980-06", "p2"),
    ("Patient", "birthdate po 1980-05", "p1 p2"),
    ("Patient", "birthdate po 1980-06", "p2"),
    ("Observation", "date co 2020-02-29T10:00:00+01:00", "v1 v2 v3 v4"),
    ("Observation", "date po 2019", "v4"),
    ("Observation", "date po 2020-02", "v1 v2 v3 v4 v6"),
    ("Patient", "_lastUpdated gt 2020-01-01", "p1 p2 p3 p4"),
    ("Patient", "_lastUpdated po 2020-01-01", ""),
    ("Patient", "_lastUpdated ap 0001", ""),
    # An instant includes no longer period.
    ("Patient", "_lastUpdated co 2020", ""),
    ("Patient", f"_lastUpdated co {datetime.now(UTC):%Y}", ""),
    # number and quantity
    ("RiskAssessment", "probability eq 100", "r2"),
    ("RiskAssessment", "probability ne 100", "r1 r3"),
    ("RiskAssessment", "probability gt 15", "r2 r3"),
    ("RiskAssessment", "probability le 0.00002", "r1"),
    ("RiskAssessment", "probability ap 95", "r2"),
    ("RiskAssessment", "probability sa 20", "r2"),
    ("RiskAssessment", "probability eb 21", "r1 r3"),
    ("Observation", f"value-quantity eq 5400|{UCUM}|mg", "v2 v3"),
    ("Observation", "value-quantity eq 5.4|ucum|g", "v2 v3"),
    ("Observation", "value-quantity gt 5.4", "v1 v3"),
    ("Observation", "value-quantity ne 5.4|ucum|g", ""),
    # reference and uri
    ("Observation", "subject re Patient/p1", "v1 v4"),
    ("Observation", "subject re p2", "v2"),
    ("Observation", "subject pr false", "v5 v6 v7"),
    ("Patient", "general-practitioner re http://other.org/fhir/Practitioner/d2", "p3"),
    ("ValueSet", "url eq http://example.org/vs", "vs1"),
    ("ValueSet", "url ne http://example.org/vs", "vs2 vs3"),
    ("ValueSet", "url sw http://example.org/vs", "vs1 vs2"),
    ("ValueSet", "url co .org/v", "vs1 vs2"),
    ("ValueSet", "url co .ORG/v", ""),
    ("ValueSet", "url ew vs/", "vs2"),
    # joined
    ("Patient", "gender eq male or gender eq female and active eq true", "p1"),
    ("Patient", "gender eq male or (gender eq female and active eq true)", "p1 p2"),
    ("Patient", "active eq true and gender eq male or birthdate eq 1981", "p3"),
    ("Patient", "not (gender eq male)", "p1 p3 p4"),
    ("Patient", "not (gender eq male) and name pr true", "p1 p3"),
    ("Patient", "not (gender eq male or gender eq female)", "p3 p4"),
    ("Patient", "not (not (gender eq male))", "p2"),
    ("Patient", "((gender eq male))", "p2"),
    ("Patient", 'family eq "muller" or family eq "o\'neil"', "p2 p3"),
    ("Patient", 'organization.name eq "clinic"', "p1"),
    ("Patient", 'not (organization.name eq "clinic")', "p2 p3 p4"),
    ("Patient", 'organization[name sw spit or name sw clin].name pr true', "p1"),
    ("Patient", 'organization[name eq clinics].name eq clinic', ""),
    ("Patient", "link:Patient[gender eq female].birthdate eq 1980-05-17", "p2"),
    ("Patient", "link:Patient[gender eq male].birthdate eq 1980-05-17", ""),
    ("Observation", "subject:Patient[gender eq female].name co anna", "v1 v4"),
    ("Observation", "subject:Patient.organization.name eq clinic", "v1 v4"),
    ("Observation", "subject:Patient.organization.name eq clinic or status eq amended", "v1 v3 v4"),
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(kind: str, server: str) -> Iterator[Any]:
    with holding(kind, server, [*RESOURCES, *MORE]) as store:
        store.update({"resourceType": "Patient", "id": "gone", "gender": "female"})
        store.delete("Patient", "gone")
        yield store


def ids(found: Any) -> list[str]:
    return sorted(match.id for match in found.matches)


@pytest.mark.parametrize(("type", "expression", "expected"), CASES)
def test_finds(filled: Any, type: str, expression: str, expected: str) -> None:
    assert ids(filled.search(type, [("_filter", expression)])) == expected.split()


def test_with_other_parameters_and_pages(filled: Any) -> None:
    asked = [
        ("_filter", "gender eq male or gender eq female"),
        ("_sort", "-birthdate"),
        ("_count", "1"),
    ]
    first = filled.search("Patient", asked)
    second = filled.search("Patient", asked, page=first.next)
    assert [*ids(first), *ids(second)] == ["p1", "p2"]
    assert second.next is None
    assert ids(filled.search("Patient", [("_filter", "name pr true"), ("gender", "female")])) == [
        "p1"
    ]
    assert first.parameters[0] == ("_filter", "gender eq male or gender eq female")


def test_a_page_belongs_to_its_filter(filled: Any) -> None:
    first = filled.search("Patient", [("_filter", "name pr true"), ("_count", "1")])
    with pytest.raises(InvalidSearch):
        filled.search("Patient", [("_filter", "name pr false"), ("_count", "1")], page=first.next)


# Type, filter, the code of the issue and something of what it says.
REFUSED: list[tuple[str, str, str, str]] = [
    ("Patient", "name", "value", "one of eq"),
    ("Patient", "name is x", "value", "one of eq"),
    ("Patient", "name eq", "value", "a value is expected"),
    ("Patient", 'name eq "x', "value", "JSON string"),
    ("Patient", r'name eq "\x"', "value", "JSON string"),
    ("Patient", r'name eq "\ud800"', "value", "JSON string"),
    ("Patient", "(name eq x", "value", ") is expected"),
    ("Patient", "name eq x)", "value", "character 10"),
    ("Patient", "name eq x and", "value", "search parameter"),
    ("Patient", "name eq x name eq y", "value", "character 11"),
    ("Patient", "$where eq x", "value", "character 1"),
    ("Patient", "(" * 60 + "name eq x" + ")" * 60, "too-costly", "levels"),
    ("Patient", " and ".join(["name eq x"] * 600), "too-costly", "tests"),
    ("Patient", "name eq " + "x" * 20_000, "too-long", "characters"),
    ("Patient", "nam eq x", "not-supported", "did you mean name"),
    ("Patient", "gender co x", "not-supported", "co cannot be asked of gender"),
    ("Patient", "birthdate sw 1980", "not-supported", "sw cannot"),
    ("Patient", "organization eq x", "not-supported", "it takes re"),
    ("Patient", "birthdate eq x", "value", "no date"),
    ("Patient", "name pr maybe", "value", "true or false"),
    ("Patient", "name[gender eq x] eq y", "value", "stands .name"),
    ("Patient", "name[gender eq x].family eq y", "not-supported", "leads nowhere"),
    ("Observation", "subject.identifier eq x", "not-supported", "say which"),
    ("Observation", "code-value-quantity eq x", "not-supported", "composite"),
    ("Location", "near eq 1|1", "not-supported", "special"),
    ("DocumentReference", "relatesTo.target re x", "value", "brackets"),
    ("DocumentReference", "relatesTo[x eq y].target re x", "not-supported", "code, target"),
    ("Patient", "link." * 7 + "name eq x", "too-costly", "links"),
    ("Patient", "identifier ne " + "x" * 200, "too-long", "characters"),
]  # fmt: skip


@pytest.mark.parametrize(("type", "expression", "code", "said"), REFUSED)
def test_refuses(filled: Any, type: str, expression: str, code: str, said: str) -> None:
    with pytest.raises(InvalidSearch) as caught:
        filled.search(type, [("_filter", expression)])
    (issue,) = caught.value.issues
    assert issue.code == code
    assert issue.expression == "_filter"
    assert said in issue.diagnostics
