"""What is remembered of texts: answers about short ones, and never a long one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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
