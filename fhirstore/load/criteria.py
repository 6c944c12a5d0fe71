"""References by a search instead of an id: `Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9999`.

Spec page http, Conditional References. A load understands the one search by which records are handed over, that by
business identifier; one equality on `search.identifier` answers hundreds of them at once. Others are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import NamedTuple
from urllib.parse import unquote

from fhirstore.errors import InvalidSearch

_PIECES = re.compile(r"\\.|[^\\|,]|[|,]|\\$", re.DOTALL)


class Criteria(NamedTuple):
    """The resources of `type` with an identifier; `token` is what `search.identifier` of each of them holds."""

    type: str
    token: str

    def __str__(self) -> str:
        return f"{self.type}?identifier={self.token}"


def is_conditional(reference: str, resource_types: Container[str]) -> bool:
    """Whether a reference is a search on this store, and not an address elsewhere that has a query."""
    type, mark, _ = reference.partition("?")
    return bool(mark) and type in resource_types


def criteria(type: str, query: str) -> Criteria:
    """What a query such as `identifier=system|value` asks of `type`. Raises InvalidSearch for any other."""
    name, _, value = query.partition("=")
    if unquote(name) != "identifier" or "&" in value:
        raise InvalidSearch(
            f"a load finds resources by identifier alone, not by {query[:200]!r}",
            code="not-supported",
        )
    return Criteria(type, _token(unquote(value), query))


def criteria_of(reference: str) -> Criteria:
    """What a conditional reference asks. Raises InvalidSearch."""
    type, _, query = reference.partition("?")
    return criteria(type, query)


def _token(value: str, query: str) -> str:
    """`value`, escaped as a client does, in the form in which an identifier is stored (docs/design.md)."""
    parts = [""]
    for piece in _PIECES.findall(value):
        if piece == "|" and len(parts) == 1:
            parts.append("")
        elif piece in "|,":
            raise InvalidSearch(f"not one identifier: {query[:200]!r}")
        else:
            parts[-1] += piece[1:] if len(piece) == 2 else piece
    if not parts[-1]:
        raise InvalidSearch(f"no identifier in {query[:200]!r}")
    return "|".join(map(_escaped, parts))


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace("|", "\\|")
