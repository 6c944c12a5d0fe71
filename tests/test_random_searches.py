"""Random searches find what a second, naive evaluator finds: on a server, and in memory.

A failure says the data, the seed and the number of the query; `Queries(naive, seed)(number)` makes it again.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlencode

import mongomock
import pytest
import zstandard

from fhirstore import Store, json_text
from fhirstore.bulk import BulkWriter
from fhirstore.errors import FhirError
from fhirstore.store import finish
from tests import naive_search, sample_data
from tests.conftest import EXAMPLES, SYNTHEA
from tests.contract import test_search as contract
from tests.naive_search import Naive, date_meets, number_meets
from tests.random_queries import Queries
from tests.random_resources import BASE, Maker

Pairs = list[tuple[str, str]]


def parsed(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


# What is searched


def some(resources: list[Any], most: int, chance: Random) -> list[Any]:
    """At most so many resources of each type, and each address once."""
    by_address = {(r["resourceType"], r["id"]): r for r in resources}
    by_type: dict[str, list[Any]] = {}
    for (type, _), resource in by_address.items():
        by_type.setdefault(type, []).append(resource)
    chosen = [chance.sample(there, min(most, len(there))) for there in by_type.values()]
    return [resource for there in chosen for resource in there]


def of_samples(most: int, chance: Random) -> list[Any]:
    return some([parsed(json_text.dump(r)) for r in sample_data.resources(12)], most, chance)


def of_synthea(most: int, chance: Random) -> list[Any]:
    if not SYNTHEA.exists():
        pytest.skip("the Synthea corpus is not here")
    found: list[Any] = []
    # The further the place in the archive, the longer it takes to get there.
    chosen = set(chance.sample(range(most), most // 10))
    with SYNTHEA.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            place = -1
            for member in archive:
                if not member.name.endswith(".json") or "/._" in member.name:
                    continue
                place += 1
                if place in chosen:
                    content = archive.extractfile(member)
                    assert content is not None
                    found += _with_addresses(parsed(content.read())["entry"])
                if place >= most:
                    break
    return some(found, most, chance)


def _with_addresses(entries: list[Any]) -> Iterator[Any]:
    """The resources of a bundle, their references to one another made addresses."""
    addresses = {
        e["fullUrl"]: f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in entries
    }

    def resolved(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: addresses.get(part, part) if name == "reference" else resolved(part)
                for name, part in value.items()
            }
        return [resolved(part) for part in value] if isinstance(value, list) else value

    return (resolved(entry["resource"]) for entry in entries)


def of_examples(most: int, chance: Random) -> list[Any]:
    if not EXAMPLES.exists():
        pytest.skip("HL7's examples are not here: make examples")
    by_type: dict[str, list[Any]] = {}
    for path in sorted(EXAMPLES.glob("*-*.json")):
        by_type.setdefault(path.name.partition("-")[0], []).append(path)
    paths = [p for there in by_type.values() for p in chance.sample(there, min(most, len(there)))]
    read = [parsed(path.read_bytes()) for path in paths if path.stat().st_size < 60_000]
    return some([r for r in read if "id" in r and r.get("resourceType") in by_type], most, chance)


def of_invented(most: int, chance: Random) -> list[Any]:
    return [parsed(json_text.dump(r)) for r in Maker(chance, most).all()]


SOURCES = {
    "invented": of_invented,
    "samples": of_samples,
    "synthea": of_synthea,
    "examples": of_examples,
}


class Asked:
    """A store filled with resources, and the evaluator of what is in it."""

    def __init__(self, store: Store, resources: list[Any]) -> None:
        self.store = store
        parts = store.parts()
        pipeline = parts.repository.pipeline
        writer = BulkWriter(parts.repository, parts.catalogue.ensure)
        texts = [(r["id"], json_text.dump(r).encode()) for r in resources]
        added = finish(writer.add([pipeline.prepare(pipeline.parse(t), id) for id, t in texts]))
        assert set(added) == {"created"}
        types = sorted({r["resourceType"] for r in resources})
        self.naive = Naive(
            (parsed(match.json) for type in types for match in store.iterate(type, "_count=500")),
            [BASE],
        )

    def answer(self, type: str, pairs: Pairs) -> tuple[list[str], list[int | None]]:
        """The ids of all pages in their order, and the totals that the pages said."""
        query, token = urlencode(pairs), None
        ids: list[str] = []
        totals: list[int | None] = []
        while True:
            page = self.store.search(type, query, page=token)
            ids += [match.id for match in page.matches]
            totals.append(page.total)
            token = page.next
            if token is None:
                return ids, totals

    def difference(self, type: str, pairs: Pairs, expected: list[str]) -> str:
        """How the store's answer differs from what was expected, "" where it does not."""
        try:
            found, totals = self.answer(type, pairs)
        except FhirError as error:
            return f"refused: {error}"
        except Exception as error:
            return f"failed: {error!r}"
        asked = dict(pairs)
        if len(found) != len(set(found)):
            return f"twice: {[id for id, times in Counter(found).items() if times > 1]}"
        if set(found) != set(expected):
            extra, lost = sorted(set(found) - set(expected)), sorted(set(expected) - set(found))
            return f"only the store: {extra[:5]}, only the evaluator: {lost[:5]}"
        if "_sort" in asked and found != expected:
            at = next(n for n, id in enumerate(found) if id != expected[n])
            return (
                f"order from place {at} on: {found[at : at + 5]}, expected {expected[at : at + 5]}"
            )
        if any(total not in (None, len(expected)) for total in totals):
            return f"totals: {totals}, expected {len(expected)}"
        if "_total" in asked and None in totals:
            return f"no total: {totals}"
        return ""


