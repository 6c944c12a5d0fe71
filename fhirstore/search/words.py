"""Conditions in words, for a person who asks how a search is answered."""

from __future__ import annotations

from datetime import datetime
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

_MOST_SHOWN = 3
_LONGEST = 60


def is_looked_up(condition: Condition) -> bool:
    """Whether something has to be looked up elsewhere before it can be asked."""
    if isinstance(condition, Leads | LeadsByUrl | LedTo | Coded | Kin | Contained):
        return True
    if isinstance(condition, All | Either):
        return any(map(is_looked_up, condition.conditions))
    return isinstance(condition, Not | Element) and is_looked_up(condition.condition)


def in_words(condition: Condition) -> str:
    """`search.code is loinc|8867-4`"""
    if isinstance(condition, All):
        return _joined(condition.conditions, " and ") or "anything"
    if isinstance(condition, Either):
        return _joined(condition.conditions, " or ")
    if isinstance(condition, Not):
        return f"not ({in_words(condition.condition)})"
    if isinstance(condition, Never):
        return "nothing can be meant"
    if isinstance(condition, Leads | LeadsByUrl):
        said = _joined(condition.conditions, " and ") or "anything"
        return f"{condition.field} leads to a {condition.type} with {said}"
    if isinstance(condition, LedTo):
        said = _joined(condition.conditions, " and ") or "anything"
        return f"a {condition.type} with {said} refers to it in {condition.field}"
    if isinstance(condition, Contained):
        said = _joined(condition.conditions, " and ") or "anything"
        return f"a {condition.type} with {said} is contained"
    return f"{condition.field} {_of_field(condition)}"


def _of_field(
    condition: Among | Within | Present | Matches | Element | Near | Coded | Kin,
) -> str:
    if isinstance(condition, Among):
        return f"is {_values(condition.values)}"
    if isinstance(condition, Present):
        return "has a value" if condition.present else "has no value"
    if isinstance(condition, Matches):
        return f"matches {_short(condition.pattern)}"
    if isinstance(condition, Element):
        return f"has an element with {in_words(condition.condition)}"
    if isinstance(condition, Near):
        position = f"{condition.latitude}, {condition.longitude}"
        return f"is within {condition.metres:,.0f} m of {position}"
    if isinstance(condition, Coded):
        return f"is {condition.relation} {_values(condition.values)}, by stored terminology"
    if isinstance(condition, Kin):
        return f"is {condition.relation} {_values(condition.addresses)}, or that itself"
    return _bounds(condition)


def _bounds(condition: Within) -> str:
    bounds = (
        ("at least", condition.at_least),
        ("more than", condition.more_than),
        ("less than", condition.less_than),
        ("at most", condition.at_most),
    )
    said = [f"{name} {_value(bound)}" for name, bound in bounds if bound is not None]
    return f"is {' and '.join(said)}" if said else "has a value"


def _values(values: tuple[Any, ...]) -> str:
    shown = ", ".join(map(_value, values[:_MOST_SHOWN]))
    if len(values) == 1:
        return shown
    more = ", ..." if len(values) > _MOST_SHOWN else ""
    return f"one of {len(values):,} values ({shown}{more})"


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _joined(conditions: tuple[Condition, ...], word: str) -> str:
    said = [in_words(condition) for condition in conditions[:10]]
    if len(conditions) > len(said):
        said.append(f"{len(conditions) - len(said)} more")
    return word.join(said if len(said) == 1 else (f"({part})" for part in said))
