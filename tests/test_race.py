"""Sixteen writers on one resource: one unbroken chain of versions, with every acknowledged write in it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from fhirstore import AsyncStore, Store
from fhirstore.errors import Conflict, PreconditionFailed
from fhirstore.ports.pymongo_blocking import BlockingPort
from fhirstore.store import finish
from tests.version_chain import chain, marked, marker_of

WRITERS = 16
WRITES = 6


def markers(uri: str, database: str, id: str) -> list[str | None]:
    """What each version of the resource carries, oldest first, once the chain has been found whole."""
    port = BlockingPort.connect(uri, database)
    found = [marker_of(document) for document in finish(chain(port, "Patient", id))]
    finish(port.close())
    return found


def test_threads_on_one_resource(wire_uri: str, fresh_database: str) -> None:
    def write(writer: int) -> dict[int, str | None]:
        acknowledged: dict[int, str | None] = {}
        with Store.connect(wire_uri, database=fresh_database) as store:
            for number in range(WRITES):
                marker = f"{writer}-{number}"
                acknowledged[store.update(marked("raced", marker)).version] = marker
                if number == writer % WRITES and (deleted := store.delete("Patient", "raced")):
                    acknowledged[deleted.version] = None
        return acknowledged

    with ThreadPoolExecutor(WRITERS) as pool:
        acknowledged = [pair for found in pool.map(write, range(WRITERS)) for pair in found.items()]
    versions = markers(wire_uri, fresh_database, "raced")
    # Two that delete at once may both be told of the one deletion; of two updates one has to come after the other.
    assert len(set(acknowledged)) == len(versions), "two writers were told the same version"
    assert dict(acknowledged) == dict(enumerate(versions, 1))


def test_tasks_on_one_resource(wire_uri: str, fresh_database: str) -> None:
    async def write(store: AsyncStore, writer: int) -> list[tuple[int, str]]:
        made = []
        for number in range(WRITES):
            marker = f"{writer}-{number}"
            made.append(((await store.update(marked("raced", marker))).version, marker))
        return made

    async def race() -> list[tuple[int, str]]:
        async with AsyncStore.connect(wire_uri, database=fresh_database) as store:
            writers = (write(store, writer) for writer in range(WRITERS))
            return [pair for made in await asyncio.gather(*writers) for pair in made]

    acknowledged = asyncio.run(race())
    versions = markers(wire_uri, fresh_database, "raced")
    assert len(versions) == WRITERS * WRITES
    assert dict(acknowledged) == dict(enumerate(versions, 1))


def test_of_those_who_saw_one_version_one_wins(wire_uri: str, fresh_database: str) -> None:
    with Store.connect(wire_uri, database=fresh_database) as store:
        seen = store.update(marked("guarded", "first")).version

        def write(writer: int) -> bool:
            try:
                store.update(marked("guarded", f"{writer}"), if_match=seen)
            except (PreconditionFailed, Conflict):
                return False
            return True

        with ThreadPoolExecutor(WRITERS) as pool:
            won = list(pool.map(write, range(WRITERS)))
    assert won.count(True) == 1
    assert markers(wire_uri, fresh_database, "guarded") == ["first", f"{won.index(True)}"]


def test_of_those_who_create_one_id_one_creates(wire_uri: str, fresh_database: str) -> None:
    with Store.connect(wire_uri, database=fresh_database) as store:
        store.open()
        with ThreadPoolExecutor(WRITERS) as pool:
            outcomes = list(
                pool.map(
                    lambda writer: store.update(marked("contested", f"{writer}")).outcome,
                    range(WRITERS),
                )
            )
    assert outcomes.count("created") == 1
    assert len(markers(wire_uri, fresh_database, "contested")) == WRITERS
