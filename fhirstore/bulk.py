"""Many resources at once: one look at what is there and one insert for a whole batch, instead of two round trips each.

What is new needs no protocol, for an insert is a single-document write; whatever there is already goes the
repository's way, one by one. So a batch may be written twice, and by two writers at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from fhirstore.documents import Prepared
from fhirstore.errors import FhirError, TooLarge, Unavailable
from fhirstore.repository import Repository

# Some 5 MB of documents: far below the 48 MB of a message, and enough to make round trips not matter.
BATCH = 500

# "differs": there is one with this id that says something else (or is deleted); nothing was written.
Added = Literal["created", "unchanged", "differs"] | FhirError
Written = Literal["created", "updated", "unchanged"] | FhirError

_TO_COMPARE = {"version": 1, "last_updated": 1, "json": 1, "json_zstd": 1, "deleted": 1}


class BulkWriter:
    """Writes batches of prepared resources. `ready(type)` is awaited before the first write of a type."""

    def __init__(self, repository: Repository, ready: Callable[[str], Awaitable[None]]) -> None:
        self._repository = repository
        self._port = repository.port
        self._ready = ready
        # Whether the last batch of a type was new as a whole: then the next one probably is, and is inserted unasked.
        self._all_new: set[str] = set()

    async def put(self, resources: Sequence[Prepared]) -> list[Written]:
        """Make each the current version of its resource: what became of each, in order.

        An error stands in the place of what could not be written; Unavailable is raised. Of two with the same id the
        later wins.
        """
        written: list[Written] = []
        replaced: set[tuple[str, str]] = set()
        for resource, added in zip(resources, await self.add(resources), strict=True):
            key = (resource.type, resource.id)
            if added == "differs" or key in replaced:
                replaced.add(key)
                written.append(await self._put(resource))
            else:
                written.append(added)
        return written

    async def add(self, resources: Sequence[Prepared]) -> list[Added]:
        """Create those that are not there yet, and say of the others whether what is there says the same."""
        positions: dict[str, list[int]] = defaultdict(list)
        for position, resource in enumerate(resources):
            positions[resource.type].append(position)
        added: dict[int, Added] = {}
        for type, of_type in positions.items():
            await self._ready(type)
            for start in range(0, len(of_type), BATCH):
                batch = {p: resources[p] for p in of_type[start : start + BATCH]}
                added |= await self._add(type, batch)
        return [added[position] for position in range(len(resources))]

    async def _add(self, type: str, batch: dict[int, Prepared]) -> dict[int, Added]:
        added = {} if type in self._all_new else await self._compare(type, batch)
        new = {p: resource for p, resource in batch.items() if p not in added}
        failed = await self._insert(type, new)
        added |= {p: "created" for p in new if p not in failed}
        # Another writer, or an earlier one of this very batch, was faster; or the server said why it cannot be.
        added |= await self._compare(type, failed)
        if failed or len(new) < len(batch):
            self._all_new.discard(type)
        else:
            self._all_new.add(type)
        for position, resource in failed.items():
            if position not in added:
                added[position] = _as_added(await self._put(resource))
        return added

    async def _insert(self, type: str, new: dict[int, Prepared]) -> dict[int, Prepared]:
        """Insert all; those that the server did not take."""
        if not new:
            return {}
        now = self._port.now()
        try:
            documents = [resource.document(1, now, "PUT") for resource in new.values()]
            failed = await self._port.insert_many(type, documents)
        except TooLarge:
            return new
        return {p: new[p] for position, p in enumerate(new) if position in failed}

    async def _compare(self, type: str, batch: dict[int, Prepared]) -> dict[int, Added]:
        """Of each that is there: whether it says the same."""
        if not batch:
            return {}
        ids = [resource.id for resource in batch.values()]
        found = await self._port.find(type, {"_id": {"$in": ids}}, projection=_TO_COMPARE)
        present: dict[str, dict[str, Any]] = {document["_id"]: document for document in found}
        return {
            position: _comparison(resource, present[resource.id])
            for position, resource in batch.items()
            if resource.id in present
        }

    async def _put(self, resource: Prepared) -> Written:
        try:
            version = await self._repository.put(resource)
        except Unavailable:
            raise
        except FhirError as error:
            return error
        outcome = version.outcome
        assert outcome in ("created", "updated", "unchanged")
        return outcome


def _comparison(resource: Prepared, current: dict[str, Any]) -> Added:
    if current.get("deleted") or not resource.says_the_same_as(current):
        return "differs"
    return "unchanged"


def _as_added(written: Written) -> Added:
    return "created" if written == "updated" else written
