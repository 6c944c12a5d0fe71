"""The moment as of which a search is answered: `-as-of=now`, or an instant.

FHIR has no such parameter; "servers should define search parameters starting with a `-`" (spec page search, Server
Conformance). "now" becomes an instant on the first page. Page tokens carry it, so that all pages show one state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from fhirstore.errors import InvalidPageToken, InvalidSearch
from fhirstore.primitives import date_range, instant_text
from fhirstore.search.keyset import from_milliseconds, to_milliseconds
from fhirstore.search.query_string import Pairs, as_pairs

PARAMETER = "-as-of"
_NOW = "now"
_TOKEN = re.compile(r"(\d{1,15})~(.*)", re.DOTALL | re.ASCII)


@dataclass(frozen=True, slots=True)
class Moment:
    """The pairs and the page token of a query, with its moment resolved. `instant` None: as of whenever it is read."""

    pairs: list[tuple[str, str]]
    page: str | None
    instant: datetime | None

    def token(self, next: str | None) -> str | None:
        """The token of a next page, which carries the moment."""
        if next is None or self.instant is None:
            return next
        return f"{to_milliseconds(self.instant)}~{next}"


def of_moment(query: str | Pairs, as_of: datetime | str | None) -> str | Pairs:
    """`query`, asking for the state at `as_of` ("now", an instant as text, or an aware datetime)."""
    if as_of is None:
        return query
    return [
        *as_pairs(query),
        (PARAMETER, as_of if isinstance(as_of, str) else instant_text(as_of.astimezone(UTC))),
    ]


def resolve(given: Pairs, page: str | None, now: datetime) -> Moment:
    """Find the moment among the pairs of a query. Raises InvalidSearch, InvalidPageToken."""
    asked = [value for name, value in given if name == PARAMETER and value]
    if not asked:
        return Moment(list(given), page, None)
    if len(asked) > 1:
        raise InvalidSearch(
            f"{PARAMETER} stands more than once", code="value", expression=PARAMETER
        )
    page = next((value for name, value in given if name == "_page" and value), page)
    rest = [(name, value) for name, value in given if name not in (PARAMETER, "_page")]
    instant = _instant(asked[0], now)
    if page is not None:
        carried, page = _carried(page)
        if asked[0] != _NOW and carried != instant:
            raise InvalidPageToken("the page token is of another moment", expression="_page")
        instant = carried
    return Moment([*rest, (PARAMETER, instant_text(instant))], page, instant)


def _instant(text: str, now: datetime) -> datetime:
    if text == _NOW:
        return now
    try:
        # A `+` that was not percent-encoded arrives as a space.
        instant = date_range(text.replace(" ", "+"))[0]
    except ValueError as error:
        said = f"{PARAMETER} is now or an instant, not {text[:40]!r}: {error}"
        raise InvalidSearch(said, code="value", expression=PARAMETER) from None
    if instant > now:
        raise InvalidSearch(f"{text[:40]} is yet to come", code="value", expression=PARAMETER)
    return instant


def _carried(token: str) -> tuple[datetime, str]:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise InvalidPageToken("the page token has no moment", expression="_page")
    return from_milliseconds(int(match[1])), match[2]
