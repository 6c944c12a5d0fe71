"""Each kind of search that has an index runs on it, by the server's own words, and explains itself; the rest is listed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pymongo
import pytest

from fhirstore import Store
from fhirstore.errors import InvalidSearch
from fhirstore.search.explanation import Explanation, Question
from tests.sample_data import fill

UCUM = "http://unitsofmeasure.org"

# Type, query, an index that serves the first question.
INDEXED = [
    ("Patient", "_id=1", "_id_"),
    ("Patient", "_lastUpdated=lt2000", "last_updated"),
    ("Patient", "gender=female", "search.gender"),
    ("Patient", "gender=female,male", "search.gender"),
    ("Patient", "identifier=a|b", "search.identifier"),
    ("Patient", "identifier=https://example.org/records|", "search.identifier"),
    ("Patient", "family=d", "search.family"),
    ("Patient", "family:exact=Müller", "search.family"),
    ("Patient", "phonetic=m", "search.name"),
    ("Patient", "birthdate=1980", "search.birthdate.start"),
    ("Patient", "birthdate=sa1980", "search.birthdate.start"),
    ("Patient", "birthdate=gt1980", "search.birthdate.end"),
    ("Patient", "birthdate=ge1980", "search.birthdate."),
    ("Patient", "birthdate=le1980", "search.birthdate."),
    ("Patient", "birthdate=ne1980", "search.birthdate."),
    ("Patient", "birthdate=1980,1990", "search.birthdate.start"),
    ("Patient", "organization:missing=false", "search.organization"),
    ("Patient", "_tag=a", "search._tag"),
    ("Observation", "code=http://loinc.org|8867-4", "search.code"),
    ("Observation", "patient=1", "search.subject"),
    ("Observation", "patient=1&code=8867-4&date=ge2020", "search.subject"),
    ("Observation", "code=8867-4&status:not=final", "search.code"),
    ("Observation", "code=8867-4&_sort=-date", "search.code"),
    ("Observation", "value-quantity=gt200", "search.value-quantity.value"),
    ("Observation", f"value-quantity=gt200|{UCUM}|kg", "search.value-quantity.canonical.value"),
    ("Observation", "combo-code=8867-4", "search.code"),
    ("Observation", "code-value-quantity=8867-4$gt5", "search.code"),
    ("Observation", "component-code-value-quantity=8480-6$gt5", "search.component-code-value-quantity.component-code"),
    ("Observation", "_sort=-date", "search.date.start"),
    ("Encounter", "date=ge2020&date=lt2021", "search.date."),
]  # fmt: skip

# Those that read the collection, as docs/search.md says.
SCANNING = [
    ("Patient", "family:contains=ll"),
    ("Patient", "gender:not=male"),
    ("Patient", "organization:missing=true"),
]


@pytest.fixture(scope="module")
def store(wire_uri: str) -> Iterator[Store]:
    name = f"fhirstore_test_{secrets.token_hex(6)}"
    with Store.connect(wire_uri, database=name) as opened:
        fill(opened, patients=15)
        yield opened
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(wire_uri)
    client.drop_database(name)
    client.close()


@pytest.mark.parametrize(("type", "query", "index"), INDEXED)
def test_runs_on_an_index(store: Store, type: str, query: str, index: str) -> None:
    explained = store.explain(type, query)
    assert not explained.questions[0].scans, str(explained)
    assert any(name.startswith(index) for name in explained.questions[0].indexes), str(explained)
    assert str(explained).startswith(f"{type}?")


@pytest.mark.parametrize(("type", "query"), SCANNING)
def test_what_has_no_index_is_listed(store: Store, type: str, query: str) -> None:
    question = store.explain(type, query).questions[0]
    # Some planners walk the index on `_id`, for the order; that is the whole collection as well.
    assert question.scans or question.indexes == ("_id_",) or question.indexes == ("search.family",)


def test_an_explanation_is_for_a_person(store: Store) -> None:
    text = str(store.explain("Observation", "code=8867-4&_sort=-date&_count=5"))
    lines = text.splitlines()
    assert lines[0] == "Observation?code=8867-4&_sort=-date&_count=5"
    assert lines[1].startswith("matched: search.code is 8867-4: ")
    assert lines[1].endswith(" alone")
    assert lines[2].startswith("together: ")
    assert "-search.date.start, -_id" in lines[3]
    assert "index search.code" in lines[4]
    assert "documents examined" in lines[4]


@pytest.mark.parametrize(
    ("only", "said"),
    [(None, "8 documents examined for 4 results, 2.0 each"),
     ("search.code", "8 documents examined for search.code alone: this server explains one predicate")],
)  # fmt: skip
def test_figures_of_one_predicate_are_no_cost_of_a_result(only: str | None, said: str) -> None:
    question = Question(
        {"search.code": "x", "search.status": "y"}, [], ("search.code",), 8, 4, only
    )
    text = str(Explanation("Observation", (), ("_id",), True, (question,), False))
    assert text.endswith(f": index search.code, {said}")


def test_it_says_what_is_looked_up_first_and_how_many_there_are(store: Store) -> None:
    explained = store.explain(
        "Observation", "patient.gender=female&status=final,amended&date=ge1900"
    )
    assert explained.looked_up == (
        "(search.subject leads to a Patient with search.gender is female) or "
        "(a Patient with search.gender is female is contained)",
    )
    women = store.search("Patient", "gender=female&_summary=count").total
    theirs = store.search("Observation", "patient.gender=female&_summary=count").total
    assert women is not None
    assert theirs is not None
    assert any(
        c.words.startswith(f"search.subject is one of {women} values") and c.alone == f"{theirs:,}"
        for c in explained.conditions
    )
    total = store.search(
        "Observation", "patient.gender=female&status=final,amended&date=ge1900&_summary=count"
    ).total
    assert explained.matches == f"{total:,}"
    assert "search.status is one of 2 values (final, amended)" in str(explained)
    assert "is at least 1900-01-01T00:00:00Z" in str(explained)


def test_a_page_far_on_costs_what_the_second_does(store: Store) -> None:
    """The question for any page is the same, beyond a key: none skips over what came before."""
    token = store.search("Observation", "_sort=date&_count=2").next
    seen = set()
    for _ in range(40):
        page = store.search("Observation", "_sort=date&_count=2", page=token)
        seen.add(len(token or ""))
        token = page.next
    assert max(seen) - min(seen) < 20


def test_contained_resources_are_not_explained_as_if_they_were_none(store: Store) -> None:
    with pytest.raises(InvalidSearch) as caught:
        store.explain("Medication", "code=x&_contained=true")
    assert caught.value.issues[0].expression == "_contained"
