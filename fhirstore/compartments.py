"""What a resource belongs to: `["Patient/1", "Encounter/7"]`, from the CompartmentDefinitions (spec page
compartmentdefinition).

A resource is in a compartment if one of the parameters that the definition lists refers to its owner; an owner is in
its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fhirstore.definitions import Definitions
from fhirstore.search.layout import layout


def compartments(
    resource_type: str, id: str, search: Mapping[str, Any], definitions: Definitions
) -> list[str]:
    """The compartments of a resource with these search values, its own first."""
    own, prefixes = _rules(resource_type, definitions)
    # A dict for its keys alone: they keep their order, and a Group may have very many members.
    found = {f"{resource_type}/{id}": True} if own else {}
    for code, wanted in prefixes.items():
        values = search.get(code)
        if values is not None:
            for value in values if type(values) is list else (values,):
                if value.startswith(wanted):
                    found[value] = True
    return list(found)


@lru_cache(maxsize=1024)
def _rules(
    resource_type: str, definitions: Definitions
) -> tuple[bool, Mapping[str, tuple[str, ...]]]:
    """Whether a type owns compartments, and which references in which field put its resources into one."""
    prefixes: dict[str, list[str]] = {}
    for owner in sorted(definitions.compartments):
        for code in definitions.compartment(owner).get(resource_type, ()):
            for field in _fields(resource_type, code, definitions):
                kept = prefixes.setdefault(field, [])
                if f"{owner}/" not in kept:
                    kept.append(f"{owner}/")
    return resource_type in definitions.compartments, {
        field: tuple(owners) for field, owners in prefixes.items()
    }


def _fields(resource_type: str, code: str, definitions: Definitions) -> list[str]:
    """The fields below `search` in which the values of a parameter lie."""
    kept = layout(resource_type, definitions).get(code)
    if kept is None or kept.kind in ("none", "all_of"):
        return []
    if kept.kind == "any_of":
        return [f for part in kept.parts for f in _fields(resource_type, part, definitions)]
    assert kept.field is not None
    return [kept.field.removeprefix("search.")]
