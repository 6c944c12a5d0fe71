"""A search parameter's expression, cut down to one of the types it is for.

The specification writes one expression for all types, such as `AllergyIntolerance.code | (DeviceRequest.code as
CodeableConcept) | ...`. This module only cuts text apart; `fhirstore.fhirpath` parses it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_FIRST_NAME = re.compile(r"[\s(]*(?P<name>[A-Za-z_]\w*)")
_TOKEN = re.compile(r"'(?:\\.|[^'\\])*'|.", re.DOTALL)


def for_type(expression: str, resource_type: str, ancestors: Collection[str]) -> str:
    """The alternatives of `expression` that start at `resource_type`, joined by ` | `; "" if there is none.

    An alternative that starts at one of `ancestors` (`Resource.meta.tag`) is rewritten to start at the type, and so
    is one that starts at no type at all (`InsurancePlan-name` is `name | alias`): its first name is an element.
    """
    adapted = (_adapt(part, resource_type, ancestors) for part in alternatives(expression))
    return " | ".join(part for part in adapted if part)


def _adapt(alternative: str, resource_type: str, ancestors: Collection[str]) -> str | None:
    match = _FIRST_NAME.match(alternative)
    if match is None:
        return None
    start, end = match.span("name")
    name = match["name"]
    if name == resource_type:
        return alternative
    if name in ancestors:
        return alternative[:start] + resource_type + alternative[end:]
    if name[0].islower():
        return f"{alternative[:start]}{resource_type}.{alternative[start:]}"
    return None


def alternatives(expression: str) -> Iterator[str]:
    """The parts between those `|` that stand outside of brackets and quotes, without surrounding space."""
    depth = 0
    start = 0
    for token in _TOKEN.finditer(expression):
        text = token[0]
        depth += (text in "([{") - (text in ")]}")
        if text == "|" and depth == 0:
            yield expression[start : token.start()].strip()
            start = token.end()
    yield expression[start:].strip()
