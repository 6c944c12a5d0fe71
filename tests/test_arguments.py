"""A wrong argument is refused by its name; a good one in another form means the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import mongomock
import pytest

from fhirstore import FhirError, Store

NOW = datetime.now(UTC)
NAIVE = datetime.now()

WRONG: list[tuple[Callable[[Any], Any], str]] = [
    (lambda store: store.create([{}]), "a resource is JSON text, bytes or a mapping"),
    (lambda store: store.create(None), "not None"),
    (lambda store: store.validate(5), "of type int"),
    (lambda store: store.update({}, id=5), "id is text"),
    (lambda store: store.update({}, if_match='W/"1"'), "if_match is a whole number"),
    (lambda store: store.update({}, if_match=True), "if_match is a whole number"),
    (lambda store: store.delete("Patient", "a", if_match="1"), "if_match is a whole number"),
    (lambda store: store.delete("Patient", None), "id is text"),
    (lambda store: store.read(None, "a"), "type is text"),
    (lambda store: store.read("Patient", 1), "id is text"),
    (lambda store: store.vread("Patient", "a", None), "version is text"),
    (lambda store: store.vread("Patient", "a", 1.0), "version is text"),
    (lambda store: store.read_many("Patient", "abc"), "ids is a list"),
    (lambda store: store.read_many("Patient", [1]), "ids is text"),
    (lambda store: store.history(5), "type is text"),
    (lambda store: store.history("Patient", count=0), "count is a whole number from 1"),
    (lambda store: store.history("Patient", count=-1), "count is a whole number from 1"),
    (lambda store: store.history("Patient", count="5"), "count is a whole number from 1"),
    (lambda store: store.history("Patient", since="2020"), "since is a datetime"),
    (lambda store: store.history("Patient", since=NAIVE), "since is a datetime with a time zone"),
    (lambda store: store.history("Patient", at=NAIVE), "at is a datetime with a time zone"),
    (lambda store: store.history("Patient", at=(NOW, NAIVE)), "at is a datetime with a time zone"),
    (lambda store: store.history("Patient", at=(NOW,)), "at is an instant or two"),
    (lambda store: store.history("Patient", at=(NOW, None)), "at is an instant or two"),
    (lambda store: store.search("Patient", as_of=""), "as_of is now or an instant"),
    (lambda store: store.search("Patient", as_of=NAIVE), "as_of is a datetime with a time zone"),
    (lambda store: store.search("Patient", as_of=5), "as_of is a datetime"),
    (lambda store: store.search("Patient", handling="Lenient"), "handling is 'strict' or"),
    (lambda store: store.search("Patient", page=5), "page is text"),
    (lambda store: store.search("Patient", compartment=("Patient", "1")), "compartment is text"),
    (lambda store: store.search("Patient", None), "a query is text, pairs or a mapping"),
    (lambda store: store.search("Patient", b"name=x"), "a query is text, pairs or a mapping"),
    (lambda store: store.search("Patient", {"_count": 5}), "text, not '_count' and 5"),
    (lambda store: store.search("Patient", {"name": ["x", None]}), "text, not 'name' and None"),
    (lambda store: store.search("Patient", ["name"]), "pairs of a name and a value"),
    (lambda store: store.search("Patient", [("name",)]), "pairs of a name and a value"),
    (lambda store: list(store.iterate("Patient", as_of=NAIVE)), "a time zone"),
    (lambda store: store.explain(None), "type is text"),
    (lambda store: store.explain("Patient", handling="none"), "handling is"),
    (lambda store: store.graph(None), "address is text"),
]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.from_client(mongomock.MongoClient()) as made:
        for family in ("One", "Two"):
            made.update({"resourceType": "Patient", "id": "a", "name": [{"family": family}]})
        yield made


@pytest.mark.parametrize(("call", "said"), WRONG)
def test_a_wrong_argument_is_said(store: Store, call: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(FhirError) as caught:
        call(store)
    assert caught.value.status == 400
    assert said in str(caught.value)


@pytest.mark.parametrize("validation", ["strict", None, True])
def test_a_wrong_level_of_validation_is_said(validation: Any) -> None:
    with pytest.raises(ValueError, match="validation is 'structure' or 'off'"):
        Store.from_client(mongomock.MongoClient(), validation=validation)


@pytest.mark.parametrize(
    "query",
    [
        "family=two&_sort=family",
        (("family", "two"), ("_sort", "family")),
        [["family", "two"]],
        {"family": "two", "_sort": "family"},
        {"family": ["two", "tw"]},
        {"family": ("two",), "given": ()},
    ],
)
def test_a_query_has_several_forms(store: Store, query: Any) -> None:
    assert [match.id for match in store.search("Patient", query).matches] == ["a"]
    assert [match.id for match in store.iterate("Patient", query)] == ["a"]


def test_several_values_all_have_to_be_met(store: Store) -> None:
    assert store.search("Patient", {"family": ["two", "one"]}).matches == []


def test_a_time_zone_is_heeded(store: Store) -> None:
    here = datetime.now(timezone(timedelta(hours=5)))
    assert len(store.history("Patient", at=here).entries) == 1
    assert len(store.history("Patient", since=here + timedelta(hours=1)).entries) == 0
    assert len(store.search("Patient", as_of=here).matches) == 1
