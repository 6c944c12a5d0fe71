"""The custom search parameters of a database, and how far each is: one document that every process looks at.

A parameter is *building* from the moment its SearchParameter is stored: all writers write its values, and no search
may ask for it. It is *active* once the values of every resource are there. When its SearchParameter is deleted, or is
active no more, it is *retiring*: no writer writes it, until its values and indexes are gone and it is forgotten.

Each process looks every `REFRESH` seconds at the latest, before it does anything else. So after twice that time none
writes by what was before: that is when building begins to go over what is there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import msgspec

from fhirstore import custom_parameters, json_text
from fhirstore.definitions import Definitions, ParameterRow
from fhirstore.errors import Conflict
from fhirstore.migrate import SETTINGS
from fhirstore.ports.port import DuplicateKey, Port

State = Literal["building", "active", "retiring"]

# Seconds. One read of a small document by its id in every so many.
REFRESH = 2.0

_ID = {"_id": "search_parameters"}
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One parameter, and since when it is in its state."""

    row: ParameterRow
    state: State
    since: datetime


@dataclass(frozen=True, slots=True)
class Registry:
    """All custom parameters. `generation` grows with every change."""

    generation: int = 0
    entries: tuple[Entry, ...] = ()

    def writing(self, release: Definitions) -> Definitions:
        """What is written: the release's own parameters, and all that are not retiring."""
        rows = self._rows("building", "active")
        return release.extended(rows) if rows else release

    def searching(self, release: Definitions) -> Definitions:
        """What can be asked for. The release itself where there is nothing else."""
        if not self.entries:
            return release
        return release.extended(self._rows("active"), self._rows("building"))

    @property
    def pending(self) -> tuple[Entry, ...]:
        """What is not as it should be yet."""
        return tuple(entry for entry in self.entries if entry.state != "active")

    def _rows(self, *states: State) -> list[ParameterRow]:
        return [entry.row for entry in self.entries if entry.state in states]


async def read(port: Port) -> Registry:
    """The registry as it is now."""
    found = await port.find_one(SETTINGS, _ID)
    if found is None:
        return Registry()
    entries = (
        Entry(msgspec.convert(entry["row"], ParameterRow), entry["state"], entry["since"])
        for entry in found["parameters"]
    )
    return Registry(found["generation"], tuple(entries))


async def sync(port: Port, release: Definitions) -> Registry:
    """Make the registry say what the stored SearchParameters say: new ones building, vanished ones retiring."""

    async def wanted() -> _Change:
        return await _wanted(port, release)

    return await _change(port, wanted)


async def finish(port: Port, done: Entry) -> Registry:
    """Note that an entry is built, or has been removed; nothing where it has changed meanwhile."""

    def change(entries: tuple[Entry, ...], now: datetime) -> tuple[Entry, ...]:
        if done.state == "retiring":
            return tuple(entry for entry in entries if entry != done)
        active = Entry(done.row, "active", now)
        return tuple(active if entry == done else entry for entry in entries)

    async def always() -> _Change:
        return change

    return await _change(port, always)


_Change = Callable[[tuple[Entry, ...], datetime], tuple[Entry, ...]]


async def _wanted(port: Port, release: Definitions) -> _Change:
    rows = await _stored(port, release)

    def change(entries: tuple[Entry, ...], now: datetime) -> tuple[Entry, ...]:
        known = {entry.row.url: entry for entry in entries}
        kept = [_as_wanted(known.get(url), row, now) for url, row in rows.items()]
        gone = (entry for url, entry in known.items() if url not in rows)
        return (*kept, *(_retiring(entry, now) for entry in gone))

    return change


def _as_wanted(entry: Entry | None, row: ParameterRow, now: datetime) -> Entry:
    if entry is not None and entry.row == row and entry.state != "retiring":
        return entry
    return Entry(row, "building", now)


def _retiring(entry: Entry, now: datetime) -> Entry:
    return entry if entry.state == "retiring" else replace(entry, state="retiring", since=now)


async def _stored(port: Port, release: Definitions) -> dict[str, ParameterRow]:
    """The parameters that the stored SearchParameters define, by URL. Of two for one thing the first by id counts."""
    found: dict[str, ParameterRow] = {}
    known = release
    async for document in port.stream(
        custom_parameters.TYPE,
        {"search.status": "active"},
        projection={"json": 1, "json_zstd": 1},
        sort=[("_id", 1)],
    ):
        if "json" not in document:
            continue
        resource = json_text.parse(document["json"].encode())
        row = custom_parameters.row_of(resource, known)
        if row is not None and row.url not in found:
            found[row.url] = row
            known = release.extended(found.values())
    return found


async def _change(port: Port, found_out: Callable[[], Awaitable[_Change]]) -> Registry:
    """Change the entries; again from what is there, where another process was faster.

    What the change depends on is found out once the entries have been read: so no other process can have written by
    something newer in between.
    """
    for _ in range(_ATTEMPTS):
        before = await read(port)
        change = await found_out()
        entries = change(before.entries, port.now())
        if set(entries) == set(before.entries):
            return before
        after = Registry(before.generation + 1, entries)
        if await _write(port, before.generation, after):
            return after
    raise Conflict("the search parameters are being changed by others: try again")


async def _write(port: Port, generation: int, after: Registry) -> bool:
    document = {**_ID, "generation": after.generation, "parameters": _plain(after.entries)}
    if generation:
        return await port.replace_one(SETTINGS, {**_ID, "generation": generation}, document)
    try:
        await port.insert_one(SETTINGS, document)
    except DuplicateKey:
        return False
    return True


def _plain(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    return [
        {"row": msgspec.to_builtins(entry.row), "state": entry.state, "since": entry.since}
        for entry in entries
    ]
