"""From a resource to the documents that are written: the pure half of every write.

A `Pipeline` turns what a caller hands in into a `Prepared` resource (parsed, validated, with its search values, links
and compartments). `Prepared.document` adds what only the write itself knows: version, instant and method.
docs/design.md has the layout.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from fhirstore import custom_parameters, json_text, large_resources, turtle_field
from fhirstore.compartments import compartments
from fhirstore.decimals import make_decimal
from fhirstore.definitions import Definitions
from fhirstore.errors import InvalidId, Issue, MalformedContent, Unprocessable
from fhirstore.links import links
from fhirstore.primitives import instant_text
from fhirstore.rdf import Projection
from fhirstore.search import contained
from fhirstore.search.extraction import Extractor
from fhirstore.validation import Level, validate
from fhirstore.versions import Version

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")

Content = bytes | str | Mapping[str, Any]


def check_id(id: str) -> str:
    """`id`, if it is a logical id (spec page resource: 1 to 64 of `A-Z a-z 0-9 - .`); else InvalidId."""
    if not _ID.fullmatch(id):
        raise InvalidId(f"{id[:80]!r} is not a logical id: 1 to 64 letters, digits, '-' and '.'")
    return id


@dataclass(frozen=True, slots=True)
class Prepared:
    """A resource that is ready to be written under an id, and what is derived from it.

    `body` is the resource without `id`, and with only what its author wrote into `meta`. `projection` is given where the
    document keeps the graph as well.
    """

    type: str
    id: str
    body: Mapping[str, Any]
    search: dict[str, Any]
    links: list[dict[str, Any]]
    compartments: list[str]
    fhir_version: str
    projection: Projection | None = None
    contained: list[dict[str, Any]] = field(default_factory=list)

    def resource(self, version: int, last_updated: datetime) -> dict[str, Any]:
        """The resource as that version says it, `id` and `meta` first."""
        meta = {"versionId": str(version), "lastUpdated": instant_text(last_updated)}
        meta.update(self.body.get("meta") or {})
        return {"resourceType": self.type, "id": self.id, "meta": meta} | {
            name: value
            for name, value in self.body.items()
            if name != "meta" and name != "resourceType"
        }

    def document(self, version: int, last_updated: datetime, method: str) -> dict[str, Any]:
        """The document of the current collection that says this version."""
        resource = self.resource(version, last_updated)
        text = json_text.dump(resource)
        document = {
            "_id": self.id,
            "version": version,
            "last_updated": last_updated,
            "fhir_version": self.fhir_version,
            "method": method,
            "json": text,
            "resource": resource,
            "search": self.search,
            "links": self.links,
            "compartments": self.compartments,
        }
        if self.contained:
            document[contained.FIELD] = self.contained
        if len(text) >= large_resources.SURELY_SMALL:
            document = large_resources.fit(document)
        if self.projection is not None:
            document[turtle_field.FIELD] = turtle_field.turtle_for(
                self.projection, resource, document
            )
        return document

    def says_the_same_as(self, current: Mapping[str, Any]) -> bool:
        """Whether `current` (a document with version, last_updated and json) already says all this.

        Number text counts, the order of properties does not.
        """
        mine = self.resource(current["version"], current["last_updated"])
        text = large_resources.text_of(current)
        assert text is not None
        if json_text.dump(mine) == text:
            return True
        theirs = json_text.parse(text.encode())
        return json_text.dump_sorted(mine) == json_text.dump_sorted(theirs)


def tombstone(id: str, version: int, last_updated: datetime, fhir_version: str) -> dict[str, Any]:
    """The document that says that a resource is deleted: no content, nothing that a search could find."""
    return {
        "_id": id,
        "version": version,
        "last_updated": last_updated,
        "fhir_version": fhir_version,
        "method": "DELETE",
        "deleted": True,
    }


def history_collection(type: str) -> str:
    """The name of the collection that keeps what was superseded of a type."""
    return f"{type}_history"


def superseded_copy(current: Mapping[str, Any], superseded: datetime) -> dict[str, Any]:
    """The history document for `current`, whose place the next version takes at `superseded`."""
    copy = dict(current)
    copy.pop(turtle_field.FIELD, None)
    copy["_id"] = f"{current['_id']}/{current['version']}"
    copy["id"] = current["_id"]
    copy["superseded"] = superseded
    return copy


# What a read, a history and a search page need of a document: never the native form.
VERSION_FIELDS = {
    "id": 1,
    "version": 1,
    "last_updated": 1,
    "fhir_version": 1,
    "method": 1,
    "json": 1,
    "json_zstd": 1,
    "deleted": 1,
}


# A search finds current versions, none of them deleted: each field less is time on every entry of a page.
MATCH_FIELDS = {
    "version": 1,
    "last_updated": 1,
    "fhir_version": 1,
    "method": 1,
    "json": 1,
    "json_zstd": 1,
}


def match_of(type: str, document: Mapping[str, Any]) -> Version:
    """`version_of` for a match of a search. It fills the object past its frozen `__init__`, which takes three times as long."""
    version = object.__new__(Version)
    text = document.get("json")
    version.__dict__.update(
        type=type,
        id=document["_id"],
        version=document["version"],
        last_updated=document["last_updated"],
        json=large_resources.text_of(document) if text is None else text,
        method=document["method"],
        fhir_version=document["fhir_version"],
        outcome="read",
    )
    return version


def version_of(type: str, document: Mapping[str, Any], outcome: Any = "read") -> Version:
    """The `Version` that a current or a history document holds."""
    return Version(
        type,
        document.get("id") or document["_id"],
        document["version"],
        document["last_updated"],
        large_resources.text_of(document),
        document["method"],
        document["fhir_version"],
        outcome,
    )


class Pipeline:
    """text -> resource -> validated -> search values, links, compartments, for one FHIR version.

    `base_urls` are the addresses under which the store itself is known: an absolute reference below one of them is a
    local one (spec page search, reference). `projections` are those of the types that keep their graphs.
    """

    def __init__(
        self,
        definitions: Definitions,
        base_urls: tuple[str, ...] = (),
        level: Level = "structure",
        projections: Mapping[str, Projection] = MappingProxyType({}),
    ) -> None:
        self.definitions = definitions
        self.base_urls = base_urls
        self.level: Level = level
        self._projections = projections
        self._extractor = lru_cache(maxsize=None)(
            lambda type: Extractor(type, definitions, base_urls)
        )

    def parse(self, content: Content) -> dict[str, Any]:
        """`content` as a resource. A mapping takes the way through text too, so that nothing but JSON gets in."""
        if isinstance(content, Mapping):
            content = _text_of(content)
        elif isinstance(content, str):
            content = _encoded(content)
        resource = json_text.parse(content)
        if not isinstance(resource, dict):
            raise MalformedContent("a resource is a JSON object")
        return resource

    def check(self, resource: Mapping[str, Any], level: Level | None = None) -> list[Issue]:
        """Every problem of `resource`, at the pipeline's level of validation if no other is given."""
        level = level or self.level
        issues = validate(resource, self.definitions, level=level)
        if level != "off" and not issues and resource.get("resourceType") == custom_parameters.TYPE:
            return custom_parameters.problems(resource, self.definitions)
        return issues

    def prepare(self, resource: dict[str, Any], id: str) -> Prepared:
        """`resource` ready to be written as `id`. Raises Unprocessable with all that is wrong with it."""
        self.require_valid(resource)
        return self.derive(resource, id)

    def require_valid(self, resource: Mapping[str, Any]) -> None:
        """Raise Unprocessable with all that is wrong with `resource`, if anything is."""
        issues = self.check(resource)
        if any(issue.severity in ("error", "fatal") for issue in issues):
            raise Unprocessable(issues=issues)

    def derive(self, resource: dict[str, Any], id: str) -> Prepared:
        """A valid `resource`, as `parse` made it, with what is derived from it."""
        type = resource["resourceType"]
        meta = resource.get("meta")
        if meta is not None and not isinstance(meta, dict):
            raise Unprocessable("meta is an object", code="structure", expression=f"{type}.meta")
        make_decimal(resource, self.definitions)
        search = self._extractor(type).extract(resource)
        leads = links(resource, self.definitions, self.base_urls)
        return Prepared(
            type,
            id,
            _authored(resource, meta),
            search,
            leads,
            compartments(type, id, search, self.definitions),
            self.definitions.fhir_version,
            self._projections.get(type),
            contained.contained_values(resource, leads, self._extracted),
        )

    def _extracted(self, type: str, resource: Mapping[str, Any]) -> dict[str, Any]:
        """The search values of a contained resource. Raises KeyError for what is no type."""
        if type not in self.definitions.resource_types:
            raise KeyError(type)
        return self._extractor(type).extract(resource)


def _authored(resource: Mapping[str, Any], meta: Mapping[str, Any] | None) -> dict[str, Any]:
    """The resource less what the store sets itself: `id`, `meta.versionId` and `meta.lastUpdated`."""
    body = {name: value for name, value in resource.items() if name != "id"}
    if meta is not None:
        body["meta"] = {
            name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")
        }
    return body


def _text_of(content: Mapping[str, Any]) -> bytes:
    try:
        text = json_text.dump(content).encode()
        # The encoder writes null for what JSON cannot say; few resources have a null, and are walked through.
        if b"null" in text and not _is_finite(content):
            raise ValueError("JSON has neither NaN nor infinity")
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedContent(f"not a JSON value: {error}") from None


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_is_finite, value))


def _encoded(content: str) -> bytes:
    try:
        return content.encode()
    except UnicodeEncodeError as error:
        raise MalformedContent(f"not Unicode text: {error.reason}") from None


def utc(instant: datetime) -> datetime:
    """`instant` in UTC; one without a zone is taken as UTC already."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
