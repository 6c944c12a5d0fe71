"""Composite parameters: several values of one and the same element (spec page search, composite).

`code-value-quantity` asks for a component whose code is the one and whose value is the other, which two separate
parameters cannot say. Stored is one document per element that has all parts, each part as its own type stores it.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirstore.errors import InvalidSearch
from fhirstore.search.conditions import All, Condition, Element, either
from fhirstore.search.escapes import split
from fhirstore.search.parameter_type import Asking, Facet, ParameterType, Target, Writer, Writing


def _writer(fhir_type: str, writing: Writing) -> Writer | None:
    """The parts are put together where they are found, by `extraction`."""
    return None


def parts(target_code: str, names: Sequence[str], value: str) -> list[str]:
    """The parts of one composite value, still escaped. Raises InvalidSearch for too few or too many."""
    asked = split(value, "$")
    if len(asked) != len(names) or not all(asked):
        raise InvalidSearch(
            f"{target_code} takes {'$'.join(names)}, not {value[:80]!r}", code="value"
        )
    return asked


def _ask(target: Target, modifier: str | None, values: Sequence[str], asking: Asking) -> Condition:
    made = tuple(_one(target, value, asking) for value in values)
    return either(made)


def _one(target: Target, value: str, asking: Asking) -> Condition:
    # At the call: the table of types has this one in it.
    from fhirstore.search.parameter_types import TYPES

    components = target.components
    asked = parts(target.parameter.code, [c.parameter.code for c in components], value)
    return Element(
        target.field,
        All(
            tuple(
                TYPES[component.parameter.type].ask(component, None, (text,), asking)
                for component, text in zip(components, asked, strict=True)
            )
        ),
    )


TYPE = ParameterType(
    "composite", (Facet("", _writer, lambda fhir_type: False),), _ask, indexed=(), sort_path=None
)
