"""Explains a search on the data that there is: what is looked up first, what each condition would find alone, and what the
server does for each question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fhirstore.errors import InvalidSearch
from fhirstore.ports.port import Document
from fhirstore.search.conditions import Condition
from fhirstore.search.explanation import Counted, Explanation, explain, indexes_in
from fhirstore.search.moment import resolve
from fhirstore.search.order import Phase
from fhirstore.search.plan import Plan
from fhirstore.search.query import Handling
from fhirstore.search.query_string import Pairs, as_pairs
from fhirstore.search.words import in_words, is_looked_up
from fhirstore.searcher import Searcher

# Counting goes no further: that there are so many is all that has to be known.
_MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Explaining:
    """Explains what a `Searcher` would do."""

    searcher: Searcher

    async def explain(
        self, type: str, query: str | Pairs, *, handling: Handling = "strict"
    ) -> Explanation:
        """How `query` would be answered. Raises NotFound, InvalidSearch."""
        at = resolve(as_pairs(query), None, self.searcher.port.now())
        here = replace(self, searcher=self.searcher.at(at.instant))
        return await here._explain(type, at.pairs, handling)

    async def _explain(self, type: str, query: Pairs, handling: Handling) -> Explanation:
        planned = self.searcher.plan(type, query, None, handling)
        if planned.query.contained != "false":
            said = "a search of contained resources is made of others, and is not explained"
            raise InvalidSearch(said, code="not-supported", expression="_contained")
        made = await self.searcher.settled(planned)
        asked = [
            replace(phase, conditions=conditions)
            for phase in made.questions()
            for conditions in await self.searcher.alternatives(made, phase.conditions)
        ]
        return explain(
            made,
            asked,
            [await self._explained(made, phase) for phase in asked],
            looked_up=[in_words(c) for c in planned.conditions if is_looked_up(c)],
            conditions=[await self._counted(made, condition) for condition in made.conditions],
            matches=await self._count(made, made.conditions),
        )

    async def _counted(self, made: Plan, condition: Condition) -> Counted:
        return Counted(in_words(condition), await self._count(made, (condition,)))

    async def _count(self, made: Plan, conditions: tuple[Condition, ...]) -> str:
        """How many resources meet all of `conditions`."""
        filter = made.filter(conditions)
        count = await self.searcher.port.count(made.query.type, filter, limit=_MOST_COUNTED)
        return f"{_MOST_COUNTED:,} or more" if count >= _MOST_COUNTED else f"{count:,}"

    async def _explained(self, made: Plan, phase: Phase) -> tuple[Document, str | None]:
        """The server's explain output; and the field, where it is of one predicate alone."""
        port, type, limit = self.searcher.port, made.query.type, made.query.count + 1
        filter = made.filter(phase.conditions)
        output = await port.explain(type, filter, sort=phase.sort, limit=limit)
        if self.searcher.explains_one_predicate and len(filter) > 1 and not indexes_in(output):
            # Such a server goes by the first predicate that has an index.
            for field, predicate in filter.items():
                alone = await port.explain(type, {field: predicate}, limit=limit)
                if indexes_in(alone):
                    return alone, field
        return output, None
