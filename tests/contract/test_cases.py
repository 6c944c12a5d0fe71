"""The tables of search cases in `tests/cases`, asked of every backend: what a search means, written from the spec page search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any
from unittest import mock

import pytest

from fhirstore.errors import InvalidSearch
from fhirstore.versions import Version
from tests.case_tables import Case, Table, tables
from tests.contract.conftest import dropped, open_store
from tests.servers import named

NOT_YET = pytest.mark.xfail(
    reason="not so yet",
    strict=True,
    raises=(AssertionError, InvalidSearch, pytest.fail.Exception),
)
TABLES = tables()
CASES = [
    pytest.param(
        table,
        case,
        id=f"{table.name}: {case.path}?{case.query}",
        marks=NOT_YET if case.open else (),
    )
    for table in TABLES
    for case in table.cases
]
FEWEST = 1200
# Two bounds in one filter, `{"list": {"$gt": 99, "$lt": 100}}`, may in MongoDB each be met by another element of an array.
# These servers want one element for both, mongomock where documents lie in the array.
WANT_ONE_ELEMENT = {
    "mongomock": {"component-value-quantity=lt100&component-value-quantity=gt150"},
    "secantus": {"probability=sa0.8&probability=eb1", "variant-start=gt99&variant-start=lt100"},
}
BASE_URL = "http://base.test/fhir"


def _at(instant: datetime) -> Any:
    return mock.patch("fhirstore.ports.world.now", return_value=instant)


@pytest.fixture(
    scope="session",
    params=["mongomock", "secantus-blocking", *(["named-blocking"] if named() else [])],
)
def backend(request: pytest.FixtureRequest) -> str:
    """Every backend, but not every interface to it: what a search means is decided below them."""
    return str(request.param)


@pytest.fixture(scope="module")
def stores(request: pytest.FixtureRequest, backend: str) -> Iterator[dict[str, Any]]:
    """A store for each table, with its resources.

    SecantusDB ends with the tests, and takes ten seconds to drop the databases before.
    """
    server = ""
    if backend != "mongomock":
        server = named() if backend.startswith("named") else request.getfixturevalue("secantus_uri")
    with ExitStack() as stack:
        filled = {}
        for table in TABLES:
            name = dropped(server if backend.startswith("named") else "", stack)
            store = open_store(backend, server, name, stack, base_urls=[BASE_URL])
            for at, resource in table.written:
                with _at(at):
                    if isinstance(resource, str):
                        store.delete(*resource.split("/"))
                    else:
                        store.update(resource)
            filled[table.name] = store
        yield filled


@pytest.mark.parametrize(("table", "case"), CASES)
def test_case(stores: dict[str, Any], backend: str, table: Table, case: Case) -> None:
    if backend == "mongomock" and "near=" in case.query:
        pytest.skip("mongomock knows no positions")
    if case.query in WANT_ONE_ELEMENT.get(backend.partition("-")[0], ()):
        pytest.skip("this server wants one element of an array for both bounds")
    with _at(table.now):
        _check(stores[table.name], case)


def _check(store: Any, case: Case) -> None:
    compartment, _, type = case.path.rpartition("/")
    options: dict[str, Any] = {"compartment": compartment or None}
    if case.left_out:
        options["handling"] = "lenient"
    asked = (None if type in ("", "*") else type, case.query)
    if case.refused:
        with pytest.raises(InvalidSearch) as caught:
            store.search(*asked, **options)
        parameter, said = case.refused
        assert caught.value.issues
        for issue in caught.value.issues:
            assert issue.expression == parameter
            assert said in (issue.diagnostics or "")
        return
    page = store.search(*asked, **options)
    found = [match.id if asked[0] else _address(match) for match in page.matches]
    expected = list(case.found)
    assert (found if case.ordered else sorted(found)) == (
        expected if case.ordered else sorted(expected)
    )
    assert {_address(version) for version in page.included} == case.included
    assert len(page.included) == len(case.included)
    assert tuple(issue.expression for issue in page.issues) == case.left_out
    assert case.total is None or page.total == case.total


def _address(version: Version) -> str:
    return f"{version.type}/{version.id}"


def test_there_are_enough() -> None:
    asked = {(table.name, case.path, case.query) for table in TABLES for case in table.cases}
    assert len(asked) == len(CASES), "a case is written twice"
    assert len(asked) >= FEWEST


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_parameter_has_its_controls(table: Table) -> None:
    """A search that finds nothing says little of a parameter that never finds anything, nor one that finds all."""
    counts = defaultdict(list)
    for case in table.cases:
        for control in case.controls():
            if case.refused is None and not case.open:
                counts[control].append(case)
    for control, cases in counts.items():
        assert any(case.count for case in cases), f"{control} never finds anything"
        assert any(case.count < _all_of(table, case) for case in cases), (
            f"{control} excludes nothing"
        )


def _all_of(table: Table, case: Case) -> int:
    type = case.path.rpartition("/")[2]
    return sum(type in ("", "*") or address.startswith(f"{type}/") for address in table.stored)
