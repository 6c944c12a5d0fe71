"""Expanded value sets to the rows of `codes.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fhirstore.definitions.tables import StructureType

# An expansion that says one of these lists some of the codes (spec page valueset).
_INCOMPLETE = frozenset(
    f"http://hl7.org/fhir/StructureDefinition/valueset-{why}" for why in ("toocostly", "unclosed")
)

Codes = dict[str, list[str]]


def required_codes(
    types: Mapping[str, StructureType], expansions: Iterable[Mapping[str, Any]]
) -> dict[str, Codes]:
    """Value set URL to system to codes, for the required bindings that have a finite list."""
    bound = {
        element.binding.partition("|")[0]
        for type_ in types.values()
        for element in type_.elements.values()
        if element.binding
    }
    found: dict[str, Codes] = {}
    for value_set in expansions:
        url = value_set["url"]
        codes = _codes(value_set) if url in bound else {}
        if codes and found.setdefault(url, codes) != codes:
            raise ValueError(f"two expansions of {url} differ")
    return dict(sorted(found.items()))


def _codes(value_set: Mapping[str, Any]) -> Codes:
    expansion = value_set.get("expansion", {})
    if any(entry["url"] in _INCOMPLETE for entry in expansion.get("extension", ())):
        return {}
    codes: Codes = {}
    _collect(expansion.get("contains", ()), codes)
    return {system: sorted(codes[system]) for system in sorted(codes)}


def _collect(entries: Iterable[Mapping[str, Any]], codes: Codes) -> None:
    for entry in entries:
        if "code" in entry and not entry.get("abstract", False):
            codes.setdefault(entry["system"], []).append(entry["code"])
        _collect(entry.get("contains", ()), codes)
