"""What a resource costs to prepare grows with its size alone: a caller may send very many of anything that repeats."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from fhirstore.definitions import definitions
from fhirstore.documents import Pipeline
from fhirstore.ucum import SYSTEM

PIPELINE = Pipeline(definitions("4.0"), level="off")
FEW, MANY = 1_000, 8_000

Made = Callable[[int], dict[str, Any]]
# Of a narrative: it is not repeated, but made of what is.
TEXTS = {"the beginnings of tags": "<", "tags": "<a>", "words": "é ", "entities": "&#"}
CASES: dict[str, tuple[str, str, Made]] = {
    "composites and quantities": (
        "Observation",
        "component",
        lambda n: {
            "code": {"coding": [{"system": "http://loinc.org", "code": f"c{n}"}]},
            "valueQuantity": {"value": n, "code": "mg", "system": SYSTEM},
        },
    ),
    "compartments and links": (
        "Group",
        "member",
        lambda n: {"entity": {"reference": f"Patient/p{n}"}},
    ),
    "texts": ("Patient", "name", lambda n: {"family": f"é{n}"}),
    "tokens": ("Patient", "identifier", lambda n: {"system": "http://s", "value": str(n)}),
    "dates": (
        "CarePlan",
        "activity",
        lambda n: {"detail": {"scheduledPeriod": {"start": f"{1000 + n}-01-01"}}},
    ),
    "contained ones of one id": (
        "Patient",
        "contained",
        lambda n: {"resourceType": "Patient", "id": "a", "link": [{"other": {"reference": "#a"}}]},
    ),
}


@pytest.mark.parametrize(("type", "element", "made"), CASES.values(), ids=CASES)
def test_it_grows_with_the_size(type: str, element: str, made: Made) -> None:
    _grows(lambda size: {"resourceType": type, element: [made(n) for n in range(size)]})


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_narrative_grows_with_its_length(text: str) -> None:
    _grows(lambda size: {"resourceType": "Basic", "text": {"div": text * size * 10}})


def _grows(of_size: Made) -> None:
    """Eight times as many take eight times as long, and 64 times where each is compared with each other."""

    def seconds(size: int) -> float:
        text = json.dumps(of_size(size))
        began = time.process_time()
        resource = PIPELINE.parse(text)
        PIPELINE.check(resource, "structure")
        PIPELINE.prepare(resource, "1")
        return time.process_time() - began

    seconds(10)
    for _ in range(5):
        if seconds(MANY) < 3 * (MANY // FEW) * seconds(FEW):
            return
    pytest.fail("it grows faster than the size")
