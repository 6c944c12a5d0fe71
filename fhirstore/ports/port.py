"""The port: everything the store ever asks of a MongoDB server.

Methods are `async`. On a blocking driver they never suspend, so that `Store` can run the same coroutines with a single
`send(None)` (`store.blocking`). Documents are plain Python values; a port writes `decimal.Decimal` as Decimal128
(rounded to its 34 digits) and reads dates as aware datetimes in UTC. Driver errors leave a port only as errors of
`fhirstore.errors` (`Unavailable` where the server cannot be reached in time) or as the two below.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from fhirstore.errors import FhirError

Document = dict[str, Any]
Filter = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]
Keys = Sequence[tuple[str, int | str]]


class DuplicateKey(Exception):
    """A unique key is taken; nothing was written."""


class CommandFailed(FhirError):
    """The server refused a command. `server_code` is its error code, where it gave one.

    What the server said is in `str()`, for a log; it may quote data, and is no part of the outcome.
    """

    def __init__(self, message: str, server_code: int | None = None) -> None:
        super().__init__("the database refused a command")
        self.message = message
        self.server_code = server_code

    def __str__(self) -> str:
        return self.message


class ReadPort(Protocol):
    """What a search needs of a database."""

    async def find_one(
        self, collection: str, filter: Filter, projection: Mapping[str, Any] | None = None
    ) -> Document | None: ...

    async def find(
        self,
        collection: str,
        filter: Filter,
        *,
        projection: Mapping[str, Any] | None = None,
        sort: Sort | None = None,
        limit: int = 0,
        hint: str | None = None,
    ) -> list[Document]: ...

    def stream(
        self,
        collection: str,
        filter: Filter,
        *,
        projection: Mapping[str, Any] | None = None,
        sort: Sort | None = None,
        batch: int = 1000,
    ) -> AsyncGenerator[Document, None]: ...

    async def count(self, collection: str, filter: Filter, *, limit: int = 0) -> int: ...

    async def estimated_count(self, collection: str) -> int: ...

    async def collection_names(self) -> set[str]:
        """Of collections and views."""
        ...

    async def explain(
        self,
        collection: str,
        filter: Filter,
        *,
        sort: Sort | None = None,
        limit: int = 0,
    ) -> Document:
        """The server's explain output at `executionStats` verbosity, or less where it cannot."""
        ...

    def now(self) -> datetime:
        """The present instant, UTC, cut to milliseconds: what MongoDB keeps of a date."""
        ...


class Port(ReadPort, Protocol):
    """One database. `database` is its name, `driver` the name of the driver in words."""

    database: str
    driver: str

    async def aggregate(
        self, collection: str, pipeline: Sequence[Mapping[str, Any]]
    ) -> list[Document]: ...

    # writing; each single-document write is atomic and acknowledged by a majority, journaled
    async def insert_one(self, collection: str, document: Document) -> None:
        """Raises DuplicateKey."""
        ...

    async def insert_many(self, collection: str, documents: Sequence[Document]) -> dict[int, str]:
        """Insert what can be inserted, in any order. Returns {position: why} of those that could not be."""
        ...

    async def replace_one(self, collection: str, filter: Filter, document: Document) -> bool:
        """Whether a document matched `filter` and was replaced."""
        ...

    async def update_one(
        self, collection: str, filter: Filter, update: Mapping[str, Any], *, upsert: bool = False
    ) -> bool:
        """Whether a document matched (or was upserted). Raises DuplicateKey when two upserts race."""
        ...

    async def update_each(
        self, collection: str, updates: Sequence[tuple[Filter, Mapping[str, Any]]]
    ) -> int:
        """Many of `update_one`, in any order and without upserts. How many documents matched."""
        ...

    async def find_one_and_update(
        self,
        collection: str,
        filter: Filter,
        update: Mapping[str, Any],
        *,
        upsert: bool = False,
    ) -> Document | None:
        """The document after the update, or None when nothing matched."""
        ...

    async def delete_one(self, collection: str, filter: Filter) -> bool: ...

    # structure
    async def indexes(self, collection: str) -> list[Document]:
        """`listIndexes`; [] for a collection that does not exist."""
        ...

    async def create_indexes(self, collection: str, indexes: Sequence[Document]) -> None:
        """Each as the createIndexes command has it: {name, key: {...}, sparse?, partialFilterExpression?...}."""
        ...

    async def drop_index(self, collection: str, name: str) -> None: ...

    async def create_view(
        self, name: str, on: str, pipeline: Sequence[Mapping[str, Any]]
    ) -> None: ...

    async def command(self, command: Mapping[str, Any], *, database: str | None = None) -> Document:
        """Any other command. Raises CommandFailed."""
        ...

    # the world
    def new_id(self) -> str:
        """A new logical id, about in the order of time, so that inserts touch one end of the `_id` index."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def transaction(self) -> AbstractAsyncContextManager[Port]:
        """A port whose calls run in one transaction: snapshot reads, majority writes."""
        ...

    async def close(self) -> None:
        """Close what the port itself opened; a client that was handed in stays open."""
        ...
