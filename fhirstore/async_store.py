"""`AsyncStore`: the store for applications that run on asyncio. `fhirstore.store` has the same for blocking ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fhirstore import arguments, base_addresses, custom_parameters, graphs, parameter_registry
from fhirstore.background import Background
from fhirstore.definitions import definitions
from fhirstore.documents import Content
from fhirstore.errors import Issue, Unavailable
from fhirstore.explaining import Explaining
from fhirstore.opened import Opened, looked_again, open_store
from fhirstore.ports.port import Port
from fhirstore.reindexing import Stopped
from fhirstore.search.explanation import Explanation
from fhirstore.search.moment import of_moment
from fhirstore.search.query import Handling
from fhirstore.search.query_string import Query
from fhirstore.versions import HistoryPage, SearchPage, Version

if TYPE_CHECKING:
    import rdflib

    from fhirstore.embedded import Embedded
    from fhirstore.rdf import Options
    from fhirstore.validation import Level


class AsyncStore:
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
        blocking: bool = False,
    ) -> None:
        """`blocking` says that the port never suspends, so that no event loop is needed (`fhirstore.store`)."""
        self.port = port
        self._base_urls = base_addresses.base_urls(base_urls)
        self._validation: Level = arguments.validation(validation)
        self._server = server
        self._opened: Opened | None = None
        self._opening = asyncio.Lock()
        self._blocking = blocking
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look_again = 0.0
        self._background: Background | None = None

    # opening and closing ------------------------------------------------------------------------

    @classmethod
    def connect(
        cls,
        uri: str,
        *,
        database: str = "fhir",
        base_urls: Sequence[str] = (),
        validation: Level = "structure",
    ) -> AsyncStore:
        """A store in `database` of the server at `uri` (`mongodb://...`).

        `base_urls` are the addresses under which the store is known to its clients: an absolute reference below one of
        them is a local one; the database keeps them. `validation` is "structure" or "off". Raises ValueError for what is
        none of these, and Unavailable for what is no MongoDB address.
        """
        from fhirstore.ports.pymongo_async import AsyncPort

        port = AsyncPort.connect(uri, database)
        return cls(port, base_urls=base_urls, validation=validation)

    @classmethod
    def from_client(
        cls,
        client: Any,
        *,
        database: str = "fhir",
        base_urls: Sequence[str] = (),
        validation: Level = "structure",
    ) -> AsyncStore:
        """A store over a client that the application has already, and goes on to own: PyMongo's or Motor's."""
        return cls(_port_for(client, database), base_urls=base_urls, validation=validation)

    @classmethod
    def embedded(
        cls,
        path: str,
        *,
        database: str = "fhir",
        base_urls: Sequence[str] = (),
        validation: Level = "structure",
    ) -> AsyncStore:
        """A store in the directory `path`, behind a server process of its own on this machine.

        Processes that open the same path share the server; it stops when the last one leaves. Raises ServerStartFailed.
        """
        from fhirstore.embedded import start
        from fhirstore.ports.pymongo_async import AsyncPort

        server = start(path)
        port = AsyncPort.connect(server.uri, database)
        return cls(port, base_urls=base_urls, validation=validation, server=server)

    async def open(self) -> None:
        """Open the database now rather than with the first call."""
        await self._open()

    async def close(self) -> None:
        """Close what this store opened itself. A client that was handed in stays open."""
        try:
            self._check_loop()
            try:
                if self._background is not None:
                    await self._background.stop()
            finally:
                await self.port.close()
        finally:
            if self._server is not None:
                self._server.close()
                self._server = None

    async def __aenter__(self) -> AsyncStore:
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _check_loop(self) -> None:
        """Asyncio clients belong to the event loop of their first call. Raises Unavailable in another one."""
        if self._blocking:
            return
        here = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = here
        elif self._loop is not here:
            raise Unavailable("this AsyncStore belongs to another event loop: make one for each")

    async def _open(self) -> Opened:
        self._check_loop()
        if self._opened is not None:
            if time.monotonic() >= self._look_again:
                await self._look()
            return self._opened
        async with self._opening:
            if self._opened is None:
                self._look_again = time.monotonic() + parameter_registry.REFRESH
                self._opened = await open_store(self.port, self._base_urls, self._validation)
                self._go_on_building()
        return self._opened

    async def _look(self) -> None:
        """See whether the search parameters have changed. Two at once may look; either is right."""
        assert self._opened is not None
        self._look_again = time.monotonic() + parameter_registry.REFRESH
        self._opened = await looked_again(self._opened)
        self._go_on_building()

    async def _written(self, type: str) -> None:
        """What follows a write: a SearchParameter may be one of this store."""
        if type == custom_parameters.TYPE:
            await parameter_registry.sync(self.port, definitions("4.0"))
            await self._look()

    def _go_on_building(self) -> None:
        """Build beside all else what is pending of the search parameters, here or wherever the lease for it is."""
        assert self._opened is not None
        if not self._opened.registry.pending:
            return
        if self._background is None or not self._background.is_running:
            self._background = Background(self._build, in_thread=self._blocking)

    async def _build(self, stopped: Callable[[], bool]) -> None:
        assert self._opened is not None
        with suppress(Stopped):
            await self._opened.building(stopped).run()
            await self._look()

    # writing ------------------------------------------------------------------------------------

    async def create(self, content: Content, *, resource_type: str | None = None) -> Version:
        """Store a new resource under an id of the store's choosing; an id in the content is not used.

        `content` is JSON text, bytes or a mapping. Where `resource_type` is given the content has to be of it. Raises
        MalformedContent, Unprocessable (with every problem of the resource) and TooLarge; spec page http, create.
        """
        given = arguments.content(content)
        arguments.text_or_none("resource_type", resource_type)
        repository = (await self._open()).repository
        version = await repository.create(given, resource_type=resource_type)
        await self._written(version.type)
        return version

    async def update(
        self,
        content: Content,
        *,
        resource_type: str | None = None,
        id: str | None = None,
        if_match: int | None = None,
        create: bool = True,
    ) -> Version:
        """Make `content` the current version of the resource whose id it carries (which must be `id`, if given).

        Where there is none of that id it is created, unless `create` is False (NotFound). An update that changes
        nothing makes no new version (`outcome` is "unchanged"). `if_match` is the version the caller has seen:
        PreconditionFailed if it is not the current one. Raises MalformedContent, InvalidId, Unprocessable, TooLarge,
        Conflict; spec page http, update.
        """
        given = arguments.content(content)
        arguments.text_or_none("resource_type", resource_type)
        arguments.text_or_none("id", id)
        arguments.number_or_none("if_match", if_match, least=0)
        repository = (await self._open()).repository
        version = await repository.update(
            given, resource_type=resource_type, id=id, if_match=if_match, create=create
        )
        await self._written(version.type)
        return version

    async def delete(self, type: str, id: str, *, if_match: int | None = None) -> Version | None:
        """Delete a resource. Its versions stay in its history, and a later update brings it back.

        Returns the version that says it is deleted, or None where there was nothing to delete. Raises
        PreconditionFailed, Conflict; spec page http, delete.
        """
        arguments.text("type", type)
        arguments.text("id", id)
        arguments.number_or_none("if_match", if_match, least=0)
        version = await (await self._open()).repository.delete(type, id, if_match=if_match)
        await self._written(type)
        return version

    # reading ------------------------------------------------------------------------------------

    async def read(self, type: str, id: str) -> Version:
        """The current version. Raises NotFound, or Gone where it is deleted; spec page http, read."""
        arguments.text("type", type)
        arguments.text("id", id)
        return await (await self._open()).repository.read(type, id)

    async def vread(self, type: str, id: str, version: str | int) -> Version:
        """One version, current or past. Raises NotFound, or Gone where that version is a deletion; spec page http, vread."""
        arguments.text("type", type)
        arguments.text("id", id)
        arguments.version(version)
        return await (await self._open()).repository.vread(type, id, version)

    async def read_many(self, type: str, ids: Sequence[str]) -> list[Version]:
        """The current versions of those of `ids` that are there, without deletions, in no particular order."""
        arguments.text("type", type)
        wanted = arguments.texts("ids", ids)
        return await (await self._open()).repository.read_many(type, wanted)

    async def history(
        self,
        type: str | None = None,
        id: str | None = None,
        *,
        since: datetime | None = None,
        at: datetime | tuple[datetime, datetime] | None = None,
        count: int | None = None,
        page: str | None = None,
    ) -> HistoryPage:
        """Versions, newest first: of a resource, of a type, or of everything (spec page http, history).

        `since` keeps what was made at or after an instant, `at` what was current then, or at some moment of a half-open
        period; both with a time zone. `count` is the size of a page (50; 1000 at most), `page` the `next` of the page
        before. Raises NotFound, InvalidPageToken.
        """
        arguments.text_or_none("type", type)
        arguments.text_or_none("id", id)
        arguments.text_or_none("page", page)
        arguments.instant_or_none("since", since)
        at = arguments.period_or_none("at", at)
        arguments.number_or_none("count", count, least=1)
        return await (await self._open()).versions_of(type, id, since, at, count, page)

    # searching ----------------------------------------------------------------------------------

    async def search(
        self,
        type: str | None,
        query: Query = "",
        *,
        page: str | None = None,
        handling: Handling = "strict",
        compartment: str | None = None,
        as_of: datetime | str | None = None,
    ) -> SearchPage:
        """One page of the resources of a type that meet `query`: "code=http://loinc.org|8867-4&date=ge2020", or decoded
        pairs, or a mapping of names to a value or several. With None for the type, of all types or of those that `_type`
        in the query names, in one order.

        `page` is the `next` of the page before. What the store does not know or support is an error, or with `handling`
        "lenient" is left out and listed in `issues`. `compartment` limits the search to what belongs to an owner,
        "Patient/1". With `as_of` the state at that moment is searched: an instant of the past, with a time zone, or "now"
        for all pages to show the state in which the first one was asked. Raises InvalidSearch with all that is wrong;
        spec page search.
        """
        arguments.text_or_none("type", type)
        arguments.text_or_none("page", page)
        arguments.text_or_none("compartment", compartment)
        arguments.handling(handling)
        asked = of_moment(arguments.query(query), arguments.moment_or_none(as_of))
        opened = await self._open()
        return await opened.search(type, asked, page, handling, compartment)

    async def iterate(
        self,
        type: str | None,
        query: Query = "",
        *,
        as_of: datetime | str | None = None,
    ) -> AsyncIterator[Version]:
        """All matches of a search, page after page, in its order."""
        token = None
        while True:
            page = await self.search(type, query, page=token, as_of=as_of)
            for match in page.matches:
                yield match
            token = page.next
            if token is None:
                return

    async def explain(
        self, type: str, query: Query = "", *, handling: Handling = "strict"
    ) -> Explanation:
        """How a search would be answered: the questions to the server, and which index serves each."""
        arguments.text("type", type)
        arguments.handling(handling)
        asked = arguments.query(query)
        searcher = (await self._open()).searcher
        return await Explaining(searcher).explain(type, asked, handling=handling)

    # as a graph ---------------------------------------------------------------------------------

    async def graph(self, address: str = "", *, options: Options | None = None) -> rdflib.Graph:
        """The RDF graph of a resource ("Patient/1"), a type ("Patient"), a search with all its pages
        ("Observation?code=8867-4"), a compartment ("Patient/1/*", "Patient/1/Observation"), or of everything.

        `options` say the base below which the resources are nodes (if not said, the first of the store's base URLs, else
        http://localhost/fhir) and what is left out. It is all in memory; `fhirstore rdf export` writes as it reads.
        Raises NotFound, Gone, InvalidSearch, BadRequest for a base that is none, MalformedContent for what no graph can say;
        spec page rdf.
        """
        arguments.text("address", address)
        return await graphs.graph(await self._open(), address, options)

    # checking -----------------------------------------------------------------------------------

    async def validate(self, content: Content) -> list[Issue]:
        """Every problem of a resource, by the rules of the structure level. Stores nothing. Raises MalformedContent."""
        given = arguments.content(content)
        return (await self._open()).check(given)

    # for tools ----------------------------------------------------------------------------------

    async def parts(self) -> Opened:
        """What the open store is made of (repository, searcher, index catalogue ...), for tools that need more than its
        methods."""
        return await self._open()


def _port_for(client: Any, database: str) -> Port:
    """The port for a client that was handed in, by the package it comes from, so that none is imported needlessly."""
    package = type(client).__module__.partition(".")[0]
    if package == "motor":
        from fhirstore.ports.motor import MotorPort

        return MotorPort(client, database)
    if package == "pymongo" and type(client).__name__ == "AsyncMongoClient":
        from fhirstore.ports.pymongo_async import AsyncPort

        return AsyncPort(client, database)
    raise TypeError(
        f"AsyncStore takes pymongo's AsyncMongoClient or Motor's client, not {type(client)}"
    )
