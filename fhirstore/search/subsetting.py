"""Parts of resources: `_elements` and `_summary` (spec page search, Elements and Summary).

What is cut carries the tag SUBSETTED, "so that it is not taken for the whole". Elements that are mandatory are always
there, so that the part is a valid resource; so are `id`, `meta` and what modifies the meaning of the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from fhirstore.definitions import Definitions, Element
from fhirstore.errors import InvalidSearch

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}
SUMMARIES = ("true", "text", "data", "count", "false")
_ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules"})


@dataclass(frozen=True, slots=True)
class Subset:
    """Which part of a resource is wanted: `elements` by name, or a `summary` of one of the five forms."""

    elements: tuple[str, ...] = ()
    summary: str | None = None

    @property
    def is_whole(self) -> bool:
        return not self.elements and self.summary in (None, "false", "count")

    def of(self, resource: Mapping[str, Any], definitions: Definitions) -> dict[str, Any]:
        """The wanted part of `resource`, tagged as a part."""
        type = resource["resourceType"]
        if self.elements:
            cut = _named(resource, frozenset(self.elements), type, definitions)
        elif self.summary == "data":
            cut = {name: value for name, value in resource.items() if name not in ("text", "_text")}
        elif self.summary == "text":
            cut = _named(resource, frozenset({"text"}), type, definitions)
        else:
            cut = summarized(resource, type, definitions)
        return _tagged(cut)


WHOLE = Subset()


def element_names(value: str, type: str, definitions: Definitions) -> tuple[str, ...]:
    """The elements that `_elements` names, with or without the type before them. Raises InvalidSearch."""
    names = tuple(part.removeprefix(f"{type}.") for part in value.split(",") if part)
    for name in names:
        if name not in definitions.types[type].elements:
            said = f"{type} has no element {name[:80]!r}"
            raise InvalidSearch(said, code="value", expression="_elements")
    return names


def subset_of(elements: tuple[str, ...], summary: str | None) -> Subset:
    """What both ask together. Raises InvalidSearch where they exclude each other."""
    if elements and summary not in (None, "false", "count"):
        said = "_elements and _summary exclude each other"
        raise InvalidSearch(said, code="value", expression="_elements")
    return Subset(elements, summary)


def _by_key(type: str, definitions: Definitions) -> dict[str, Element]:
    """The elements of a type by the JSON properties that they may stand at."""
    made: dict[str, Element] = {}
    for element in definitions.types[type].elements.values():
        for kind in element.types if element.choice else ("",):
            key = element.name + kind[:1].upper() + kind[1:]
            made[key] = made[f"_{key}"] = element
    return made


def _named(
    resource: Mapping[str, Any], names: Collection[str], type: str, definitions: Definitions
) -> dict[str, Any]:
    elements = _by_key(type, definitions)
    return {
        key: value
        for key, value in resource.items()
        if key in _ALWAYS
        or (
            (element := elements.get(key))
            and (element.name in names or element.min or element.modifier)
        )
    }


def summarized(value: Mapping[str, Any], path: str, definitions: Definitions) -> dict[str, Any]:
    """What the definitions mark as summary, down through the backbones."""
    elements = _by_key(path, definitions)
    made: dict[str, Any] = {}
    for key, content in value.items():
        element = elements.get(key)
        if key == "resourceType" or (element is not None and (element.summary or element.min)):
            below = f"{path}.{element.name}" if element else ""
            if below in definitions.types:
                content = _each(content, below, definitions)
            made[key] = content
    return made


def _each(content: Any, path: str, definitions: Definitions) -> Any:
    if isinstance(content, list):
        return [_each(entry, path, definitions) for entry in content]
    return summarized(content, path, definitions) if isinstance(content, dict) else content


def _tagged(resource: dict[str, Any]) -> dict[str, Any]:
    meta = dict(resource.get("meta") or {})
    # What was stored without validation may be no array, or of anything.
    tags = meta.get("tag")
    kept = [tag for tag in tags if not _is_mark(tag)] if isinstance(tags, list) else []
    meta["tag"] = [*kept, SUBSETTED]
    return resource | {"meta": meta}


def _is_mark(tag: Any) -> bool:
    return isinstance(tag, dict) and tag.get("code") == SUBSETTED["code"]
