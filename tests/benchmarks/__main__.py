"""Prints one table of ratios, each to a floor measured in the same run: `make bench`, or `python -m tests.benchmarks --uri
mongodb://...`.

Absolute times say more about the machine than about the store; the ratios carry over.
"""

from __future__ import annotations

import http.client
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import bson
import click
import pymongo
from bson.codec_options import CodecOptions
from rich.console import Console

from fhirstore import Store
from fhirstore.definitions import definitions
from fhirstore.documents import Pipeline, Prepared
from fhirstore.embedded import start
from fhirstore.load.run import Load
from fhirstore.ports.codec import OPTIONS
from fhirstore.store import finish
from tests.benchmarks.data import texts
from tests.benchmarks.measure import ROUNDS, Figure, Ratio, in_turns, table
from tests.benchmarks.rdf import report as rdf_report
from tests.benchmarks.searches import report as searches_report

OURS, FLOOR = "fhirstore_bench", "fhirstore_bench_floor"
READS = 300
PAGES = 20
Result = Ratio | Figure


class Bench:
    """One run against one server."""

    def __init__(self, uri: str, resources: int) -> None:
        self.uri = uri
        self.client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(uri)
        for name in (OURS, FLOOR):
            self.client.drop_database(name)
        self.origin, self.texts = texts(resources)
        self.store = Store.connect(uri, database=OURS)
        self.store.open()
        self.pipeline = Pipeline(definitions("4.0"))

    def close(self) -> None:
        self.store.close()
        for name in (OURS, FLOOR):
            self.client.drop_database(name)
        self.client.close()

    def run(self) -> Iterator[Result]:
        yield from self.pure()
        yield self.load()
        yield self.read()
        yield from self.pages()
        yield from self.rest()
        yield self.creates()
        yield from self.sizes()
        yield from self.start_up()

    # without a database -------------------------------------------------------------------------

    def pure(self) -> Iterator[Figure]:
        """text -> parsed -> validated -> search values, links -> document -> BSON."""
        now = datetime.now(UTC)
        best = 0.0
        for _ in range(3):
            started = time.perf_counter()
            for text in self.texts:
                prepared = self._prepared(text)
                bson.encode(prepared.document(1, now, "PUT"), codec_options=OPTIONS)
            best = max(best, len(self.texts) / (time.perf_counter() - started))
        yield Figure("parse, validate, extract, encode", best, "resources/s", 4000)

    def _prepared(self, text: bytes) -> Prepared:
        resource = self.pipeline.parse(text)
        return self.pipeline.prepare(resource, resource["id"])

    # loading ------------------------------------------------------------------------------------

    def load(self) -> Ratio:
        """`fhirstore load` of a file, its processes and their start included, against `insert_many` of the finished
        documents into collections with the same indexes.
        """
        prepared = [self._prepared(text) for text in self.texts]
        types = sorted({resource.type for resource in prepared})
        for type in types:
            finish(self.store.parts().catalogue.ensure(type))
            self._copy_indexes(type)
        documents = defaultdict(list)
        now = datetime.now(UTC)
        for resource in prepared:
            document = resource.document(1, now, "PUT")
            raw = bson.encode(document, codec_options=OPTIONS)
            documents[resource.type].append(bson.raw_bson.RawBSONDocument(raw))
        floor_database = self.client[FLOOR]
        options: dict[str, Any] = {
            "write_concern": pymongo.WriteConcern(w="majority", j=True),
        }

        def floor() -> None:
            for type, some in documents.items():
                collection = floor_database.get_collection(type, **options)
                for at in range(0, len(some), 500):
                    collection.insert_many(some[at : at + 500], ordered=False)

        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "all.ndjson")
            path.write_bytes(b"\n".join(self.texts))
            connect = partial(Store.connect, self.uri, database=OURS)

            def ours() -> None:
                report = Load([path], connect).run()
                assert report.total.created == len(self.texts)

            return self._in_empty(floor, ours, types)

    def _in_empty(
        self, floor: Callable[[], Any], ours: Callable[[], Any], types: list[str]
    ) -> Ratio:
        """Both begin with empty collections in each round; what was loaded last stays."""
        floors, mine = [], []
        for _ in range(2):
            for type in types:
                self.client[FLOOR][type].delete_many({})
                self.client[OURS][type].delete_many({})
            started = time.perf_counter()
            floor()
            floors.append(time.perf_counter() - started)
            started = time.perf_counter()
            ours()
            mine.append(time.perf_counter() - started)
        count = len(self.texts)
        return Ratio("bulk load : insert_many", count / min(floors), count / min(mine), 0.7)

    def _copy_indexes(self, type: str) -> None:
        for index in self.client[OURS][type].list_indexes():
            made = dict(index)
            keys = list(made.pop("key").items())
            name = made.pop("name")
            if name != "_id_":
                sparse = {"sparse": True} if made.get("sparse") else {}
                partial = made.get("partialFilterExpression")
                options = {"partialFilterExpression": partial} if partial else {}
                self.client[FLOOR][type].create_index(keys, name=name, **sparse, **options)

    # reading ------------------------------------------------------------------------------------

    def read(self) -> Ratio:
        """One resource by its id, against `find_one` of the same document's text."""
        ids = self._ids("Observation")
        collection = self.client[OURS].get_collection("Observation", CodecOptions(tz_aware=True))
        fields = {"version": 1, "last_updated": 1, "json": 1, "deleted": 1}

        def floor() -> None:
            for id in ids:
                assert collection.find_one({"_id": id}, fields)["json"]  # type: ignore[index]

        def ours() -> None:
            for id in ids:
                assert self.store.read("Observation", id).json

        return in_turns("read : find_one", floor, ours, operations=len(ids), target=0.85)

    def _ids(self, type: str) -> list[str]:
        found = [document["_id"] for document in self.client[OURS][type].find({}, {"_id": 1})]
        return random.Random(1).sample(found, min(READS, len(found)))

    def pages(self) -> Iterator[Ratio]:
        """A page of 50 by each of the usual ways, against the best `find` for the same question."""
        observations = self.client[OURS].get_collection("Observation", CodecOptions(tz_aware=True))
        code = self._most_frequent_code()
        subject = observations.find_one({"search.code": code})["search"]["subject"]  # type: ignore[index]
        fields = {"version": 1, "last_updated": 1, "json": 1}
        cases: list[tuple[str, str, dict[str, Any], list[tuple[str, int]]]] = [
            ("token", f"code={code}", {"search.code": code}, [("_id", 1)]),
            ("reference", f"subject={subject}", {"search.subject": subject}, [("_id", 1)]),
            (
                "reference and token",
                f"subject={subject}&code={code}",
                {"search.subject": subject, "search.code": code},
                [("_id", 1)],
            ),
        ]
        for name, query, filter, order in cases:

            def floor(
                filter: dict[str, Any] = filter, order: list[tuple[str, int]] = order
            ) -> None:
                for _ in range(PAGES):
                    assert list(observations.find(filter, fields, sort=order, limit=51))

            def ours(query: str = query) -> None:
                for _ in range(PAGES):
                    assert self.store.search("Observation", query).matches

            yield in_turns(f"page of 50, {name} : find", floor, ours, operations=PAGES, target=0.8)

    def _most_frequent_code(self) -> str:
        counts: dict[str, int] = defaultdict(int)
        for document in self.client[OURS].Observation.find({}, {"search.code": 1}):
            counts[document["search"]["code"][0]] += 1
        return max(counts, key=lambda code: counts[code])

    # over HTTP ----------------------------------------------------------------------------------

    def rest(self) -> Iterator[Result]:
        ids = self._ids("Observation")
        code = self._most_frequent_code()
        with _floor_server(self.uri, OURS) as floor_port, _serve(self.uri, OURS) as (port, _):
            connections = {
                p: http.client.HTTPConnection("127.0.0.1", p) for p in (floor_port, port)
            }

            def reading(port: int) -> Callable[[], None]:
                def read() -> None:
                    for id in ids:
                        _get(connections[port], f"/fhir/Observation/{id}")

                return read

            yield in_turns(
                "REST read : bare endpoint",
                reading(floor_port),
                reading(port),
                operations=len(ids),
                target=0.7,
            )
            yield self._concurrent(floor_port, port, ids)
            times = []
            for _ in range(PAGES):
                started = time.perf_counter()
                _get(connections[port], f"/fhir/Observation?code={code}")
                times.append(time.perf_counter() - started)
            yield Figure("token page of 50 over HTTP", min(times) * 1000, "ms", 8, most=True)

    def _concurrent(self, floor_port: int, port: int, ids: list[str]) -> Ratio:
        """Eight clients at once."""

        def all_clients(port: int) -> Callable[[], None]:
            def one(_: int) -> None:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                for id in ids[:100]:
                    _get(connection, f"/fhir/Observation/{id}")
                connection.close()

            def run() -> None:
                with ThreadPoolExecutor(8) as pool:
                    list(pool.map(one, range(8)))

            return run

        return in_turns(
            "REST read, 8 clients : bare endpoint",
            all_clients(floor_port),
            all_clients(port),
            operations=800,
            target=0.7,
            rounds=3,
        )

    # writing one by one -------------------------------------------------------------------------

    def creates(self) -> Ratio:
        some = [text for text in self.texts if b'"resourceType":"Observation"' in text][:200]
        now = datetime.now(UTC)
        concern = pymongo.WriteConcern(w="majority", j=True)
        collection = self.client[FLOOR].get_collection("Observation", write_concern=concern)
        collection.delete_many({})
        documents = [self._prepared(text).document(1, now, "POST") for text in some]
        raw = [bson.decode(bson.encode(d, codec_options=OPTIONS)) for d in documents]

        def floor() -> None:
            for document in raw:
                document["_id"] = f"{random.getrandbits(64):x}"
                collection.insert_one(document)

        def ours() -> None:
            for text in some:
                self.store.create(text)

        return in_turns(
            "create : insert_one", floor, ours, operations=len(some), target=0.7, rounds=3
        )

    # sizes --------------------------------------------------------------------------------------

    def sizes(self) -> Iterator[Figure]:
        types: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        now = datetime.now(UTC)
        for text in self.texts:
            prepared = self._prepared(text)
            document = prepared.document(1, now, "PUT")
            stored = len(bson.encode(document, codec_options=OPTIONS))
            types[prepared.type].append((stored, len(text), self._keys(prepared.type, document)))
        stored = sum(size for some in types.values() for size, _, _ in some)
        text_size = sum(size for some in types.values() for _, size, _ in some)
        yield Figure("bytes stored per byte of JSON, all types", stored / text_size, "")
        for type, some in sorted(types.items(), key=lambda item: -len(item[1])):
            is_observation = type == "Observation"
            size = sum(entry[0] for entry in some) / len(some)
            keys = sum(entry[2] for entry in some) / len(some)
            limits = (2500, 30) if is_observation else (None, None)
            yield Figure(f"{type}: bytes a document", size, "B", limits[0], most=True)
            yield Figure(f"{type}: index keys a document", keys, "", limits[1], most=True)

    def _keys(self, type: str, document: dict[str, Any]) -> int:
        """How many entries a document has in all indexes of its collection, `_id` included."""
        declared = self.store.parts().catalogue.declared(type)
        return 1 + sum(
            len(_values(document, index.keys[0].split(".")))
            for index in declared
            if index.collection == type
        )

    # starting -----------------------------------------------------------------------------------

    def start_up(self) -> Iterator[Figure]:
        def importing(statement: str) -> float:
            code = f"import time; t=time.perf_counter(); {statement}; print(time.perf_counter()-t)"
            command = [sys.executable, "-c", code]
            runs = [subprocess.run(command, capture_output=True, check=True) for _ in range(5)]
            return min(float(run.stdout) for run in runs)

        more = importing("import pymongo; import fhirstore; fhirstore.Store") - importing(
            "import pymongo"
        )
        yield Figure("importing, beyond pymongo", more, "s", 0.3, most=True)
        with _serve(self.uri, OURS) as (_, took):
            yield Figure("starting serve on a migrated database", took, "s", 2, most=True)


