"""`Store`: the store for blocking applications.

It runs the coroutines of `AsyncStore` on a port that blocks and so never suspends: each is finished by a single
`send(None)` (the way of the EdgeDB client; half a microsecond a call). There is no second implementation and no event
loop.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from fhirstore.async_store import AsyncStore
from fhirstore.documents import Content
from fhirstore.errors import Issue
from fhirstore.opened import Opened
from fhirstore.ports.port import Port
from fhirstore.search.explanation import Explanation
from fhirstore.search.query import Handling
from fhirstore.search.query_string import Query
from fhirstore.versions import HistoryPage, SearchPage, Version

if TYPE_CHECKING:
    import rdflib

    from fhirstore.embedded import Embedded
    from fhirstore.rdf import Options
    from fhirstore.validation import Level

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never suspends, because all it awaits blocks."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError("a blocking port suspended")


def each(found: AsyncIterator[T]) -> Iterator[T]:
    """What an iterator yields that never suspends."""

    async def following() -> list[T]:
        async for one in found:
            return [one]
        return []

    while one := finish(following()):
        yield from one


def _as(method: Callable[..., Any]) -> Callable[[F], F]:
    """Says of a method what its counterpart says."""

    def document(function: F) -> F:
        function.__doc__ = method.__doc__
        return function

    return document


class Store:
    """Versioned FHIR resources in a MongoDB database.

    Get one from `connect`, `from_client` or `embedded`, and close it, or use it as a context manager. The database is
    opened by the first call that needs it: then a new database is set up, and one that waits for migrations, or was
    written by a later fhirstore, is refused (DatabaseTooOld, DatabaseTooNew). A Store is safe to share between threads, an
    AsyncStore between the tasks of one event loop, which is that of its first call.

    Every call raises errors of `fhirstore.errors`, Unavailable among them where the database does not answer.
    """

    def __init__(
        self,
        port: Port,
        *,
        base_urls: Sequence[str] = (),
        validation: Level = "structure",
        server: Embedded | None = None,
    ) -> None:
        self.port = port
        self._store = AsyncStore(
            port, base_urls=base_urls, validation=validation, server=server, blocking=True
        )
        self._opening = threading.Lock()
        self._opened: Opened | None = None

    # opening and closing ------------------------------------------------------------------------

    @classmethod
    @_as(AsyncStore.connect)
    def connect(
        cls,
        uri: str,
        *,
        database: str = "fhir",
        base_urls: Sequence[str] = (),
        validation: Level = "structure",
    ) -> Store:
        from fhirstore.ports.pymongo_blocking import BlockingPort

        port = BlockingPort.connect(uri, database)
        return cls(port, base_urls=base_urls, validation=validation)

    @classmethod
    def from_client(
        cls,
        client: Any,
        *,
        database: str = "fhir",
        base_urls: Sequence[str] = (),
        validation: Level = "structure",
    ) -> Store:
        """A store over a client that the application has already, and goes on to own: PyMongo's or mongomock's."""
        return cls(_port_for(client, database), base_urls=base_urls, validation=validation)

    @classmethod
    @_as(AsyncStore.embedded)
    def embedded(
        cls,
        path: str,
        *,
        database: str = "fhir",
        base_urls: Sequence[str] = (),
        validation: Level = "structure",
    ) -> Store:
        from fhirstore.embedded import start
        from fhirstore.ports.pymongo_blocking import BlockingPort

        server = start(path)
        port = BlockingPort.connect(server.uri, database)
        return cls(port, base_urls=base_urls, validation=validation, server=server)

    @_as(AsyncStore.open)
    def open(self) -> None:
        self._open()

    @_as(AsyncStore.close)
    def close(self) -> None:
        finish(self._store.close())

    def __enter__(self) -> Store:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> Opened:
        if self._opened is None:
            with self._opening:
                self._opened = finish(self._store._open())
        return self._opened

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._opened is None:
            try:
                self._open()
            except BaseException:
                coroutine.close()
                raise
        return finish(coroutine)

    # writing ------------------------------------------------------------------------------------

    @_as(AsyncStore.create)
    def create(self, content: Content, *, resource_type: str | None = None) -> Version:
        return self._run(self._store.create(content, resource_type=resource_type))

    @_as(AsyncStore.update)
    def update(
        self,
        content: Content,
        *,
        resource_type: str | None = None,
        id: str | None = None,
        if_match: int | None = None,
        create: bool = True,
    ) -> Version:
        return self._run(
            self._store.update(
                content, resource_type=resource_type, id=id, if_match=if_match, create=create
            )
        )

    @_as(AsyncStore.delete)
    def delete(self, type: str, id: str, *, if_match: int | None = None) -> Version | None:
        return self._run(self._store.delete(type, id, if_match=if_match))

    # reading ------------------------------------------------------------------------------------

    @_as(AsyncStore.read)
    def read(self, type: str, id: str) -> Version:
        return self._run(self._store.read(type, id))

    @_as(AsyncStore.vread)
    def vread(self, type: str, id: str, version: str | int) -> Version:
        return self._run(self._store.vread(type, id, version))

    @_as(AsyncStore.read_many)
    def read_many(self, type: str, ids: Sequence[str]) -> list[Version]:
        return self._run(self._store.read_many(type, ids))

    @_as(AsyncStore.history)
    def history(
        self,
        type: str | None = None,
        id: str | None = None,
        *,
        since: datetime | None = None,
        at: datetime | tuple[datetime, datetime] | None = None,
        count: int | None = None,
        page: str | None = None,
    ) -> HistoryPage:
        return self._run(self._store.history(type, id, since=since, at=at, count=count, page=page))

    # searching ----------------------------------------------------------------------------------

    @_as(AsyncStore.search)
    def search(
        self,
        type: str | None,
        query: Query = "",
        *,
        page: str | None = None,
        handling: Handling = "strict",
        compartment: str | None = None,
        as_of: datetime | str | None = None,
    ) -> SearchPage:
        return self._run(
            self._store.search(
                type, query, page=page, handling=handling, compartment=compartment, as_of=as_of
            )
        )

    @_as(AsyncStore.iterate)
    def iterate(
        self,
        type: str | None,
        query: Query = "",
        *,
        as_of: datetime | str | None = None,
    ) -> Iterator[Version]:
        token = None
        while True:
            page = self.search(type, query, page=token, as_of=as_of)
            yield from page.matches
            token = page.next
            if token is None:
                return

    @_as(AsyncStore.explain)
    def explain(
        self, type: str, query: Query = "", *, handling: Handling = "strict"
    ) -> Explanation:
        return self._run(self._store.explain(type, query, handling=handling))

    # as a graph ---------------------------------------------------------------------------------

    @_as(AsyncStore.graph)
    def graph(self, address: str = "", *, options: Options | None = None) -> rdflib.Graph:
        return self._run(self._store.graph(address, options=options))

    # checking -----------------------------------------------------------------------------------

    @_as(AsyncStore.validate)
    def validate(self, content: Content) -> list[Issue]:
        return self._run(self._store.validate(content))

    # for tools ----------------------------------------------------------------------------------

    @_as(AsyncStore.parts)
    def parts(self) -> Opened:
        return self._run(self._store.parts())


def _port_for(client: Any, database: str) -> Port:
    package = type(client).__module__.partition(".")[0]
    if package == "mongomock":
        from fhirstore.ports.mongomock import MongomockPort

        return MongomockPort(client, database)
    if package == "pymongo" and type(client).__name__ == "MongoClient":
        from fhirstore.ports.pymongo_blocking import BlockingPort

        return BlockingPort(client, database)
    raise TypeError(f"Store takes pymongo's or mongomock's MongoClient, not {type(client)}")
