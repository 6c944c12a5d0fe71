"""What is derived from resources, derived again for what is stored: search values, links, compartments.

It goes over a collection by id, in batches, and writes what differs. A document that has a new version by then is left
to whoever wrote that. How far it is stands in the database (`store.reindexing`), so that it goes on where it was
interrupted; a batch that was not noted is gone over again, which changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhirstore import json_text, large_resources
from fhirstore.documents import Pipeline, history_collection
from fhirstore.errors import FhirError
from fhirstore.ports.port import Document, Port

log = logging.getLogger(__name__)

PROGRESS = "store.reindexing"
_BATCH = 500
_DERIVED = ("search", "links", "compartments", "contained")
_READ = dict.fromkeys(("id", "version", "last_updated", "json", "json_zstd", *_DERIVED), 1)


@dataclass(slots=True)
class Gone:
    """How far it has gone: `seen` documents of a collection with `total`, `changed` of which were not as they should be.

    `failed` are those that nothing could be derived from, which are as they were.
    """

    collection: str
    total: int
    seen: int = 0
    changed: int = 0
    failed: int = 0
    after: str = ""


Say = Callable[[Gone], None]


class Stopped(Exception):
    """It was asked to stop, and has noted how far it is."""


@dataclass(frozen=True, slots=True)
class Reindexing:
    """Derives again what `pipeline` derives. Between batches `stopped()` is asked, `say` told how far it is, and a lease
    renewed."""

    port: Port
    pipeline: Pipeline
    stopped: Callable[[], bool] = lambda: False
    say: Say = lambda gone: None
    renew: Callable[[], Awaitable[None]] | None = None

    async def type(self, type: str, job: str) -> list[Gone]:
        """Go over the current and the earlier versions of a type, or go on where `job` left off. Raises Stopped."""
        return [
            await self._collection(name, type, f"{job}/{name}", {})
            for name in (type, history_collection(type))
        ]

    async def since(self, type: str, moment: datetime, job: str) -> Gone:
        """Go over what was written at or after a moment: by writers who did not know better yet."""
        filter = {"last_updated": {"$gte": moment}}
        return await self._collection(type, type, f"{job}/{type}/since", filter)

    async def forget(self, job: str) -> None:
        """Forget how far a job is, once it is done."""
        await self._forget({"job": job})

    async def forget_others(self, beginning: str, job: str) -> None:
        """Forget all jobs whose names begin so, but `job`: they were about something that is no more."""
        await self._forget(
            {"job": {"$gte": beginning, "$lt": f"{beginning}\U0010ffff", "$ne": job}}
        )

    async def _forget(self, filter: dict[str, Any]) -> None:
        for note in await self.port.find(PROGRESS, filter, projection={"_id": 1}):
            await self.port.delete_one(PROGRESS, {"_id": note["_id"]})

    async def _collection(self, name: str, type: str, key: str, filter: dict[str, Any]) -> Gone:
        gone = await self._begun(name, key)
        while True:
            self.say(gone)
            if self.stopped():
                raise Stopped
            documents = await self.port.find(
                name,
                {**filter, "_id": {"$gt": gone.after}},
                projection=_READ,
                sort=[("_id", 1)],
                limit=_BATCH,
            )
            if not documents:
                return gone
            if self.renew is not None:
                await self.renew()
            await self._batch(type, documents, gone)
            await self._note(key, gone)

    async def _begun(self, name: str, key: str) -> Gone:
        total = await self.port.estimated_count(name)
        noted = await self.port.find_one(PROGRESS, {"_id": key})
        if noted is None:
            return Gone(name, total)
        return Gone(name, total, noted["seen"], noted["changed"], noted["failed"], noted["after"])

    async def _note(self, key: str, gone: Gone) -> None:
        note = {
            "job": key.partition("/")[0], "after": gone.after,
            "seen": gone.seen, "changed": gone.changed, "failed": gone.failed,
        }  # fmt: skip
        await self.port.update_one(PROGRESS, {"_id": key}, {"$set": note}, upsert=True)

    async def _batch(self, type: str, documents: list[Document], gone: Gone) -> None:
        updates = []
        for document in documents:
            try:
                change = self._change(type, document)
            except FhirError as error:
                gone.failed += 1
                log.warning("nothing can be derived from %s/%s: %s", type, document["_id"], error)
                continue
            if change:
                same = {name: document[name] for name in ("_id", "version")}
                updates.append((same, change))
        await self.port.update_each(gone.collection, updates)
        gone.seen += len(documents)
        gone.changed += len(updates)
        gone.after = documents[-1]["_id"]

    def _change(self, type: str, document: Document) -> dict[str, Any]:
        """How a document comes to say what it should; {} where it does. A deletion says nothing."""
        text = large_resources.text_of(document)
        if text is None:
            return {}
        resource = json_text.parse(text.encode())
        derived = self.pipeline.derive(resource, document.get("id") or document["_id"])
        wanted = {
            name: value
            for name in _DERIVED
            if (value := getattr(derived, name)) or name != "contained"
        }
        change: dict[str, Any] = {}
        if more := {name: value for name, value in wanted.items() if value != document.get(name)}:
            change["$set"] = more
        if less := {name: "" for name in _DERIVED if name in document and name not in wanted}:
            change["$unset"] = less
        return change
