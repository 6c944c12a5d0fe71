"""What a store consists of once its database is open: the parts, wired together once for both interfaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fhirstore import (
    contained_search,
    migrate,
    own_addresses,
    parameter_registry,
    query_shapes,
    stored_turtle,
)
from fhirstore.capabilities import ServerCapabilities, probe
from fhirstore.catalogue import Catalogue, profile_for
from fhirstore.definitions import Definitions, definitions
from fhirstore.documents import Content, Pipeline
from fhirstore.errors import InvalidId, Issue
from fhirstore.history import History, Period, Selection
from fhirstore.parameter_building import Building
from fhirstore.parameter_registry import Registry
from fhirstore.ports.port import Port
from fhirstore.query_shapes import Recorder
from fhirstore.reindexing import Say
from fhirstore.repository import Repository
from fhirstore.search.query import Handling
from fhirstore.search.query_string import Pairs, as_pairs
from fhirstore.searcher import Searcher
from fhirstore.system_search import SystemSearch
from fhirstore.versions import HistoryPage, SearchPage

if TYPE_CHECKING:
    from fhirstore.validation import Level


@dataclass(frozen=True, slots=True)
class Setting:
    """What stays the same of an open store. `secret` signs page tokens."""

    port: Port
    base_urls: tuple[str, ...]
    validation: Level
    secret: bytes
    capabilities: ServerCapabilities


@dataclass(frozen=True, slots=True)
class Opened:
    """The parts of an open store, by the search parameters that `registry` has. `definitions` is what can be searched."""

    setting: Setting
    registry: Registry
    definitions: Definitions
    capabilities: ServerCapabilities
    catalogue: Catalogue
    repository: Repository
    history: History
    searcher: Searcher

    async def search(
        self,
        type: str | None,
        query: str | Pairs,
        page: str | None,
        handling: Handling,
        compartment: str | None,
    ) -> SearchPage:
        """One page of a search of one type, or with None of the types that the query names."""
        if type is None:
            return await SystemSearch(self.searcher).search(
                query, page=page, handling=handling, compartment=compartment
            )
        given = as_pairs(query)
        if contained_search.is_asked(given):
            search = contained_search.ContainedSearch(self.searcher)
            return await search.search(type, given, page, handling, compartment)
        return await self.searcher.search(
            type, given, page=page, handling=handling, compartment=compartment
        )

    def building(self, stopped: Callable[[], bool], say: Say = lambda gone: None) -> Building:
        """What is to be done for search parameters that have come or gone."""
        setting = self.setting
        release = definitions("4.0")
        return Building(
            setting.port, release, setting.base_urls, self.catalogue.profile, stopped, say
        )

    async def versions_of(
        self,
        type: str | None,
        id: str | None,
        since: datetime | None,
        at: datetime | Period | None,
        count: int | None,
        page: str | None,
    ) -> HistoryPage:
        """The history of an instance, a type or the system, by what is given."""
        selection = Selection(since, at)
        if type is None:
            if id is not None:
                raise InvalidId("an id needs the type it belongs to")
            return await self.history.of_system(await self.stored_types(), selection, count, page)
        self.repository.check_type(type)
        if id is None:
            return await self.history.of_type(type, selection, count, page)
        return await self.history.of_instance(type, id, selection, count, page)

    async def stored_types(self) -> list[str]:
        """The types that have had a resource, in the order of their names."""
        names = await self.repository.port.collection_names()
        return sorted(names & self.definitions.resource_types)

    def check(self, content: Content) -> list[Issue]:
        """Every problem of a resource, whatever the level at which the store itself validates."""
        pipeline = self.repository.pipeline
        return pipeline.check(pipeline.parse(content), "structure")


async def open_store(port: Port, base_urls: tuple[str, ...], validation: Level) -> Opened:
    """Open the database behind `port`. Raises DatabaseTooOld, DatabaseTooNew, Unavailable."""
    await migrate.open_database(port)
    setting = Setting(
        port,
        await own_addresses.known(port, base_urls),
        validation,
        await migrate.page_secret(port),
        await probe(port),
    )
    return await _assembled(setting, await parameter_registry.read(port))


async def looked_again(opened: Opened) -> Opened:
    """The same store, by the search parameters that the database has by now."""
    registry = await parameter_registry.read(opened.setting.port)
    if registry.generation == opened.registry.generation:
        return opened
    return await _assembled(opened.setting, registry)


async def _assembled(setting: Setting, registry: Registry) -> Opened:
    port, base_urls = setting.port, setting.base_urls
    release = definitions("4.0")
    writing, searching = registry.writing(release), registry.searching(release)
    catalogue = Catalogue(port, writing, profile_for(setting.capabilities))
    projections = await stored_turtle.projections(port, release)
    recorded = await query_shapes.rate(port)
    pipeline = Pipeline(writing, base_urls, setting.validation, projections)
    return Opened(
        setting,
        registry,
        searching,
        setting.capabilities,
        catalogue,
        Repository(port, pipeline, catalogue.ensure),
        History(port, setting.secret),
        Searcher(
            port,
            searching,
            base_urls,
            setting.secret,
            splits=setting.capabilities.scans_for_or,
            explains_one_predicate=setting.capabilities.explains_one_predicate,
            recorder=Recorder(port, recorded) if recorded else None,
        ),
    )
