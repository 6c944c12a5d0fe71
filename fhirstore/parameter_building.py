"""Builds the values and indexes of custom search parameters, and removes those of retired ones, beside reads and writes.

One process builds, under a lease; any other goes on where it was, if it dies. It begins once all writers write by the
new definitions (`parameter_registry`), goes over all versions of all types that have the parameter, makes its indexes,
and only then says that it is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from fhirstore import parameter_registry
from fhirstore.catalogue import Catalogue, Profile
from fhirstore.custom_parameters import types_of
from fhirstore.definitions import Definitions
from fhirstore.documents import Pipeline
from fhirstore.lease import Lease
from fhirstore.parameter_registry import Entry, Registry
from fhirstore.ports.port import Port
from fhirstore.reindexing import Reindexing, Say, Stopped

# How long before a parameter came a write may have been prepared that is still under way.
_UNDER_WAY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Building:
    """Carries out what is pending in the registry of one database."""

    port: Port
    release: Definitions
    base_urls: tuple[str, ...]
    profile: Profile
    stopped: Callable[[], bool] = lambda: False
    say: Say = lambda gone: None

    async def run(self) -> None:
        """Work until nothing is pending, here or in another process. Raises Stopped."""
        lease = Lease(self.port, "reindexing")
        while (await parameter_registry.read(self.port)).pending:
            self._check()
            if not await lease.take():
                await self.port.sleep(1)
                continue
            try:
                await self._each(lease)
            finally:
                await lease.release()

    async def _each(self, lease: Lease) -> None:
        while (registry := await parameter_registry.read(self.port)).pending:
            await self._one(registry, registry.pending[0], lease)

    async def _one(self, registry: Registry, entry: Entry, lease: Lease) -> None:
        await self._until_all_know(entry)
        definitions = registry.writing(self.release)
        job = _job_of(entry)
        reindexing = self._reindexing(definitions, lease)
        catalogue = Catalogue(self.port, definitions, self.profile)
        stored = set(await catalogue.stored_types())
        for type in types_of(entry.row, self.release):
            if type in stored:
                await reindexing.type(type, job)
                await reindexing.since(type, entry.since - _UNDER_WAY, job)
                await self._indexes(catalogue, type, entry)
        await parameter_registry.finish(self.port, entry)
        await reindexing.forget(job)

    async def _until_all_know(self, entry: Entry) -> None:
        """Wait until no process writes by what was before."""
        refresh = parameter_registry.REFRESH
        known = entry.since + timedelta(seconds=2 * refresh)
        while self.port.now() < known:
            self._check()
            await self.port.sleep(min(0.1, refresh))

    def _reindexing(self, definitions: Definitions, lease: Lease) -> Reindexing:
        pipeline = Pipeline(definitions, self.base_urls, "off")
        return Reindexing(self.port, pipeline, self.stopped, self.say, lease.renew)

    async def _indexes(self, catalogue: Catalogue, type: str, entry: Entry) -> None:
        if entry.state == "building":
            for change in await catalogue.plan([type]):
                if change.name.startswith(f"search.{entry.row.code}"):
                    await catalogue.apply(change)
        await catalogue.drop_of_parameter(type, entry.row.code)

    def _check(self) -> None:
        if self.stopped():
            raise Stopped


def _job_of(entry: Entry) -> str:
    """A name for this one change of a parameter, without a slash."""
    said = f"{entry.row.url} {entry.state} {entry.since.isoformat()}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]
