"""The naive evaluator finds what people said that there is: of what others than it hold against the store."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from tests.contract import test_contained as contained
from tests.contract.conftest import holding
from tests.naive_search import Naive

# It knows neither `_filter` nor `_contained`.
CHAINS = [
    case
    for case in contained.CASES
    if "." in case[1].partition("=")[0] and "_contained" not in case[1]
]
MORE = [
    ("Observation", "subject:Patient._id:not=p", ""),
    ("Observation", "subject:Patient._id:not=q", "deep"),
    ("Observation", "patient.birthdate=1980", "deep"),
    ("Observation", "subject:Group._id=p", ""),
    ("MedicationRequest", "medication.status:missing=true", "other refers"),
    # What is contained is referred to by its container alone, and its own `#o` leads nowhere.
    ("Observation", "subject:Patient._has:Observation:subject:status=final", ""),
    ("Observation", "subject:Patient.general-practitioner:Organization.name=acme", ""),
]


@pytest.mark.parametrize(("type", "query", "expected"), CHAINS + MORE)
def test_chains_to_contained_resources(type: str, query: str, expected: str) -> None:
    found = Naive(contained.RESOURCES).search(type, parse_qsl(query, keep_blank_values=True))
    assert sorted(found) == expected.split()


@pytest.mark.parametrize(("type", "query", "expected"), MORE)
def test_the_store_finds_the_same(type: str, query: str, expected: str) -> None:
    with holding("mongomock", "", contained.RESOURCES) as store:
        found = store.search(type, query).matches
        assert sorted(match.id for match in found) == expected.split()
