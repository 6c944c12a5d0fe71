"""What is part of what: the modifiers `:above` and `:below` of references (spec page search, Searching Hierarchies).

`location:below=42` asks for location 42 and those that are part of it, at any depth. The hierarchy is walked level by
level along `partOf`, before the search itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fhirstore.definitions import Definitions
from fhirstore.errors import InvalidSearch
from fhirstore.ports.port import ReadPort
from fhirstore.search.chaining import parent
from fhirstore.search.conditions import Among, Condition, Kin
from fhirstore.search.layout import layout
from fhirstore.search.order import values_at

# As many as may lie on the way of a chain.
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Walks hierarchies behind one port."""

    port: ReadPort
    definitions: Definitions

    async def settle(self, kin: Kin) -> Condition:
        """`kin` as equalities. Raises InvalidSearch where the hierarchy is too large."""
        known = dict.fromkeys(kin.addresses)
        level = list(known)
        while level:
            found = [address async for address in self._next(level, kin.relation)]
            level = [address for address in dict.fromkeys(found) if address not in known]
            known.update(dict.fromkeys(level))
            if len(known) > MOST:
                said = f"more than {MOST} resources are in the hierarchy"
                raise InvalidSearch(said, code="too-costly")
        return Among(kin.field, tuple(known))

    async def _next(self, level: list[str], relation: str) -> AsyncIterator[str]:
        """What is directly below or above the addresses of one level."""
        for type in sorted({address.partition("/")[0] for address in level}):
            parameter = (
                parent(type, self.definitions) if type in self.definitions.resource_types else None
            )
            if parameter is None:
                continue
            field = layout(type, self.definitions)[parameter.code].field
            assert field is not None
            here = [address for address in level if address.startswith(f"{type}/")]
            asked = {field: {"$in": here}}
            if relation == "above":
                asked = {"_id": {"$in": [address.partition("/")[2] for address in here]}}
            async for document in self.port.stream(type, asked, projection={field: 1}):
                if relation == "below":
                    yield f"{type}/{document['_id']}"
                else:
                    for address in values_at(document, field):
                        yield address
