"""Each kind of search in the benchmark finds what its hand-written floor finds, and no plan reads a whole collection."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pymongo
import pytest
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from fhirstore.ports.codec import OPTIONS
from fhirstore.search.explanation import indexes_in
from tests.benchmarks.data import SYNTHEA, invented, many
from tests.benchmarks.search_kinds import Kind
from tests.benchmarks.searches import Searches, table

RESOURCES = 800
NAMES = {
    "token", "string prefix", "reference", "date range", "quantity in UCUM", "number", "uri", "composite",
    "number, where a Range may be",
    "composite of components", ":missing=true and token", ":missing=false", ":not and token", "reference and token",
    "one of ten tokens", "_sort=-date and token", "second page", "_id", "_lastUpdated", "_tag",
    "compartment, one type", "_summary=count", "chain", "chain of two", "chain to an unselective end", "_has", "nested _has",
    "_include", "_revinclude", "_include:iterate", "compartment, all types", "_type of two",
}  # fmt: skip

# A server that is asked one alternative after the other is not asked so on the way of a chain.
SCANS_WHERE_SPLIT = {"chain": "the beginning of a string in an array"}


class Asked(CommandListener):
    """The questions that the server was asked."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        command = event.command
        if event.command_name == "find":
            names = ("find", "filter", "sort", "limit", "hint")
            self.commands.append({name: command[name] for name in names if name in command})
        elif event.command_name == "aggregate":
            # This is how the driver counts.
            match = command["pipeline"][0]["$match"]
            self.commands.append({"find": command["aggregate"], "filter": match})

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


@pytest.fixture(scope="module")
def asked() -> Asked:
    return Asked()


@pytest.fixture(scope="module")
def searches(wire_uri: str, asked: Asked) -> Iterator[Searches]:
    if not SYNTHEA.exists():
        pytest.skip("Synthea's archive is not here")
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        wire_uri, event_listeners=[asked]
    )
    made = Searches(wire_uri, f"fhirstore_test_{secrets.token_hex(6)}", client)
    made.load([*many(RESOURCES), *invented(RESOURCES)])
    yield made
    made.close()


@pytest.fixture(scope="module")
def kinds(searches: Searches) -> dict[str, Kind]:
    return {kind.name: kind for kind in searches.kinds()}


def test_the_data_has_something_to_ask_for_of_every_kind(kinds: dict[str, Kind]) -> None:
    assert set(kinds) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_finds_as_much_as_by_hand(searches: Searches, kinds: dict[str, Kind], name: str) -> None:
    timed = searches.timed(kinds[name], least=0)
    assert timed.documents > 0
    assert table([timed], [timed]).row_count == 1


@pytest.mark.parametrize("name", sorted(NAMES))
def test_reads_no_whole_collection(
    searches: Searches, kinds: dict[str, Kind], asked: Asked, name: str
) -> None:
    """Not one of the questions that the server is asked, those on the way of chains and includes among them. Parts that no
    index serves (`:not`, `:missing=true`) stand beside one that has one.
    """
    if name in SCANS_WHERE_SPLIT and searches.store.parts().searcher.splits:
        pytest.xfail(SCANS_WHERE_SPLIT[name])
    asked.commands.clear()
    searches.found(kinds[name])
    assert asked.commands
    for command in asked.commands:
        assert _indexes(searches, command), command


def _indexes(searches: Searches, command: dict[str, Any]) -> tuple[str, ...]:
    """The indexes that the server says it uses. Some tell of one only where there is one predicate."""
    filters = [command["filter"], *({name: part} for name, part in command["filter"].items())]
    for filter in filters:
        if found := indexes_in(_explained(searches, command | {"filter": filter})):
            return found
    return ()


def _explained(searches: Searches, command: dict[str, Any]) -> dict[str, Any]:
    database = searches.client[searches.name]
    return database.command(
        {"explain": command, "verbosity": "queryPlanner"}, codec_options=OPTIONS
    )
