"""`:in`, `:not-in`, `:above` and `:below` of tokens, from the ValueSets and CodeSystems that are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fhirstore.errors import InvalidSearch
from tests.contract.conftest import holding

ANIMALS = "http://example.org/animals"
PLANTS = "http://example.org/plants"
STUB = "http://example.org/stub"
FRAGMENT = "http://example.org/fragment"
SUPPLEMENT = "http://example.org/supplement"


def value_set(id: str, **content: Any) -> dict[str, Any]:
    url = f"http://example.org/vs/{id}"
    return {"resourceType": "ValueSet", "id": id, "url": url, "status": "active", **content}


def system(url: str, **more: Any) -> dict[str, Any]:
    return {"system": url, **more}


def filtered(operator: str, value: str, property: str = "concept") -> list[dict[str, str]]:
    return [{"property": property, "op": operator, "value": value}]


RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "CodeSystem", "id": "animals", "url": ANIMALS, "status": "active", "content": "complete",
     "hierarchyMeaning": "is-a",
     "concept": [{"code": "animal", "concept": [
         {"code": "mammal", "concept": [{"code": "dog", "concept": [{"code": "poodle"}]}, {"code": "cat"}]},
         {"code": "bird"}]},
         {"code": "pet", "property": [{"code": "child", "valueCode": "dog"}]},
         {"code": "bat", "property": [{"code": "parent", "valueCode": "mammal"}]}]},
    {"resourceType": "CodeSystem", "id": "stub", "url": STUB, "status": "active", "content": "not-present"},
    {"resourceType": "CodeSystem", "id": "fragment", "url": FRAGMENT, "status": "active", "content": "fragment",
     "concept": [{"code": "a", "concept": [{"code": "b"}]}]},
    {"resourceType": "CodeSystem", "id": "supplement", "url": SUPPLEMENT, "status": "active", "content": "supplement",
     "supplements": ANIMALS, "concept": [{"code": "dog"}]},
    # What is not complete does not hide what is: nor does a supplement that took the system's own URL.
    {"resourceType": "CodeSystem", "id": "later-fragment", "url": ANIMALS, "version": "2", "status": "active",
     "content": "fragment", "concept": [{"code": "dog"}]},
    {"resourceType": "CodeSystem", "id": "later-supplement", "url": ANIMALS, "version": "3", "status": "active",
     "content": "supplement", "supplements": ANIMALS, "concept": [{"code": "dog"}]},
    value_set("of-stub", compose={"include": [system(STUB, concept=[{"code": "a"}])]}),
    value_set("all-of-stub", compose={"include": [system(STUB)]}),
    value_set("filtered-stub", compose={"include": [system(STUB, filter=filtered("is-a", "a"))]}),
    value_set("stub-but-a", compose={"include": [system(STUB)], "exclude": [system(STUB, concept=[{"code": "a"}])]}),
    value_set("listed-of-animals", compose={"include": [system(ANIMALS, valueSet=["http://example.org/vs/either"])]}),
    value_set("no-animals", compose={"include": [{"valueSet": ["http://example.org/vs/either"]}], "exclude": [system(ANIMALS)]}),
    value_set("animals-but-dogs", compose={"include": [system(ANIMALS), system(PLANTS)],
                                           "exclude": [system(ANIMALS, filter=filtered("is-a", "dog"))]}),
    {"resourceType": "Immunization", "id": "a", "status": "completed", "patient": {"display": "x"}, "occurrenceString": "x",
     "vaccineCode": {"coding": [{"system": STUB, "code": "a"}]}},
    {"resourceType": "Immunization", "id": "b", "status": "completed", "patient": {"display": "x"}, "occurrenceString": "x",
     "vaccineCode": {"coding": [{"system": STUB, "code": "b"}]}},
    {"resourceType": "Immunization", "id": "unicorn", "status": "completed", "patient": {"display": "x"}, "occurrenceString": "x",
     "vaccineCode": {"coding": [{"system": ANIMALS, "code": "unicorn"}]}},
    value_set("listed", compose={"include": [system(ANIMALS, concept=[{"code": "dog"}, {"code": "bird"}])]}),
    value_set("whole", compose={"include": [system(ANIMALS)]}),
    value_set("mammals", compose={"include": [system(ANIMALS, filter=filtered("is-a", "mammal"))]}),
    value_set("below-mammal", compose={"include": [system(ANIMALS, filter=filtered("descendent-of", "mammal"))]}),
    value_set("no-dogs", compose={"include": [system(ANIMALS, filter=filtered("is-a", "mammal"))],
                                  "exclude": [system(ANIMALS, filter=filtered("is-a", "dog"))]}),
    value_set("both", compose={"include": [{"valueSet": ["http://example.org/vs/mammals", "http://example.org/vs/listed"]}]}),
    value_set("either", compose={"include": [{"valueSet": ["http://example.org/vs/listed"]},
                                             system(PLANTS, concept=[{"code": "oak"}])]}),
    value_set("expanded", compose={"include": [system(PLANTS)]},
              expansion={"timestamp": "2020-01-01", "contains": [
                  {"system": ANIMALS, "abstract": True, "code": "animal",
                   "contains": [{"system": ANIMALS, "code": "cat"}]}]}),
    value_set("endless", compose={"include": [{"valueSet": ["http://example.org/vs/endless"]}]}),
    value_set("strange", compose={"include": [system(ANIMALS, filter=filtered("regex", ".*", "code"))]}),
    value_set("genders", compose={"include": [system("http://hl7.org/fhir/administrative-gender", concept=[{"code": "male"}])]}),
    *(
        {"resourceType": "Condition", "id": code, "subject": {"display": "x"},
         "code": {"coding": [{"system": PLANTS if code == "oak" else ANIMALS, "code": code}]}}
        for code in ("animal", "mammal", "dog", "poodle", "cat", "bird", "bat", "pet", "oak")
    ),
    {"resourceType": "Condition", "id": "none", "subject": {"display": "x"}},
    {"resourceType": "Patient", "id": "m", "gender": "male"},
    *(
        {"resourceType": "Group", "id": f"of-{code}", "type": "animal", "actual": True,
         "characteristic": [{"code": {"coding": [{"system": ANIMALS, "code": code}]},
                             "valueCodeableConcept": {"coding": [{"code": "v"}]}, "exclude": False}]}
        for code in ("dog", "cat")
    ),
    {"resourceType": "Observation", "id": "seen", "status": "final",
     "code": {"coding": [{"system": ANIMALS, "code": "dog"}]},
     "component": [{"code": {"coding": [{"system": ANIMALS, "code": "cat"}]}}]},
    {"resourceType": "Observation", "id": "planted", "status": "final", "code": {"coding": [{"system": PLANTS, "code": "oak"}]}},
    {"resourceType": "Patient", "id": "f", "gender": "female"},
]  # fmt: skip

CASES = [
    ("Condition", "code=http://example.org/animals|dog", "dog"),
    ("Condition", "code:in=http://example.org/vs/listed", "bird dog"),
    ("Observation", "combo-code:in=http://example.org/vs/listed", "seen"),
    ("Observation", "combo-code:not-in=http://example.org/vs/listed", "planted"),
    ("Observation", "combo-code:not-in=http://example.org/vs/expanded", "planted"),
    ("Group", "_filter=characteristic[code in http://example.org/vs/listed].value eq v", "of-dog"),
    ("Group", "_filter=characteristic[code ni http://example.org/vs/listed].value eq v", "of-cat"),
    ("Group", "_filter=characteristic[code ss http://example.org/animals|mammal].value eq v", "of-cat of-dog"),
    ("Condition", "code:in=ValueSet/listed", "bird dog"),
    ("Condition", "code:in=http://example.org/vs/whole", "animal bat bird cat dog mammal pet poodle"),
    ("Condition", "code:in=http://example.org/vs/mammals", "bat cat dog mammal poodle"),
    ("Condition", "code:in=http://example.org/vs/below-mammal", "bat cat dog poodle"),
    ("Condition", "code:in=http://example.org/vs/no-dogs", "bat cat mammal"),
    ("Condition", "code:in=http://example.org/vs/both", "dog"),
    ("Condition", "code:in=http://example.org/vs/either", "bird dog oak"),
    ("Condition", "code:in=http://example.org/vs/expanded", "cat"),
    ("Condition", "code:in=http://example.org/vs/listed,http://example.org/vs/expanded", "bird cat dog"),
    ("Condition", "code:not-in=http://example.org/vs/mammals", "animal bird none oak pet"),
    ("Condition", f"code:below={ANIMALS}|dog", "dog poodle"),
    ("Condition", f"code:below={ANIMALS}|mammal", "bat cat dog mammal poodle"),
    ("Condition", f"code:below={ANIMALS}|unicorn", ""),
    ("Condition", f"code:above={ANIMALS}|poodle", "animal dog mammal pet poodle"),
    ("Condition", f"code:above={ANIMALS}|animal", "animal"),
    ("Condition", "code:in=http://example.org/vs/listed-of-animals", "bird dog"),
    ("Condition", "code:in=http://example.org/vs/no-animals", "oak"),
    ("Condition", "code:in=http://example.org/vs/animals-but-dogs", "animal bat bird cat mammal oak pet"),
    ("Immunization", "vaccine-code:in=http://example.org/vs/of-stub", "a"),
    ("Immunization", "vaccine-code:not-in=http://example.org/vs/of-stub", "b unicorn"),
    ("Immunization", "vaccine-code:in=http://example.org/vs/all-of-stub", "a b"),
    ("Immunization", f"vaccine-code:below={ANIMALS}|unicorn", "unicorn"),
    ("Immunization", f"vaccine-code:above={ANIMALS}|unicorn", "unicorn"),
    ("Patient", "gender:in=http://example.org/vs/genders", "m"),
    ("Patient", "gender:not-in=http://example.org/vs/genders", "f"),
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(kind: str, server: str) -> Iterator[Any]:
    with holding(kind, server, RESOURCES) as store:
        yield store


@pytest.mark.parametrize(("type", "query", "expected"), CASES)
def test_finds(filled: Any, type: str, query: str, expected: str) -> None:
    found = filled.search(type, query)
    assert sorted(match.id for match in found.matches) == expected.split()
    assert filled.search(type, f"{query}&_summary=count").total == len(expected.split())


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("code:in=http://example.org/vs/nowhere", "not-found", "no ValueSet"),
        ("code:in=http://example.org/vs/listed|9", "not-found", "no ValueSet"),
        ("code:below=http://nowhere|x", "not-found", "no CodeSystem"),
        (f"code:below={STUB}|a", "not-found", f"CodeSystem {STUB} is not stored whole: its content is not-present"),
        (f"code:above={FRAGMENT}|a", "not-found", f"CodeSystem {FRAGMENT} is not stored whole: its content is fragment"),
        (f"code:below={SUPPLEMENT}|dog", "not-found", "no CodeSystem"),
        ("code:in=http://example.org/vs/filtered-stub", "not-found", STUB),
        ("code:not-in=http://example.org/vs/filtered-stub", "not-found", STUB),
        ("code:in=http://example.org/vs/stub-but-a", "not-found", STUB),
        (f"_filter=code ss {STUB}|a", "not-found", STUB),
        (f"_filter=code sb {FRAGMENT}|b", "not-found", FRAGMENT),
        ("code:below=dog", "value", "system|code"),
        ("code:in=http://example.org/vs/endless", "too-costly", "without end"),
        ("code:in=http://example.org/vs/strange", "not-supported", "filter"),
    ],
)  # fmt: skip
def test_what_is_not_known_here_is_said(filled: Any, query: str, code: str, said: str) -> None:
    with pytest.raises(InvalidSearch) as caught:
        filled.search("Condition", query)
    assert caught.value.issues[0].code == code
    assert said in caught.value.issues[0].diagnostics
    assert caught.value.issues[0].expression == query.partition("=")[0]
