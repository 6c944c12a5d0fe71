"""Contained resources: found through what contains them, by chains and by `_contained` (spec page search)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fhirstore.errors import InvalidSearch
from tests.contract.conftest import holding


def coded(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "urn:drug", "code": code}]}


def request(id: str, medication: str, *contained: dict[str, Any], **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "subject": {"reference": "Patient/1"}, "medicationReference": {"reference": medication},
    }  # fmt: skip
    return made | ({"contained": list(contained)} if contained else {}) | more


def medication(id: str, code: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": id, "code": coded(code)} | more


RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "acme", "name": "Acme"},
    medication("m1", "abc"),
    medication("m2", "xyz", status="inactive"),
    request("own", "#m", medication("m", "abc", status="active")),
    request("other", "#m", medication("m", "xyz", manufacturer={"reference": "Organization/acme"})),
    request("two", "#a", medication("a", "xyz", status="active"), medication("b", "abc", status="inactive")),
    request("refers", "Medication/m1"),
    request("none", "Medication/none"),
    {"resourceType": "MedicationDispense", "id": "d", "status": "completed", "contained": [medication("m", "abc")],
     "medicationReference": {"reference": "#m"}},
    {"resourceType": "Observation", "id": "deep", "status": "final", "code": {"text": "x"},
     "subject": {"reference": "#p"},
     "contained": [{"resourceType": "Patient", "id": "p", "birthDate": "1980-05-17", "name": [{"family": "Contained"}],
                    "generalPractitioner": [{"reference": "#o"}]},
                   {"resourceType": "Organization", "id": "o", "name": "Acme"}]},
]  # fmt: skip

# Type, query, the ids of what is found.
CASES: list[tuple[str, str, str]] = [
    # chains
    ("MedicationRequest", "medication.code=abc", "own refers"),
    ("MedicationRequest", "medication.code=urn:drug|xyz", "other two"),
    ("MedicationRequest", "medication.code=none", ""),
    # Both of one and the same contained resource, and of the one that is referred to.
    ("MedicationRequest", "_filter=medication[code eq xyz].status eq active", "two"),
    ("MedicationRequest", "_filter=medication[code eq abc].status eq active", "own"),
    ("MedicationRequest", "medication.code=abc&_id=own,other", "own"),
    ("MedicationRequest", "medication.manufacturer.name=acme", "other"),
    ("MedicationRequest", "medication.code:not=xyz", "own refers"),
    ("Observation", "subject:Patient.name=contained", "deep"),
    ("Observation", "subject:Patient.birthdate=1980", "deep"),
    ("Observation", "subject:Patient.birthdate=gt1980-06", ""),
    ("Observation", "subject:Patient._id=p", "deep"),
    # without a chain they are not found
    ("Medication", "code=abc", "m1"),
    ("Medication", "code=abc&_contained=false", "m1"),
    ("Patient", "family=contained", ""),
    # for themselves
    ("Medication", "code=abc&_contained=true", "d own two"),
    ("Medication", "code=abc&_contained=both", "d m1 own two"),
    ("Medication", "code=abc&status=active&_contained=true", "own"),
    ("Medication", "code=abc&status=active&_contained=both&_containedType=container", "own"),
    ("Medication", "_contained=true", "d other own two"),
    ("Medication", "manufacturer.name=acme&_contained=true", "other"),
    ("Patient", "family=contained&_contained=true", "deep"),
    ("Patient", "birthdate=lt1970&_contained=true", ""),
    ("Group", "_contained=true", ""),
]


@pytest.fixture(scope="module")
def filled(kind: str, server: str) -> Iterator[Any]:
    with holding(kind, server, RESOURCES) as store:
        store.update(request("gone", "#m", medication("m", "abc")))
        store.delete("MedicationRequest", "gone")
        yield store


def ids(found: Any) -> list[str]:
    return sorted(match.id for match in found.matches)


@pytest.mark.parametrize(("type", "query", "expected"), CASES)
def test_finds(filled: Any, type: str, query: str, expected: str) -> None:
    found = filled.search(type, query)
    assert ids(found) == expected.split()
    assert filled.search(type, f"{query}&_summary=count").total == len(expected.split())


def test_containers_are_matches_of_their_own_type(filled: Any) -> None:
    found = filled.search("Medication", "code=abc&_contained=both")
    assert {(match.type, match.id) for match in found.matches} == {
        ("Medication", "m1"),
        ("MedicationDispense", "d"),
        ("MedicationRequest", "own"),
        ("MedicationRequest", "two"),
    }
    assert ("_contained", "both") in found.parameters


def test_pages(filled: Any) -> None:
    whole = [match.id for match in filled.search("Medication", "_contained=both").matches]
    paged, token = [], None
    while True:
        page = filled.search("Medication", "_contained=both&_count=1", page=token)
        paged += [match.id for match in page.matches]
        token = page.next
        if token is None:
            break
    assert paged == whole
    assert len(paged) == 6


@pytest.mark.parametrize(
    ("type", "query", "code"),
    [
        ("Medication", "_contained=maybe", "value"),
        ("Medication", "_contained=true&_containedType=contained", "not-supported"),
        ("Medication", "_contained=true&_sort=code", "not-supported"),
        (None, "_type=Medication&_contained=true", "not-supported"),
    ],
)
def test_refuses(filled: Any, type: str | None, query: str, code: str) -> None:
    with pytest.raises(InvalidSearch) as caught:
        filled.search(type, query)
    assert caught.value.issues[0].code == code


def test_what_lies_in_the_database(filled: Any) -> None:
    """One entry for each, as docs/database.md says."""
    port = filled.parts().setting.port
    if not hasattr(port, "_client") or filled.__class__.__name__ == "Awaited":
        pytest.skip("the document is looked at once, by a driver that blocks")
    from fhirstore.store import finish

    document = finish(port.find_one("MedicationRequest", {"_id": "own"}, {"contained": 1}))
    (entry,) = document["contained"]
    assert entry["type"] == "Medication"
    assert entry["id"] == "m"
    assert entry["by"] == ["medicationReference"]
    assert entry["search"]["code"] == ["urn:drug|abc", "abc"]
    assert "contained" not in finish(port.find_one("MedicationRequest", {"_id": "refers"}))
