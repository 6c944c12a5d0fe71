"""What `/metadata` answers: a CapabilityStatement generated from what the code supports (spec page capabilitystatement).

Types and search parameters come from the definitions, and whether a parameter or a modifier is supported is asked of
the parser of queries itself, so the statement cannot promise more than a search keeps.
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache, cached_property
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fhirstore.definitions import Definitions, SearchParameter
from fhirstore.rest.media_types import FHIR_JSON, FHIR_TURTLE
from fhirstore.search import query
from fhirstore.search.chaining import parent
from fhirstore.search.layout import layout
from fhirstore.search.subsetting import Subset

# Parameters has no address of its own (spec page parameters): it is sent to operations only.
UNADDRESSED = frozenset({"Parameters"})

_INTERACTIONS = (
    "create", "read", "vread", "update", "delete", "history-instance", "history-type", "search-type",
)  # fmt: skip
_MODIFIERS = (
    "missing", "exact", "contains", "not", "text", "in", "not-in", "above", "below", "of-type", "identifier",
)  # fmt: skip
# What the page marks as trial use: `mode=normative` leaves it out (spec page http, capabilities).
_TRIAL_USE = frozenset(
    {
        "security",
        "versioning",
        "readHistory",
        "updateCreate",
        "conditionalCreate",
        "conditionalRead",
        "conditionalUpdate",
        "conditionalDelete",
        "referencePolicy",
    }
)
# Stands in the cached text where the base URL goes, which each request may see differently.
_BASE_URL = "urn:base-url"


class Statements:
    """The statements of one service, each made when it is first asked for and kept as text."""

    def __init__(self, definitions: Definitions, *, cors: bool, since: date) -> None:
        self._definitions = definitions
        self._cors = cors
        self._since = since
        self._texts: dict[tuple[bool, bool], str] = {}

    def are_of(self, definitions: Definitions) -> bool:
        """Whether they say what `definitions` have: search parameters come and go."""
        return self._definitions is definitions

    def of(self, definitions: Definitions) -> Statements:
        """The same for other definitions."""
        return Statements(definitions, cors=self._cors, since=self._since)

    def text(self, base_url: str, *, normative: bool, summary: bool) -> tuple[str, str]:
        """The JSON text of a statement, and the ETag that changes when the text does."""
        kept = self._texts.get((normative, summary))
        if kept is None:
            kept = self._texts[normative, summary] = self._make(normative, summary)
        text = kept.replace(_BASE_URL, json.dumps(base_url)[1:-1], 1)
        return text, f'W/"{sha256(text.encode()).hexdigest()[:16]}"'

    def _make(self, normative: bool, summary: bool) -> str:
        made = self._statement()
        if normative:
            made = _without_trial_use(made)
        if summary:
            made = Subset(summary="true").of(made, self._definitions)
        return json.dumps(made, ensure_ascii=False, separators=(",", ":"))

    def _statement(self) -> dict[str, Any]:
        return {
            "resourceType": "CapabilityStatement",
            "name": "fhirstore",
            "title": "fhirstore: a FHIR repository on MongoDB",
            "status": "active",
            "date": self._since.isoformat(),
            "kind": "instance",
            "software": {"name": "fhirstore", "version": _software_version()},
            "implementation": {
                "description": "A versioned FHIR repository on MongoDB",
                "url": _BASE_URL,
            },
            "fhirVersion": self._definitions.release,
            "format": [FHIR_JSON, "json", FHIR_TURTLE, "ttl"],
            "rest": [self._rest()],
        }

    def _rest(self) -> dict[str, Any]:
        types = sorted(self._definitions.resource_types - UNADDRESSED)
        return {
            "mode": "server",
            "documentation": "Each write is atomic and is one version; If-Match guards against lost updates.",
            "security": {
                "cors": self._cors,
                "description": "None of its own: run it behind a gateway that authenticates and authorizes.",
            },
            "resource": [self._resource(type) for type in types],
            "interaction": [{"code": "history-system"}, {"code": "search-system"}],
            "compartment": [
                f"http://hl7.org/fhir/CompartmentDefinition/{name.lower()}"
                for name in sorted(self._definitions.compartments)
            ],
        }

    def _resource(self, type: str) -> dict[str, Any]:
        parameters = self._definitions.search_parameters(type).values()
        supported = [(p, _modifiers(p, self._definitions)) for p in parameters]
        referring = self._referring.get(type)
        return {
            "type": type,
            "profile": f"http://hl7.org/fhir/StructureDefinition/{type}",
            "interaction": [{"code": code} for code in _INTERACTIONS],
            "versioning": "versioned-update",
            "readHistory": True,
            "updateCreate": True,
            "conditionalCreate": False,
            "conditionalRead": "full-support",
            "conditionalUpdate": False,
            "conditionalDelete": "not-supported",
            "referencePolicy": ["literal", "logical"],
            "searchInclude": ["*", *(f"{type}:{p.code}" for p in parameters if _is_reference(p))],
            **({"searchRevInclude": referring} if referring else {}),
            "searchParam": [_parameter(p, names) for p, names in supported if names is not None],
        }

    @cached_property
    def _referring(self) -> dict[str, list[str]]:
        """What refers to each type. References to anything at all would be listed with every type; `_revinclude` takes
        them too."""
        found: dict[str, list[str]] = {}
        for source in sorted(self._definitions.resource_types - UNADDRESSED):
            for parameter in self._definitions.search_parameters(source).values():
                if _is_reference(parameter) and len(parameter.targets) < _ANY_TYPE:
                    for target in parameter.targets:
                        found.setdefault(target, []).append(f"{source}:{parameter.code}")
        return found


def _is_reference(parameter: SearchParameter) -> bool:
    return parameter.type == "reference"


def _parameter(parameter: SearchParameter, modifiers: tuple[str, ...]) -> dict[str, Any]:
    made = {"name": parameter.code, "definition": parameter.url, "type": parameter.type}
    if modifiers:
        made["documentation"] = "Modifiers: " + ", ".join(f":{name}" for name in modifiers)
    return made


def _modifiers(parameter: SearchParameter, definitions: Definitions) -> tuple[str, ...] | None:
    """The modifiers a parameter takes, or None where the parameter itself is not supported."""
    # Parameters of one type on elements of the same types are alike in this; those that every resource has go their
    # own ways.
    kept = layout(parameter.resource_type, definitions)[parameter.code]
    sort = (
        parameter.code
        if parameter.code.startswith("_")
        else f"{parameter.type} {sorted(kept.fhir_types)}"
    )
    if parameter.type == "reference":
        # A hierarchy is the target's affair.
        sort += f" {any(parent(target, definitions) for target in kept.leads_to)}"
    known = _asked(sort, parameter.resource_type, parameter.code, definitions)
    if known is not None and parameter.type == "reference":
        return (*known, "[type]")
    return known


# A parameter with so many targets refers to any resource.
_ANY_TYPE = 100

_known: dict[tuple[str, str], tuple[str, ...] | None] = {}


def _asked(sort: str, type: str, code: str, definitions: Definitions) -> tuple[str, ...] | None:
    key = (definitions.fhir_version, sort)
    if key not in _known:
        supported = _is_supported(type, code, definitions)
        _known[key] = (
            tuple(m for m in _MODIFIERS if _is_supported(type, f"{code}:{m}", definitions))
            if supported
            else None
        )
    return _known[key]


def _is_supported(type: str, name: str, definitions: Definitions) -> bool:
    return not query.parse(type, [(name, "1")], definitions).errors


def _without_trial_use(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_trial_use(v) for k, v in value.items() if k not in _TRIAL_USE}
    return [_without_trial_use(entry) for entry in value] if isinstance(value, list) else value


@cache
def _software_version() -> str:
    try:
        return version("fhirstore-mongodb")
    except PackageNotFoundError:  # a bare checkout on the path
        return "0"
