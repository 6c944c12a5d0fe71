"""A record of what is asked of a database: shapes of searches, with how often and how long, and never a value.

It is kept only where an operator asks for it (`fhirstore advise --record`), of a sample of the searches of one type: at
that rate, each is explained by the server once more, so that the record knows how many documents it examined.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from fhirstore.errors import BadRequest, FhirError
from fhirstore.migrate import SETTINGS
from fhirstore.ports.port import DuplicateKey, Port
from fhirstore.search.explanation import examined
from fhirstore.search.plan import Plan
from fhirstore.search.shape import Shape, shape_of

RECORD = "store.query_shapes"
_SETTING = {"_id": "query_shapes"}
# So many shapes say enough; a caller who invents names could make any number of them.
_MOST_SHAPES = 1000


@dataclass(frozen=True, slots=True)
class Recorded:
    """One shape: `count` searches in the sample, `milliseconds` of them together, and the longest. `examined` documents
    were looked at for `returned` ones."""

    shape: Shape
    count: int
    milliseconds: float
    longest: float
    examined: int
    returned: int

    @property
    def mean(self) -> float:
        return self.milliseconds / self.count


async def rate(port: Port) -> float:
    """Which part of all searches is recorded, from 0 to 1."""
    found = await port.find_one(SETTINGS, _SETTING)
    return float(found["rate"]) if found else 0.0


async def record_at(port: Port, part: float) -> None:
    """Record that part of all searches from the next opening of a store on. Raises BadRequest."""
    if not 0 <= part <= 1:
        raise BadRequest(f"a part is from 0 to 1, not {part}")
    await port.update_one(SETTINGS, _SETTING, {"$set": {"rate": part}}, upsert=True)


async def recorded(port: Port) -> list[Recorded]:
    """All that has been recorded, what took longest altogether first."""
    found = [
        Recorded(
            Shape(d["type"], tuple(d["asked"]), tuple(d["equal"]), tuple(d["ranges"]), tuple(d["sort"])),
            d["count"], float(d["milliseconds"]), float(d["longest"]), d["examined"], d["returned"],
        )
        for d in await port.find(RECORD, {})
    ]  # fmt: skip
    return sorted(found, key=lambda one: -one.milliseconds)


async def forget(port: Port) -> None:
    """Begin again with an empty record."""
    for document in await port.find(RECORD, {}, projection={"_id": 1}):
        await port.delete_one(RECORD, {"_id": document["_id"]})


@dataclass(frozen=True, slots=True)
class Recorder:
    """Notes a sample of the searches that are told to it."""

    port: Port
    rate: float

    def begin(self) -> float | None:
        """The moment at which a search that is to be noted begins, None for one that is not."""
        if self.rate and random.random() < self.rate:
            return time.perf_counter()
        return None

    async def note(self, plan: Plan, began: float) -> None:
        """Note a search that began then and has been answered. What goes wrong here is nobody's concern who searches."""
        milliseconds = round((time.perf_counter() - began) * 1000, 3)
        shape = shape_of(plan)
        try:
            seen, given = await self._seen(plan)
            await self._write(shape, milliseconds, seen, given)
        except (FhirError, DuplicateKey):
            return

    async def _seen(self, plan: Plan) -> tuple[int, int]:
        phase = next(iter(plan.questions()), None)
        if phase is None:
            return 0, 0
        output = await self.port.explain(
            plan.query.type,
            plan.filter(phase.conditions),
            sort=phase.sort,
            limit=plan.query.count + 1,
        )
        return examined(output)

    async def _write(self, shape: Shape, milliseconds: float, seen: int, given: int) -> None:
        known = {
            "type": shape.type, "asked": list(shape.asked), "equal": list(shape.equal),
            "ranges": list(shape.ranges), "sort": list(shape.sort), "last": self.port.now(),
        }  # fmt: skip
        update = {
            "$set": known,
            "$inc": {"count": 1, "milliseconds": milliseconds, "examined": seen, "returned": given},
            "$max": {"longest": milliseconds},
        }
        this = {"_id": shape.key}
        is_known = await self.port.update_one(RECORD, this, update)
        if not is_known and await self.port.estimated_count(RECORD) < _MOST_SHAPES:
            await self.port.update_one(RECORD, this, update, upsert=True)
