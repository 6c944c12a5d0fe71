"""The escapes of search values: what is escaped separates nothing, and each text can be said."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirstore.search.escapes import split, unescape

SPLITS: list[tuple[str, str, list[str]]] = [
    ("", ",", [""]),
    ("a", ",", ["a"]),
    ("a,b", ",", ["a", "b"]),
    (",", ",", ["", ""]),
    ("a,,b,", ",", ["a", "", "b", ""]),
    (r"a\,b", ",", [r"a\,b"]),
    (r"a\,b,c", ",", [r"a\,b", "c"]),
    # an escaped backslash escapes nothing
    (r"a\\,b", ",", [r"a\\", "b"]),
    (r"a\\\,b", ",", [r"a\\\,b"]),
    # the other separators are let alone, escaped or not
    (r"a|b,c\|d,e$f", ",", ["a|b", r"c\|d", "e$f"]),
    (r"s\|t|c", "|", [r"s\|t", "c"]),
    (r"a$b\$c", "$", ["a", r"b\$c"]),
    # a backslash at the end, and one before another character, are no mistakes
    ("a\\", ",", ["a\\"]),
    ("a,\\", ",", ["a", "\\"]),
    (r"\a,b", ",", [r"\a", "b"]),
]

MEANINGS: list[tuple[str, str]] = [
    ("", ""),
    ("abc", "abc"),
    (r"a\,b", "a,b"),
    (r"\|\$\,\\", "|$,\\"),
    (r"\\,", "\\,"),
    (r"\\\,", "\\,"),
    (r"\\n", r"\n"),
    (r"\n", r"\n"),
    ("\\", "\\"),
    (r"a\ b", r"a\ b"),
    ("\\\\\\", "\\\\"),
]


@pytest.mark.parametrize(("value", "separator", "parts"), SPLITS)
def test_parts(value: str, separator: str, parts: list[str]) -> None:
    assert split(value, separator) == parts


@pytest.mark.parametrize(("value", "meaning"), MEANINGS)
def test_meaning(value: str, meaning: str) -> None:
    assert unescape(value) == meaning


texts = st.text(st.sampled_from("ab,|$\\ é"), max_size=12)
separators = st.sampled_from(",|$")


def escaped(text: str) -> str:
    return re.sub(r"([,|$\\])", r"\\\1", text)


@given(st.lists(texts, min_size=1, max_size=4), separators)
def test_each_list_of_texts_can_be_said(said: list[str], separator: str) -> None:
    value = separator.join(map(escaped, said))
    assert [unescape(part) for part in split(value, separator)] == said


@given(texts, separators)
def test_parts_lose_nothing(value: str, separator: str) -> None:
    assert separator.join(split(value, separator)) == value


@given(st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=3))
def test_values_within_values_can_be_said(said: list[list[str]]) -> None:
    value = ",".join("|".join(map(escaped, parts)) for parts in said)
    alternatives = split(value, ",")
    assert [[unescape(part) for part in split(one, "|")] for one in alternatives] == said
