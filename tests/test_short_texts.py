"""What is remembered of texts: answers about short ones, and never a long one."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from fhirstore import ucum
from fhirstore.definitions import definitions
from fhirstore.documents import Pipeline
from fhirstore.short_texts import LONGEST, for_short_pairs, for_short_texts

LONG = "x" * LONGEST


def counted() -> tuple[list[str], Callable[[str], str]]:
    asked: list[str] = []

    def function(text: str) -> str:
        asked.append(text)
        return text.upper()

    return asked, function


@pytest.mark.parametrize(("text", "times"), [("a", 1), (LONG, 1), (LONG + "x", 2)])
def test_answers_about_short_texts_are_remembered(text: str, times: int) -> None:
    asked, function = counted()
    kept = for_short_texts(10)(function)
    assert kept(text) == kept(text) == text.upper()
    assert asked == [text] * times


@pytest.mark.parametrize(("other", "times"), [("a", 1), (LONG, 2)])
def test_both_texts_of_a_pair_count(other: str, times: int) -> None:
    asked, function = counted()
    kept = for_short_pairs(10)(lambda one, two: function(one + two))
    assert kept("a", other) == kept("a", other) == f"A{other.upper()}"
    assert len(asked) == times


def test_no_more_than_that_many_are_remembered() -> None:
    asked, function = counted()
    kept = for_short_texts(2)(function)
    for text in "abca":
        kept(text)
    assert asked == list("abca")


def test_nothing_of_a_resource_with_long_texts_is_kept() -> None:
    """Each of the places whose text is looked up in what is remembered: strings, codes, dates, references, units."""
    pipeline = Pipeline(definitions("4.0"), level="off")

    def prepare(letter: str) -> None:
        text = letter * 100_000
        coding = {"system": f"http://{text}", "code": text}
        observation = {
            "resourceType": "Observation",
            "status": text,
            "code": {"coding": [coding]},
            "subject": {"reference": f"http://{text}/Patient/1"},
            "effectiveDateTime": f"2020-01-01T00:00:00.{'1' * 100_000}Z",
            "valueQuantity": {"value": 1, "system": ucum.SYSTEM, "code": text},
        }
        patient = {"resourceType": "Patient", "name": [{"family": f"é{text}"}]}
        for resource in (observation, patient):
            pipeline.check(resource, "structure")
            pipeline.prepare(resource, "1")

    prepare("0")
    tracemalloc.start()
    for number in range(1, 10):
        prepare(str(number))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 200_000
