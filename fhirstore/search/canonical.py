"""Canonicals: what they call a resource, and where a resource says them (spec page references, Canonical URLs).

A canonical names what it leads to by its URL, and by its version if it says one (`http://x/lib|1.0-Beta`). The version is
compared as it is written: among the search values it is folded, for that is what a search of words compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fhirstore import json_text
from fhirstore.definitions import Definitions
from fhirstore.fhirpath import Truth
from fhirstore.large_resources import text_of
from fhirstore.search.conditions import All, Among, Condition, Element, either
from fhirstore.search.layout import Kept, layout
from fhirstore.search.order import values_at
from fhirstore.search.reference import CANONICALS

_VERSION = "resource.version"


@dataclass(frozen=True, slots=True)
class CanonicalField:
    """A field in which canonicals are kept, the paths in the resource that they stand at, and the types that they may lead
    to. `uris` are paths of URIs that a reference parameter takes for canonicals (`ConceptMap.sourceUri`): no links."""

    field: str
    paths: tuple[str, ...]
    targets: tuple[str, ...]
    uris: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def canonical_fields(
    source: str, definitions: Definitions, code: str | None = None
) -> tuple[CanonicalField, ...]:
    """Where resources of `source` keep the canonicals of the reference parameter `code`, or of all."""
    kept = layout(source, definitions)
    entries = [entry for entry in kept.values() if entry.parameter.type == "reference"]
    found = [
        CanonicalField(
            leaf.field,
            _paths(leaf, frozenset({"canonical"})),
            entry.parameter.targets or tuple(sorted(definitions.resource_types)),
            _paths(leaf, CANONICALS - {"canonical"}),
        )
        for entry in entries
        if code in (None, entry.parameter.code)
        for leaf in leaves(entry, kept)
        if leaf.field is not None and leaf.fhir_types & CANONICALS
    ]
    return tuple(dict.fromkeys(found))


def leaves(entry: Kept, kept: Mapping[str, Kept]) -> list[Kept]:
    """Where the values of a parameter are kept: with others, where it is what others are together."""
    if entry.kind != "any_of":
        return [entry]
    return [leaf for part in entry.parts for leaf in leaves(kept[part], kept)]


def _paths(leaf: Kept, fhir_types: frozenset[str]) -> tuple[str, ...]:
    """The paths in a resource at which values of these types stand."""
    branches = () if isinstance(leaf.branches, Truth) else leaf.branches
    paths = {
        ".".join(step.key for step in branch.steps)
        for branch in branches
        if branch.fhir_type in fhir_types
    }
    return tuple(sorted(paths))


@lru_cache(maxsize=1024)
def url_field(type: str, definitions: Definitions) -> str | None:
    """The field of the URL by which canonicals name resources of a type; None where they have none, and `url` is nothing or
    something else (the endpoint of a Subscription)."""
    entry = layout(type, definitions).get("url")
    if entry is None or isinstance(entry.branches, Truth):
        return None
    steps = [[step.key for step in branch.steps] for branch in entry.branches]
    return entry.field if steps == [["url"]] else None


def name_fields(field: str) -> dict[str, int]:
    """What `names` needs of a document, `field` being that of the URL."""
    return {field: 1, _VERSION: 1, "json_zstd": 1}


def names(document: Mapping[str, Any], field: str) -> list[str]:
    """The canonicals that lead to a resource: its URL, and that with its version."""
    urls = [url for url in values_at(document, field) if isinstance(url, str)]
    return [*urls, *(f"{url}|{version}" for url in urls for version in _versions(document))]


def _versions(document: Mapping[str, Any]) -> list[str]:
    if "resource" in document or "json_zstd" not in document:
        found = values_at(document, _VERSION)
    else:
        # Too large for its native form: the text says it.
        found = [json_text.parse((text_of(document) or "{}").encode()).get("version")]
    return [version for version in found if isinstance(version, str)]


def said_fields(there: Iterable[CanonicalField]) -> dict[str, int]:
    """What `said` needs of a document."""
    fields = {field for place in there for field in (place.field, *map(_native, place.uris))}
    return {"links": 1} | dict.fromkeys(fields, 1)


def _native(path: str) -> str:
    return f"resource.{path}"


def said(document: Mapping[str, Any], place: CanonicalField) -> list[str]:
    """The canonicals that a resource says there. A link has each as it stands, and the field tells which of those of one path
    count (`relatedArtifact.where(type='depends-on').resource`)."""
    kept = set(values_at(document, place.field))
    linked = [
        link["url"]
        for link in document.get("links", ())
        if link.get("kind") == "canonical" and link["path"] in place.paths and link["url"] in kept
    ]
    return linked + [uri for path in place.uris for uri in values_at(document, _native(path))]


def saying(place: CanonicalField, wanted: Iterable[str]) -> list[Condition]:
    """Each of these finds resources that say one of the canonicals `wanted` there. One with a version is in the field as it
    stands; one without is there for each that has a version too, so its link is asked besides."""
    with_version = tuple(sorted({url for url in wanted if "|" in url}))
    without = tuple(sorted({url for url in wanted if "|" not in url}))
    found: list[Condition] = []
    if with_version:
        found.append(Among(place.field, with_version))
    if without:
        link = All((Among("path", place.paths), Among("url", without)))
        ways: list[Condition] = [Element("links", link)] if place.paths else []
        ways += [Among(_native(path), without) for path in place.uris]
        found.append(All((Among(place.field, without), either(ways))))
    return found
