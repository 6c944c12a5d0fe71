"""What becomes of one unit of a load: its resources are read, made ready and written, in one process.

Everything that can be decided at once is. A resource that refers to others by a search which finds nothing yet, and one
that says something else than what the database holds, are handed back to be dealt with at the end (`spool`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fhirstore import json_text
from fhirstore.bulk import BulkWriter
from fhirstore.capabilities import ServerCapabilities
from fhirstore.documents import Prepared
from fhirstore.errors import FhirError, PreconditionFailed
from fhirstore.load.bundles import Entry, Identity, id_from_content, identity, split
from fhirstore.load.claims import Claims
from fhirstore.load.criteria import Criteria, criteria_of, is_conditional
from fhirstore.load.report import UNREADABLE, Counts
from fhirstore.load.rewriting import references, rewrite
from fhirstore.load.sources import Item
from fhirstore.load.spool import Late, seen_key
from fhirstore.opened import Opened
from fhirstore.search.order import values_at
from fhirstore.store import Store, finish

# Places of the entries of one document, in the order of the whole load.
MOST_ENTRIES = 10_000_000


class Reject(msgspec.Struct):
    """A resource that was not written: where it was found, what is wrong, and its text as it came."""

    source: str
    type: str
    outcome: dict[str, Any]
    text: bytes


@dataclass(slots=True)
class Done:
    """What became of a unit. `seen` and `late` are for the spool."""

    read: int = 0
    types: dict[str, Counts] = field(default_factory=dict)
    seen: list[tuple[bytes, int]] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def count(self, type: str) -> Counts:
        return self.types.setdefault(type, Counts())

    def reject(self, source: str, type: str, error: FhirError, text: bytes) -> None:
        self.count(type).rejected += 1
        self.rejects.append(Reject(source, type, error.outcome(), text))


@dataclass(slots=True)
class _Draft:
    """A resource on its way. `asks` are its conditional references that find nothing yet."""

    seq: int
    source: str
    entry: Entry
    resource: dict[str, Any]
    identity: Identity
    exists: bool = False
    asks: list[str] = field(default_factory=list)


# More readers of JSON than this are too many for any one disk and server.
_MOST_WORKERS = 8


def _workers_for(capabilities: ServerCapabilities) -> int:
    """How many workers a server is good for: one more than there are cores, for each waits for it a part of its time.

    SecantusDB's Python server takes one writer at a time: of two, each is slowed to a quarter (measured).
    """
    if capabilities.product == "SecantusDB" and capabilities.scans_for_or:
        return 1
    return min((os.cpu_count() or 1) + 1, _MOST_WORKERS)


class Worker:
    """Deals with units, one after the other, on a store of its own."""

    def __init__(self, store: Store, claims: Claims) -> None:
        self._store = store
        self._parts = parts = store.parts()
        self._port = parts.repository.port
        self._claims = claims
        self._types = parts.definitions.resource_types
        self.good_for = _workers_for(parts.capabilities)
        self._use(parts)

    def _use(self, parts: Opened) -> None:
        self._parts = parts
        self._pipeline = parts.repository.pipeline
        self._writer = BulkWriter(parts.repository, parts.catalogue.ensure)

    def work(self, seq: int, items: Iterable[Item]) -> Done:
        """Read and write a unit, whose first document is number `seq` of the load. Raises Unavailable."""
        if (parts := self._store.parts()) is not self._parts:
            # There are other search parameters than there were.
            self._use(parts)
        done = Done()
        documents = [
            self._drafts((seq + number) * MOST_ENTRIES, item, done)
            for number, item in enumerate(items)
        ]
        drafts = [draft for document in documents for draft in document]
        self._meet_conditions(drafts, done)
        for document in documents:
            self._link(document)
        drafts = self._valid([draft for draft in drafts if not draft.exists], done)
        self._ask(drafts)
        self._write([draft for draft in drafts if not draft.asks], done)
        # What others of this very unit ask for may be there by now.
        waiting = [draft for draft in drafts if draft.asks]
        self._ask(waiting)
        self._write([draft for draft in waiting if not draft.asks], done)
        late = self._derived([draft for draft in waiting if draft.asks], done)
        done.late += [self._late(draft, prepared) for draft, prepared in late]
        return done

    # reading ------------------------------------------------------------------------------------

    def _drafts(self, seq: int, item: Item, done: Done) -> list[_Draft]:
        done.read += item.read
        try:
            entries = split(item.content)
        except FhirError as error:
            done.reject(item.source, UNREADABLE, error, item.content)
            return []
        found = []
        for number, entry in enumerate(entries):
            source = item.source
            if entry.number is not None:
                source = f"{source} entry {entry.number}"
            draft = self._draft(seq + number, source, entry, done)
            if draft is not None:
                found.append(draft)
        return found

    def _draft(self, seq: int, source: str, entry: Entry, done: Done) -> _Draft | None:
        type = UNREADABLE
        try:
            resource = self._pipeline.parse(entry.text)
            said = resource.get("resourceType")
            type = said if isinstance(said, str) and said in self._types else UNREADABLE
            found = identity(entry, resource, self._types)
            found.id = found.id or id_from_content(resource)
        except FhirError as error:
            done.reject(source, type, error, entry.text)
            return None
        return _Draft(seq, source, entry, resource, found)

    # conditions and references ------------------------------------------------------------------

    def _meet_conditions(self, drafts: list[_Draft], done: Done) -> None:
        """Conditional creates and updates: find which resource each is about."""
        conditional = [draft for draft in drafts if draft.identity.condition is not None]
        found = self._look_up({d.identity.condition for d in conditional if d.identity.condition})
        for draft in conditional:
            condition = draft.identity.condition
            assert condition is not None
            ids = found.get(condition, [])
            if len(ids) > 1:
                error = PreconditionFailed(f"{condition} matches {len(ids)} resources")
                done.reject(draft.source, draft.identity.type, error, draft.entry.text)
                drafts.remove(draft)
                continue
            if not ids and not self._is_valid(draft, done):
                # It will not be there, so it must not keep another from being it.
                drafts.remove(draft)
                continue
            id = ids[0] if ids else self._claims.claim(condition, draft.identity.id)
            draft.exists = not draft.identity.replaces and id != draft.identity.id
            draft.identity.id = id
            if draft.exists:
                done.count(draft.identity.type).unchanged += 1

    def _look_up(self, wanted: Iterable[Criteria]) -> dict[Criteria, list[str]]:
        """The ids of the resources that meet each of `wanted`: one question a type."""
        by_type: dict[str, set[str]] = {}
        for criteria in wanted:
            by_type.setdefault(criteria.type, set()).add(criteria.token)
        found: dict[Criteria, list[str]] = {}
        for type, asked in by_type.items():
            filter = {"search.identifier": {"$in": sorted(asked)}}
            for document in finish(
                self._port.find(type, filter, projection={"search.identifier": 1})
            ):
                for token in document["search"]["identifier"]:
                    if token in asked:
                        found.setdefault(Criteria(type, token), []).append(document["_id"])
        return found

    def _link(self, document: list[_Draft]) -> None:
        """Make references between the entries of a document references between stored resources."""
        targets = {
            draft.entry.full_url: f"{draft.identity.type}/{draft.identity.id}"
            for draft in document
            if draft.entry.full_url
        }
        if not targets:
            return
        for draft in document:
            if not draft.exists:
                holders = references(draft.resource)
                text = draft.entry.text
                rewrite(draft.resource, holders, targets, self._pipeline.definitions, text)

    def _ask(self, drafts: list[_Draft]) -> None:
        """Resolve conditional references to what is there; what is not stays in `asks`."""
        for draft in drafts:
            draft.asks = []
        holders = [(draft, holder) for draft in drafts for holder in self._conditional(draft)]
        asked = {holder["reference"]: criteria_of(holder["reference"]) for _, holder in holders}
        found = self._look_up(asked.values())
        for draft, holder in holders:
            reference = holder["reference"]
            ids = found.get(asked[reference], [])
            if len(ids) == 1:
                holder["reference"] = f"{asked[reference].type}/{ids[0]}"
            else:
                draft.asks.append(reference)

    def _conditional(self, draft: _Draft) -> list[dict[str, Any]]:
        """The references of a resource that are searches."""
        if b"?" not in draft.entry.text:
            return []
        return [
            holder
            for holder in references(draft.resource)
            if is_conditional(holder["reference"], self._types)
        ]

    # writing ------------------------------------------------------------------------------------

    def _valid(self, drafts: list[_Draft], done: Done) -> list[_Draft]:
        """Those that are valid; the others are rejected before anything is asked about them."""
        valid = [draft for draft in drafts if self._is_valid(draft, done)]
        done.seen += [(seen_key(d.identity.type, d.identity.id), d.seq) for d in valid]
        return valid

    def _is_valid(self, draft: _Draft, done: Done) -> bool:
        try:
            self._pipeline.require_valid(draft.resource)
            for holder in self._conditional(draft):
                criteria_of(holder["reference"])
        except FhirError as error:
            done.reject(draft.source, draft.identity.type, error, draft.entry.text)
            return False
        return True

    def _write(self, drafts: list[_Draft], done: Done) -> None:
        ready = self._derived(drafts, done)
        written = finish(self._writer.add([prepared for _, prepared in ready]))
        for (draft, prepared), added in zip(ready, written, strict=True):
            type = draft.identity.type
            if added == "created":
                done.count(type).created += 1
            elif added == "unchanged":
                done.count(type).unchanged += 1
            elif added == "differs":
                done.late.append(self._late(draft, prepared))
            else:
                done.reject(draft.source, type, added, draft.entry.text)

    def _derived(self, drafts: list[_Draft], done: Done) -> list[tuple[_Draft, Prepared]]:
        """With what is derived from them; what that cannot be done of, which only unchecked ones are, is rejected."""
        ready: list[tuple[_Draft, Prepared]] = []
        for draft in drafts:
            try:
                prepared = self._pipeline.derive(draft.resource, draft.identity.id)
            except FhirError as error:
                done.reject(draft.source, draft.identity.type, error, draft.entry.text)
            else:
                ready.append((draft, prepared))
        return ready

    def _late(self, draft: _Draft, prepared: Prepared) -> Late:
        text = json_text.dump(draft.resource).encode()
        return Late(
            draft.seq,
            draft.source,
            draft.identity.type,
            draft.identity.id,
            msgspec.Raw(text),
            list(dict.fromkeys(draft.asks)),
            values_at(prepared.search, "identifier"),
        )

    # at the end ---------------------------------------------------------------------------------

    def look_up(self, wanted: Iterable[Criteria]) -> list[tuple[Criteria, str]]:
        """Pairs of criteria and the id of a resource that meets them."""
        found = self._look_up(wanted)
        return [(criteria, id) for criteria, ids in found.items() for id in ids]

    def put(self, settled: Sequence[tuple[Late, Mapping[str, str]]]) -> Done:
        """Write late resources, whose conditional references lead where `targets` says."""
        done = Done()
        ready: list[tuple[Late, Prepared]] = []
        for late, targets in settled:
            resource = self._pipeline.parse(bytes(late.resource))
            for holder in references(resource):
                holder["reference"] = targets.get(holder["reference"], holder["reference"])
            try:
                ready.append((late, self._pipeline.prepare(resource, late.id)))
            except FhirError as error:
                done.reject(late.source, late.type, error, bytes(late.resource))
        written = finish(self._writer.put([prepared for _, prepared in ready]))
        for (late, _), outcome in zip(ready, written, strict=True):
            counts = done.count(late.type)
            if isinstance(outcome, FhirError):
                done.reject(late.source, late.type, outcome, bytes(late.resource))
            elif outcome == "created":
                counts.created += 1
            elif outcome == "updated":
                counts.updated += 1
            else:
                counts.unchanged += 1
        return done
