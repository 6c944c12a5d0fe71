"""Which index would help, and which nobody uses: from the record of what is asked, and the indexes that there are.

A compound index helps a search that asks for certain values of several fields, or for certain values in an order, and
that looks at many more documents than it returns. Its keys stand as MongoDB serves them best: equalities, then the
order, then ranges. One of them at most may be an array, for MongoDB refuses a document with arrays under two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fhirstore.catalogue import IndexStatus
from fhirstore.definitions import Definitions
from fhirstore.query_shapes import Recorded
from fhirstore.search.layout import layout
from fhirstore.search.shape import Shape

# Fewer searches than this say little.
FEWEST = 20
# Documents examined for each that is returned: below this an index could save little.
_WASTEFUL = 5
_MOST_KEYS = 4

Keys = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Helpful:
    """An index that would help, and what it would help."""

    type: str
    keys: Keys
    recorded: Recorded

    @property
    def command(self) -> str:
        """How to make it, for mongosh."""
        keys = ", ".join(f'"{field}": {direction}' for field, direction in self.keys)
        name = "advised_" + "_".join(field.removeprefix("search.") for field, _ in self.keys)
        return f'db.getCollection("{self.type}").createIndex({{{keys}}}, {{name: "{name}"}})'


@dataclass(frozen=True, slots=True)
class Unused:
    """An index that nothing asks, by the server's count (`by` "server") or for want of a search in the record."""

    status: IndexStatus
    by: str


def helpful(
    record: Iterable[Recorded], there: Sequence[IndexStatus], definitions: Definitions
) -> list[Helpful]:
    """The indexes that would help, the one that would help most first."""
    found: dict[tuple[str, Keys], Helpful] = {}
    for one in record:
        keys = _keys(one.shape, definitions)
        is_slow = one.count >= FEWEST and one.examined > _WASTEFUL * max(one.returned, one.count)
        if is_slow and len(keys) > 1 and not _is_there(one.shape.type, keys, there):
            found.setdefault((one.shape.type, keys), Helpful(one.shape.type, keys, one))
    return list(found.values())


def unused(record: Sequence[Recorded], there: Iterable[IndexStatus]) -> list[Unused]:
    """The indexes on search values that nobody uses."""
    asked: dict[str, set[str]] = {}
    for one in record:
        fields = (*one.shape.equal, *one.shape.ranges, *(f.lstrip("-") for f in one.shape.sort))
        asked.setdefault(one.shape.type, set()).update(fields)
    found = []
    for status in there:
        first = next(iter(status.keys), "")
        if status.state == "missing" or not first.startswith("search."):
            continue
        if status.uses is not None:
            if status.uses == 0:
                found.append(Unused(status, "server"))
        elif status.collection in asked and first not in asked[status.collection]:
            found.append(Unused(status, "record"))
    return sorted(found, key=lambda one: -(one.status.bytes or 0))


def _keys(shape: Shape, definitions: Definitions) -> Keys:
    if "_id" in shape.equal:
        return ()
    arrays = {
        kept.field
        for kept in layout(shape.type, definitions).values()
        if kept.field is not None and kept.many
    }
    wanted = [
        *((field, 1) for field in shape.equal),
        *((field.lstrip("-"), -1 if field.startswith("-") else 1) for field in shape.sort),
        *((field, 1) for field in shape.ranges),
    ]
    keys: dict[str, int] = {}
    has_array = False
    for field, direction in wanted:
        is_array = any(field == array or field.startswith(f"{array}.") for array in arrays)
        is_array = is_array or field == "compartments"
        if field in keys or (is_array and has_array):
            continue
        has_array = has_array or is_array
        keys[field] = direction
    return tuple(keys.items())[:_MOST_KEYS]


def _is_there(type: str, keys: Keys, there: Iterable[IndexStatus]) -> bool:
    """Whether an index begins with these keys."""
    wanted = [field for field, _ in keys]
    return any(
        status.collection == type
        and status.state != "missing"
        and list(status.keys)[: len(wanted)] == wanted
        for status in there
    )
