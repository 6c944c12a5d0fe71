"""Chains and `_has`, with whichever end is the smaller one, and beyond their limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fhirstore import hops
from fhirstore.errors import InvalidSearch
from tests.contract.conftest import holding

PATIENTS = 12
EACH = 3


def _patient(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"p{number:02}",
        "gender": "female" if number % 4 else "male",
        "name": [{"family": "Rare" if number == 5 else "Common"}],
    }


def _observation(number: int) -> dict[str, Any]:
    patient = number % PATIENTS
    return {
        "resourceType": "Observation",
        "id": f"v{number:02}",
        "status": "amended" if number in (4, 5) else "final",
        "code": {"text": "x"},
        "subject": {"reference": f"Patient/p{patient:02}"},
    }


@pytest.fixture(scope="module")
def filled(kind: str, server: str) -> Iterator[Any]:
    resources = [
        *map(_patient, range(PATIENTS)),
        *map(_observation, range(PATIENTS * EACH)),
    ]
    with holding(kind, server, resources) as store:
        yield store


def _observations(chosen: Any) -> list[str]:
    return [f"v{n:02}" for n in range(PATIENTS * EACH) if chosen(n)]


FEMALE = _observations(lambda n: n % PATIENTS % 4)
# What is asked, what is found, and the least limit with which it is found.
CASES = [
    # nothing beside: the far end has to be read whole
    ("Observation", "subject:Patient.family=rare", _observations(lambda n: n % PATIENTS == 5), 1),
    ("Observation", "subject:Patient.gender=female", FEMALE, 9),
    ("Observation", "subject:Patient.family=nobody", [], 1),
    # the far end is the smaller one
    (
        "Observation",
        "status=final&subject:Patient.family=rare",
        _observations(lambda n: n % PATIENTS == 5 and n != 5),
        1,
    ),
    # this end is the smaller one, and the far end too large
    ("Observation", "status=amended&subject:Patient.gender=female", ["v05"], 1),
    # both are large: what is found at this end has to be within the limit
    ("Observation", "status=final&subject:Patient.gender=male", ["v00", "v08", "v12", "v16", "v20", "v24", "v28", "v32"], 3),
    ("Observation", "status=final&subject:Patient.gender=female", [id for id in FEMALE if id != "v05"], 9),
    # what leads here
    ("Patient", "_has:Observation:patient:status=amended", ["p04", "p05"], 2),
    ("Patient", "gender=male&_has:Observation:patient:status=final", ["p00", "p04", "p08"], 3),
    ("Patient", "family=rare&_has:Observation:patient:status=final", ["p05"], 1),
]  # fmt: skip


@pytest.mark.parametrize(("type", "query", "expected", "least"), CASES, ids=[c[1] for c in CASES])
@pytest.mark.parametrize("batch", [1, 2, 500])
def test_every_order_finds_the_same(
    filled: Any,
    monkeypatch: pytest.MonkeyPatch,
    type: str,
    query: str,
    expected: list[str],
    least: int,
    batch: int,
) -> None:
    monkeypatch.setattr(hops, "_BATCH", batch)
    for most in (least, 20, 20_000):
        monkeypatch.setattr(hops, "MOST", most)
        found = filled.search(type, query)
        assert [match.id for match in found.matches] == expected


@pytest.mark.parametrize(
    ("type", "query"),
    [
        ("Observation", "subject:Patient.gender=female"),
        ("Observation", "status=final&subject:Patient.gender=female"),
        ("Patient", "_has:Observation:patient:status=final"),
        ("Patient", "gender=female&_has:Observation:patient:status=final"),
    ],
)
def test_beyond_the_limit_is_an_error(
    filled: Any, monkeypatch: pytest.MonkeyPatch, type: str, query: str
) -> None:
    monkeypatch.setattr(hops, "_BATCH", 2)
    monkeypatch.setattr(hops, "MOST", 4)
    with pytest.raises(InvalidSearch) as caught:
        filled.search(type, query)
    (issue,) = caught.value.issues
    assert issue.code == "too-costly"
    assert "more than 4" in issue.diagnostics
