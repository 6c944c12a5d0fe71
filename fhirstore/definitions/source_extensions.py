"""Definitions of extensions to the rows of `extensions.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fhirstore.definitions.tables import StructureType


def value_types(
    resources: Iterable[Mapping[str, Any]], types: Mapping[str, StructureType]
) -> dict[str, str]:
    """URL to the type of the value, for the extensions whose value is always of one primitive type."""
    found = {
        resource["url"]: of_value[0]
        for resource in resources
        if resource["type"] == "Extension"
        and len(of_value := _of_value(resource)) == 1
        and types[of_value[0]].kind == "primitive"
    }
    return dict(sorted(found.items()))


def _of_value(resource: Mapping[str, Any]) -> list[str]:
    for element in resource["snapshot"]["element"]:
        if element["id"] == "Extension.value[x]" and element["max"] != "0":
            return [entry["code"] for entry in element["type"]]
    return []
