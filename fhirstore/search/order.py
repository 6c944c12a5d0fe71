"""The order of a result, and how it is walked: sort keys, the place where a page ended, and the questions that go on from
there.

A result is in the order of its keys, what lacks a key after what has it, whichever the direction; then by id, so that
the order is total. Of a repeating element the value counts that comes first in the direction asked for (spec page
search, Sorting). MongoDB's own sort takes the least value of an array ascending and the greatest descending, which is
that; but it puts what is missing first when ascending, and its bounds hold where *any* element meets them. Hence
**phases**: plain questions, one after the other until the page is full, none with an `$or`, which weak planners answer
by reading the whole collection.

A place `(v, id)` on one key gives three: the rest of the equals (`key == v`, beyond `id`), what comes beyond (`key >
v`), what lacks the key. So a page costs the same wherever it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from fhirstore.search.conditions import All, Among, Condition, Not, Present, Within

# The values of a place or a document by key; None where there is none.
Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the keys' values and the id of its last resource."""

    values: Values
    id: str


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of an order.

    `code` is the parameter, `fields` where its values lie: more than one for a parameter whose values others keep.
    `many` says that the field may hold several values. Of a field that is shared, only strings from `low` up to but not
    including `high` count (`patient` within `search.subject`). `counts` tells which stored values count where no range
    can say it; then, and with several fields or a shared array, the server cannot order by this key (`ordered` is
    False). `always` means that every match has a value.
    """

    code: str
    fields: tuple[str, ...]
    descending: bool = False
    many: bool = False
    low: str | None = None
    high: str | None = None
    counts: Callable[[Any], bool] | None = None
    always: bool = False

    @property
    def field(self) -> str:
        return self.fields[0]

    @property
    def direction(self) -> int:
        return -1 if self.descending else 1

    @property
    def ordered(self) -> bool:
        """Whether the server's own order of the field is the order of the key."""
        shared = self.low is not None
        return len(self.fields) == 1 and self.counts is None and not (self.many and shared)

    def value(self, document: Mapping[str, Any]) -> Any:
        """What `document` is sorted by, None where it has nothing."""
        found = [value for field in self.fields for value in values_at(document, field)]
        if self.low is not None and self.high is not None:
            found = [value for value in found if self.low <= value < self.high]
        if self.counts is not None:
            found = [value for value in found if self.counts(value)]
        return (max if self.descending else min)(found, default=None)

    # for the server: only where `ordered`

    def present(self) -> Condition | None:
        """That there is a value; None where that goes without saying."""
        if self.always:
            return None
        return (
            Within(self.field, at_least=self.low, less_than=self.high)
            if self.low
            else Present(self.field)
        )

    def missing(self) -> Condition | None:
        """That there is no value; None where there always is one."""
        present = self.present()
        if present is None or isinstance(present, Within):
            return present and Not(present)
        return Present(self.field, False)

    def equals(self, value: Any) -> Condition:
        same = Among(self.field, (value,))
        if not self.many:
            return same
        # An array is sorted by its first value, so none of its values may come before.
        sooner = Within(self.field, **{"more_than" if self.descending else "less_than": value})
        return All((same, Not(sooner)))

    def beyond(self, value: Any) -> Condition:
        """That the value comes after `value`."""
        if not self.many:
            if self.descending:
                return Within(self.field, at_least=self.low, less_than=value)
            return Within(self.field, more_than=value, less_than=self.high)
        if self.descending:
            return All(
                (Within(self.field, less_than=value), Not(Within(self.field, at_least=value)))
            )
        return All((Within(self.field, more_than=value), Not(Within(self.field, at_most=value))))


