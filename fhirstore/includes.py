"""Reads what comes along with the matches of a page: the resources that they refer to, and those that refer to them.

Each round is one question for each type that is read. No version is included twice, and no match again; the spec lets a
server limit how much comes along (page search, Including other resources): here `MOST` resources, `MOST_ROUNDS` rounds of
`:iterate`, and `MOST_QUESTIONS` to the database, since `*` alone asks each of 146 types in each round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fhirstore.definitions import Definitions
from fhirstore.documents import MATCH_FIELDS, history_collection, match_of, version_of
from fhirstore.ports.port import Document, Filter, ReadPort
from fhirstore.search.canonical import (
    canonical_fields,
    name_fields,
    names,
    said,
    said_fields,
    saying,
    url_field,
)
from fhirstore.search.filter import to_filter
from fhirstore.search.inclusion import ANY, Inclusion, fields, paths
from fhirstore.search.plan import single_fields
from fhirstore.versions import Version

MOST = 1000
MOST_ROUNDS = 10
MOST_QUESTIONS = 2000

# Type to id to the versions that are referred to, in order; None is the current one.
_Wanted = dict[str, dict[str, dict[str | None, None]]]


class _Enough(Exception):
    """More would be asked than one page is worth."""


@dataclass(slots=True)
class _Found:
    """What there is so far: the matches and what was included, each version of a resource by itself; and what it took.
    `stored` are the types that have collections and `referring` those with references, once they were looked for."""

    current: dict[str, set[str]] = field(default_factory=dict)
    versions: set[tuple[str, str, int]] = field(default_factory=set)
    included: list[Version] = field(default_factory=list)
    cut: bool = False
    questions: int = 0
    stored: list[str] | None = None
    referring: list[str] | None = None

    def ask(self) -> None:
        """One more question is to be asked. Raises _Enough."""
        self.questions += 1
        if self.questions > MOST_QUESTIONS:
            raise _Enough

    def note(self, version: Version, is_current: bool = True) -> None:
        """It is there: as that version, and if it is the current one as the resource."""
        self.versions.add((version.type, version.id, version.version))
        if is_current:
            self.current.setdefault(version.type, set()).add(version.id)

    def has(self, type: str, id: str) -> bool:
        """Whether a resource is there in its current version."""
        return id in self.current.get(type, ())

    def add(self, version: Version, is_current: bool = True) -> None:
        """Include it, if it is new and there is room for it."""
        key = (version.type, version.id, version.version)
        if key in self.versions or (is_current and self.has(version.type, version.id)):
            return
        if len(self.included) == MOST:
            self.cut = True
            return
        self.note(version, is_current)
        self.included.append(version)

    def enough(self, type: str) -> int:
        """Of so many documents of a type, one is new for which there is no room."""
        return MOST - len(self.included) + 1 + len(self.current.get(type, ()))


@dataclass(frozen=True, slots=True)
class Includes:
    """Includes resources of one FHIR version behind one port."""

    port: ReadPort
    definitions: Definitions

    async def of(
        self, matches: Sequence[Version], inclusions: Sequence[Inclusion]
    ) -> tuple[list[Version], bool]:
        """What is included with `matches`, and whether there would be more."""
        found = _Found()
        for match in matches:
            found.note(match)
        try:
            await self._rounds(list(matches), inclusions, found)
        except _Enough:
            found.cut = True
        return found.included, found.cut

    async def _rounds(
        self, new: list[Version], inclusions: Sequence[Inclusion], found: _Found
    ) -> None:
        for number in range(MOST_ROUNDS + 1):
            asked = [i for i in inclusions if number == 0 or i.iterate]
            if not new or not asked:
                return
            before = len(found.included)
            for inclusion in asked:
                await self._include(inclusion, new, found)
            new = found.included[before:]
        found.cut = found.cut or bool(new)

    async def _include(self, inclusion: Inclusion, new: list[Version], found: _Found) -> None:
        by_type: dict[str, list[Version]] = {}
        for version in new:
            by_type.setdefault(version.type, []).append(version)
        if inclusion.reverse:
            wanted = {t: there for t, there in by_type.items() if inclusion.target in (None, t)}
            if wanted:
                await self._referring(inclusion, wanted, found)
            return
        for type, versions in by_type.items():
            if inclusion.source in (ANY, type):
                await self._referred(inclusion, type, versions, found)

    async def _documents(
        self, type: str, versions: Iterable[Version], fields: Mapping[str, int], found: _Found
    ) -> list[Document]:
        """Fields of the documents of these very versions: what was included need not be current."""
        by_id: dict[str, list[int]] = {}
        for version in versions:
            by_id.setdefault(version.id, []).append(version.version)
        projection = {"version": 1, **fields}
        found.ask()
        current = await self.port.find(type, {"_id": {"$in": list(by_id)}}, projection=projection)
        there = {(document["_id"], document["version"]): document for document in current}
        documents = []
        for id, numbers in by_id.items():
            for number in numbers:
                document = there.get((id, number))
                if document is None:
                    found.ask()
                    document = await self.port.find_one(
                        history_collection(type), {"_id": f"{id}/{number}"}, projection
                    )
                if document is not None:
                    documents.append(document)
        return documents

    # what is referred to ------------------------------------------------------------------------

    async def _referred(
        self, inclusion: Inclusion, type: str, versions: list[Version], found: _Found
    ) -> None:
        wanted = None if inclusion.code == ANY else paths(type, inclusion.code, self.definitions)
        there = canonical_fields(type, self.definitions, inclusion.parameter)
        documents = await self._documents(type, versions, said_fields(there), found)
        links = [
            link
            for document in documents
            for link in document.get("links", ())
            if wanted is None or _counts(link, wanted)
        ]
        await self._read(_local(links, inclusion.target), found)
        called: dict[str, set[str]] = {}
        for place in there:
            urls = {url for document in documents for url in said(document, place)}
            for target in place.targets if urls else ():
                if inclusion.target in (None, target):
                    called.setdefault(target, set()).update(urls)
        for target, urls in called.items():
            await self._read_called(target, urls, found)

    async def _read(self, wanted: _Wanted, found: _Found) -> None:
        """Read resources by type and id, each in the versions that were referred to."""
        for type, by_id in wanted.items():
            ids = [id for id, said in by_id.items() if {*said} != {None} or not found.has(type, id)]
            if not ids or type not in self.definitions.resource_types:
                continue
            found.ask()
            current = {d["_id"]: d for d in await self._current(type, ids)}
            for id in ids:
                document = current.get(id)
                for version in by_id[id]:
                    if document is not None and version in (None, str(document["version"])):
                        found.add(match_of(type, document))
                    elif version is not None:
                        await self._read_past(type, id, version, found)

    async def _current(self, type: str, ids: list[str]) -> list[Document]:
        filter = {"_id": {"$in": ids}, "deleted": {"$exists": False}}
        return await self.port.find(type, filter, projection=MATCH_FIELDS)

    async def _read_past(self, type: str, id: str, version: str, found: _Found) -> None:
        found.ask()
        document = await self.port.find_one(history_collection(type), {"_id": f"{id}/{version}"})
        if document is not None and not document.get("deleted"):
            found.add(version_of(type, document), is_current=False)

    async def _read_called(self, type: str, urls: set[str], found: _Found) -> None:
        """Read the resources of a type that canonicals lead to."""
        field = url_field(type, self.definitions)
        if field is None:
            return
        addresses = sorted({url.partition("|")[0] for url in urls})
        enough = found.enough(type)
        found.ask()
        documents = await self.port.find(
            type,
            {field: {"$in": addresses}},
            projection=MATCH_FIELDS | name_fields(field),
            sort=[("_id", 1)],
            limit=enough,
        )
        for document in documents:
            if not urls.isdisjoint(names(document, field)):
                found.add(match_of(type, document))
        # Those of other versions took the place of what was not read.
        found.cut = found.cut or len(documents) == enough

    # what refers --------------------------------------------------------------------------------

    async def _referring(
        self, inclusion: Inclusion, by_type: dict[str, list[Version]], found: _Found
    ) -> None:
        named = None if inclusion.source == ANY else [inclusion.source]
        if inclusion.code == ANY:
            ids = {type: {version.id for version in there} for type, there in by_type.items()}
            for source in named or await self._that_refer(found):
                await self._refer_by_links(source, ids, found)
        else:
            addresses = [f"{type}/{v.id}" for type, there in by_type.items() for v in there]
            asked = {"$in": [*dict.fromkeys(addresses)]}
            for name in fields(inclusion.source, inclusion.code, self.definitions):
                await self._add_matching(inclusion.source, {name: asked}, found)
        sources = named or await self._stored(found)
        for type, versions in by_type.items():
            await self._refer_by_canonicals(inclusion, sources, type, versions, found)

    async def _stored(self, found: _Found) -> list[str]:
        if found.stored is None:
            names = await self.port.collection_names()
            found.stored = sorted(names & self.definitions.resource_types)
        return found.stored

    async def _that_refer(self, found: _Found) -> list[str]:
        """The types of which a resource refers to one of this store: not many of those that have collections do."""
        if found.referring is None:
            stored = await self._stored(found)
            found.referring = [type for type in stored if await self._refers(type, found)]
        return found.referring

    async def _refers(self, type: str, found: _Found) -> bool:
        found.ask()
        any_link = {"links.id": {"$gt": ""}}
        return bool(await self.port.find(type, any_link, projection={"_id": 1}, limit=1))

    async def _refer_by_canonicals(
        self,
        inclusion: Inclusion,
        sources: Iterable[str],
        type: str,
        versions: list[Version],
        found: _Found,
    ) -> None:
        """Include what says a canonical of one of these resources."""
        field = url_field(type, self.definitions)
        there = [
            (source, place)
            for source in sources
            for place in canonical_fields(source, self.definitions, inclusion.parameter)
            if type in place.targets
        ]
        if field is None or not there:
            return
        documents = await self._documents(type, versions, name_fields(field), found)
        urls = {name for document in documents for name in names(document, field)}
        for source, place in there if urls else ():
            for condition in saying(place, urls):
                filter = to_filter(condition, single_fields(source, self.definitions))
                await self._add_matching(source, filter, found)

    async def _refer_by_links(
        self, source: str, wanted: Mapping[str, set[str]], found: _Found
    ) -> None:
        """Include what has a link to one of the resources `wanted`, by type.

        The server is asked for all at once, and finds besides what has an id of one type and the type of another: an
        `$or` in an `$elemMatch` is not understood by each, and beside it reads the collection on some. Therefore it is
        asked on from where the last answer ended.
        """
        ids = sorted({id for there in wanted.values() for id in there})
        # The flat predicate is what an index serves; the other says that both stand in one link.
        both = {"$elemMatch": {"type": {"$in": sorted(wanted)}, "id": {"$in": ids}}}
        filter = {"links.id": {"$in": ids}, "links": both}
        projection = {**MATCH_FIELDS, "links.type": 1, "links.id": 1}
        after: Filter = {}
        while True:
            enough = found.enough(source)
            found.ask()
            documents = await self.port.find(
                source, {**filter, **after}, projection=projection, sort=[("_id", 1)], limit=enough
            )
            for document in documents:
                if any(
                    link.get("id") in wanted.get(link.get("type"), ()) for link in document["links"]
                ):
                    found.add(match_of(source, document))
            if len(documents) < enough or found.cut:
                return
            after = {"_id": {"$gt": documents[-1]["_id"]}}

    async def _add_matching(self, type: str, filter: Filter, found: _Found) -> None:
        found.ask()
        documents = await self.port.find(
            type, filter, projection=MATCH_FIELDS, sort=[("_id", 1)], limit=found.enough(type)
        )
        for document in documents:
            found.add(match_of(type, document))


def _counts(link: Document, wanted: dict[str, str | None]) -> bool:
    """Whether a link stands where the parameter looks, and leads to a type that counts there."""
    only = wanted.get(link["path"], "")
    return only is None or (only != "" and link.get("type") == only)


def _local(links: Iterable[Document], target: str | None) -> _Wanted:
    """The resources of this store that links lead to."""
    found: _Wanted = {}
    for link in links:
        if "id" in link and target in (None, link["type"]):
            versions = found.setdefault(link["type"], {}).setdefault(link["id"], {})
            versions[link.get("version")] = None
    return found
