"""What comes in goes out: HL7's examples and Synthea's patients read back as they were, number text included."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mongomock
import pytest
import zstandard

from fhirstore import Store, json_text
from fhirstore.bulk import BulkWriter
from fhirstore.definitions import definitions
from fhirstore.documents import Pipeline
from fhirstore.large_resources import text_of
from fhirstore.store import finish
from tests.conftest import EXAMPLES, SYNTHEA


def read(text: str | bytes) -> Any:
    """JSON with the text of each number, so that 1.0 and 1.00 differ, and both from "1.0"."""
    return json.loads(text, parse_float=_number, parse_int=_number)


def _number(text: str) -> tuple[str, str]:
    return ("number", text)


def without_what_the_store_sets(resource: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in resource.items() if name != "id"}
    meta = {
        name: value
        for name, value in rest.pop("meta", {}).items()
        if name not in ("versionId", "lastUpdated")
    }
    return rest | ({"meta": meta} if meta else {})


def same(sent: str | bytes, stored: str) -> bool:
    return without_what_the_store_sets(read(sent)) == without_what_the_store_sets(read(stored))


def test_the_comparison_tells_numbers_apart() -> None:
    assert same('{"a":1.0,"id":"x"}', '{"id":"y","meta":{"versionId":"1"},"a":1.0}')
    assert not same('{"a":1.0}', '{"a":1.00}')
    assert not same('{"a":1}', '{"a":"1"}')
    assert not same('{"meta":{"tag":[]}}', '{"meta":{}}')


def examples() -> list[Path]:
    found = sorted(EXAMPLES.glob("*.json"))
    return [path for path in found if path.name != "package.json"]


@pytest.mark.skipif(not EXAMPLES.exists(), reason="HL7's examples are not here: make examples")
def test_every_example_comes_through_the_pipeline_as_it_was() -> None:
    """All of them, through everything but the server: parsed, indexed and written as text again."""
    from datetime import UTC, datetime

    pipeline = Pipeline(definitions("4.0"), level="off")
    now = datetime.now(UTC)
    count = 0
    for path in examples():
        sent = path.read_bytes()
        document = pipeline.prepare(pipeline.parse(sent), "1").document(1, now, "PUT")
        assert same(sent, text_of(document) or ""), path.name
        count += 1
    assert count == 5306


def stored_one_by_one(store: Store, texts: list[bytes]) -> Iterator[tuple[bytes, str]]:
    for text in texts:
        version = store.create(text)
        found = store.read(version.type, version.id).json
        (match,) = store.search(version.type, f"_id={version.id}").matches
        assert match.json == found
        yield text, found or ""


@pytest.mark.skipif(not EXAMPLES.exists(), reason="HL7's examples are not here: make examples")
@pytest.mark.parametrize("backend", ["mongomock", "server"])
def test_examples_are_stored_and_read_as_they_were(
    backend: str, request: pytest.FixtureRequest
) -> None:
    """One of twenty by a read and by a search; `make test-long` takes all."""
    _round_trip(backend, request, examples()[::20])


@pytest.mark.long
@pytest.mark.skipif(not EXAMPLES.exists(), reason="HL7's examples are not here: make examples")
def test_all_examples_are_stored_and_read_as_they_were(request: pytest.FixtureRequest) -> None:
    _round_trip("server", request, examples())


def _round_trip(backend: str, request: pytest.FixtureRequest, paths: list[Path]) -> None:
    if backend == "mongomock":
        store = Store.from_client(mongomock.MongoClient(), validation="off")
    else:
        uri, name = request.getfixturevalue("wire_uri"), request.getfixturevalue("fresh_database")
        store = Store.connect(uri, database=name, validation="off")
    with store:
        texts = [path.read_bytes() for path in paths]
        for sent, found in stored_one_by_one(store, texts):
            assert same(sent, found), sent[:200]


def synthea(bundles: int) -> Iterator[bytes]:
    with SYNTHEA.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or not member.name.endswith(".json") or "/._" in member.name:
                    continue
                for entry in json_text.parse(content.read())["entry"]:
                    yield json_text.dump(entry["resource"]).encode()
                bundles -= 1
                if not bundles:
                    return


def _loaded(uri: str, database: str, bundles: int) -> int:
    """Write Synthea's resources in bulk and read all of them back; how many were compared."""
    compared = 0
    with Store.connect(uri, database=database) as store:
        parts = store.parts()
        pipeline = parts.repository.pipeline
        writer = BulkWriter(parts.repository, parts.catalogue.ensure)
        texts: dict[tuple[str, str], bytes] = {}
        for text in synthea(bundles):
            resource = json.loads(text)
            texts[(resource["resourceType"], resource["id"])] = text
        batch = [pipeline.prepare(pipeline.parse(t), id) for (_, id), t in texts.items()]
        for at in range(0, len(batch), 2000):
            assert set(finish(writer.add(batch[at : at + 2000]))) == {"created"}
        by_type: dict[str, list[str]] = {}
        for type, id in texts:
            by_type.setdefault(type, []).append(id)
        for type, ids in by_type.items():
            for at in range(0, len(ids), 500):
                for version in store.read_many(type, ids[at : at + 500]):
                    assert same(texts[(type, version.id)], version.json or "")
                    compared += 1
    assert compared == len(texts)
    return compared


@pytest.mark.skipif(not SYNTHEA.exists(), reason="the Synthea corpus is not here")
def test_synthea_reads_back_as_it_was(wire_uri: str, fresh_database: str) -> None:
    assert _loaded(wire_uri, fresh_database, bundles=5) > 500


@pytest.mark.long
@pytest.mark.skipif(not SYNTHEA.exists(), reason="the Synthea corpus is not here")
def test_all_of_synthea_reads_back_as_it_was(wire_uri: str, fresh_database: str) -> None:
    assert _loaded(wire_uri, fresh_database, bundles=10_000) > 180_000