@dataclass(frozen=True, slots=True)
class Order:
    """The keys of a result's order; after them the id decides, downwards if `descending`."""

    keys: tuple[SortKey, ...] = ()
    descending: bool = False

    @property
    def direction(self) -> int:
        """What the id is sorted by."""
        return -1 if self.descending else 1

    @property
    def ordered(self) -> bool:
        """Whether the server can give the order, by phases. Else all matches have to be compared."""
        return all(key.ordered for key in self.keys)

    @property
    def fields(self) -> tuple[str, ...]:
        """What of a document tells its place."""
        return tuple(dict.fromkeys(field for key in self.keys for field in key.fields))

    def place(self, document: Mapping[str, Any]) -> Place:
        return Place(tuple(key.value(document) for key in self.keys), document["_id"])

    def rank(self) -> Callable[[Place], Any]:
        """A key function: places in the order of the result."""
        return cmp_to_key(self._compare)

    def _compare(self, one: Place, other: Place) -> int:
        for key, a, b in zip(self.keys, one.values, other.values, strict=True):
            if a == b:
                continue
            if a is None or b is None:
                return 1 if a is None else -1
            return -key.direction if a < b else key.direction
        return self._compare_ids(one.id, other.id)

    def _compare_ids(self, one: str, other: str) -> int:
        if one == other:
            return 0
        return 1 if (one > other) != self.descending else -1


def values_at(document: Mapping[str, Any], field: str) -> list[Any]:
    """The values at a dotted path of a document, each entry of an array by itself, as MongoDB sees them."""
    return list(_at(document, field.split(".")))


def _at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """The values at a dotted path, through arrays as MongoDB goes."""
    if isinstance(value, list):
        for entry in value:
            yield from _at(entry, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


@dataclass(frozen=True, slots=True)
class Phase:
    """One question: the documents that meet `conditions`, in the order of `key` (None: of the id).

    `rest` are the keys that decide among equals of `key`. The answer comes ordered by `key` alone then, and whoever
    asks has to order each group of equals; of the last group, which a limit may have cut, `following` asks again.
    """

    conditions: tuple[Condition, ...]
    key: SortKey | None
    order: Order
    rest: tuple[SortKey, ...] = ()

    @property
    def sort(self) -> list[tuple[str, int]]:
        if self.key is None:
            return [("_id", self.order.direction)]
        direction = self.key.direction
        # Where more keys follow, the id decides nothing yet; in the same direction an index on both serves.
        return [
            (self.key.field, direction),
            ("_id", direction if self.rest else self.order.direction),
        ]

    def following(self, value: Any) -> list[Phase]:
        """The questions that give the group of `value` in full, in order."""
        assert self.key is not None
        group = (*self.conditions, self.key.equals(value))
        return list(_phases(group, self.order, self.rest, None))


def phases(conditions: Iterable[Condition], order: Order, after: Place | None) -> list[Phase]:
    """The questions whose answers, one after the other, are the result in `order`, from its start or from `after` on.

    Only for an order that the server can give (`order.ordered`).
    """
    return list(_phases(tuple(conditions), order, order.keys, after))


def _phases(
    conditions: tuple[Condition, ...],
    order: Order,
    keys: tuple[SortKey, ...],
    after: Place | None,
) -> Iterator[Phase]:
    if not keys:
        yield Phase((*conditions, *_beyond_id(order, after)), None, order)
        return
    key, rest = keys[0], keys[1:]
    missing = key.missing()
    value = None
    if after is not None:
        value = after.values[0]
        following = Place(after.values[1:], after.id)
        if value is None:
            if missing is not None:
                yield from _phases((*conditions, missing), order, rest, following)
            return
        yield from _phases((*conditions, key.equals(value)), order, rest, following)
    present = key.present() if value is None else key.beyond(value)
    has_value = conditions if present is None else (*conditions, present)
    yield Phase(has_value, key, order, rest)
    if missing is not None:
        yield from _phases((*conditions, missing), order, rest, None)


def _beyond_id(order: Order, after: Place | None) -> Iterable[Condition]:
    if after is None:
        return ()
    if order.descending:
        return (Within("_id", less_than=after.id),)
    return (Within("_id", more_than=after.id),)
