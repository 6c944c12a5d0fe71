"""What a search asks of a document, said in a small language of its own.

Parameter types (`token`, `date` ...) make conditions, the plan chooses among them, and `filter` writes them as a
MongoDB filter. Fields are dotted paths from the top of the document (`search.code`, `search.date.start`), or from an
array's element inside `Element`. All are immutable and compare by value, so that tables of cases can state them.

A condition on an array field holds where one element fulfils it, as in MongoDB. Therefore two bounds on one element are
one `Within`, or stand together in an `Element`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from fhirstore.definitions import SearchParameter

Value = str | bool | int | Decimal | datetime


@dataclass(frozen=True, slots=True)
class Among:
    """The field has one of `values`."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """The field lies between bounds; None is no bound."""

    field: str
    at_least: Value | None = None
    more_than: Value | None = None
    less_than: Value | None = None
    at_most: Value | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """The field is there, or with `present=False` is not."""

    field: str
    present: bool = True


@dataclass(frozen=True, slots=True)
class Matches:
    """The string field matches a regular expression, made by us of escaped text, never the caller's own."""

    field: str
    pattern: str
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """One element of the array of documents in the field fulfils `condition`, whose fields are relative to the element."""

    field: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Near:
    """The GeoJSON point in the field lies within `metres` of a position (degrees, WGS 84)."""

    field: str
    longitude: float
    latitude: float
    metres: float


@dataclass(frozen=True, slots=True)
class Leads:
    """A reference in the field leads to a resource of `type` that meets all of `conditions` (chaining)."""

    field: str
    type: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class LeadsByUrl:
    """A canonical in the field, at one of the paths `by`, names a resource of `type` that meets all of `conditions`."""

    field: str
    by: tuple[str, ...]
    type: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class LedTo:
    """A resource of `type` that meets all of `conditions` refers to this one, of type `own_type`, in its `field` (reverse
    chaining)."""

    type: str
    field: str
    own_type: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Coded:
    """A token in the field is one that a stored ValueSet or CodeSystem says.

    `relation`: "in" a value set, or "below" or "above" a code (itself included); `values` as they were asked, the comma's
    alternatives. `fhir_types` and `systems` are those of the parameter's target, `name` is what an error calls it.
    """

    field: str
    relation: str
    values: tuple[str, ...]
    parameter: SearchParameter
    fhir_types: frozenset[str]
    systems: frozenset[str]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Kin:
    """A reference in the field leads to one of `addresses`, or to what is part of one (`relation` "below"), or to what one
    is part of ("above"), directly or not."""

    field: str
    relation: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contained:
    """A resource of `type` is contained that meets all of `conditions`; with `by`, one to which a reference at one of these
    paths leads."""

    type: str
    by: tuple[str, ...] | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class All:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Ranges(Either):
    """Alternatives that exclude each other by their bounds on `field`, in its ascending order."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class Never:
    """Holds for no document: `_id=` of an impossible id, a quantity in no unit that can match."""


# What has to be looked up in other collections first, as `Coded` and `Kin` have; `fhirstore.hops` does, before a filter is made.
Hop = Leads | LedTo

Condition = (
    Among
    | Within
    | Present
    | Matches
    | Element
    | Near
    | Leads
    | LeadsByUrl
    | LedTo
    | Coded
    | Kin
    | Contained
    | All
    | Either
    | Not
    | Never
)


def bounded(condition: Condition) -> str | None:
    """The field that `condition` says to lie between bounds, or within one of several, and says nothing else of; None
    else."""
    if isinstance(condition, Within):
        return condition.field
    if isinstance(condition, Either):
        fields = {p.field if isinstance(p, Among | Within) else None for p in condition.conditions}
        return fields.pop() if len(fields) == 1 else None
    return None


def either(conditions: Sequence[Condition]) -> Condition:
    """That one of `conditions` is met: the one itself where there is one, Never where there is none."""
    possible = tuple(condition for condition in conditions if condition != Never())
    return possible[0] if len(possible) == 1 else Either(possible) if possible else Never()
