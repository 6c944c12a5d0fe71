"""Conditions become a MongoDB filter.

MongoDB itself would take any equivalent form; the form matters to weaker planners, which choose an index by looking at
the flat fields at the top of a filter. SecantusDB reads the whole collection as soon as `$and`, `$or` or `$nor` stands
there, even beside an indexed equality, and uses no index for an `$elemMatch` alone (measured). Therefore:

- whatever can be said of a field is said at that field (`$nin`, `$not`), and `$and` is written only where two
  conditions on one field cannot stand in one document of operators;
- beside an `$elemMatch` stand flat bounds which follow from it (a *guard*), and which cost MongoDB nothing;
- an alternative inside an array's element is drawn out of it, since some servers know no `$or` there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

from fhirstore.search.conditions import (
    All,
    Among,
    Coded,
    Condition,
    Contained,
    Either,
    Element,
    Kin,
    Leads,
    LeadsByUrl,
    LedTo,
    Matches,
    Near,
    Never,
    Not,
    Present,
    Within,
)

Filter = dict[str, Any]
Single = Callable[[str], bool]

_EARTH_METRES = 6_371_008.8
_NOTHING: Filter = {"_id": {"$in": []}}
_BOUNDS = (("$gte", "at_least"), ("$gt", "more_than"), ("$lt", "less_than"), ("$lte", "at_most"))


def to_filter(condition: Condition, single: frozenset[str]) -> Filter:
    """The MongoDB filter that a document passes if it meets `condition`.

    `single` has the fields that never hold an array. Of any other field two bounds have to be met by one
    element (`$elemMatch`).
    """
    return _filter(condition, partial(is_single, single))


def is_single(single: frozenset[str], field: str) -> bool:
    """`search.date.start` is single where `search.date` is; its text parts (`search.x.unit`) are never ranges."""
    return field in single or ".".join(field.split(".")[:2]) in single


def _filter(condition: Condition, single: Single) -> Filter:
    if isinstance(condition, All):
        return _together(_filter(part, single) for part in condition.conditions)
    if isinstance(condition, Either):
        return _either([_filter(part, single) for part in condition.conditions])
    if isinstance(condition, Not):
        return _not(condition.condition, single)
    if isinstance(condition, Element):
        return _element(condition, single)
    if isinstance(condition, Never):
        return dict(_NOTHING)
    if isinstance(condition, Near):
        return {condition.field: _near(condition)}
    assert not isinstance(condition, Leads | LeadsByUrl | LedTo | Coded | Kin | Contained), (
        "hops are settled before a filter is made"
    )
    return {condition.field: _operators(condition, single)}


def _operators(condition: Among | Within | Present | Matches, single: Single) -> Any:
    """What stands at the field of a condition: a value, or a document of operators."""
    if isinstance(condition, Among):
        return (
            condition.values[0] if len(condition.values) == 1 else {"$in": list(condition.values)}
        )
    if isinstance(condition, Present):
        return {"$exists": condition.present}
    if isinstance(condition, Matches):
        options = {"$options": "i"} if condition.ignore_case else {}
        return {"$regex": condition.pattern, **options}
    bounds = _bounds(condition)
    if len(bounds) > 1 and not single(condition.field):
        return {"$elemMatch": bounds} | bounds
    return bounds


def _bounds(condition: Within) -> dict[str, Any]:
    return {
        operator: bound
        for operator, name in _BOUNDS
        if (bound := getattr(condition, name)) is not None
    }


def _near(near: Near) -> dict[str, Any]:
    position = [near.longitude, near.latitude]
    return {"$geoWithin": {"$centerSphere": [position, near.metres / _EARTH_METRES]}}


# together, either, not


def _together(filters: Iterable[Filter]) -> Filter:
    made: Filter = {}
    clashing: list[Filter] = []
    for filter in filters:
        for field, asked in filter.items():
            if field not in made:
                made[field] = asked
            elif (joined := _joined(field, made[field], asked)) is not None:
                made[field] = joined
            else:
                clashing.append({field: asked})
    if clashing:
        made["$and"] = [*made.get("$and", ()), *clashing]
    return made


def _joined(field: str, one: Any, other: Any) -> Any:
    """Both in one place, or None where that cannot be."""
    if field in ("$nor", "$and"):
        return [*one, *other]
    if one == other:
        return one
    if not (_is_operators(one) and _is_operators(other)):
        return None
    return None if set(one) & set(other) else one | other


def _is_operators(asked: Any) -> bool:
    return isinstance(asked, Mapping) and all(name.startswith("$") for name in asked)


def _either(filters: list[Filter]) -> Filter:
    """One of `filters`; equalities of one field as one `$in`, which every planner knows how to use."""
    if {} in filters:
        return {}
    possible = [filter for filter in filters if filter != _NOTHING]
    if len(possible) < 2:
        return possible[0] if possible else dict(_NOTHING)
    values: list[Any] = []
    for filter in possible:
        ((field, asked), *more) = filter.items()
        if more or field != next(iter(possible[0])) or field.startswith("$"):
            return {"$or": possible}
        if not _is_operators(asked):
            values.append(asked)
        elif set(asked) == {"$in"}:
            values += asked["$in"]
        else:
            return {"$or": possible}
    return {next(iter(possible[0])): {"$in": list(dict.fromkeys(values))}}


def _not(condition: Condition, single: Single) -> Filter:
    """What does not meet `condition`, also for want of a value."""
    if isinstance(condition, Not):
        return _filter(condition.condition, single)
    if isinstance(condition, Never):
        return {}
    if isinstance(condition, Either):
        return _together(_not(part, single) for part in condition.conditions)
    if isinstance(condition, Present):
        return {condition.field: {"$exists": not condition.present}}
    if isinstance(condition, Among):
        values = list(condition.values)
        return {condition.field: {"$nin": values} if len(values) > 1 else {"$ne": values[0]}}
    if isinstance(condition, Within) and (len(_bounds(condition)) == 1 or single(condition.field)):
        return {condition.field: {"$not": _bounds(condition)}}
    return {"$nor": [_filter(condition, single)]}


# elements of arrays


def _element(condition: Element, single: Single) -> Filter:
    return _either(
        [
            _one_element(condition.field, parts, single)
            for parts in conjunctions(condition.condition)
        ]
    )


def conjunctions(condition: Condition) -> Iterator[tuple[Condition, ...]]:
    """The conjunctions of which `condition` is the alternative."""
    if isinstance(condition, All):
        for chosen in product(*(list(conjunctions(part)) for part in condition.conditions)):
            yield tuple(part for parts in chosen for part in parts)
    elif isinstance(condition, Either):
        for part in condition.conditions:
            yield from conjunctions(part)
    else:
        yield (condition,)


def _one_element(field: str, parts: tuple[Condition, ...], single: Single) -> Filter:
    if any(isinstance(part, Never) for part in parts):
        return dict(_NOTHING)
    inner = _together(_inner(part) for part in parts)
    guard = _together(_guard(field, part) for part in parts)
    return {**guard, field: {"$elemMatch": inner}}


def _inner(part: Condition) -> Filter:
    """A condition on a field of the element. Whether an array lies there, nobody knows; so text ranges become prefixes."""
    if isinstance(part, Within) and (prefix := _prefix(part)) is not None:
        return {part.field: {"$regex": f"^{escaped(prefix)}"}}
    return _filter(part, lambda field: True)


def _guard(field: str, part: Condition) -> Filter:
    """What follows from `part` for the document as a whole, flat."""
    path = f"{field}.{getattr(part, 'field', '')}"
    if isinstance(part, Among):
        return {path: _operators(part, lambda field: True)}
    if isinstance(part, Within):
        return {path: _bounds(part)}
    if isinstance(part, Element):
        return _guard(path, part.condition)
    return {}


def _prefix(condition: Within) -> str | None:
    """The text that every string within the bounds starts with, where they are made for that."""
    low, high = condition.at_least, condition.less_than
    if not (isinstance(low, str) and isinstance(high, str) and low and len(low) == len(high)):
        return None
    is_next = low[:-1] == high[:-1] and ord(high[-1]) == ord(low[-1]) + 1
    return low if is_next else None


def escaped(text: str) -> str:
    """`text` for a regular expression in every dialect: re.escape would escape what PCRE need not know."""
    return "".join(f"\\{c}" if c in r".^$*+?()[]{}|\/-" else c for c in text)
