"""A store that blocks does not care for an event loop; one that awaits belongs to one, and says so in another."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import mongomock
import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from fhirstore import AsyncStore, Store, parameter_registry
from fhirstore.errors import FhirError, Unavailable

PARAMETER = {
    "resourceType": "SearchParameter",
    "id": "eye",
    "url": "http://example.org/eye",
    "name": "eye",
    "status": "active",
    "description": "x",
    "code": "eye",
    "base": ["Patient"],
    "type": "string",
    "expression": "Patient.name.text",
}


def test_a_blocking_store_builds_and_closes_where_a_loop_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parameter_registry, "REFRESH", 0.01)

    async def used() -> None:
        with Store.from_client(mongomock.MongoClient()) as store:
            store.create({"resourceType": "Patient", "name": [{"text": "brown"}]})
            store.create(PARAMETER)
            deadline = time.monotonic() + 30
            while not _found(store):
                assert time.monotonic() < deadline, "it is not built"
                # Nothing gives way to the loop.
                time.sleep(0.01)

    asyncio.run(used())


def _found(store: Store) -> bool:
    try:
        return len(store.search("Patient", "eye=brown").matches) == 1
    except FhirError:
        return False


def test_the_port_is_closed_though_the_work_beside_it_fails() -> None:
    closed = []

    class Port:
        async def close(self) -> None:
            closed.append(True)

    class Work:
        async def stop(self) -> None:
            raise RuntimeError

    store = AsyncStore(Port(), blocking=True)  # type: ignore[arg-type]
    store._background = Work()  # type: ignore[assignment]
    with pytest.raises(RuntimeError):
        asyncio.run(store.close())
    assert closed


@pytest.mark.parametrize("driver", ["pymongo", "motor"])
def test_an_async_store_in_another_loop_says_so(
    wire_uri: str, fresh_database: str, driver: str
) -> None:
    store = _store(driver, wire_uri, fresh_database)

    with asyncio.Runner() as runner:
        runner.run(store.open())
        for call in (lambda: store.read("Patient", "a"), store.close):
            with pytest.raises(Unavailable, match="another event loop"):
                asyncio.run(call())
        runner.run(store.close())


def _store(driver: str, uri: str, database: str) -> AsyncStore:
    if driver == "pymongo":
        return AsyncStore.connect(uri, database=database)
    client: Any = AsyncIOMotorClient(uri)
    return AsyncStore.from_client(client, database=database)
