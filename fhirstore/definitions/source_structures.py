"""StructureDefinitions to the rows of `elements.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fhirstore.definitions.tables import Element, Kind, StructureType

_CANONICAL = "http://hl7.org/fhir/StructureDefinition/"
_TYPE_OF_SYSTEM_VALUE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_KINDS: Mapping[str, Kind] = {
    "resource": "resource",
    "complex-type": "complex",
    "primitive-type": "primitive",
}
# The package says `string`; the page of Resource says `id`, and its examples and rules follow the page. R5 says `id` of what
# some datatypes inherit from Element, which says `string`.
_ERRATA = {"Resource.id": ("id",), "Element.id": ("string",)}


def structure_types(resources: Iterable[Mapping[str, Any]]) -> dict[str, StructureType]:
    """Every type with all of its elements, by path. Profiles and logical models are no types of their own."""
    types: dict[str, StructureType] = {}
    for resource in resources:
        if (
            resource["resourceType"] == "StructureDefinition"
            and resource["kind"] in _KINDS
            and resource.get("derivation") != "constraint"
        ):
            types.update(_types_of(resource))
    return dict(sorted(types.items()))


def _types_of(definition: Mapping[str, Any]) -> dict[str, StructureType]:
    """The type that `definition` defines and the backbones inside it."""
    root, *elements = definition["snapshot"]["element"]
    kind = _KINDS[definition["kind"]]
    types = {
        root["path"]: StructureType(
            path=root["path"],
            kind=kind,
            base=definition.get("baseDefinition", "").removeprefix(_CANONICAL) or None,
            elements={},
            abstract=definition["abstract"],
        )
    }
    for source in elements:
        parent, _, name = source["path"].rpartition(".")
        if kind == "primitive" and name == "value":
            continue  # the JSON value itself: no property carries this name
        if _is_backbone(source):
            base = source["type"][0]["code"]
            types[source["path"]] = StructureType(source["path"], "backbone", base, {})
        element = _element(source, name)
        types[parent].elements[element.name] = element  # type: ignore[index]
    return types


def _is_backbone(source: Mapping[str, Any]) -> bool:
    codes = {entry["code"] for entry in source.get("type", ())}
    return bool(codes & {"BackboneElement", "Element"})


def _element(source: Mapping[str, Any], name: str) -> Element:
    return Element(
        name=name.removesuffix("[x]"),
        min=source["min"],
        max=None if source["max"] == "*" else int(source["max"]),
        types=_type_paths(source),
        choice=name.endswith("[x]"),
        content_reference="contentReference" in source,
        targets=_targets(source),
        binding=_required_binding(source),
        summary=source.get("isSummary", False),
        modifier=source.get("isModifier", False),
        declared_by=source["base"]["path"].removesuffix("[x]"),
    )


def _type_paths(source: Mapping[str, Any]) -> tuple[str, ...]:
    declared = source["base"]["path"]
    if declared in _ERRATA:
        return _ERRATA[declared]
    if "contentReference" in source:
        return (source["contentReference"].removeprefix("#"),)
    if _is_backbone(source):
        return (source["path"],)
    return tuple(_type_path(entry) for entry in source["type"])


def _type_path(entry: Mapping[str, Any]) -> str:
    """The FHIR type. Ids and `Extension.url` name a FHIRPath type and tell the FHIR type in an extension."""
    if "/System." not in entry["code"]:
        return str(entry["code"])
    said = (e["valueUrl"] for e in entry.get("extension", ()) if e["url"] == _TYPE_OF_SYSTEM_VALUE)
    return next(said, "string")


def _targets(source: Mapping[str, Any]) -> tuple[str, ...]:
    urls = [url for entry in source.get("type", ()) for url in entry.get("targetProfile", ())]
    names = dict.fromkeys(url.removeprefix(_CANONICAL) for url in urls)
    return () if "Resource" in names else tuple(names)


def _required_binding(source: Mapping[str, Any]) -> str | None:
    binding = source.get("binding", {})
    return binding.get("valueSet") if binding.get("strength") == "required" else None


def rows(types: Mapping[str, StructureType]) -> dict[str, dict[str, Any]]:
    """One JSON object a type, without what it inherits unchanged and without what is at its default."""
    return {path: _row(kind, types) for path, kind in types.items()}


def _row(type_: StructureType, types: Mapping[str, StructureType]) -> dict[str, Any]:
    inherited = types[type_.base].elements if type_.base else {}
    _check_order(type_, list(inherited))
    own = [e for name, e in type_.elements.items() if inherited.get(name) != e]
    row: dict[str, Any] = {"kind": type_.kind, "base": type_.base}
    if type_.abstract:
        row["abstract"] = True
    return row | {"elements": [_element_row(element, type_.path) for element in own]}


def _check_order(type_: StructureType, inherited: list[str]) -> None:
    """The loader puts inherited elements first; the JSON and the RDF order of a resource rest on it."""
    if list(type_.elements)[: len(inherited)] != inherited:
        raise ValueError(f"{type_.path} does not begin with the elements of {type_.base}")


def _element_row(element: Element, owner: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": element.name,
        "min": element.min,
        "max": element.max,
        "types": element.types,
    }
    for flag in ("choice", "content_reference", "targets", "binding", "summary", "modifier"):
        if value := getattr(element, flag):
            row[flag] = value
    if element.declared_by != f"{owner}.{element.name}":
        row["declared_by"] = element.declared_by
    return row
