"""Searches as of a moment: what they found then they find ever after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from fhirstore.errors import InvalidPageToken, InvalidSearch
from tests.contract.conftest import dropped, open_store


def patient(id: str, family: str, gender: str = "female", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": id,
        "name": [{"family": family}],
        "gender": gender,
    } | more


def observation(id: str, patient: str, value: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": id, "status": "final", "code": {"coding": [{"code": "c"}]},
        "subject": {"reference": f"Patient/{patient}"}, "valueQuantity": {"value": value},
    }  # fmt: skip


# One write after the other: a resource, or the address of one to be deleted.
WRITES: list[Any] = [
    patient("a", "Adams"),
    patient("b", "Brown", "male"),
    observation("1", "a", 10),
    observation("2", "b", 20),
    patient("a", "Abel"),
    observation("1", "b", 10),
    ("Patient", "b"),
    observation("3", "a", 5),
    patient("c", "Clark", link=[{"other": {"reference": "Patient/a"}, "type": "seealso"}]),
    patient("b", "Back", "male"),
    observation("2", "a", 1),
    ("Observation", "3"),
    patient("a", "Zorn", "male"),
    {"resourceType": "Location", "id": "house"},
    {"resourceType": "Location", "id": "room", "partOf": {"reference": "Location/house"}},
    {"resourceType": "Location", "id": "room"},
]

QUERIES: list[tuple[str | None, str]] = [
    ("Patient", ""),
    ("Patient", "gender=female"),
    ("Patient", "family=a"),
    ("Patient", "_sort=family"),
    ("Patient", "_sort=-family,_id"),
    ("Patient", "_sort=-_lastUpdated"),
    ("Patient", "_id=a,b"),
    ("Patient", "_id:not=a"),
    ("Patient", "gender:not=male&_total=accurate"),
    ("Patient", "_summary=count"),
    ("Patient", "_total=accurate&_count=1"),
    ("Patient", "_has:Observation:patient:value-quantity=gt8"),
    ("Observation", "patient.family=a"),
    ("Observation", "subject:Patient.gender=male&_sort=value-quantity"),
    ("Observation", "value-quantity=ge5&_sort=-value-quantity"),
    ("Observation", "_include=Observation:subject"),
    ("Patient", "_revinclude=Observation:patient"),
    ("Patient", "_include:iterate=Patient:link"),
    ("Location", "partof:below=house"),
    ("Patient", "_filter=family sw a or gender eq male"),
    (None, "_type=Patient,Observation&_sort=_lastUpdated"),
    (None, ""),
]


class State(NamedTuple):
    moment: datetime
    found: list[Any]


def found(page: Any) -> Any:
    def listed(versions: Any) -> list[str]:
        return [f"{v.type}/{v.id}/{v.version}" for v in versions]

    return listed(page.matches), sorted(listed(page.included)), page.total


class Written(NamedTuple):
    store: Any
    states: list[State]


@pytest.fixture(scope="module")
def written(kind: str, server: str) -> Iterator[Written]:
    with ExitStack() as stack:
        store = open_store(kind, server, dropped(server, stack), stack)
        states = []
        for write in WRITES:
            if isinstance(write, tuple):
                store.delete(*write)
                made = store.history(*write).entries[0]
            else:
                made = store.update(write)
            states.append(
                State(made.last_updated, [found(store.search(*query)) for query in QUERIES])
            )
            time.sleep(0.003)
        yield Written(store, states)


@pytest.mark.parametrize("number", range(len(QUERIES)), ids=[query for _, query in QUERIES])
def test_every_state_is_found_again(written: Written, number: int) -> None:
    for state in written.states:
        page = written.store.search(*QUERIES[number], as_of=state.moment)
        assert found(page) == state.found[number]
    assert len({repr(state.found[number]) for state in written.states}) > 1


def test_nothing_is_there_before_the_first_write(written: Written) -> None:
    before = written.states[0].moment - timedelta(milliseconds=1)
    assert found(written.store.search("Patient", as_of=before)) == ([], [], 0)


def test_a_criterion_on_when_it_was_updated(written: Written) -> None:
    moment = written.states[4].moment
    text = moment.isoformat().replace("+00:00", "Z")
    page = written.store.search("Patient", f"_lastUpdated=ge{text}", as_of=moment)
    assert found(page)[0] == ["Patient/a/2"]
    page = written.store.search("Patient", f"_lastUpdated=le{text}", as_of=moment)
    assert found(page)[0] == ["Patient/b/1", "Patient/a/2"] or sorted(found(page)[0]) == [
        "Patient/a/2",
        "Patient/b/1",
    ]


@pytest.mark.parametrize("sort", ["", "&_sort=family", "&_sort=-gender", "&_sort=-_lastUpdated"])
def test_all_pages_show_the_state_of_the_first(store: Any, sort: str) -> None:
    for number in range(9):
        store.update(
            patient(f"p{number}", f"Name {number % 4}", "male" if number % 2 else "female")
        )
    query = f"_count=2{sort}"
    whole = [f"{v.id}/{v.version}" for v in store.iterate("Patient", query)]
    pages, token = [], None
    for number in range(9):
        page = store.search("Patient", query, as_of="now", page=token)
        pages += [f"{v.id}/{v.version}" for v in page.matches]
        token = page.next
        time.sleep(0.003)
        store.update(patient(f"p{number}", "Other", "other"))
        store.update(patient(f"new{number}", "Name 0"))
        if number == 2:
            store.delete("Patient", "p8")
        if token is None:
            break
    assert pages == whole
    assert len(pages) == 9


def test_several_types_keep_one_moment(written: Written) -> None:
    state = written.states[8]
    query = (None, "_type=Patient,Observation&_sort=_lastUpdated&_count=2")
    pages, token = [], None
    while True:
        page = written.store.search(*query, as_of=state.moment, page=token)
        pages += found(page)[0]
        token = page.next
        if token is None:
            break
    assert (
        pages
        == state.found[QUERIES.index((None, "_type=Patient,Observation&_sort=_lastUpdated"))][0]
    )


def test_iterates(written: Written) -> None:
    state = written.states[6]
    ids = [
        version.id
        for version in written.store.iterate("Observation", "_count=1", as_of=state.moment)
    ]
    assert sorted(ids) == ["1", "2"]


def test_the_parameter_says_the_instant(written: Written) -> None:
    page = written.store.search("Patient", "-as-of=now&_count=1")
    ((name, value),) = [pair for pair in page.parameters if pair[0] == "-as-of"]
    assert value.endswith("Z")
    again = written.store.search("Patient", [(name, value), ("_count", "1")], page=page.next)
    assert len(again.matches) == 1


@pytest.mark.parametrize(
    "query",
    [
        "-as-of=yesterday",
        "-as-of=2999-01-01T00:00:00Z",
        "-as-of=now&-as-of=2020-01-01",
        "-as-of:not=now",
    ],
)
def test_refuses(written: Written, query: str) -> None:
    with pytest.raises(InvalidSearch) as caught:
        written.store.search("Patient", query)
    assert caught.value.issues[0].expression.startswith("-as-of")


def test_pages_are_bound_to_their_moment(written: Written) -> None:
    store = written.store
    first = store.search("Patient", "_count=1", as_of="now")
    plain = store.search("Patient", "_count=1")
    for page, as_of in (
        (first.next, written.states[8].moment),
        (plain.next, "now"),
        (first.next, None),
        ("1~x", "now"),
    ):
        with pytest.raises(InvalidPageToken):
            store.search("Patient", "_count=1", page=page, as_of=as_of)
