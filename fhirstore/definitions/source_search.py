"""SearchParameters and CompartmentDefinitions to the rows of `indexes/r4/`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_STANDARDS_STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
# FHIR types are case-sensitive, and none is called DateTime.
_ERRATA = {"value.as(DateTime) | value.as(Period)": "value.as(dateTime) | value.as(Period)"}
# DocumentReference's `relationship` has the paths of its two components the wrong way round: `relatesto` is the target.
_SWAPPED = {
    "http://hl7.org/fhir/SearchParameter/DocumentReference-relatesto": "target",
    "http://hl7.org/fhir/SearchParameter/DocumentReference-relation": "code",
}
_DESCRIPTION_OF_TYPE = re.compile(r"^\* \[(\w+)\]\(\w+\.html\): (.*)$", re.MULTILINE)


def search_parameters(
    resources: Iterable[Mapping[str, Any]], resource_types: frozenset[str]
) -> list[dict[str, Any]]:
    """One row a parameter, in the order of their URLs.

    Only parameters that carry a standards status belong to the specification itself. The package's other 25 are
    those for extensions and genetics profiles, and examples.
    """
    parameters = [
        resource
        for resource in resources
        if resource["resourceType"] == "SearchParameter"
        and any(e["url"] == _STANDARDS_STATUS for e in resource.get("extension", ()))
    ]
    return [_parameter(p, resource_types) for p in sorted(parameters, key=lambda p: str(p["url"]))]


def _parameter(source: Mapping[str, Any], resource_types: frozenset[str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "url": source["url"],
        "code": source["code"],
        "type": source["type"],
        "bases": source["base"],
    }
    if "expression" in source:
        row["expression"] = source["expression"]
    if "target" in source:
        row["targets"] = _targets(source["target"], resource_types)
    if "component" in source:
        row["components"] = [_component(component) for component in source["component"]]
    return row | {"description": _description(source["description"])}


def _targets(targets: list[str], resource_types: frozenset[str]) -> list[str]:
    """`["Resource"]` for all 145 types that have an address: one word instead of 145 in the file.

    Parameters is the type without one (spec page parameters: it has no endpoint of its own).
    """
    if frozenset(targets) == resource_types - {"Parameters"}:
        return ["Resource"]
    return sorted(targets)


def _component(source: Mapping[str, Any]) -> dict[str, str]:
    expression = _SWAPPED.get(source["definition"], source["expression"])
    return {
        "definition": source["definition"],
        "expression": _ERRATA.get(expression, expression),
    }


def _description(text: str) -> str | dict[str, str]:
    """One text, or one for each type where the specification lists them ("Multiple Resources: ...")."""
    by_type = dict(_DESCRIPTION_OF_TYPE.findall(text.replace("\r\n", "\n")))
    return by_type or text


def compartments(resources: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Compartment to resource type to parameter codes, as the definitions list them."""
    return {
        resource["code"]: {
            entry["code"]: entry["param"] for entry in resource["resource"] if "param" in entry
        }
        for resource in sorted(resources, key=lambda r: str(r.get("code")))
        if resource["resourceType"] == "CompartmentDefinition" and resource["id"] != "example"
    }
