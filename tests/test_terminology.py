"""Terminology that was stored without validation: whatever stands where, a search answers or says what it lacks."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import mongomock
import pytest

from fhirstore import Store
from fhirstore.errors import InvalidSearch
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
