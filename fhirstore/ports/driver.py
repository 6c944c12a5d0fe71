"""The port over PyMongo's interface, for every driver that has it.

`DriverPort` has each method once. What differs is whether a call gives its result or an awaitable of it, and that is in
`_finished`: the blocking port returns what it is given and so never suspends, the others await it.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Self

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import ReadPreference, ReturnDocument, UpdateOne, WriteConcern
from pymongo.read_concern import ReadConcern

from fhirstore.errors import FhirError, TooLarge, Unavailable
from fhirstore.ports import uri, world
from fhirstore.ports.codec import OPTIONS, widened, with_decimals
from fhirstore.ports.errors import (
    DRIVER_ERRORS,
    NAMESPACE_NOT_FOUND,
    BulkFailed,
    refuses_read_concern,
    translated,
)
from fhirstore.ports.port import CommandFailed, Document, Filter, Sort

# Acknowledged only when a majority has it in its journal: a failover or a kill loses nothing that was acknowledged.
_WRITES = WriteConcern(w="majority", j=True)
_LARGEST_DOCUMENT = 16 * 1024 * 1024
# Long enough for an election, short enough for a caller that waits. An address may say otherwise.
_SELECTION_TIMEOUT_MS = 15_000
_SNAPSHOT = ReadConcern("snapshot")

# A driver call, made of the documents that it encodes, so that it can be made again with others.
Call = Callable[..., Any]


def client_of(kind: Callable[..., Any], address: str) -> Any:
    """A client of class `kind` for an address. Raises Unavailable for what is no MongoDB address, or has unusable options."""
    if uri.scheme_of(address) is None:
        raise Unavailable(
            "a MongoDB address begins with mongodb:// or mongodb+srv://; this one cannot be used as a database"
        )
    options: dict[str, Any] = {"appname": "fhirstore"}
    if "serverselectiontimeoutms" not in address.lower():
        options["serverSelectionTimeoutMS"] = _SELECTION_TIMEOUT_MS
    try:
        return kind(address, **options)
    except (*DRIVER_ERRORS, ValueError, OSError) as error:
        # OSError: a file of certificates that is not there.
        said = f"{uri.shown(address)!r} cannot be used as a database: {error}"
        raise Unavailable(said) from error


class DriverPort(ABC):
    """One database behind one client. A client that is not `owns_client` stays open when the port is closed."""

    driver: str

    def __init__(self, client: Any, database: str, *, owns_client: bool = False) -> None:
        self.database = database
        self._client = client
        self._owns_client = owns_client
        self._session: Any = None
        self._reads = ReadConcern("majority")
        self._collections: dict[str, Any] = {}
        try:
            self._database = client.get_database(
                database,
                codec_options=OPTIONS,
                read_preference=ReadPreference.PRIMARY,
                write_concern=_WRITES,
            )
        except DRIVER_ERRORS as error:
            raise translated(error) from error

    # what differs between drivers ---------------------------------------------------------------

    @abstractmethod
    async def _finished(self, result: Any) -> Any:
        """The result of a driver call, which may have to be awaited."""

    @abstractmethod
    def _each(self, cursor: Any) -> AsyncIterator[Document]:
        """The documents of a cursor."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None: ...

    # calling ------------------------------------------------------------------------------------

    def _collection(self, name: str) -> Any:
        if (found := self._collections.get(name)) is None:
            found = self._database.get_collection(name, read_concern=self._reads)
            self._collections[name] = found
        return found

    async def _call(self, call: Call, *documents: Any) -> Any:
        """The result of a driver call; a cursor is read to its end.

        It is made with `documents`, and made again where the first try showed what has to be different.
        """
        try:
            return await self._result(call, documents)
        except DRIVER_ERRORS as error:
            first = error
        try:
            if isinstance(first, OverflowError):
                return await self._result(call, widened(documents))
            if refuses_read_concern(first) and self._session is None:
                self._give_up_read_concern()
                return await self._result(call, documents)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        raise translated(first) from first

    async def _result(self, call: Call, documents: Sequence[Any]) -> Any:
        result = await self._finished(call(*documents))
        if hasattr(result, "to_list"):
            found: list[Document] = await self._finished(result.to_list(None))
            return [with_decimals(document) for document in found]
        return with_decimals(result) if type(result) is dict else result

    def _give_up_read_concern(self) -> None:
        """Read what the primary has, where a server does not know of majorities."""
        self._reads = ReadConcern()
        self._collections.clear()

    # reading ------------------------------------------------------------------------------------

    async def find_one(
        self, collection: str, filter: Filter, projection: Mapping[str, Any] | None = None
    ) -> Document | None:
        def call(filter: Filter) -> Any:
            return self._collection(collection).find_one(filter, projection, session=self._session)

        found: Document | None = await self._call(call, filter)
        return found

    def _find(
        self,
        collection: str,
        filter: Filter,
        projection: Mapping[str, Any] | None,
        sort: Sort | None,
        **options: Any,
    ) -> Any:
        return self._collection(collection).find(
            filter, projection, sort=list(sort) if sort else None, session=self._session, **options
        )

    async def find(
        self,
        collection: str,
        filter: Filter,
        *,
        projection: Mapping[str, Any] | None = None,
        sort: Sort | None = None,
        limit: int = 0,
        hint: str | None = None,
    ) -> list[Document]:
        def call(filter: Filter) -> Any:
            return self._find(collection, filter, projection, sort, limit=limit, hint=hint)

        found: list[Document] = await self._call(call, filter)
        return found

    async def stream(
        self,
        collection: str,
        filter: Filter,
        *,
        projection: Mapping[str, Any] | None = None,
        sort: Sort | None = None,
        batch: int = 1000,
    ) -> AsyncGenerator[Document, None]:
        cursor = self._find(collection, widened(filter), projection, sort, batch_size=batch)
        try:
            async for document in self._each(cursor):
                yield document
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        finally:
            await self._finished(cursor.close())

    async def aggregate(
        self, collection: str, pipeline: Sequence[Mapping[str, Any]]
    ) -> list[Document]:
        def call(pipeline: Sequence[Mapping[str, Any]]) -> Any:
            return self._collection(collection).aggregate(list(pipeline), session=self._session)

        found: list[Document] = await self._call(call, pipeline)
        return found

    async def count(self, collection: str, filter: Filter, *, limit: int = 0) -> int:
        options = {"limit": limit} if limit else {}

        def call(filter: Filter) -> Any:
            return self._collection(collection).count_documents(
                filter, session=self._session, **options
            )

        counted: int = await self._call(call, filter)
        return counted

    async def estimated_count(self, collection: str) -> int:
        counted: int = await self._call(
            lambda: self._collection(collection).estimated_document_count()
        )
        return counted

    # writing ------------------------------------------------------------------------------------

    async def insert_one(self, collection: str, document: Document) -> None:
        def call(document: Document) -> Any:
            return self._collection(collection).insert_one(document, session=self._session)

        await self._call(call, document)

    async def insert_many(self, collection: str, documents: Sequence[Document]) -> dict[int, str]:
        encoded: dict[int, RawBSONDocument] = {}
        failed: dict[int, str] = {}
        for position, document in enumerate(documents):
            try:
                encoded[position] = _encoded(document)
            except FhirError as error:
                failed[position] = str(error)
        if encoded:
            failures = await self._insert_encoded(collection, list(encoded.values()))
            positions = list(encoded)
            failed.update((positions[place], why) for place, why in failures.items())
        return failed

    async def _insert_encoded(
        self, collection: str, documents: Sequence[RawBSONDocument]
    ) -> dict[int, str]:
        def call() -> Any:
            return self._collection(collection).insert_many(
                documents, ordered=False, session=self._session
            )

        try:
            await self._call(call)
        except BulkFailed as error:
            return error.failures
        return {}

    async def replace_one(self, collection: str, filter: Filter, document: Document) -> bool:
        def call(filter: Filter, document: Document) -> Any:
            return self._collection(collection).replace_one(filter, document, session=self._session)

        replaced = await self._call(call, filter, document)
        return bool(replaced.matched_count)

    async def update_one(
        self, collection: str, filter: Filter, update: Mapping[str, Any], *, upsert: bool = False
    ) -> bool:
        def call(filter: Filter, update: Mapping[str, Any]) -> Any:
            return self._collection(collection).update_one(
                filter, update, upsert=upsert, session=self._session
            )

        updated = await self._call(call, filter, update)
        return bool(updated.matched_count) or updated.upserted_id is not None

    async def update_each(
        self, collection: str, updates: Sequence[tuple[Filter, Mapping[str, Any]]]
    ) -> int:
        def call(filters: Sequence[Filter], changes: Sequence[Mapping[str, Any]]) -> Any:
            requests = list(map(UpdateOne, filters, changes))
            return self._collection(collection).bulk_write(
                requests, ordered=False, session=self._session
            )

        if not updates:
            return 0
        filters, changes = zip(*updates, strict=True)
        written = await self._call(call, list(filters), list(changes))
        return int(written.matched_count)

    async def find_one_and_update(
        self, collection: str, filter: Filter, update: Mapping[str, Any], *, upsert: bool = False
    ) -> Document | None:
        def call(filter: Filter, update: Mapping[str, Any]) -> Any:
            return self._collection(collection).find_one_and_update(
                filter,
                update,
                upsert=upsert,
                return_document=ReturnDocument.AFTER,
                session=self._session,
            )

        found: Document | None = await self._call(call, filter, update)
        return found

    async def delete_one(self, collection: str, filter: Filter) -> bool:
        def call(filter: Filter) -> Any:
            return self._collection(collection).delete_one(filter, session=self._session)

        deleted = await self._call(call, filter)
        return bool(deleted.deleted_count)

    # structure ----------------------------------------------------------------------------------

    async def collection_names(self) -> set[str]:
        # The names alone take a server half the time, and no lock on each collection.
        return set(await self._call(self._database.list_collection_names))

    async def indexes(self, collection: str) -> list[Document]:
        try:
            found = await self._call(lambda: self._collection(collection).list_indexes())
        except CommandFailed as error:
            if error.server_code == NAMESPACE_NOT_FOUND:
                return []
            raise
        return [dict(index) for index in found]

    async def create_indexes(self, collection: str, indexes: Sequence[Document]) -> None:
        await self.command({"createIndexes": collection, "indexes": list(indexes)})

    async def drop_index(self, collection: str, name: str) -> None:
        await self._call(lambda: self._collection(collection).drop_index(name))

    async def create_view(self, name: str, on: str, pipeline: Sequence[Mapping[str, Any]]) -> None:
        await self.command({"create": name, "viewOn": on, "pipeline": list(pipeline)})

    async def explain(
        self,
        collection: str,
        filter: Filter,
        *,
        sort: Sort | None = None,
        limit: int = 0,
    ) -> Document:
        asked: Document = {"find": collection, "filter": filter}
        if sort:
            asked["sort"] = dict(sort)
        if limit:
            asked["limit"] = limit
        try:
            return await self.command({"explain": asked, "verbosity": "executionStats"})
        except CommandFailed:
            return await self.command({"explain": asked, "verbosity": "queryPlanner"})

    async def command(self, command: Mapping[str, Any], *, database: str | None = None) -> Document:
        place = self._database if database is None else self._client.get_database(database)

        def call(command: Mapping[str, Any]) -> Any:
            return place.command(dict(command), codec_options=OPTIONS, session=self._session)

        answer: Document = await self._call(call, command)
        return answer

    # the world ----------------------------------------------------------------------------------

    def now(self) -> datetime:
        return world.now()

    def new_id(self) -> str:
        return world.new_id()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Self]:
        """A port in one transaction: snapshot reads, majority writes; committed at the end, aborted by an error.

        Raises Conflict where it has to be tried again from the start, Unavailable where the outcome is not known.
        """
        session = await self._call(self._client.start_session)
        try:
            await self._call(
                lambda: session.start_transaction(
                    read_concern=_SNAPSHOT,
                    write_concern=_WRITES,
                    read_preference=ReadPreference.PRIMARY,
                )
            )
            inside = copy.copy(self)
            inside._session = session
            inside._owns_client = False
            yield inside
            await self._call(session.commit_transaction)
        finally:
            # Ending a session aborts what it has not committed.
            await self._finished(session.end_session())

    async def close(self) -> None:
        if self._owns_client:
            await self._finished(self._client.close())


def _encoded(document: Document) -> RawBSONDocument:
    """`document` as the bytes that are sent. Raises TooLarge and Unprocessable for this one alone."""
    try:
        try:
            text = bson.encode(document, codec_options=OPTIONS)
        except OverflowError:
            text = bson.encode(widened(document), codec_options=OPTIONS)
    except DRIVER_ERRORS as error:
        raise translated(error) from error
    if len(text) > _LARGEST_DOCUMENT:
        raise TooLarge(f"does not fit a MongoDB document of 16 MB: it has {len(text)} bytes")
    return RawBSONDocument(text)
