"""The port over mongomock, an in-process stand-in for an application's own unit tests.

mongomock knows neither Decimal128 ranges nor zones, nor sessions, transactions, views and most commands. Numbers and
dates are put into forms that it can compare; what it lacks beyond that is refused with CommandFailed, as an older
server would.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

from bson import Decimal128

from fhirstore.errors import FhirError
from fhirstore.ports.codec import INT64, decimal128
from fhirstore.ports.driver import DriverPort
from fhirstore.ports.errors import COMMAND_NOT_SUPPORTED, DRIVER_ERRORS, translated
from fhirstore.ports.port import CommandFailed, Document, DuplicateKey, Filter, Sort


class _Number(float):
    """A decimal that mongomock takes for a float, and that compares by all its digits."""

    exact: Decimal

    def __new__(cls, exact: Decimal) -> Self:
        made = super().__new__(cls, float(exact))
        made.exact = exact
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.exact,))

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def _other(self, other: Any) -> Any:
        return other.exact if isinstance(other, _Number) else other

    def __eq__(self, other: object) -> bool:
        return bool(self.exact == self._other(other))

    def __lt__(self, other: Any) -> bool:
        return bool(self.exact < self._other(other))

    def __le__(self, other: Any) -> bool:
        return bool(self.exact <= self._other(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.exact > self._other(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.exact >= self._other(other))

    def __hash__(self) -> int:
        return hash(self.exact)


def _in(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value == {"$exists": False}:
            # mongomock takes that for "one element of the array lacks it", where MongoDB means all of them.
            return {"$not": {"$exists": True}}
        return {name: _in(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_in(inner) for inner in value]
    if isinstance(value, Decimal) or (isinstance(value, int) and value not in INT64):
        return _Number(decimal128(value).to_decimal())
    if isinstance(value, str):
        # mongomock finds out when it has emptied the document that it replaces.
        value.encode()
    if isinstance(value, Decimal128):
        return _Number(value.to_decimal())
    if isinstance(value, datetime) and value.tzinfo is not None:
        # Without a zone it went through here before.
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _out(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _out(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_out(inner) for inner in value]
    if isinstance(value, _Number):
        return value.exact
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return value


def _sorts_by(path: list[str], direction: int) -> Callable[[Document], Any]:
    """What MongoDB sorts by: of an array the first value in that direction, and nothing before anything."""
    choose = min if direction > 0 else max

    def key(document: Document) -> tuple[bool, Any]:
        values = list(_at(document, path))
        return (True, choose(values)) if values else (False, 0)

    return key


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for entry in value:
            yield from _at(entry, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


class _Found(list[Document]):
    """Documents that were sorted here, with what is asked of a cursor."""

    def next(self) -> Document:
        return self.pop(0)

    def close(self) -> None:
        self.clear()


def _not_supported(what: str) -> CommandFailed:
    return CommandFailed(f"mongomock has no {what}", COMMAND_NOT_SUPPORTED)


class MongomockPort(DriverPort):
    """One database behind a `mongomock.MongoClient`, for one thread at a time."""

    driver = "mongomock"

    def __init__(self, client: Any, database: str) -> None:
        self.database = database
        self._client = client
        self._owns_client = False
        self._session = None
        self._database = client.get_database(database)

    def _collection(self, name: str) -> Any:
        return self._database.get_collection(name)

    async def _finished(self, result: Any) -> Any:
        return result

    async def _each(self, cursor: Any) -> AsyncIterator[Document]:
        for document in cursor:
            yield _out(document)

    async def _result(self, call: Callable[..., Any], documents: Sequence[Any]) -> Any:
        result = call(*(_in(document) for document in documents))
        return _out(list(result) if hasattr(result, "next") else result)

    def _find(
        self,
        collection: str,
        filter: Filter,
        projection: Mapping[str, Any] | None,
        sort: Sort | None,
        **options: Any,
    ) -> Any:
        limit = options.get("limit", 0)
        cursor = self._collection(collection).find(_in(filter), projection)
        if not sort:
            return cursor.limit(limit)
        found = list(cursor)
        for path, direction in reversed(sort):
            found.sort(key=_sorts_by(path.split("."), direction), reverse=direction < 0)
        return _Found(found[:limit] if limit else found)

    async def insert_many(self, collection: str, documents: Sequence[Document]) -> dict[int, str]:
        failed: dict[int, str] = {}
        for position, document in enumerate(documents):
            try:
                await self.insert_one(collection, document)
            except (FhirError, DuplicateKey) as error:
                failed[position] = str(error)
        return failed

    async def update_each(
        self, collection: str, updates: Sequence[tuple[Filter, Mapping[str, Any]]]
    ) -> int:
        matched = [await self.update_one(collection, *update) for update in updates]
        return sum(matched)

    async def create_indexes(self, collection: str, indexes: Sequence[Document]) -> None:
        for index in indexes:
            options = {name: value for name, value in index.items() if name != "key"}
            keys = list(index["key"].items())
            try:
                self._collection(collection).create_index(keys, **options)
            except DRIVER_ERRORS as error:
                raise translated(error) from error

    async def create_view(self, name: str, on: str, pipeline: Sequence[Mapping[str, Any]]) -> None:
        raise _not_supported("views")

    async def explain(
        self, collection: str, filter: Filter, *, sort: Sort | None = None, limit: int = 0
    ) -> Document:
        raise _not_supported("explain")

    async def command(self, command: Mapping[str, Any], *, database: str | None = None) -> Document:
        raise _not_supported(f"command {next(iter(command))}")

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Self]:
        raise _not_supported("transactions")
        yield self  # pragma: no cover - makes this an asynchronous generator