def _values(value: Any, path: list[str]) -> set[Any]:
    if isinstance(value, list):
        return {found for entry in value for found in _values(entry, path)}
    if not path:
        return {repr(value)}
    return (
        _values(value[path[0]], path[1:]) if isinstance(value, dict) and path[0] in value else set()
    )


def _get(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body
    return body


@contextmanager
def _floor_server(uri: str, database: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.over_http", uri, database, str(port)]
    with subprocess.Popen(command) as process:
        _wait(port)
        yield port
        process.terminate()


@contextmanager
def _serve(uri: str, database: str) -> Iterator[tuple[int, float]]:
    """A served store: its port, and how long it took until it said that it answers."""
    command = [sys.executable, "-m", "fhirstore", "serve", "--port", "0"]
    command += ["--uri", uri, "--database", database]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took = time.perf_counter() - started
        yield int(line.partition("127.0.0.1:")[2].partition("/")[0]), took
        process.terminate()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the floor's server does not answer")


@click.command()
@click.option("--uri", help="A server; an embedded one is started if none is named.")
@click.option("--resources", default=10_000, show_default=True)
@click.option(
    "--searches", type=int, help="Each kind of search on so many, and on four times as many."
)
def main(uri: str | None, resources: int, searches: int | None) -> None:
    """Measure, and print a table, a second one of RDF, and of `--searches` a third."""
    with tempfile.TemporaryDirectory() as directory:
        server = None if uri else start(directory)
        address = uri or server.uri  # type: ignore[union-attr]
        try:
            _report(address, resources)
            rdf_report()
            if searches:
                searches_report(address, searches, 4 * searches)
        finally:
            if server is not None:
                server.close()


def _report(uri: str, resources: int) -> None:
    bench = Bench(uri, resources)
    try:
        results = list(bench.run())
    finally:
        bench.close()
    console = Console(width=110)
    console.print(
        f"{len(bench.texts):,} {bench.origin} resources; best of {ROUNDS} rounds in turns"
    )
    console.print(table(results))


if __name__ == "__main__":
    main()
