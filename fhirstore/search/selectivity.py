"""How much a condition is likely to leave over, as far as can be said without asking the database.

Two places ask: the plan, to have the most selective condition first for planners that take the first with an index, and
a chain, to begin at the end where there are likely to be fewer.
"""

from __future__ import annotations

from collections.abc import Iterable

from fhirstore.search.conditions import All, Among, Condition, Either, Element, Within

# Codes that a great part of all resources share: an index on them narrows little.
HALF_OF_ALL = frozenset({"status", "active", "category", "class", "intent", "use", "gender"})


def narrow(conditions: Iterable[Condition]) -> bool:
    """Whether `conditions` are likely to leave few over: an equality that not half of all meet, or a range with two ends."""
    return any(map(_narrows, conditions))


def _narrows(condition: Condition) -> bool:
    if isinstance(condition, All):
        return narrow(condition.conditions)
    if isinstance(condition, Either):
        return all(map(_narrows, condition.conditions))
    if isinstance(condition, Element):
        return _selective(condition.field) and _narrows(condition.condition)
    if isinstance(condition, Among):
        return _selective(condition.field)
    if isinstance(condition, Within):
        low = condition.at_least is not None or condition.more_than is not None
        return low and (condition.less_than is not None or condition.at_most is not None)
    return False


def _selective(field: str) -> bool:
    """Of `search.gender`, whether the code is no such one."""
    return HALF_OF_ALL.isdisjoint(field.split(".")[1:2])
