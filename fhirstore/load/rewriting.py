"""References between the entries of a bundle, made references between stored resources.

Spec page http: links are replaced "in the resource ids, resource references, elements of type uri, url, oid, uuid, and
`<a href=""` & `<img src=""` in the narrative", never in canonicals. Outside of references only urns are replaced:
a ValueSet's full URL often is its own `url` too, and that names it wherever it is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fhirstore.definitions import Definitions

_LINK_TYPES = frozenset({"uri", "url", "oid", "uuid"})
_NARRATIVE_LINK = re.compile(r"""(<(?:a|img)\b[^>]*?\b(?:href|src)\s*=\s*["'])(urn:[^"']+)""")


def references(value: Any) -> list[dict[str, Any]]:
    """The objects within a resource that have a `reference`: References, at any depth."""
    found: list[dict[str, Any]] = []
    level = [value]
    while level:
        below: list[Any] = []
        for one in level:
            if type(one) is dict:
                if type(one.get("reference")) is str:
                    found.append(one)
                below += [v for v in one.values() if type(v) is dict or type(v) is list]
            else:
                below += [v for v in one if type(v) is dict or type(v) is list]
        level = below
    return found


def rewrite(
    resource: dict[str, Any],
    found: list[dict[str, Any]],
    targets: Mapping[str, str],
    definitions: Definitions,
    text: bytes,
) -> None:
    """Replace, in place, what is a full URL in `targets` by what it leads to (`Patient/1`).

    `found` are the resource's `references`. `text` is what it was parsed from: it tells whether there are other urns in
    it, and so whether all elements have to be looked at.
    """
    urns = 0
    for holder in found:
        reference: str = holder["reference"]
        urns += reference.startswith("urn:")
        if (target := targets.get(reference)) is not None:
            holder["reference"] = target
    if text.count(b"urn:") > urns:
        urn_targets = {url: target for url, target in targets.items() if url.startswith("urn:")}
        _rewrite_links(resource, resource["resourceType"], urn_targets, definitions)


def _rewrite_links(
    value: dict[str, Any], path: str, targets: Mapping[str, str], definitions: Definitions
) -> None:
    """Replace full URLs in elements of the types that hold links, and in narrative."""
    if path == "Resource":
        path = str(value.get("resourceType"))
    for name, child in value.items():
        type = _type_of(name, path, definitions)
        if type == "xhtml" and isinstance(child, str):
            value[name] = _NARRATIVE_LINK.sub(
                lambda link: link[1] + targets.get(link[2], link[2]), child
            )
        elif type in _LINK_TYPES:
            value[name] = _linked(child, targets)
        elif type is not None:
            for inner in _objects(child):
                _rewrite_links(inner, type, targets, definitions)


def _linked(value: Any, targets: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_linked(one, targets) for one in value]
    return targets.get(value, value) if isinstance(value, str) else value


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one


def _type_of(name: str, path: str, definitions: Definitions) -> str | None:
    """The type of the property `name` of a `path` (`valueUri` of an Extension is a uri); None if there is none."""
    structure = definitions.types.get(path)
    if structure is None:
        return None
    element = structure.elements.get(name)
    if element is not None and not element.choice:
        return element.types[0] if element.types else None
    for element in structure.elements.values():
        if element.choice and name.startswith(element.name):
            for type in element.types:
                if name == element.name + type[0].upper() + type[1:]:
                    return type
    return None
