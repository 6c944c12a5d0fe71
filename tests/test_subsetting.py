"""Parts of resources: what each form of `_summary` and `_elements` keeps, and that a part is valid and says that it is one."""

from __future__ import annotations

from typing import Any

import pytest

from fhirstore.definitions import definitions
from fhirstore.search.subsetting import SUBSETTED, Subset
from fhirstore.validation import validate

R4 = definitions("4.0")
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "1",
    "meta": {"versionId": "1", "tag": [{"code": "own"}]},
    "implicitRules": "http://example.org/rules",
    "text": {"status": "generated", "div": "<div>x</div>"},
    "extension": [{"url": "urn:x", "valueString": "y"}],
    "status": "final",
    "_status": {"id": "s"},
    "code": {"text": "weight"},
    "valueQuantity": {"value": 1},
    "note": [{"text": "n"}],
    "component": [
        {"code": {"text": "a"}, "interpretation": [{"text": "high"}], "valueString": "z"}
    ],
}
ALWAYS = {"resourceType", "id", "meta", "implicitRules"}
MANDATORY = {"status", "_status", "code"}

# Subset, what is kept besides what always is.
CASES = [
    (Subset(elements=("value",)), MANDATORY | {"valueQuantity"}),
    (Subset(elements=("note", "component")), MANDATORY | {"note", "component"}),
    (Subset(elements=("id",)), MANDATORY),
    (Subset(summary="text"), MANDATORY | {"text"}),
    (Subset(summary="data"), set(OBSERVATION) - ALWAYS - {"text"}),
    (Subset(summary="true"), MANDATORY | {"valueQuantity", "component"}),
]


@pytest.mark.parametrize(("subset", "kept"), CASES)
def test_what_is_kept(subset: Subset, kept: set[str]) -> None:
    cut = subset.of(OBSERVATION, R4)
    assert set(cut) == ALWAYS | kept
    assert cut["meta"]["tag"] == [{"code": "own"}, SUBSETTED]
    assert validate(cut, R4) == []


@pytest.mark.parametrize("tag", [5, "x", {"code": "own"}, [None], [5, {"code": 5}]])
def test_tags_that_are_none_are_no_hindrance(tag: Any) -> None:
    cut = Subset(summary="data").of({"resourceType": "Patient", "meta": {"tag": tag}}, R4)
    assert cut["meta"]["tag"] == [*(tag if isinstance(tag, list) else []), SUBSETTED]


def test_a_summary_goes_down_into_backbones() -> None:
    cut = Subset(summary="true").of(OBSERVATION, R4)
    assert set(cut["component"][0]) == {"code", "valueString"}


def test_the_whole_is_no_part() -> None:
    assert Subset().is_whole
    assert Subset(summary="false").is_whole
    assert not Subset(summary="data").is_whole
    assert not Subset(elements=("id",)).is_whole


def test_the_original_is_left_alone() -> None:
    before = repr(OBSERVATION)
    Subset(summary="data").of(Subset(summary="data").of(OBSERVATION, R4), R4)
    assert repr(OBSERVATION) == before
