"""OperationOutcomes as they are sent: every text a FHIR string, every place one that the client finds in its request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from fhirstore import json_text
from fhirstore.errors import FhirError, InvalidSearch, Issue, operation_outcome
from fhirstore.rest.request import Request

# What a FHIR string may not hold (spec page datatypes, string).
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_PLAIN = re.compile("[A-Za-z_][A-Za-z0-9_-]*")


def of_error(request: Request, error: FhirError) -> str:
    """The JSON text of the OperationOutcome that says `error`."""
    return text(request, error.issues, of_search=isinstance(error, InvalidSearch))


def text(request: Request, issues: Iterable[Issue], *, of_search: bool = False) -> str:
    """The JSON text of the OperationOutcome that says `issues`; those of a search are all about its parameters."""
    return json_text.dump(operation_outcome([_sent(request, i, of_search) for i in issues]))


def _sent(request: Request, issue: Issue, of_search: bool) -> Issue:
    said = _CONTROLS.sub("\ufffd", issue.diagnostics)
    place = issue.expression
    if place is None or not place.strip() or _CONTROLS.search(place):
        return replace(issue, diagnostics=said, expression=None)
    if of_search or request.has(place):
        place = f"http.{place if _PLAIN.fullmatch(place) else _quoted(place)}"
    return replace(issue, diagnostics=said, expression=place)


def _quoted(name: str) -> str:
    """A header or parameter as a part of an expression (spec page operationoutcome, Using the Expression)."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
