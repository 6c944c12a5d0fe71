"""The plans of the latest queries, kept: an application asks the same again and again, and each page asks it once more.

To read a query and to plan it takes a third of the time that a lookup of one resource takes. A plan depends on nothing but
the query, the definitions and the store's own addresses, save where `ap` compares with the present.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from fhirstore.definitions import Definitions
from fhirstore.search import moment
from fhirstore.search.parameter_type import Asking
from fhirstore.search.plan import Plan, plan
from fhirstore.search.query import Handling, parse
from fhirstore.search.query_string import Pairs

_MOST = 512
# Of longer queries none is kept, so that the plans stay within some megabytes.
_LONGEST = 2000
# Each has a value of its own with every search: a plan that has one in it is not asked for again.
_ALWAYS_NEW = ("_page", moment.PARAMETER)


class Plans:
    """Plans of one set of definitions. Safe to share between threads."""

    def __init__(self, definitions: Definitions, base_urls: tuple[str, ...]) -> None:
        self._definitions = definitions
        self._base_urls = base_urls
        self._kept = lru_cache(_MOST)(self._made)

    def of(
        self,
        type: str,
        pairs: Pairs,
        page: str | None,
        handling: Handling,
        compartment: str | None,
        now: Callable[[], datetime],
    ) -> Plan:
        """How a query is answered. Raises InvalidSearch with everything that is wrong with it."""
        key = (type, tuple(pairs), handling, compartment)
        if not _may_be_kept(pairs):
            return self._made(*key, page, now())
        made = self._kept(*key)
        return made if page is None else replace(made, query=replace(made.query, page=page))

    def _made(
        self,
        type: str,
        pairs: Pairs,
        handling: Handling,
        compartment: str | None,
        page: str | None = None,
        now: datetime = datetime.max,
    ) -> Plan:
        query = parse(
            type, pairs, self._definitions, handling=handling, page=page, compartment=compartment
        )
        types = self._definitions.resource_types
        return plan(query, self._definitions, Asking(now, self._base_urls, types))


def _may_be_kept(pairs: Pairs) -> bool:
    length = 0
    for name, value in pairs:
        if name in _ALWAYS_NEW or "ap" in value:
            return False
        length += len(name) + len(value)
    return length <= _LONGEST
