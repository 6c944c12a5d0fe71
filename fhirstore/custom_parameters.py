"""A SearchParameter resource becomes a parameter of this store, or is refused with the reason (spec page searchparameter).

Only an active one is live, and only one that is not the release's own. It is compiled as the release's own are: the
expression to paths, the type to what is written and asked. Whatever the store cannot do with it is said when it comes,
not when it is first asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fhirstore.declared_indexes import EVERY, rows
from fhirstore.definitions import ComponentRow, Definitions, ParameterRow
from fhirstore.errors import Issue
from fhirstore.fhirpath import NotSupported
from fhirstore.search.layout import layout
from fhirstore.search.parameter_types import TYPES

TYPE = "SearchParameter"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}|-[A-Za-z0-9_-]{1,63}")
_ASKED = frozenset(TYPES) - {"special", "text"}
_LONGEST = 5000
_MOST_COMPONENTS = 10
# MongoDB has 64 on a collection; some are left to an operator's own.
_MOST_INDEXES = 58


class _Refused(Exception):
    def __init__(self, element: str, why: str) -> None:
        self.element = element
        super().__init__(why)


def problems(resource: Mapping[str, Any], definitions: Definitions) -> list[Issue]:
    """Why `resource`, a valid SearchParameter, cannot be a parameter of this store; [] where it can, or is not to be."""
    try:
        compile(resource, definitions)
    except _Refused as error:
        return [Issue("error", "not-supported", str(error), f"{TYPE}.{error.element}")]
    return []


def row_of(resource: Mapping[str, Any], definitions: Definitions) -> ParameterRow | None:
    """The parameter that `resource` defines, or None where it is not live or has problems."""
    try:
        return compile(resource, definitions)
    except _Refused:
        return None


def compile(resource: Mapping[str, Any], definitions: Definitions) -> ParameterRow | None:
    """The parameter that `resource` defines; None where it is not active, or the release's own. Raises _Refused."""
    url = resource.get("url")
    if resource.get("status") != "active" or not isinstance(url, str):
        return None
    if definitions.parameter_by_url(url) is not None and url not in definitions.custom:
        return None
    row = _row(url, resource)
    _check(row, definitions)
    extended = definitions.extended([row])
    types = types_of(row, definitions)
    if not types:
        raise _Refused("base", "no resource type has the parameter")
    for type in types:
        _check_for(type, row, definitions, extended)
    return row


def types_of(row: ParameterRow, definitions: Definitions) -> list[str]:
    """The resource types that have the parameter."""
    bases = set(row.bases)
    return sorted(
        type
        for type in definitions.resource_types
        if type in bases or bases & set(definitions.ancestors(type))
    )


def _row(url: str, resource: Mapping[str, Any]) -> ParameterRow:
    return ParameterRow(
        url=url,
        code=str(resource.get("code", "")),
        type=str(resource.get("type", "")),
        bases=tuple(map(str, resource.get("base", ()))),
        description=str(resource.get("description", "")),
        expression=str(resource.get("expression", "")),
        targets=tuple(map(str, resource.get("target", ()))),
        components=tuple(
            ComponentRow(str(part.get("definition")), str(part.get("expression")))
            for part in resource.get("component", ())
        ),
    )


def _check(row: ParameterRow, definitions: Definitions) -> None:
    """What can be said without a base type."""
    if not _CODE.fullmatch(row.code):
        raise _Refused("code", f"{row.code[:80]!r} cannot be the name of a parameter in a query")
    if row.type not in _ASKED:
        raise _Refused("type", f"parameters of type {row.type} are not supported")
    if not row.expression:
        raise _Refused("expression", "without an expression nothing can be found")
    if len(row.expression) > _LONGEST:
        raise _Refused("expression", f"an expression has at most {_LONGEST} characters")
    if (row.type == "composite") != bool(row.components):
        raise _Refused("component", "a composite has components, and nothing else has")
    if len(row.components) > _MOST_COMPONENTS:
        raise _Refused("component", f"more than {_MOST_COMPONENTS} components")
    for part in row.components:
        meant = definitions.parameter_by_url(part.definition)
        if meant is None or meant.type in ("composite", "special"):
            raise _Refused(
                "component", f"{part.definition[:200]!r} is no parameter that a composite can have"
            )
    for target in row.targets:
        if target != "Resource" and target not in definitions.resource_types:
            raise _Refused("target", f"{target!r} is not a resource type that can be referred to")


def _check_for(
    type: str, row: ParameterRow, definitions: Definitions, extended: Definitions
) -> None:
    """What has to hold for each type that is to have the parameter."""
    there = definitions.search_parameters(type).get(row.code)
    if there is not None and there.url != row.url:
        raise _Refused("code", f"{type} has a parameter {row.code!r} already: {there.url}")
    try:
        kept = layout(type, extended)[row.code]
    except NotSupported as error:
        raise _Refused("expression", f"for {type}: {error}") from None
    except RecursionError:
        raise _Refused("expression", "the expression is too deep") from None
    if len(EVERY) + len(rows(type, extended)) > _MOST_INDEXES:
        raise _Refused("base", f"{type} has as many indexes already as a collection can have")
    if kept.kind != "own":
        said = f"for {type} the expression leads to nothing that a {row.type} parameter compares"
        raise _Refused("expression", said)
    if any(not part.branches for part in kept.composed):
        raise _Refused(
            "component", f"for {type} a component leads to nothing that its type compares"
        )
