"""Searches that go beyond one type: what is included, compartments, and several types in one page and one order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fhirstore.errors import InvalidPageToken, InvalidSearch, NotFound
from tests.contract.conftest import holding


def reference(address: str) -> dict[str, str]:
    return {"reference": address}


RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "o1", "name": "Clinic"},
    {"resourceType": "Organization", "id": "o2", "name": "Trust", "partOf": reference("Organization/o1")},
    {"resourceType": "Organization", "id": "o3", "partOf": reference("Organization/o2")},
    {"resourceType": "Practitioner", "id": "d1"},
    {"resourceType": "Patient", "id": "p1", "managingOrganization": reference("Organization/o3"),
     "generalPractitioner": [reference("Practitioner/d1"), reference("Organization/o1")], "birthDate": "1980"},
    {"resourceType": "Patient", "id": "p2", "link": [{"other": reference("Patient/p1"), "type": "seealso"}]},
    {"resourceType": "Encounter", "id": "e1",
     "status": "finished", "class": {"code": "AMB"}, "subject": reference("Patient/p1")},
    {"resourceType": "Observation", "id": "v1",
     "status": "final", "code": {"text": "x"}, "subject": reference("Patient/p1"),
     "encounter": reference("Encounter/e1"), "performer": [reference("Practitioner/d1")]},
    {"resourceType": "Observation", "id": "v2",
     "status": "final", "code": {"text": "x"}, "subject": reference("Patient/p2"),
     "hasMember": [reference("Observation/v1")]},
    {"resourceType": "Observation", "id": "v3",
     "status": "final", "code": {"text": "x"}, "subject": reference("Patient/gone"),
     "performer": [reference("#c")], "contained": [{"resourceType": "Practitioner", "id": "c"}]},
    {"resourceType": "Provenance", "id": "t1", "recorded": "2020-01-01T00:00:00Z",
     "agent": [{"who": reference("Practitioner/d1")}],
     "target": [reference("Observation/v1"), reference("Patient/p1/_history/1")]},
    {"resourceType": "Library", "id": "l1", "url": "http://example.org/lib", "version": "1", "status": "draft", "type":
    {"text": "x"}},
    {"resourceType": "Library", "id": "l2", "url": "http://example.org/lib", "version": "2", "status": "draft", "type":
    {"text": "x"}},
    {"resourceType": "PlanDefinition", "id": "pd", "status": "draft", "library": ["http://example.org/lib|2"]},
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(kind: str, server: str) -> Iterator[Any]:
    with holding(kind, server, RESOURCES) as store:
        store.update({"resourceType": "Patient", "id": "gone"})
        store.delete("Patient", "gone")
        patient = next(r for r in RESOURCES if r["id"] == "p1")
        store.update({**patient, "birthDate": "1981"})
        yield store


# Type, query, the matches, what is included.
INCLUDED = [
    ("Observation", "_id=v1", "v1", ""),
    ("Observation", "_id=v1&_include=Observation:subject", "v1", "Patient/p1"),
    ("Observation", "_id=v1&_include=Observation:patient", "v1", "Patient/p1"),
    ("Observation", "_id=v1&_include=Observation:subject:Patient", "v1", "Patient/p1"),
    ("Observation", "_id=v1&_include=Observation:subject:Group", "v1", ""),
    ("Observation", "_id=v1&_include=Observation:*", "v1", "Encounter/e1 Patient/p1 Practitioner/d1"),
    ("Observation", "_id=v1&_include=*", "v1", "Encounter/e1 Patient/p1 Practitioner/d1"),
    ("Observation", "_id=v1&_include=Observation:subject,Observation:encounter", "v1", "Encounter/e1 Patient/p1"),
    ("Observation", "_id=v1&_include=Observation:encounter&_include=Observation:performer", "v1", "Encounter/e1 Practitioner/d1"),
    ("Observation", "_id=v1&_include=Encounter:patient", "v1", ""),
    # once only
    ("Observation", "_include=Observation:subject", "v1 v2 v3", "Patient/p1 Patient/p2"),
    ("Observation", "_id=v1,v2&_include=Observation:has-member", "v1 v2", ""),
    ("Observation", "_id=v2&_include=Observation:has-member", "v2", "Observation/v1"),
    # on and on
    ("Observation", "_id=v1&_include=Observation:subject&_include=Patient:organization", "v1", "Patient/p1"),
    ("Observation", "_id=v1&_include=Observation:subject&_include:iterate=Patient:organization",
     "v1", "Organization/o3 Patient/p1"),
    ("Patient", "_id=p1&_include=Patient:organization&_include:iterate=Organization:partof", "p1",
     "Organization/o1 Organization/o2 Organization/o3"),
    ("Patient", "_id=p2&_include:iterate=Patient:link&_include:iterate=Patient:general-practitioner:Practitioner", "p2",
     "Patient/p1 Practitioner/d1"),
    # what refers
    ("Patient", "_id=p1&_revinclude=Observation:subject", "p1", "Observation/v1"),
    ("Patient", "_id=p1&_revinclude=Observation:patient", "p1", "Observation/v1"),
    ("Patient", "_id=p1&_revinclude=Observation:*", "p1", "Observation/v1"),
    ("Patient", "_id=p1&_revinclude=Provenance:target", "p1", "Provenance/t1"),
    ("Patient", "_id=p1&_revinclude=Observation:subject&_revinclude=Encounter:patient", "p1", "Encounter/e1 Observation/v1"),
    ("Patient", "_id=p1&_revinclude=Observation:subject&_revinclude:iterate=Provenance:target:Observation", "p1",
     "Observation/v1 Provenance/t1"),
    ("Organization", "_id=o1&_revinclude:iterate=Organization:partof", "o1", "Organization/o2 Organization/o3"),
    # canonicals, and versions
    ("PlanDefinition", "_include=PlanDefinition:depends-on", "pd", "Library/l2"),
    ("Provenance", "_include=Provenance:target:Patient", "t1", "Patient/p1"),
]  # fmt: skip


@pytest.mark.parametrize(("type", "query", "matches", "included"), INCLUDED)
def test_includes(filled: Any, type: str, query: str, matches: str, included: str) -> None:
    page = filled.search(type, query)
    assert sorted(match.id for match in page.matches) == matches.split()
    found = [f"{version.type}/{version.id}" for version in page.included]
    assert sorted(found) == included.split()
    assert page.total == len(matches.split())


def test_a_versioned_reference_includes_that_version(filled: Any) -> None:
    (included,) = filled.search("Provenance", "_include=Provenance:target:Patient").included
    assert (included.version, included.resource["birthDate"]) == (1, "1980")


VERSIONED: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "then"},
    {"resourceType": "Organization", "id": "now"},
    {"resourceType": "Patient", "id": "p", "managingOrganization": reference("Organization/then")},
    {"resourceType": "Patient", "id": "p", "managingOrganization": reference("Organization/now")},
    *(
        {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}, "subject": reference(address)}
        for id, address in (("a-then", "Patient/p/_history/1"), ("b-now", "Patient/p"), ("c-same", "Patient/p/_history/2"),
                            ("d-none", "Patient/p/_history/9"))
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def versioned(kind: str, server: str) -> Iterator[Any]:
    with holding(kind, server, VERSIONED) as store:
        yield store


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("_id=a-then", "Organization/then/1 Patient/p/1"),
        ("_id=b-now", "Organization/now/1 Patient/p/2"),
        ("_id=c-same", "Organization/now/1 Patient/p/2"),
        ("_id=d-none", ""),
        # Each version once, in whichever order they are referred to.
        ("_sort=_id", "Organization/now/1 Organization/then/1 Patient/p/1 Patient/p/2"),
        ("_sort=-_id", "Organization/now/1 Organization/then/1 Patient/p/1 Patient/p/2"),
    ],
)
def test_each_version_that_is_referred_to(versioned: Any, query: str, expected: str) -> None:
    """What a version leads to is what it says itself, not what the current one says."""
    asked = f"{query}&_include=Observation:subject&_include:iterate=Patient:organization"
    page = versioned.search("Observation", asked)
    found = [f"{one.type}/{one.id}/{one.version}" for one in page.included]
    assert sorted(found) == expected.split()


def test_a_past_version_of_a_match(store: Any) -> None:
    for code in ("then", "now"):
        member = [reference("Observation/o/_history/1")] if code == "now" else []
        store.update({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": code},
                      **({"hasMember": member} if member else {})})  # fmt: skip
    page = store.search("Observation", "_include=Observation:has-member")
    assert [match.version for match in page.matches] == [2]
    assert [(one.id, one.version) for one in page.included] == [("o", 1)]


@pytest.mark.parametrize(
    ("count", "included", "cut"),
    [(4, "o4 o5 o6", True), (6, "o6 o7 o8", True), (7, "o7 o8 o9", False), (10, "", False)],
)
def test_matches_take_no_room_of_what_is_included(
    store: Any, monkeypatch: pytest.MonkeyPatch, count: int, included: str, cut: bool
) -> None:
    monkeypatch.setattr("fhirstore.includes.MOST", 3)
    for number in range(10):
        store.update({"resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"text": "x"},
                      "derivedFrom": [reference("Observation/o0")]})  # fmt: skip
    page = store.search(
        "Observation", f"_sort=_id&_count={count}&_revinclude=Observation:derived-from"
    )
    assert [match.id for match in page.included] == included.split()
    assert [issue.code for issue in page.issues] == (["too-costly"] if cut else [])


@pytest.mark.parametrize(("questions", "included", "cut"), [(12, "a e g h", False), (2, "", True)])
def test_all_that_refers_in_rounds_takes_few_questions(
    store: Any, monkeypatch: pytest.MonkeyPatch, questions: int, included: str, cut: bool
) -> None:
    """Four types are looked for, and asked once in each of three rounds, of however many types the round has something."""
    for resource in [
        {"resourceType": "Group", "id": "x", "type": "person", "actual": True},
        {"resourceType": "Patient", "id": "x"},
        {"resourceType": "Patient", "id": "y"},
        {"resourceType": "Observation", "id": "a", "status": "final", "code": {"text": "x"}, "subject": reference("Patient/x")},
        # Of the other type, with an id that is asked for as well.
        {"resourceType": "Observation", "id": "b", "status": "final", "code": {"text": "x"}, "subject": reference("Group/x")},
        {"resourceType": "Observation", "id": "c", "status": "final", "code": {"text": "x"}, "focus": [reference("Patient/a")]},
        {"resourceType": "Observation", "id": "h", "status": "final", "code": {"text": "x"}, "focus": [reference("Patient/x")]},
        {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"},
         "subject": reference("Patient/x")},
        {"resourceType": "Encounter", "id": "g", "status": "finished", "class": {"code": "AMB"},
         "partOf": reference("Encounter/e"), "subject": reference("Group/a")},
    ]:  # fmt: skip
        store.update(resource)
    monkeypatch.setattr("fhirstore.includes.MOST_QUESTIONS", questions)
    page = store.search("Patient", "_id=x&_revinclude:iterate=*")
    assert sorted(match.id for match in page.included) == included.split()
    assert [issue.code for issue in page.issues] == (["too-costly"] if cut else [])


def test_one_page_of_what_refers_is_not_the_last(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What links to the same id of another type takes no room."""
    monkeypatch.setattr("fhirstore.includes.MOST", 2)
    store.update({"resourceType": "Patient", "id": "x"})
    for id, subject in (("a", "Group/x"), ("b", "Group/x"), ("c", "Group/x"), ("d", "Patient/x")):
        store.update({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"},
                      "subject": reference(subject), "performer": [reference("Patient/nobody")]})  # fmt: skip
    store.update({"resourceType": "Group", "id": "y", "type": "person", "actual": True,
                  "member": [{"entity": reference("Patient/x")}]})  # fmt: skip
    page = store.search("Patient", "_id=x&_revinclude:iterate=*")
    assert [match.id for match in page.included] == ["y", "d"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("_include=Foo:subject", "resource type"),
        ("_include=Observation:foo", "no reference parameter"),
        ("_include=Observation:code", "no reference parameter"),
        ("_include=Observation:subject:Foo", "resource type"),
        ("_include=Observation:subject:Organization", "refers to"),
        ("_include:exact=Observation:subject", ":iterate"),
        ("_revinclude=Observation", "no reference parameter"),
    ],
)
def test_includes_that_are_none(filled: Any, query: str, said: str) -> None:
    with pytest.raises(InvalidSearch) as caught:
        filled.search("Observation", query)
    assert said in caught.value.issues[0].diagnostics


