"""Terminology that was stored without validation: whatever stands where, a search answers or says what it lacks."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from unittest import mock

import mongomock
import pytest

from fhirstore import Store
from fhirstore.errors import InvalidSearch
from fhirstore.terminology import Terminology
from tests.any_json import places, with_other

SYSTEM = "http://example.org/s"
CODE_SYSTEM = {
    "resourceType": "CodeSystem",
    "id": "a",
    "url": SYSTEM,
    "content": "complete",
    "concept": [
        {"code": "a", "concept": [{"code": "b"}]},
        {"code": "c", "property": [{"code": "parent", "valueCode": "a"}]},
    ],
}
LISTED = {
    "resourceType": "ValueSet",
    "id": "listed",
    "compose": {
        "include": [
            {"system": SYSTEM, "filter": [{"property": "concept", "op": "is-a", "value": "a"}]},
            {"valueSet": ["ValueSet/expanded"], "system": SYSTEM, "concept": [{"code": "b"}]},
        ],
        "exclude": [{"system": SYSTEM, "concept": [{"code": "b"}]}],
    },
}
EXPANDED = {
    "resourceType": "ValueSet",
    "id": "expanded",
    "expansion": {"contains": [{"system": SYSTEM, "code": "b", "contains": [{"code": "c"}]}]},
}
RESOURCES: list[dict[str, Any]] = [CODE_SYSTEM, LISTED, EXPANDED]
OTHERS: list[Any] = [5, "x", [], [None], [5], {}, {"a": 5}]


@pytest.fixture(scope="module")
def store() -> Store:
    made = Store.from_client(mongomock.MongoClient(), validation="off")
    for resource in RESOURCES:
        made.update(resource)
    return made


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource["id"])
@pytest.mark.parametrize("other", OTHERS, ids=repr)
def test_nothing_that_is_stored_makes_a_search_fail(
    store: Store, resource: dict[str, Any], other: Any
) -> None:
    for place in places(resource):
        if place not in (("resourceType",), ("id",)):
            store.update(with_other(resource, place, other))
            for asked in ("in=ValueSet/listed", f"below={SYSTEM}|a", f"above={SYSTEM}|c"):
                with suppress(InvalidSearch):
                    store.search("Observation", f"code:{asked}")
    store.update(resource)


def test_as_they_are_they_are_understood(store: Store) -> None:
    store.update(
        {
            "resourceType": "Observation",
            "id": "c",
            "code": {"coding": [{"system": SYSTEM, "code": "c"}]},
        }
    )
    for asked in ("in=ValueSet/listed", f"below={SYSTEM}|a", f"above={SYSTEM}|c"):
        assert store.search("Observation", f"code:{asked}").matches, asked


def test_what_many_include_is_read_once() -> None:
    """Two of each layer include both of the next: 1,024 ways to the last, and 21 value sets."""
    store = Store.from_client(mongomock.MongoClient(), validation="off")
    for layer in range(10):
        both = [f"ValueSet/{layer + 1}-{side}" for side in "ab"]
        include = [{"valueSet": [one]} for one in both]
        for side in "ab":
            value_set = {"resourceType": "ValueSet", "id": f"{layer}-{side}"}
            store.update(value_set | {"compose": {"include": include}})
    for side in "ab":
        last = {"include": [{"system": SYSTEM, "concept": [{"code": side}]}]}
        store.update({"resourceType": "ValueSet", "id": f"10-{side}", "compose": last})
    coding = {"coding": [{"system": SYSTEM, "code": "b"}]}
    store.update({"resourceType": "Observation", "id": "b", "code": coding})
    with mock.patch.object(
        Terminology, "_having", autospec=True, side_effect=Terminology._having
    ) as reading:
        page = store.search("Observation", "code:in=ValueSet/0-a")
    assert [match.id for match in page.matches] == ["b"]
    assert reading.call_count == 21
