"""One suite for every backend and both interfaces: each test gets a `store` whose methods block, whatever is behind it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import mongomock
import pymongo
import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from fhirstore import AsyncStore, Store
from tests.servers import NAMED, named

INTERFACES = ("blocking", "async", "motor")
KINDS = [
    "mongomock",
    *(f"secantus-{interface}" for interface in INTERFACES),
    *(f"named-{interface}" for interface in INTERFACES if named()),
]


class Awaited:
    """An `AsyncStore` (or anything whose methods are coroutines) made to block, on an event loop of its own."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._runner = asyncio.Runner()

        async def made() -> Any:
            return make()

        self.subject = self._runner.run(made())

    def run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)

    def iterate(self, *arguments: Any, **named: Any) -> Iterator[Any]:
        async def all_of_them() -> list[Any]:
            return [found async for found in self.subject.iterate(*arguments, **named)]

        return iter(self.run(all_of_them()))

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.subject, name)
        return lambda *arguments, **named: self.run(method(*arguments, **named))

    def close(self) -> None:
        self.run(self.subject.close())
        self._runner.close()


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, kind: str) -> str:
    """The address of the server behind this kind, "" for none."""
    if kind == "mongomock":
        return ""
    uri = named() if kind.startswith("named") else request.getfixturevalue("secantus_uri")
    assert isinstance(uri, str), f"{NAMED} is not set"
    return uri


def open_store(kind: str, uri: str, database: str, stack: ExitStack, **options: Any) -> Any:
    """A store of this kind in a database, closed with `stack`."""
    options["database"] = database
    if kind == "mongomock":
        client = mongomock.MongoClient()
        return stack.enter_context(Store.from_client(client, **options))
    if kind.endswith("blocking"):
        return stack.enter_context(Store.connect(uri, **options))
    if kind.endswith("async"):
        store = Awaited(lambda: AsyncStore.connect(uri, **options))
    else:
        store = Awaited(lambda: AsyncStore.from_client(AsyncIOMotorClient(uri), **options))
    stack.callback(store.close)
    return store


@contextmanager
def holding(kind: str, server: str, resources: Iterable[dict[str, Any]]) -> Iterator[Any]:
    """A store of this kind in a new database, with these resources in it."""
    with ExitStack() as stack:
        store = open_store(kind, server, dropped(server, stack), stack)
        for resource in resources:
            store.update(resource)
        yield store


def dropped(uri: str, stack: ExitStack) -> str:
    """The name of a new database on the server, dropped with `stack`."""
    name = f"fhirstore_test_{secrets.token_hex(6)}"

    def drop() -> None:
        client: pymongo.MongoClient[Any] = pymongo.MongoClient(uri)
        client.drop_database(name)
        client.close()

    if uri:
        stack.callback(drop)
    return name


@pytest.fixture
def store(kind: str, server: str) -> Iterator[Any]:
    """A store in a database of its own."""
    with ExitStack() as stack:
        yield open_store(kind, server, dropped(server, stack), stack)


@pytest.fixture
def lax_store(kind: str, server: str) -> Iterator[Any]:
    """A store that validates nothing."""
    with ExitStack() as stack:
        yield open_store(kind, server, dropped(server, stack), stack, validation="off")


@pytest.fixture
def new_store(kind: str, server: str) -> Iterator[Callable[..., Any]]:
    """Opens stores with options, in one database of their own."""
    with ExitStack() as stack:
        name = dropped(server, stack)
        yield lambda **options: open_store(kind, server, name, stack, **options)
