"""Whatever a caller sends as a search is answered rightly or refused with the parameter named; never with a server error."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import mongomock
import pymongo
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirstore import Store
from fhirstore.definitions import definitions
from fhirstore.errors import FhirError
from fhirstore.ports.port import CommandFailed

R4 = definitions("4.0")
TYPES = ("Patient", "Observation", "Location", "RiskAssessment", "ValueSet", "Encounter")
CONTROLS = [
    "_sort",
    "_count",
    "_total",
    "_summary",
    "_elements",
    "_include",
    "_revinclude",
    "_page",
    "_list",
    "_type",
]
MODIFIERS = ["", ":exact", ":contains", ":missing", ":not", ":text", ":in", ":not-in", ":above", ":below", ":of-type",
             ":identifier", ":Patient", ":iterate", ":", ":$where", ":a.b"]  # fmt: skip
NASTY = ["$", "$where", "$gt", ".", "..", "a.b", ".*", "(((", "[", "\\", "\\\\", "\\,", "\\|", "|", "||", "|||", ",", ",,", "$$",
         "\0", "\ud7ff", "\U0001f600", "%00", "0", "-0", "1e9999", "1e-9999", "9" * 200, "NaN", "Infinity", "-", "+",
         "0000", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00+14:00", "2020-02-30", "2020-W01", "lt", "ap", "ap0001",
         "ap9999", "null", "true", "{}", "{\"$gt\":1}", "*", "Patient/1", "#x", "urn:uuid:x", "http://",
         "//", " ", "\t"]  # fmt: skip


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.from_client(mongomock.MongoClient()) as opened:
        fill(opened)
        yield opened


@pytest.fixture(scope="module")
def wire_store(wire_uri: str) -> Iterator[Store]:
    name = f"fhirstore_test_{secrets.token_hex(6)}"
    with Store.connect(wire_uri, database=name) as opened:
        fill(opened)
        yield opened
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    client.drop_database(name)
    client.close()


def fill(store: Store) -> None:
    store.update(
        {"resourceType": "Patient", "id": "1", "name": [{"family": "A"}], "birthDate": "1980"}
    )
    store.update(
        {
            "resourceType": "Observation",
            "id": "1",
            "status": "final",
            "code": {"coding": [{"system": "s", "code": "c"}]},
            "subject": {"reference": "Patient/1"},
            "effectiveDateTime": "2020-01-01",
            "valueQuantity": {"value": 5, "code": "mg", "system": "http://unitsofmeasure.org"},
        }
    )


def refused(store: Store, type: str, query: Any, handling: Any = "strict") -> FhirError | None:
    """The error that a search is refused with, if it is. Anything but an error of the store is a failure."""
    try:
        page = store.search(type, query, handling=handling)
    except FhirError as error:
        return error
    assert page.total is None or page.total >= 0
    return None


nasty = st.lists(st.sampled_from(NASTY) | st.text(max_size=8), max_size=4).map("".join)


@st.composite
def searches(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    type = draw(st.sampled_from(TYPES))
    codes = sorted(R4.search_parameters(type))
    names = st.builds(
        lambda base, modifier, rest: f"{base}{modifier}{rest}",
        st.sampled_from([*codes, *CONTROLS, "_has:Observation:patient:code", "_filter", "_text"])
        | nasty,
        st.sampled_from(MODIFIERS),
        st.sampled_from(["", "", "", ".name", ".", "._has:Patient:link:name", ".subject.name"]),
    )
    return type, draw(st.lists(st.tuples(names, nasty), max_size=4))


@settings(max_examples=1500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(searches(), st.sampled_from(["strict", "lenient"]))
def test_any_search_is_answered_or_refused(
    store: Store, asked: tuple[str, list[tuple[str, str]]], handling: str
) -> None:
    check(store, asked, handling)


@pytest.mark.long
@settings(
    max_examples=20_000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(searches(), st.sampled_from(["strict", "lenient"]))
def test_any_search_of_many_is_answered_or_refused_by_a_server(
    wire_store: Store, asked: tuple[str, list[tuple[str, str]]], handling: str
) -> None:
    check(wire_store, asked, handling)


def check(store: Store, asked: tuple[str, list[tuple[str, str]]], handling: Any) -> None:
    type, pairs = asked
    error = refused(store, type, pairs, handling)
    if isinstance(error, CommandFailed):
        # Positions, which this stand-in for a server does not know.
        assert "geoWithin" in str(error)
    elif error is not None:
        assert error.status in (400, 404, 422)
        assert all(issue.diagnostics for issue in error.issues)


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
def test_any_text_is_a_search_or_is_refused(store: Store, text: str) -> None:
    error = refused(store, "Patient", text)
    assert error is None or error.status in (400, 404)


# What costs the store something, or would if it were let through: all are told of in time.
COSTLY = [
    ("10,000 alternatives", "code=" + ",".join(f"c{n}" for n in range(10_000))),
    ("100,000 alternatives", "code=" + ",".join(f"c{n}" for n in range(100_000))),
    ("a megabyte", "code=" + "x" * 1_000_000),
    ("a megabyte of escapes", "code=" + "\\|" * 500_000),
    ("a megabyte of dollars", "code-value-quantity=" + "$" * 1_000_000),
    ("a megabyte of commas", "code=" + "," * 1_000_000),
    ("10,000 parameters", "&".join(f"code=c{n}" for n in range(10_000))),
    ("a name of a megabyte", "x" * 1_000_000 + "=1"),
    ("50 links", "subject:Patient." + "link:Patient." * 50 + "name=x"),
    ("50 reverse links", "_has:Observation:has-member:" * 50 + "code=x"),
    ("many digits", "value-quantity=" + "9" * 1_000_000),
    ("many dates", "date=" + ",".join(f"ge{year}" for year in range(1000, 4000))),
    (
        "many dates in a span",
        "date=gt1990&date=lt2030&date=" + ",".join(f"sa{year}" for year in range(1000, 4000)),
    ),
    (
        "the ends of time",
        "date=ge9999&date=lt2021&date=ge9999-12-31&date=le0001&_lastUpdated=ap0001,ap9999",
    ),
    ("a span without end", "date=gt9999-12-31&date=le9999-12-31"),
    ("many sorts", "_sort=" + ",".join(["date", "code", "status"] * 10_000)),
    ("a regular expression", "value-string:contains=" + "(a+)+" * 1000 + "$"),
    ("a unit without end", "value-quantity=5|http://unitsofmeasure.org|" + "m." * 100_000 + "m"),
]


@pytest.mark.parametrize("query", [query for _, query in COSTLY], ids=[name for name, _ in COSTLY])
def test_no_search_costs_what_its_caller_wants(store: Store, query: str) -> None:
    started = time.perf_counter()
    error = refused(store, "Observation", query)
    if error is not None:
        assert error.status == 400
        assert len(str(error)) < 5000
        assert all(len(issue.expression or "") <= 200 for issue in error.issues)
    assert time.perf_counter() - started < 5
