"""Whole numbers are decimals where the element is one, and integers where it is one; the text is the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhirstore import json_text
from fhirstore.decimals import make_decimal
from fhirstore.definitions import definitions
from tests.conftest import EXAMPLES

R4 = definitions("4.0")
EXTENSION = {"extension": [{"url": "http://x", "valueDecimal": 1, "valueInteger": 1}]}

CASES: dict[str, tuple[str, dict[str, Any], str, Any]] = {
    "a quantity": ("Observation", {"valueQuantity": {"value": 3}}, "valueQuantity.value", Decimal(3)),
    "an integer": ("Observation", {"valueInteger": 3}, "valueInteger", 3),
    "of a resource": ("ChargeItem", {"factorOverride": 3}, "factorOverride", Decimal(3)),
    "in an array": (
        "Observation", {"component": [{"valueQuantity": {"value": 3}}]}, "component.0.valueQuantity.value", Decimal(3),
    ),
    "an array": (
        "MolecularSequence", {"quality": [{"roc": {"precision": [1, Decimal("0.5"), "x"], "score": [1]}}]},
        "quality.0.roc", {"precision": [Decimal(1), Decimal("0.5"), "x"], "score": [1]},
    ),
    "an extension": ("Patient", EXTENSION, "extension.0", {"url": "http://x", "valueDecimal": Decimal(1), "valueInteger": 1}),
    "an extension of a primitive": ("Patient", {"_birthDate": EXTENSION}, "_birthDate.extension.0.valueDecimal", Decimal(1)),
    "contained": (
        "Patient", {"contained": [{"resourceType": "Observation", "valueQuantity": {"value": 3}}]},
        "contained.0.valueQuantity.value", Decimal(3),
    ),
    "large": ("Observation", {"valueQuantity": {"value": 10**30}}, "valueQuantity.value", Decimal(10**30)),
    "a truth": ("Observation", {"valueQuantity": {"value": True}}, "valueQuantity.value", True),
    "what is no element": ("Observation", {"value": 3, "valueQuantity": [3, None]}, "value", 3),
}  # fmt: skip


def spelled(value: Any) -> str:
    """With types: `3 == Decimal(3)`."""
    return repr(value)


@pytest.mark.parametrize(("type", "elements", "path", "expected"), CASES.values(), ids=CASES)
def test_by_the_type_of_the_element(
    type: str, elements: dict[str, Any], path: str, expected: Any
) -> None:
    resource = json_text.parse(json_text.dump({"resourceType": type, **elements}).encode())
    before = json_text.dump(resource)
    make_decimal(resource, R4)
    found: Any = resource
    for key in path.split("."):
        found = found[int(key) if key.isdigit() else key]
    assert spelled(found) == spelled(expected)
    assert json_text.dump(resource) == before


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="make examples")
def test_the_text_of_the_examples_stays() -> None:
    for file in sorted(EXAMPLES.glob("*-*.json"))[::10]:
        resource = json_text.parse(file.read_bytes())
        before = json_text.dump(resource)
        make_decimal(resource, R4)
        assert json_text.dump(resource) == before, file.name
