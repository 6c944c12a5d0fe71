"""What is left of a deleted resource is no match of any search.

A tombstone has an id and a date, and nothing of what criteria ask for. So whatever asks for a value passes it by, at no
cost. Only a question that asks for no value at all (no criterion, `:missing=true`, `:not`, `_id`, `_lastUpdated`) says
so: `deleted` is absent. That predicate is left out wherever it can be, since no index has the field: with it, an index
that has everything else could not answer alone.
"""

from __future__ import annotations

from fhirstore.search.conditions import (
    All,
    Condition,
    Contained,
    Either,
    LedTo,
    Never,
    Not,
    Present,
)

_NOT_DELETED = Present("deleted", False)


def without_deleted(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """All of `conditions`, and of no deleted resource."""
    if any(_asks_for_a_value(condition) for condition in conditions):
        return conditions
    return (*conditions, _NOT_DELETED)


def _asks_for_a_value(condition: Condition) -> bool:
    """Whether a document without search values can never meet `condition`."""
    if isinstance(condition, All):
        return any(_asks_for_a_value(part) for part in condition.conditions)
    if isinstance(condition, Either):
        return all(_asks_for_a_value(part) for part in condition.conditions)
    if isinstance(condition, Never | Contained):
        return True
    if isinstance(condition, Not | LedTo):
        return False
    if isinstance(condition, Present) and not condition.present:
        return False
    return condition.field.startswith(("search.", "resource.")) or condition.field in (
        "compartments",
        "links",
        "contained",
    )
