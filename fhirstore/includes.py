"""Reads what comes along with the matches of a page: the resources that they refer to, and those that refer to them.

Each round is one question a type. Nothing is included twice, and no match again; the spec lets a server limit how much
comes along (page search, Including other resources): here `MOST` resources and `MOST_ROUNDS` rounds of `:iterate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhirstore.definitions import Definitions
from fhirstore.documents import MATCH_FIELDS, history_collection, match_of, version_of
from fhirstore.ports.port import Document, ReadPort
from fhirstore.search.inclusion import ANY, Inclusion, fields, paths
from fhirstore.search.order import values_at
from fhirstore.versions import Version

MOST = 1000
MOST_ROUNDS = 10

Key = tuple[str, str]


@dataclass(slots=True)
class _Found:
    """What there is so far: the matches and what was included."""

    seen: set[Key]
    included: list[Version] = field(default_factory=list)
    cut: bool = False

    def add(self, version: Version) -> bool:
        """Whether it is new, and there is room for it."""
        key = (version.type, version.id)
        if key in self.seen:
            return False
        if len(self.included) == MOST:
            self.cut = True
            return False
        self.seen.add(key)
        self.included.append(version)
        return True


@dataclass(frozen=True, slots=True)
class Includes:
    """Includes resources of one FHIR version behind one port."""

    port: ReadPort
    definitions: Definitions

    async def of(
        self, matches: Sequence[Version], inclusions: Sequence[Inclusion]
    ) -> tuple[list[Version], bool]:
        """What is included with `matches`, and whether there would be more."""
        found = _Found({(match.type, match.id) for match in matches})
        new = list(matches)
        for number in range(MOST_ROUNDS + 1):
            asked = [i for i in inclusions if number == 0 or i.iterate]
            if not new or not asked:
                return found.included, found.cut
            before = len(found.included)
            for inclusion in asked:
                await self._include(inclusion, new, found)
            new = found.included[before:]
        return found.included, found.cut or bool(new)

    async def _include(self, inclusion: Inclusion, new: list[Version], found: _Found) -> None:
        by_type: dict[str, list[str]] = {}
        for version in new:
            by_type.setdefault(version.type, []).append(version.id)
        for type, ids in by_type.items():
            if inclusion.reverse:
                if inclusion.target in (None, type):
                    await self._referring(inclusion, type, ids, found)
            elif inclusion.source in (ANY, type):
                await self._referred(inclusion, type, ids, found)

    # what is referred to ------------------------------------------------------------------------

    async def _referred(
        self, inclusion: Inclusion, type: str, ids: list[str], found: _Found
    ) -> None:
        wanted = None if inclusion.code == ANY else paths(type, inclusion.code, self.definitions)
        documents = await self.port.find(type, {"_id": {"$in": ids}}, projection={"links": 1})
        by_id = {document["_id"]: document for document in documents}
        links = [
            link
            for id in ids
            for link in by_id.get(id, {}).get("links", ())
            if wanted is None or _counts(link, wanted)
        ]
        await self._read(_local(links, inclusion.target), found)
        await self._read_canonicals(type, inclusion, _canonicals(links), found)

    async def _read(self, wanted: dict[str, dict[str, str | None]], found: _Found) -> None:
        """Read resources by type and id, each in the version that was referred to, if one was."""
        for type, versions in wanted.items():
            ids = [id for id in versions if (type, id) not in found.seen]
            if not ids or type not in self.definitions.resource_types:
                continue
            current = {d["_id"]: d for d in await self._current(type, ids)}
            for id in ids:
                document = current.get(id)
                version = versions[id]
                if version is not None and (
                    document is None or str(document["version"]) != version
                ):
                    await self._read_past(type, id, version, found)
                elif document is not None:
                    found.add(match_of(type, document))

    async def _current(self, type: str, ids: list[str]) -> list[Document]:
        filter = {"_id": {"$in": ids}, "deleted": {"$exists": False}}
        return await self.port.find(type, filter, projection=MATCH_FIELDS)

    async def _read_past(self, type: str, id: str, version: str, found: _Found) -> None:
        document = await self.port.find_one(history_collection(type), {"_id": f"{id}/{version}"})
        if document is not None and not document.get("deleted"):
            found.add(version_of(type, document))

    async def _read_canonicals(
        self, source: str, inclusion: Inclusion, urls: Iterable[str], found: _Found
    ) -> None:
        """Read what has a canonical URL, of the types that the parameter may lead to."""
        wanted: dict[str, set[str]] = {}
        for url in urls:
            address, _, version = url.partition("|")
            wanted.setdefault(address, set()).add(version)
        if not wanted or inclusion.code == ANY:
            return
        targets = self.definitions.search_parameters(source)[inclusion.code].targets
        for type in targets:
            if inclusion.target in (None, type) and "url" in self.definitions.search_parameters(
                type
            ):
                await self._read_urls(type, wanted, found)

    async def _read_urls(self, type: str, wanted: dict[str, set[str]], found: _Found) -> None:
        (field,) = fields(type, "url", self.definitions)
        projection = MATCH_FIELDS | {field: 1, "search.version": 1}
        for document in await self.port.find(
            type, {field: {"$in": sorted(wanted)}}, projection=projection, limit=MOST + 1
        ):
            versions = {v for url in values_at(document, field) for v in wanted.get(url, ())}
            if "" in versions or set(values_at(document, "search.version")) & versions:
                found.add(match_of(type, document))

    # what refers --------------------------------------------------------------------------------

    async def _referring(
        self, inclusion: Inclusion, type: str, ids: list[str], found: _Found
    ) -> None:
        source = inclusion.source
        if source == ANY:
            for other in sorted(await self._stored_types()):
                await self._refer_by_links(other, type, ids, found)
        elif inclusion.code == ANY:
            await self._refer_by_links(source, type, ids, found)
        else:
            addresses = [f"{type}/{id}" for id in ids]
            for name in fields(source, inclusion.code, self.definitions):
                await self._add_matching(source, {name: {"$in": addresses}}, found)

    async def _refer_by_links(self, source: str, type: str, ids: list[str], found: _Found) -> None:
        # The flat predicate is what an index serves; the other says that both stand in one link.
        both = {"$elemMatch": {"type": type, "id": {"$in": ids}}}
        await self._add_matching(source, {"links.id": {"$in": ids}, "links": both}, found)

    async def _add_matching(self, type: str, filter: dict[str, Any], found: _Found) -> None:
        documents = await self.port.find(
            type, filter, projection=MATCH_FIELDS, sort=[("_id", 1)], limit=MOST + 1
        )
        for document in documents:
            found.add(match_of(type, document))

    async def _stored_types(self) -> set[str]:
        names = await self.port.collection_names()
        return names & self.definitions.resource_types


def _counts(link: Document, wanted: dict[str, str | None]) -> bool:
    """Whether a link stands where the parameter looks, and leads to a type that counts there."""
    only = wanted.get(link["path"], "")
    return only is None or (only != "" and link.get("type") == only)


def _local(links: Iterable[Document], target: str | None) -> dict[str, dict[str, str | None]]:
    """The resources of this store that links lead to: type to id to version, or None for the current one."""
    found: dict[str, dict[str, str | None]] = {}
    for link in links:
        if "id" in link and target in (None, link["type"]):
            found.setdefault(link["type"], {}).setdefault(link["id"], link.get("version"))
    return found


def _canonicals(links: Iterable[Document]) -> list[str]:
    return [link["url"] for link in links if link.get("kind") == "canonical"]
