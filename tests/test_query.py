"""A query string becomes a query: what is read, what is left out, and what is wrong, as tables."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirstore.definitions import definitions
from fhirstore.errors import InvalidSearch
from fhirstore.search.query import MAX_COUNT, MOST_VALUES, Query, alternatives, parse
from fhirstore.search.query_string import pairs

R4 = definitions("4.0")


def read(query: str, **options: object) -> Query:
    return parse("Patient", query, R4, **options)  # type: ignore[arg-type]


# Query, its criteria as (name, modifier, values).
CRITERIA = [
    ("", []),
    ("?gender=male", [("gender", None, ("male",))]),
    ("gender=male,female", [("gender", None, ("male", "female"))]),
    ("given=a&given=b", [("given", None, ("a",)), ("given", None, ("b",))]),
    ("name:exact=A%20B", [("name:exact", "exact", ("A B",))]),
    ("name=A+B", [("name", None, ("A B",))]),
    (r"identifier=a\,b,c", [("identifier", None, (r"a\,b", "c"))]),
    ("gender=", []),
    ("gender=,", []),
    ("gender=,male,", [("gender", None, ("male",))]),
    ("gender:missing=true", [("gender:missing", "missing", ("true",))]),
    ("gender:not=male", [("gender:not", "not", ("male",))]),
    ("general-practitioner:Organization=1", [("general-practitioner:Organization", "Organization", ("1",))]),
    ("_id=1", [("_id", None, ("1",))]),
    ("_tag=a|b", [("_tag", None, ("a|b",))]),
    ("_lastUpdated=gt2020", [("_lastUpdated", None, ("gt2020",))]),
    ("phonetic=x", [("phonetic", None, ("x",))]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), CRITERIA)
def test_criteria(query: str, expected: list[tuple[str, str | None, tuple[str, ...]]]) -> None:
    found = read(query)
    assert [(c.name, c.modifier, c.values) for c in found.criteria] == expected
    assert found.issues == ()


CONTROLS = [
    ("", {"count": 50, "total": "none", "only_total": False, "sort": []}),
    ("_count=7", {"count": 7}),
    ("_count=0", {"count": 0, "only_total": True}),
    ("_count=999999", {"count": MAX_COUNT}),
    ("_summary=count", {"only_total": True, "summary": "count"}),
    ("_summary=false", {"only_total": False, "summary": "false"}),
    ("_total=accurate", {"total": "accurate"}),
    ("_sort=birthdate", {"sort": ["birthdate"]}),
    ("_sort=-birthdate,name", {"sort": ["-birthdate", "name"]}),
    ("_sort=name,-name,name", {"sort": ["name"]}),
    ("_sort=name&_sort=-gender", {"sort": ["name", "-gender"]}),
    ("_sort=_lastUpdated", {"sort": ["_lastUpdated"]}),
    ("_page=abc", {"page": "abc"}),
]


@pytest.mark.parametrize(("query", "expected"), CONTROLS)
def test_controls(query: str, expected: dict[str, object]) -> None:
    found = read(query)
    assert found.issues == ()
    for name, value in expected.items():
        actual = [str(rule) for rule in found.sort] if name == "sort" else getattr(found, name)
        assert actual == value


# Query, code and place of the one issue.
WRONG = [
    ("foo=1", "not-supported", "foo"),
    ("foo:exact=1", "not-supported", "foo:exact"),
    ("gender:=1", "not-supported", "gender:"),
    ("_id:exact=1", "not-supported", "_id:exact"),
    ("_lastUpdated:not=2020", "not-supported", "_lastUpdated:not"),
    ("_count:exact=1", "not-supported", "_count:exact"),
    ("name:Patient=1", "not-supported", "name:Patient"),
    ("general-practitioner:Patient=1", "not-supported", "general-practitioner:Patient"),
    ("general-practitioner.name=x", "not-supported", "general-practitioner.name"),
    ("organization.foo=x", "not-supported", "organization.foo"),
    ("general-practitioner:Foo.name=x", "not-supported", "general-practitioner:Foo.name"),
    (
        "_has:Observation:patient:code:exact=x",
        "not-supported",
        "_has:Observation:patient:code:exact",
    ),
    ("_include:exact=Patient:organization", "not-supported", "_include:exact"),
    ("_query=x", "not-supported", "_query"),
    ("_filter=foo eq 1", "not-supported", "_filter"),
    ("_filter=gender co x", "not-supported", "_filter"),
    ("_filter=gender", "value", "_filter"),
    ("_has:Observation:patient=x", "not-supported", "_has:Observation:patient"),
    ("_summary=x", "value", "_summary"),
    ("_count=1.5", "value", "_count"),
    ("_count=1&_count=2", "value", "_count"),
    ("_total=all", "value", "_total"),
    ("_sort=nothing", "value", "_sort"),
    ("_sort=-", "value", "_sort"),
    ("_sort=name,", "value", "_sort"),
    ("_sort=_score", "not-supported", "_sort"),
    (
        "_include=" + ",".join(["Patient:organization"] * (MOST_VALUES + 1)),
        "too-costly",
        "_include",
    ),
    ("_sort=" + ",".join(["name"] * (MOST_VALUES + 1)), "too-costly", "_sort"),
    ("gender=" + ",".join("x" * 1 for _ in range(MOST_VALUES + 1)), "too-costly", "gender"),
]


@pytest.mark.parametrize(("query", "code", "place"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong(query: str, code: str, place: str) -> None:
    (issue,) = read(query).issues
    assert (issue.severity, issue.code, issue.expression) == ("error", code, place)
    assert read(query).criteria == ()


LEFT_OUT = {
    "foo",
    "foo:exact",
    "general-practitioner.name",
    "organization.foo",
    "_has:Observation:patient",
}


@pytest.mark.parametrize(("query", "code", "place"), WRONG, ids=lambda value: str(value)[:40])
def test_leniency_is_for_what_is_unknown_alone(query: str, code: str, place: str) -> None:
    """Modifiers, named queries and filters change what is asked: they are refused always."""
    (issue,) = read(query, handling="lenient").issues
    assert issue.severity == ("warning" if place in LEFT_OUT else "error")
    assert (issue.code, issue.expression) == (code, place)


def test_what_a_self_link_says() -> None:
    found = read(
        "foo=1&name=x&_count=5000&gender=&_sort=-name,name&_page=x&gender:not=a", handling="lenient"
    )
    assert found.parameters == (
        ("name", "x"),
        ("gender:not", "a"),
        ("_sort", "-name"),
        ("_count", str(MAX_COUNT)),
    )


@pytest.mark.parametrize("text", ["a=%", "a=%z1", "%=1", "a=%ff"])
def test_what_is_no_query_string(text: str) -> None:
    with pytest.raises(InvalidSearch):
        pairs(text)


def test_too_many_parameters() -> None:
    with pytest.raises(InvalidSearch):
        read("&".join(["name=x"] * 1001))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)))
def test_escaped_values_come_apart_where_they_were_put_together(values: list[str]) -> None:
    escaped = [value.replace("\\", "\\\\").replace(",", "\\,") for value in values]
    assert alternatives(",".join(escaped)) == tuple(escaped)


@given(st.text())
def test_any_text_is_a_query_or_a_search_error(text: str) -> None:
    with suppress(InvalidSearch):
        assert isinstance(read(text), Query)
