"""Where a resource leads: one entry for each Reference and canonical in it, contained resources and extensions included.

`{path, type, id, version?}` for a resource of this store; for anything else `{path, kind, url}`, and for a reference
that says only an identifier `{path, kind: "logical"}`. A reference that says an identifier has it as `identifier`, in
the two forms of a token. `path` is the dotted path in the JSON, without
positions. Whether the target exists is not said, for that changes when another resource is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from fhirstore.definitions import Definitions, StructureType
from fhirstore.references import Reader, Reference
from fhirstore.search.token import write_identifier

Link = dict[str, Any]
_KINDS = {"external": "external", "contained": "contained", "other": "external"}


def links(
    resource: Mapping[str, Any], definitions: Definitions, base_urls: tuple[str, ...]
) -> list[Link]:
    """The links of a resource, in the order in which they stand in it."""
    walker = _walker(definitions, base_urls)
    found: list[Link] = []
    walker.resource(resource, "", found)
    return found


@lru_cache(maxsize=64)
def _walker(definitions: Definitions, base_urls: tuple[str, ...]) -> _Walker:
    return _Walker(definitions, base_urls)


class _Walker:
    """Walks resources along the elements that can lead somewhere."""

    def __init__(self, definitions: Definitions, base_urls: tuple[str, ...]) -> None:
        self._types = definitions.types
        self._resource_types = definitions.resource_types
        self._read: Callable[[str], Reference] = Reader(base_urls, definitions).read
        self._properties: dict[str, dict[str, str]] = {}

    def resource(self, value: Any, path: str, found: list[Link]) -> None:
        type_ = value.get("resourceType") if isinstance(value, dict) else None
        if type(type_) is str and type_ in self._resource_types:
            self._object(value, type_, path, found)

    def _object(self, value: dict[str, Any], type_: str, path: str, found: list[Link]) -> None:
        properties = self._properties.get(type_) or self._properties_of(type_)
        for key, below in value.items():
            kind = properties.get(key)
            if kind is None:
                continue
            at = path + key
            if type(below) is list:
                for entry in below:
                    self._value(entry, kind, at, found)
            else:
                self._value(below, kind, at, found)

    def _value(self, value: Any, kind: str, path: str, found: list[Link]) -> None:
        if kind == "canonical":
            if type(value) is str:
                contained = value.startswith("#")
                found.append(
                    {"path": path, "kind": "contained" if contained else "canonical", "url": value}
                )
        elif type(value) is not dict:
            return
        elif kind == "Resource":
            self.resource(value, f"{path}.", found)
        else:
            if kind == "Reference":
                self._reference(value, path, found)
            self._object(value, kind, f"{path}.", found)

    def _reference(self, value: dict[str, Any], path: str, found: list[Link]) -> None:
        tokens: list[str] = []
        if "identifier" in value:
            write_identifier(value["identifier"], tokens)
        text = value.get("reference")
        if type(text) is str:
            link = self._literal(text, path)
        elif tokens:
            link = {"path": path, "kind": "logical"}
        else:
            return
        if tokens:
            link["identifier"] = tokens
        found.append(link)

    def _literal(self, text: str, path: str) -> Link:
        reference = self._read(text)
        if reference.kind != "local":
            return {"path": path, "kind": _KINDS[reference.kind], "url": text}
        link: Link = {"path": path, "type": reference.type, "id": reference.id}
        if reference.version is not None:
            link["version"] = reference.version
        return link

    def _properties_of(self, type_: str) -> dict[str, str]:
        made = properties_with(type_, "canonical", self._types)
        self._properties[type_] = made
        return made


def properties_with(type_: str, wanted: str, types: Mapping[str, StructureType]) -> dict[str, str]:
    """The JSON properties of a type that are of the primitive type `wanted` or may have some below, extensions among them,
    and the type of what stands there."""
    made: dict[str, str] = {}
    for element in types[type_].elements.values():
        for kind in element.types:
            key = element.name + kind[0].upper() + kind[1:] if element.choice else element.name
            is_primitive = types[kind].kind == "primitive"
            if is_primitive:
                made[f"_{key}"] = "Element"
            if kind == wanted or not is_primitive:
                made[key] = kind
    return made