def compare(stores: list[Asked], seed: str, count: int, start: int = 0) -> tuple[list[str], int]:
    """The differences over `count` queries, and how many had an answer that is neither empty nor everything."""
    first = stores[0].naive
    queries = Queries(first, seed)
    differences, telling = [], 0
    for number in range(start, start + count):
        type, pairs = queries(number)
        # Only the time of writing differs from store to store.
        timed = any("_lastUpdated" in text for pair in pairs for text in pair)
        expected = first.search(type, pairs)
        telling += 0 < len(expected) < len(first.by_type[type])
        for store in stores:
            if store is stores[0] and any(re.search(r"\bnear$", name) for name, _ in pairs):
                continue  # mongomock knows no positions
            if timed and store.naive is not first:
                expected = store.naive.search(type, pairs)
            said = store.difference(type, pairs, expected)
            if said:
                kind = "mongomock" if store is stores[0] else "wire"
                differences.append(
                    f"{seed}/{number} {kind} {type}?{urlencode(pairs, safe='/:|,')}\n    {said}"
                )
    return differences, telling


def run(source: str, most: int, count: int, request: pytest.FixtureRequest) -> None:
    seed = f"{source}-{most}"
    resources = SOURCES[source](most, Random(seed))
    with ExitStack() as stack:
        memory = Store.from_client(mongomock.MongoClient(), validation="off", base_urls=[BASE])
        wire = Store.connect(
            request.getfixturevalue("wire_uri"),
            database=request.getfixturevalue("fresh_database"),
            validation="off",
            base_urls=[BASE],
        )
        stores = [Asked(stack.enter_context(store), resources) for store in (memory, wire)]
        differences, telling = compare(stores, seed, count)
    assert not differences, f"{len(differences)} differences\n" + "\n".join(differences[:40])
    assert telling > 0.4 * count, f"only {telling} of {count} queries tell anything"


@pytest.mark.parametrize("source", SOURCES)
def test_random_searches_find_what_the_naive_evaluator_finds(
    source: str, request: pytest.FixtureRequest
) -> None:
    run(source, 25, 80, request)


@pytest.mark.long
@pytest.mark.parametrize(
    ("source", "count"),
    [("invented", 6000), ("samples", 4000), ("synthea", 5000), ("examples", 5000)],
)
def test_many_random_searches(source: str, count: int, request: pytest.FixtureRequest) -> None:
    run(source, 60, count, request)


def _as_text(text: str) -> str:
    return text.casefold()


def _not_at_the_limit(prefix: str, asked: Any, low: Any, high: Any) -> bool:
    prefix = {"ge": "gt", "le": "lt"}.get(prefix, prefix)
    return number_meets(prefix, asked, low, high)


def _overlapping(prefix: str, asked: Any, there: Any) -> bool:
    if prefix == "eq":
        return bool(there[0] < asked[1] and there[1] > asked[0])
    return date_meets(prefix, asked, there)


WRONG = {"folded": _as_text, "number_meets": _not_at_the_limit, "date_meets": _overlapping}


@pytest.mark.parametrize("name", WRONG)
def test_an_evaluator_that_is_wrong_in_one_thing_is_noticed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the queries ask what tells right from nearly right."""
    monkeypatch.setattr(naive_search, name, WRONG[name])
    memory = Store.from_client(mongomock.MongoClient(), validation="off", base_urls=[BASE])
    with memory:
        asked = Asked(memory, of_invented(20, Random(name)))
        differences, _ = compare([asked], name, 400)
    assert differences


def test_the_evaluator_finds_what_the_cases_say() -> None:
    """The cases that people wrote hold the evaluator, too."""
    resources = parsed(json_text.dump(contract.RESOURCES))
    for resource in resources:
        resource.setdefault("meta", {})["lastUpdated"] = "2026-01-01T00:00:00.000Z"
    naive = Naive(resources, [BASE])
    for type, query, expected in contract.CASES:
        if expected is not None:
            found = naive.search(type, parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
            assert sorted(found) == sorted(expected.split()), query
    for type, query, expected in contract.SORTED:
        assert naive.search(type, parse_qsl(query)) == expected.split(), query
