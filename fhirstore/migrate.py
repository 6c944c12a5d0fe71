"""Migrations: numbered steps that bring a database to what this version of the code expects.

A step is a file `migrations/NNNN_name.py` with `SUMMARY`, `DURATION` (both for an operator to read) and `async def
run(port, progress)`. What has run is recorded in `store.migrations`. A step may be interrupted at any point: it is run
again, with the progress that it saved. A lease in `store.locks` keeps two runners apart, and runs out if its holder
dies.

The application itself never migrates a database that has data in it: it says what to run.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from fhirstore import shipped
from fhirstore.definitions import definitions
from fhirstore.errors import DatabaseTooNew, DatabaseTooOld, Unavailable
from fhirstore.lease import Lease
from fhirstore.ports.port import Port

RECORDS = "store.migrations"
SETTINGS = "store.settings"

_FILE = re.compile(r"(\d{4})_(\w+)\.py")
_PATIENCE = timedelta(seconds=90)


class Progress:
    """How far a step is: a small mapping that survives an interruption. `save` also renews the lease."""

    def __init__(
        self, saved: Mapping[str, Any], save: Callable[[Mapping[str, Any]], Awaitable[None]]
    ) -> None:
        self.saved = dict(saved)
        self._save = save

    async def save(self, **values: Any) -> None:
        self.saved.update(values)
        await self._save(self.saved)


@dataclass(frozen=True, slots=True)
class Step:
    """One migration. `duration` says in words how long it takes."""

    number: int
    name: str
    summary: str
    duration: str
    run: Callable[[Port, Progress], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StepStatus:
    """A step, and when it was finished on this database; `began` without `finished` was interrupted."""

    step: Step
    began: datetime | None
    finished: datetime | None


def steps() -> list[Step]:
    """All steps that this version of the code knows, in order."""
    found = (
        _load(path, match)
        for path in sorted(shipped.directory("migrations").iterdir())
        if (match := _FILE.fullmatch(path.name))
    )
    return list(found)


def _load(path: Path, match: re.Match[str]) -> Step:
    module = _module(path)
    return Step(int(match[1]), match[2], module.SUMMARY, module.DURATION, module.run)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fhirstore_migration_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _known() -> list[tuple[int, str]]:
    """Number and name of each step, without loading any."""
    names = (path.name for path in shipped.directory("migrations").iterdir())
    return sorted((int(m[1]), m[2]) for name in names if (m := _FILE.fullmatch(name)))


# opening ----------------------------------------------------------------------------------------


async def open_database(port: Port) -> None:
    """Make sure that the database is one for this version of the code; set up one without data.

    Raises DatabaseTooOld (it says what to run), DatabaseTooNew, and Unavailable for a database that holds somebody
    else's data.
    """
    if not await _waiting(port):
        return
    # Data is written when all steps have run: what is there before a second look is not of one who sets it up just now.
    has_data = bool(await _resource_collections(port))
    waiting = await _waiting(port)
    if waiting and has_data and await _is_begun(port):
        raise DatabaseTooOld(
            f"the database {port.database!r} waits for {len(waiting)} migrations: "
            "`fhirstore migrate apply` runs them"
        )
    await apply(port)


async def _waiting(port: Port) -> set[int]:
    """The numbers of the steps that have not run. Raises DatabaseTooNew."""
    finished = await _finished(port)
    known = {number for number, _ in _known()}
    if newer := finished - known:
        raise DatabaseTooNew(
            f"the database {port.database!r} has migration {max(newer)}, which this version of fhirstore "
            f"does not know (its last is {max(known)}): use the version that wrote it, or a later one"
        )
    return known - finished


async def unknown(port: Port) -> set[int]:
    """The numbers of the steps that a later version of the code has run, and this one does not know."""
    return await _finished(port) - {number for number, _ in _known()}


async def _finished(port: Port) -> set[int]:
    found = await port.find(RECORDS, {"finished": {"$exists": True}}, projection={"_id": 1})
    return {document["_id"] for document in found}


async def _is_begun(port: Port) -> bool:
    """Whether any step has ever begun on it."""
    return bool(await port.find(RECORDS, {}, projection={"_id": 1}, limit=1))


async def _resource_collections(port: Port) -> list[str]:
    names = await port.collection_names()
    return sorted(names & definitions("4.0").resource_types)


async def _refuse_foreign(port: Port) -> None:
    there = await _resource_collections(port)
    if there and not await _is_begun(port):
        raise Unavailable(
            f"the database {port.database!r} has collections that fhirstore did not make "
            f"({', '.join(there[:5])}): use a database of its own",
            code="conflict",
        )


async def page_secret(port: Port) -> bytes:
    """The secret that signs page tokens: one for each database, so that every process takes the others' tokens."""
    found = await port.find_one(SETTINGS, {"_id": "page_secret"})
    if found is None:
        raise DatabaseTooOld(f"the database {port.database!r} has no page secret")
    return bytes.fromhex(found["value"])


# an operator's commands -------------------------------------------------------------------------


async def status(port: Port) -> list[StepStatus]:
    """Every known step, with what the database says of it."""
    recorded = {document["_id"]: document for document in await port.find(RECORDS, {})}
    return [
        StepStatus(
            step,
            recorded.get(step.number, {}).get("began"),
            recorded.get(step.number, {}).get("finished"),
        )
        for step in steps()
    ]


async def pending(port: Port) -> list[Step]:
    """The steps that `apply` would run, in order."""
    return [entry.step for entry in await status(port) if entry.finished is None]


async def apply(port: Port, said: Callable[[Step], None] = lambda step: None) -> list[Step]:
    """Run the pending steps, each told to `said` before it runs. Returns those that this call ran.

    Raises Unavailable where another runner holds the lock for longer than a step's lease, and for a database that holds
    somebody else's data.
    """
    if not await pending(port):
        return []
    await _refuse_foreign(port)
    lease = Lease(port, "migrations")
    await _lock(lease)
    try:
        ran = []
        for step in await pending(port):
            said(step)
            await _run(port, step, lease)
            ran.append(step)
        return ran
    finally:
        await lease.release()


async def _run(port: Port, step: Step, lease: Lease) -> None:
    record = {"_id": step.number}
    began = {"name": step.name, "summary": step.summary, "began": port.now()}
    await port.update_one(RECORDS, record, {"$set": began}, upsert=True)
    saved = (await port.find_one(RECORDS, record) or {}).get("progress", {})

    async def save(progress: Mapping[str, Any]) -> None:
        await lease.renew()
        await port.update_one(RECORDS, record, {"$set": {"progress": dict(progress)}})

    await step.run(port, Progress(saved, save))
    await lease.renew()
    done = {"$set": {"finished": port.now()}, "$unset": {"progress": ""}}
    await port.update_one(RECORDS, record, done)


# the lock ---------------------------------------------------------------------------------------


async def _lock(lease: Lease) -> None:
    """Take the lock, waiting for another runner to finish or to die."""
    give_up = lease.port.now() + _PATIENCE
    while not await lease.take():
        if lease.port.now() > give_up:
            raise Unavailable(
                f"another process migrates the database {lease.port.database!r}; try again later"
            )
        await lease.port.sleep(0.1)
