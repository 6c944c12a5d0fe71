"""What one search-parameter type is: what it writes into a document, and what it asks of one.

Each type has a module of its own (`token`, `date` ...) with a `TYPE` of this class, so that what is written and what is
asked stand in one file. `TYPES` in `fhirstore.search.parameter_types` finds them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhirstore.definitions import SearchParameter
from fhirstore.errors import InvalidSearch
from fhirstore.references import Reference
from fhirstore.search.conditions import Among, Condition, Either, Value, Within

# Appends what is stored for one element (a JSON value of a known FHIR type) to the values of a document's field.
Writer = Callable[[Any, list[Any]], None]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the values of one parameter are kept: what a question is asked of.

    `field` is the dotted path (`search.code`; within a composite relative to its element, `code`). `many` says whether
    an array lies there, for it follows from the definition. `fhir_types` are the types of the elements that the
    parameter's paths lead to. `only_type` narrows references to one type, where the field is shared (`patient` asks
    `search.subject`). `systems` are those that the required bindings of `code` elements imply: such an element says its
    system nowhere else. `components` are the targets of a composite's parts, their fields relative to one of its
    elements.
    """

    parameter: SearchParameter
    field: str
    many: bool
    fhir_types: frozenset[str]
    only_type: str | None = None
    systems: frozenset[str] = frozenset()
    components: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Writing:
    """What a writer needs besides the element: how this store reads a literal reference."""

    read_reference: Callable[[str], Reference]


@dataclass(frozen=True, slots=True)
class Asking:
    """What a question needs besides the question: the present (for `ap`), the store's own base URLs, and all types; and what
    the client wrote the parameter as, for an error that is found later."""

    now: datetime
    base_urls: tuple[str, ...] = ()
    resource_types: frozenset[str] = frozenset()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Facet:
    """One field that a type writes. `suffix` follows the parameter's code in the field's name ("" or ":exact").

    `writer(fhir_type, writing)` gives the function for elements of that type, or None where such elements have no value
    of this kind (SampledData in a quantity). `single(fhir_type)` says whether it appends at most one value for an
    element.
    """

    suffix: str
    writer: Callable[[str, Writing], Writer | None]
    single: Callable[[str], bool]


Compare = Callable[[Target, str, str, Asking], Condition]


def _not_compared(target: Target, operator: str, value: str, asking: Asking) -> Condition:
    raise InvalidSearch(f"{target.parameter.code} cannot be compared", code="not-supported")


@dataclass(frozen=True, slots=True)
class ParameterType:
    """One search-parameter type.

    `ask(target, modifier, values, asking)` gives the condition under which one of `values` (the comma's alternatives,
    still escaped as the client wrote them) is met. It raises InvalidSearch naming the parameter. `modifiers` are those
    that `ask` takes; `:missing` and `:not` are the plan's affair. `indexed` are the paths below the field that deserve
    an index ("" is the field itself), `sort_path` what a sort goes by, None where the type cannot be sorted by.

    `compare(target, operator, value, asking)` is the same for one of the `operators` of `_filter`, and a value as it is
    meant.
    """

    name: str
    facets: tuple[Facet, ...]
    ask: Callable[[Target, str | None, Sequence[str], Asking], Condition]
    modifiers: frozenset[str] = frozenset()
    indexed: tuple[str, ...] = ("",)
    sort_path: str | None = ""
    operators: tuple[str, ...] = ()
    compare: Compare = _not_compared


def compared(field: str, operator: str, value: Value) -> Condition:
    """What a field meets, one of whose values is eq, ne, gt, lt, ge or le to `value`."""
    if operator == "eq":
        return Among(field, (value,))
    if operator == "ne":
        return Either((Within(field, less_than=value), Within(field, more_than=value)))
    if operator == "gt":
        return Within(field, more_than=value)
    if operator == "lt":
        return Within(field, less_than=value)
    if operator == "ge":
        return Within(field, at_least=value)
    return Within(field, at_most=value)