COMPARTMENTS = [
    ("Observation", "", "Patient/p1", "v1"),
    ("Observation", "status=final", "Patient/p2", "v2"),
    ("Observation", "status=amended", "Patient/p2", ""),
    ("Observation", "", "Patient/nobody", ""),
    ("Observation", "", "Encounter/e1", "v1"),
    ("Observation", "", "Practitioner/d1", "v1"),
    ("Patient", "", "Patient/p1", "p1 p2"),
    ("Encounter", "", "Encounter/e1", "e1"),
]


@pytest.mark.parametrize(("type", "query", "owner", "expected"), COMPARTMENTS)
def test_compartments(filled: Any, type: str, query: str, owner: str, expected: str) -> None:
    page = filled.search(type, query, compartment=owner)
    assert sorted(match.id for match in page.matches) == expected.split()


def test_all_of_a_compartment(filled: Any) -> None:
    page = filled.search(None, "", compartment="Patient/p1")
    found = [f"{match.type}/{match.id}" for match in page.matches]
    assert found == ["Encounter/e1", "Observation/v1", "Patient/p1", "Patient/p2", "Provenance/t1"]
    some = filled.search(None, "_type=Observation,Library", compartment="Patient/p1")
    assert [match.id for match in some.matches] == ["v1"]


@pytest.mark.parametrize("owner", ["Organization/o1", "Foo/1", "Library/l1"])
def test_compartments_that_are_none(filled: Any, owner: str) -> None:
    with pytest.raises(NotFound):
        filled.search("Observation", "", compartment=owner)
    with pytest.raises(NotFound):
        filled.search(None, "", compartment=owner)


