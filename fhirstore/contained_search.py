"""`_contained=true` and `both`: resources of a type that others contain, and what contains them (spec page search,
Contained Resources).

A contained resource may be in a resource of any type. So each type that contains any of the kind is asked, one after the
other, and what is returned are the containers. There is no order over all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fhirstore.errors import InvalidSearch
from fhirstore.search.conditions import All, Contained, Either
from fhirstore.search.moment import resolve
from fhirstore.search.order import Order
from fhirstore.search.plan import Plan, single_fields
from fhirstore.search.query import Handling
from fhirstore.search.query_string import Pairs
from fhirstore.searcher import Searcher
from fhirstore.system_search import SystemSearch
from fhirstore.versions import SearchPage


def is_asked(query: Pairs) -> bool:
    """Whether contained resources are asked for."""
    return any(name == "_contained" and value not in ("", "false") for name, value in query)


@dataclass(frozen=True, slots=True)
class ContainedSearch:
    """Searches of contained resources, over all that a `Searcher` searches one by one."""

    searcher: Searcher

    async def search(
        self, type: str, query: Pairs, page: str | None, handling: Handling, compartment: str | None
    ) -> SearchPage:
        """One page of what contains resources of `type` that meet `query`, with "both" of such resources as well.

        Raises NotFound, InvalidSearch, InvalidPageToken.
        """
        at = resolve(query, page, self.searcher.port.now())
        searcher = self.searcher.at(at.instant)
        made = searcher.plan(type, at.pairs, at.page, handling, compartment)
        if made.query.sort or compartment is not None:
            what = "_sort" if made.query.sort else "a compartment"
            said = f"{what} and _contained exclude each other"
            raise InvalidSearch(said, code="not-supported", expression="_contained")
        names = await searcher.port.collection_names()
        stored = sorted(names & searcher.definitions.resource_types)
        plans = {other: _for_containers(made, type, other, searcher) for other in stored}
        answer = await SystemSearch(searcher).answer(plans, [type])
        answer.next = at.token(answer.next)
        return answer


def _for_containers(made: Plan, type: str, other: str, searcher: Searcher) -> Plan:
    """The same question, to resources of another type that contain what it asks for."""
    asked = Contained(type, None, made.conditions)
    is_itself = made.query.contained == "both" and other == type
    condition = Either((All(made.conditions), asked)) if is_itself else asked
    return replace(
        made,
        query=replace(made.query, type=other),
        conditions=(condition,),
        order=Order(),
        by_default=True,
        single=single_fields(other, searcher.definitions),
    )
