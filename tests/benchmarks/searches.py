"""Times each kind of search against the best query in PyMongo for the same question, and again on more data:
`python -m tests.benchmarks.searches --uri mongodb://... --resources 100000 --again 400000`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click
import pymongo
from rich.console import Console
from rich.table import Table

from fhirstore import Store
from fhirstore.embedded import start
from fhirstore.load.run import Load
from tests.benchmarks.data import invented, many
from tests.benchmarks.measure import seconds
from tests.benchmarks.search_joins import between_types
from tests.benchmarks.search_kinds import Kind, Raw, within_a_type
from tests.benchmarks.search_values import Values

DATABASE = "fhirstore_bench_searches"
# Each is measured so often, and for so many seconds at least.
ROUNDS = 7
_LONG = 0.5
GROWTH = 1.3


@dataclass(frozen=True)
class Timed:
    """One kind at one size: seconds of one search in the best of the rounds."""

    kind: Kind
    documents: int
    ours: float
    floor: float

    @property
    def ratio(self) -> float:
        return self.ours / self.floor


class Searches:
    """The kinds of search on what has been loaded so far."""

    def __init__(
        self,
        uri: str,
        database: str = DATABASE,
        client: pymongo.MongoClient[dict[str, Any]] | None = None,
    ) -> None:
        self.uri, self.name = uri, database
        self.client = client or pymongo.MongoClient(uri)
        self.client.drop_database(database)
        self.store = Store.from_client(self.client, database=database)
        self.raw = Raw(self.client[database])

    def close(self) -> None:
        self.store.close()
        self.client.drop_database(self.name)
        self.client.close()

    def load(self, texts: Sequence[bytes]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "all.ndjson")
            path.write_bytes(b"\n".join(texts))
            report = Load([path], partial(Store.connect, self.uri, database=self.name)).run()
        assert not report.total.rejected

    def kinds(self) -> Iterator[Kind]:
        """All that the data has something to ask for."""
        values = Values(self.client[self.name])
        for make in chain(within_a_type(values, self.store), between_types(values)):
            try:
                yield make()
            except LookupError:
                continue

    def run(self) -> list[Timed]:
        return [self.timed(kind) for kind in self.kinds()]

    def timed(self, kind: Kind, *, least: float = _LONG) -> Timed:
        """Both ways in turns, after one run each that shows that they find as much."""
        expected, found = kind.floor(self.raw), self.found(kind)
        assert found == expected, f"{kind.name}: {found} found, {expected} by hand"
        floor, ours = partial(kind.floor, self.raw), partial(self.found, kind)
        floors, mine = [], []
        until = time.perf_counter() + least
        while len(mine) < ROUNDS or time.perf_counter() < until:
            floors.append(seconds(floor))
            mine.append(seconds(ours))
        return Timed(kind, found, min(mine), min(floors))

    def found(self, kind: Kind) -> int:
        page = self.store.search(
            kind.type, kind.query, compartment=kind.compartment, page=kind.page
        )
        if page.summary == "count":
            assert page.total is not None
            return page.total
        return len(page.matches) + len(page.included)


def measured(uri: str, resources: int, again: int | None = None) -> tuple[list[Timed], list[Timed]]:
    """All kinds on so many resources, and on `again` of them, where that is asked for."""
    searches = Searches(uri)
    try:
        texts = many(again or resources)
        searches.load([*texts[:resources], *invented(resources)])
        first = searches.run()
        if again is None:
            return first, []
        searches.load([*texts[resources:], *invented(again, resources)])
        return first, searches.run()
    finally:
        searches.close()


def table(first: Sequence[Timed], second: Sequence[Timed] = ()) -> Table:
    later = {timed.kind.name: timed for timed in second}
    made = Table("kind", "documents", "ms", "PyMongo ms", "ratio", "at most", "")
    if second:
        for title in ("ms on more", "PyMongo ms", "ratio", "growth", "PyMongo's", ""):
            made.add_column(title)
    for timed in first:
        cells = [
            timed.kind.name,
            *_cells(timed),
            f"{timed.kind.limit}",
            _sign(timed.ratio, timed.kind.limit),
        ]
        if other := later.get(timed.kind.name):
            growth = other.ours / timed.ours
            floors = f"{other.floor / timed.floor:.2f}"
            cells += [*_cells(other)[1:], f"{growth:.2f}", floors, _sign(growth, GROWTH)]
        made.add_row(*cells)
    return made


def _sign(figure: float, limit: float) -> str:
    return "" if figure <= limit else "not met"


def _cells(timed: Timed) -> list[str]:
    milliseconds = (f"{timed.ours * 1000:.2f}", f"{timed.floor * 1000:.2f}")
    return [f"{timed.documents:,}", *milliseconds, f"{timed.ratio:.2f}"]


def report(uri: str, resources: int, again: int | None = None) -> None:
    first, second = measured(uri, resources, again)
    console = Console(width=150)
    more = f", and {again:,}" if again else ""
    console.print(f"searches on {resources:,} resources{more}; the best of rounds in turns")
    console.print(table(first, second))


@click.command()
@click.option("--uri", help="A server; an embedded one is started if none is named.")
@click.option("--resources", default=100_000, show_default=True)
@click.option("--again", type=int, help="Measure on so many, too: how much longer each takes.")
def main(uri: str | None, resources: int, again: int | None) -> None:
    """Measure, and print one table."""
    if uri:
        report(uri, resources, again)
        return
    with tempfile.TemporaryDirectory() as directory:
        server = start(directory)
        try:
            report(server.uri, resources, again)
        finally:
            server.close()


if __name__ == "__main__":
    main()