def test_a_type_that_is_not_in_a_compartment(filled: Any) -> None:
    with pytest.raises(NotFound):
        filled.search("Library", "", compartment="Patient/p1")


SYSTEM = [
    ("_type=Patient,Organization", "Organization/o1 Organization/o2 Organization/o3 Patient/p1 Patient/p2"),
    ("_type=Patient,Library&_sort=_id", "Library/l1 Library/l2 Patient/p1 Patient/p2"),
    ("_type=Patient,Library&_sort=-_id", "Patient/p2 Patient/p1 Library/l2 Library/l1"),
    ("_type=Observation,Encounter&_sort=status", "Observation/v1 Observation/v2 Observation/v3 Encounter/e1"),
    ("_type=Observation,Encounter&_sort=-status", "Encounter/e1 Observation/v3 Observation/v2 Observation/v1"),
    ("_type=Observation,Encounter&patient=p1", "Encounter/e1 Observation/v1"),
    ("_type=Observation,Encounter&patient.birthdate=1981", "Encounter/e1 Observation/v1"),
    ("_id=p1,v1", "Observation/v1 Patient/p1"),
    ("_type=Device", ""),
    ("_type=Patient&_type=Observation", ""),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), SYSTEM)
@pytest.mark.parametrize("count", [50, 2, 1])
def test_several_types(filled: Any, query: str, expected: str, count: int) -> None:
    found, token = [], None
    while True:
        page = filled.search(None, f"{query}&_count={count}", page=token)
        found += [f"{match.type}/{match.id}" for match in page.matches]
        token = page.next
        if token is None:
            break
        assert len(page.matches) == count
    assert found == expected.split()
    assert filled.search(None, f"{query}&_summary=count").total == len(expected.split())


