"""History: the versions of one resource, of a type, of the whole store, newest first (spec page http, history).

The current version of a resource lies in its type's collection, what it superseded in `<Type>_history`. A page reads
the current collection first and the history second. A version that moves from one to the other between the two reads is
seen twice and counted once; none is missed. A copy that an interrupted write left in the history has the number of the
current version, and falls to the same rule.

Pages are keyset: within a resource by version, across resources by (instant, type, id), which names one version,
because the instants of a resource only go forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fhirstore.documents import VERSION_FIELDS, check_id, history_collection, utc, version_of
from fhirstore.errors import InvalidPageToken, NotFound
from fhirstore.ports.port import Document, Filter, Port, Sort
from fhirstore.search import keyset
from fhirstore.versions import HistoryPage, Version

DEFAULT_COUNT = 50
MAX_COUNT = 1000

Period = tuple[datetime, datetime]
# Where a page ended: the instant, type and id of its last version.
Place = tuple[datetime, str, str]


class Selection:
    """Which versions a history shows.

    `since` keeps those made at or after an instant; `at` those that were current at some moment of a half-open period
    (spec page http, `_since` and `_at`). Both in UTC.
    """

    def __init__(self, since: datetime | None = None, at: datetime | Period | None = None) -> None:
        self.since = None if since is None else utc(since)
        if isinstance(at, datetime):
            at = (at, at)
        self.at = None if at is None else (utc(at[0]), utc(at[1]))

    def filter(self, *, current: bool) -> dict[str, Any]:
        """The MongoDB filter, for the current collection or for the history."""
        made: dict[str, Any] = {}
        if self.since is not None:
            made["$gte"] = self.since
        if self.at is None:
            return {"last_updated": made} if made else {}
        start, end = self.at
        # A moment is a period of no length, which a half-open period cannot say.
        made["$lte" if start == end else "$lt"] = end
        return (
            {"last_updated": made}
            if current
            else {"last_updated": made, "superseded": {"$gt": start}}
        )

    def shows(self, current: Mapping[str, Any]) -> bool:
        """Whether the current version, which nothing has superseded, is one of them."""
        instant = current["last_updated"]
        if self.since is not None and instant < self.since:
            return False
        if self.at is None:
            return True
        start, end = self.at
        return bool(instant <= end if start == end else instant < end)

    @property
    def is_everything(self) -> bool:
        return self.since is None and self.at is None

    def __str__(self) -> str:
        return f"since={self.since} at={self.at}"


class History:
    """Reads histories through a port. `secret` signs the page tokens."""

    def __init__(self, port: Port, secret: bytes) -> None:
        self.port = port
        self._secret = secret

    async def of_instance(
        self, type: str, id: str, selection: Selection, count: int | None, page: str | None
    ) -> HistoryPage:
        """The versions of one resource. Raises NotFound where there never was one, and InvalidPageToken."""
        current = await self.port.find_one(type, {"_id": check_id(id)}, VERSION_FIELDS)
        if current is None:
            raise NotFound(f"there is no {type}/{id}")
        limit = _limit(count)
        bound_to = f"history {type}/{id} {selection}"
        below = current["version"]
        found: list[Document] = []
        if page is not None:
            below = self._redeem(page, bound_to, 1)[0]
        elif selection.shows(current):
            found.append(current)
        filter = {"id": id, "version": {"$lt": below}} | selection.filter(current=False)
        found += await self._past(
            type, filter, [("id", -1), ("version", -1)], limit + 1 - len(found)
        )
        return self._page(
            [version_of(type, document) for document in found[:limit]],
            [found[limit - 1]["version"]] if len(found) > limit else None,
            bound_to,
            # No version number is ever left out, so the newest one counts them all.
            total=current["version"] if selection.is_everything else None,
        )

    async def of_type(
        self, type: str, selection: Selection, count: int | None, page: str | None
    ) -> HistoryPage:
        """The versions of all resources of a type, newest first. Raises InvalidPageToken."""
        return await self._across([type], f"history {type} {selection}", selection, count, page)

    async def of_system(
        self, types: Iterable[str], selection: Selection, count: int | None, page: str | None
    ) -> HistoryPage:
        """The versions of all resources of `types`, newest first. Raises InvalidPageToken."""
        bound_to = f"history {selection}"
        return await self._across(sorted(types), bound_to, selection, count, page)

    async def _across(
        self,
        types: Sequence[str],
        bound_to: str,
        selection: Selection,
        count: int | None,
        page: str | None,
    ) -> HistoryPage:
        limit = _limit(count)
        after = None if page is None else self._place(self._redeem(page, bound_to, 3))
        found: dict[tuple[str, str, int], Version] = {}
        for type in types:
            for version in await self._newest(type, selection, after, limit + 1):
                found.setdefault((type, version.id, version.version), version)
        ordered = sorted(found.values(), key=_place_of, reverse=True)
        last = list(_place_of(ordered[limit - 1])) if len(ordered) > limit else None
        return self._page(ordered[:limit], last, bound_to)

    async def _newest(
        self, type: str, selection: Selection, after: Place | None, limit: int
    ) -> list[Version]:
        """The newest versions of one type after a place, `limit` of the current and `limit` of the past ones."""
        found: list[Document] = []
        newest: Sort = [("last_updated", -1), ("_id", -1)]
        for rest in _phases(selection.filter(current=True), type, after, "_id"):
            wanted = limit - len(found)
            found += await self.port.find(
                type, rest, projection=VERSION_FIELDS, sort=newest, limit=wanted
            )
            if len(found) == limit:
                break
        past: list[Document] = []
        newest = [("last_updated", -1), ("id", -1)]
        for rest in _phases(selection.filter(current=False), type, after, "id"):
            past += await self._past(type, rest, newest, limit - len(past))
            if len(past) == limit:
                break
        return [version_of(type, document) for document in found + past]

    async def _past(self, type: str, filter: Filter, sort: Sort, limit: int) -> list[Document]:
        if limit <= 0:
            return []
        return await self.port.find(
            history_collection(type), filter, projection=VERSION_FIELDS, sort=sort, limit=limit
        )

    def _page(
        self,
        entries: list[Version],
        last: list[Any] | None,
        bound_to: str,
        total: int | None = None,
    ) -> HistoryPage:
        following = None if last is None else keyset.issue(last, bound_to, self._secret)
        return HistoryPage(entries, following, total)

    def _redeem(self, page: str, bound_to: str, length: int) -> list[Any]:
        values = keyset.redeem(page, bound_to, self._secret)
        if len(values) != length:
            raise InvalidPageToken("the page token is not one of a history", expression="_page")
        return values

    @staticmethod
    def _place(values: list[Any]) -> Place:
        instant, type, id = values
        return instant, type, id


def _place_of(version: Version) -> Place:
    return version.last_updated, version.type, version.id


def _phases(
    filter: dict[str, Any], type: str, after: Place | None, id_field: str
) -> list[dict[str, Any]]:
    """What to ask, in this order, for the versions of `type` that come after a place, newest first.

    Two plain questions (the rest of that instant, then everything older) and no `$or`, which weak planners answer by
    reading the whole collection.
    """
    if after is None:
        return [filter]
    instant, last_type, id = after
    bounds = dict(filter.get("last_updated", {}))
    older = filter | {"last_updated": _tightened(bounds, instant)}
    if type > last_type:
        return [older]
    same: dict[str, Any] = filter | {"last_updated": instant}
    if type == last_type:
        same[id_field] = {"$lt": id}
    return [same, older]


def _tightened(bounds: dict[str, Any], instant: datetime) -> dict[str, Any]:
    """`bounds` and below `instant`, which lies within them: a page before ended there."""
    lower = {operator: value for operator, value in bounds.items() if operator == "$gte"}
    return lower | {"$lt": instant}


def _limit(count: int | None) -> int:
    return DEFAULT_COUNT if count is None else max(1, min(count, MAX_COUNT))
