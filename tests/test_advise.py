"""`fhirstore advise`: a record of shapes, never values, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from fhirstore import Store, query_shapes
from fhirstore.advising import Helpful, helpful, unused
from fhirstore.catalogue import IndexStatus, State
from fhirstore.cli import main
from fhirstore.definitions import definitions
from fhirstore.query_shapes import Recorded
from fhirstore.search.shape import Shape
from fhirstore.store import finish
from tests.sample_data import fill

R4 = definitions("4.0")


# the record -------------------------------------------------------------------------------------


@pytest.fixture
def recording(wire_uri: str, fresh_database: str) -> Iterator[Store]:
    with Store.connect(wire_uri, database=fresh_database) as store:
        fill(store, patients=10)
        finish(query_shapes.record_at(store.port, 1))
    with Store.connect(wire_uri, database=fresh_database) as store:
        yield store


# Times and counts, in which any digits may stand.
NO_FIGURES = dict.fromkeys(("count", "milliseconds", "longest", "examined", "returned", "last"), 0)


def test_impossible_searches_are_recorded(recording: Store) -> None:
    recording.search("Patient", "birthdate=sa2021&birthdate=lt2021")
    (one,) = finish(query_shapes.recorded(recording.port))
    assert one.shape.asked == ("birthdate",)


def test_shapes_are_recorded_and_no_values(recording: Store) -> None:
    for code in ("8867-4", "29463-7"):
        recording.search("Observation", f"code={code}&date=ge1999&_sort=-date&_count=7")
    recording.search("Observation", "patient.gender=female&status=final")
    recording.search("Patient", "name=SECRET")
    by_key = {one.shape.key: one for one in finish(query_shapes.recorded(recording.port))}
    found = by_key["Observation?code&date sorted by -search.date.start"]
    assert found.count == 2
    assert found.shape.equal == ("search.code",)
    assert set(found.shape.ranges) <= {"search.date.start", "search.date.end"}
    assert found.milliseconds >= found.longest > 0
    assert by_key["Observation?patient.gender&status"].shape.equal == (
        "search.status",
        "search.subject",
    )
    said = repr(finish(recording.port.find(query_shapes.RECORD, {}, projection=NO_FIGURES)))
    assert "gender" in said
    assert not any(
        value in said for value in ("8867", "SECRET", "secret", "1999", "female", "final")
    )


def test_nothing_is_recorded_unasked(wire_uri: str, fresh_database: str) -> None:
    with Store.connect(wire_uri, database=fresh_database) as store:
        store.search("Patient", "gender=male")
        assert finish(query_shapes.recorded(store.port)) == []


def test_a_sample_is_a_part(recording: Store) -> None:
    sampled = query_shapes.Recorder(recording.port, 0.25)
    begun = sum(sampled.begin() is not None for _ in range(2000))
    assert 350 < begun < 650


def test_a_record_that_cannot_be_written_harms_no_search(
    recording: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_shapes, "_MOST_SHAPES", 0)
    assert recording.search("Patient", "gender=female,male").matches
    assert finish(query_shapes.recorded(recording.port)) == []


# what follows from it ---------------------------------------------------------------------------


def shape(*equal: str, ranges: tuple[str, ...] = (), sort: tuple[str, ...] = ()) -> Shape:
    return Shape("Observation", ("x",), equal, ranges, sort)


def recorded(
    shape: Shape, count: int = 100, examined: int = 100_000, returned: int = 1000
) -> Recorded:
    return Recorded(shape, count, 500.0, 20.0, examined, returned)


def index(
    *keys: str, state: State = "present", uses: int | None = None, name: str = "x"
) -> IndexStatus:
    return IndexStatus("Observation", name, state, dict.fromkeys(keys, 1), "", 1000, uses)


def keys(found: list[Helpful]) -> list[tuple[tuple[str, int], ...]]:
    return [one.keys for one in found]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (shape("search.status", "search.subject"), [(("search.status", 1), ("search.subject", 1))]),
        (
            shape("search.subject", sort=("-search.date.start",), ranges=("search.date.start",)),
            [(("search.subject", 1), ("search.date.start", -1))],
        ),
        # Two arrays cannot stand in one index.
        (
            shape("search.code", "search.category", "search.status"),
            [(("search.code", 1), ("search.status", 1))],
        ),
        (shape("search.code", "search.category"), []),
        (shape("search.code"), []),
        (shape("_id", "search.status"), []),
        (shape(), []),
    ],
)
def test_the_keys_of_an_index_that_would_help(asked: Shape, expected: list[object]) -> None:
    assert keys(helpful([recorded(asked)], [], R4)) == expected


def test_only_what_is_asked_often_and_wasteful_is_worth_an_index() -> None:
    asked = shape("search.status", "search.subject")
    assert helpful([recorded(asked, count=3)], [], R4) == []
    assert helpful([recorded(asked, examined=1500)], [], R4) == []
    there = index("search.status", "search.subject", "search.date.start")
    assert helpful([recorded(asked)], [there], R4) == []
    assert len(helpful([recorded(asked)], [index("search.status")], R4)) == 1


def test_indexes_that_nobody_uses() -> None:
    record = [recorded(shape("search.code", sort=("-search.date.start",)))]
    there = [
        index("search.code", name="a"),
        index("search.date.start", name="b"),
        index("search.status", name="c"),
        index("search.method", name="d", uses=5),
        index("search.subject", name="e", uses=0),
        index("search.device", name="f", state="missing"),
        index("last_updated", name="g", uses=0),
    ]
    assert [(one.status.name, one.by) for one in unused(record, there)] == [
        ("c", "record"),
        ("e", "server"),
    ]


def test_the_command(recording: Store, wire_uri: str) -> None:
    for _ in range(30):
        recording.search("Observation", "patient.gender=female&status=final")
    options = ["--uri", wire_uri, "--database", recording.port.database]
    said = CliRunner().invoke(main, ["advise", *options], catch_exceptions=False).output
    assert "100.00% of all searches are recorded" in said
    assert "Observation?patient.gender&status" in said
    assert "unused: Observation search." in said
    stopped = CliRunner().invoke(main, ["advise", "--record", "0", "--forget", *options]).output
    assert "not recorded" in stopped
    assert "too little for advice" in stopped