def test_everything_by_when_it_changed(filled: Any) -> None:
    """Two writes may fall into one millisecond, so the order is held against the moments, not against the writes."""
    found = list(filled.iterate(None, "_sort=_lastUpdated&_count=4"))
    assert len({(match.type, match.id) for match in found}) == len(found) == len(RESOURCES)
    moments = [match.last_updated for match in found]
    assert moments == sorted(moments)
    latest = filled.read("Patient", "p1").last_updated
    assert moments[-1] == latest
    assert ("Patient", "p1") in {(m.type, m.id) for m in found if m.last_updated == latest}


def test_a_parameter_that_one_type_lacks(filled: Any) -> None:
    with pytest.raises(InvalidSearch):
        filled.search(None, "_type=Patient,Library&birthdate=1980")
    with pytest.raises(InvalidSearch):
        filled.search(None, "_type=Patient,Foo")


def test_a_token_is_for_its_types(filled: Any) -> None:
    token = filled.search(None, "_type=Patient,Library&_count=1").next
    assert filled.search(None, "_type=Patient,Library&_count=1", page=token).matches
    with pytest.raises(InvalidPageToken):
        filled.search(None, "_type=Patient,Organization&_count=1", page=token)


HIERARCHY: list[dict[str, Any]] = [
    {"resourceType": "Location", "id": "house"},
    {"resourceType": "Location", "id": "floor", "partOf": reference("Location/house")},
    {"resourceType": "Location", "id": "room", "partOf": reference("Location/floor")},
    {"resourceType": "Location", "id": "elsewhere"},
    # In a circle, which no hierarchy is; it ends all the same.
    {"resourceType": "Location", "id": "a", "partOf": reference("Location/b")},
    {"resourceType": "Location", "id": "b", "partOf": reference("Location/a")},
    *(
        {"resourceType": "Procedure", "id": f"in-{place}", "status": "completed", "subject": reference("Patient/1"),
         "location": reference(f"Location/{place}")}
        for place in ("house", "floor", "room", "elsewhere", "a", "b")
    ),
    *(
        {"resourceType": "PlanDefinition", "id": f"v{n}", "status": "draft", "library": [f"http://example.org/l{version}"]}
        for n, version in enumerate(("", "|1", "|1.0", "|1.1", "|2.0", "|10"))
    ),
    *(
        {"resourceType": "DocumentReference", "id": f"m{n}", "status": "current",
         "content": [{"attachment": {"contentType": type}}]}
        for n, type in enumerate(("text/xml", "text/xml; charset=UTF-8", "text/xml-external", "text/plain"))
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def hierarchy(kind: str, server: str) -> Iterator[Any]:
    with holding(kind, server, HIERARCHY) as store:
        yield store


@pytest.mark.parametrize(
    ("type", "query", "expected"),
    [
        ("Procedure", "location=house", "in-house"),
        ("Procedure", "location:below=house", "in-floor in-house in-room"),
        ("Procedure", "location:below=Location/floor", "in-floor in-room"),
        ("Procedure", "location:below=room,elsewhere", "in-elsewhere in-room"),
        ("Procedure", "location:below=nowhere", ""),
        ("Procedure", "location:above=room", "in-floor in-house in-room"),
        ("Procedure", "location:above=house", "in-house"),
        ("Procedure", "location:below=a", "in-a in-b"),
        ("Location", "partof:below=house", "floor room"),
        ("Location", "partof:below=house&_id=room", "room"),
        ("Location", "_has:Procedure:location:location:below=floor", "floor room"),
        ("PlanDefinition", "depends-on:below=http://example.org/l", "v0 v1 v2 v3 v4 v5"),
        ("PlanDefinition", "depends-on:below=http://example.org/l|1", "v1 v2 v3"),
        ("PlanDefinition", "depends-on=http://example.org/l|1", "v1"),
        ("DocumentReference", "contenttype=text/xml", "m0"),
        ("DocumentReference", "contenttype:below=text/xml", "m0 m1"),
    ],
)
def test_hierarchies(hierarchy: Any, type: str, query: str, expected: str) -> None:
    assert sorted(match.id for match in hierarchy.search(type, query).matches) == expected.split()


@pytest.mark.parametrize(
    ("type", "query"),
    [
        ("Patient", "link:below=x"),
        ("PlanDefinition", "depends-on:above=http://x.org/l"),
    ],
)
def test_what_is_no_hierarchy(hierarchy: Any, type: str, query: str) -> None:
    with pytest.raises(InvalidSearch) as caught:
        hierarchy.search(type, query)
    assert caught.value.issues[0].code == "not-supported"
