"""What stored ValueSets and CodeSystems say of codes: the modifiers `:in`, `:not-in`, `:above` and `:below` of tokens.

A store is no terminology service: it answers from the ValueSets and CodeSystems that are in it, and says so where one
is missing, or says something that it does not understand. A value set is its expansion, where it has one, else what its
`compose` lists. What is below what is known of a code system only where all of it is stored (`content` is complete): a
stub or fragment would answer what lacks the rest, and look no different.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import reduce
from typing import Any, TypeVar

from fhirstore.definitions import Definitions
from fhirstore.documents import MATCH_FIELDS, match_of
from fhirstore.errors import InvalidSearch
from fhirstore.ports.port import ReadPort
from fhirstore.search import token
from fhirstore.search.conditions import Coded, Condition, Never
from fhirstore.search.escapes import split, unescape
from fhirstore.search.inclusion import fields
from fhirstore.search.parameter_type import Asking, Target

# The most codes that one search may come to: more would make a filter that servers answer badly.
MOST_CODES = 20_000
# Value sets include each other; so deep, and no deeper.
_MOST_NESTED = 10

Resource = Mapping[str, Any]
Code = tuple[str, str]
Entry = TypeVar("Entry")
# The code of a whole system.
_ALL_CODES = ""


@dataclass(frozen=True, slots=True)
class Terminology:
    """Looks up codes behind one port."""

    port: ReadPort
    definitions: Definitions
    # By address: value sets that include the same others would be read once for each way to them, and a code system once
    # for each filter on it.
    _read: dict[str, set[Code]] = field(default_factory=dict)
    _systems: dict[str, Resource] = field(default_factory=dict)

    async def settle(self, coded: Coded) -> Condition:
        """`coded` as equalities. Raises InvalidSearch where what it names is not stored, or not understood."""
        try:
            return await self._settled(coded)
        except InvalidSearch as error:
            issues = [replace(issue, expression=coded.name) for issue in error.issues]
            raise InvalidSearch(issues=issues) from None

    async def _settled(self, coded: Coded) -> Condition:
        codes: dict[Code, None] = {}
        for value in coded.values:
            if coded.relation == "in":
                found = await self.codes_of(unescape(value))
            else:
                found = await self._related(coded.relation, value)
            codes.update(dict.fromkeys(found))
        if len(codes) > MOST_CODES:
            raise InvalidSearch(f"more than {MOST_CODES} codes are asked for", code="too-costly")
        if not codes:
            return Never()
        target = Target(coded.parameter, coded.field, True, coded.fhir_types, None, coded.systems)
        asked = [f"{_escaped(system)}|{_escaped(code)}" for system, code in codes]
        return token.TYPE.ask(target, None, asked, Asking(datetime.now(UTC)))

    # value sets ---------------------------------------------------------------------------------

    async def codes_of(self, address: str, depth: int = 0) -> set[Code]:
        """The codes of a value set, by its canonical URL (with or without version) or `ValueSet/id`."""
        if address not in self._read:
            self._read[address] = await self._codes_of(address, depth)
        return self._read[address]

    async def _codes_of(self, address: str, depth: int) -> set[Code]:
        if depth > _MOST_NESTED:
            raise InvalidSearch(f"{address[:200]} includes others without end", code="too-costly")
        value_set = _one_of(await self._having("ValueSet", address), "ValueSet", address)
        expansion, compose = value_set.get("expansion"), value_set.get("compose")
        if isinstance(expansion, dict) and "contains" in expansion:
            if _is_whole(expansion):
                return set(_expanded(expansion))
            if not isinstance(compose, dict):
                said = f"of the expansion of ValueSet {address[:200]} a part is stored"
                raise InvalidSearch(said, code="incomplete")
        found: set[Code] = set()
        if isinstance(compose, dict):
            for include in _entries(compose, "include", dict):
                found |= await self._included(include, depth)
            for exclude in _entries(compose, "exclude", dict):
                found = await self._without(found, await self._included(exclude, depth))
        return found

    async def _without(self, codes: set[Code], excluded: set[Code]) -> set[Code]:
        """`codes` but for `excluded`. A whole system that lacks some of its codes has to be known code by code."""
        for system in {system for system, _ in excluded - codes}:
            if (system, _ALL_CODES) in codes and (system, _ALL_CODES) not in excluded:
                all_of_it = Hierarchy(await self._whole(system))
                codes = codes - {(system, _ALL_CODES)} | {(system, code) for code in all_of_it}
        return {code for code in codes if not _has(excluded, code)}

    async def _included(self, include: Resource, depth: int) -> set[Code]:
        """One `include`: what is in all of its value sets, and in its system."""
        parts = [await self.codes_of(url, depth + 1) for url in _entries(include, "valueSet", str)]
        if isinstance(system := include.get("system"), str):
            parts.append(await self._of_system(system, include))
        return reduce(_common, parts) if parts else set()

    async def _of_system(self, system: str, include: Resource) -> set[Code]:
        if "concept" in include:
            concepts = _entries(include, "concept", dict)
            return {
                (system, code) for entry in concepts if isinstance(code := entry.get("code"), str)
            }
        if "filter" not in include:
            return {(system, _ALL_CODES)}
        parts = [await self._filtered(system, entry) for entry in _entries(include, "filter", dict)]
        return set.intersection(*parts) if parts else set()

    async def _filtered(self, system: str, entry: Resource) -> set[Code]:
        """A filter of `compose`: those by the hierarchy of a code system (spec page valueset, filter operators)."""
        operator, value = entry.get("op"), str(entry.get("value"))
        if entry.get("property") not in ("concept", "code") or operator not in (
            "is-a",
            "descendent-of",
            "=",
        ):
            said = f"the filter {entry.get('property')} {operator} of a value set is not supported"
            raise InvalidSearch(said, code="not-supported")
        if operator == "=":
            return {(system, value)}
        below = (await self._hierarchy(system)).below(value)
        return {(system, code) for code in below if operator == "is-a" or code != value}

    # code systems -------------------------------------------------------------------------------

    async def _related(self, relation: str, value: str) -> set[Code]:
        parts = [unescape(part) for part in split(value, "|")]
        if len(parts) != 2 or not all(parts):
            raise InvalidSearch(f":{relation} takes system|code, not {value[:80]!r}", code="value")
        system, code = parts
        hierarchy = await self._hierarchy(system)
        related = hierarchy.below(code) if relation == "below" else hierarchy.above(code)
        return {(system, entry) for entry in related}

    async def _hierarchy(self, system: str) -> Hierarchy:
        """What subsumes what. Raises InvalidSearch where nesting means something else (CodeSystem.hierarchyMeaning)."""
        meant = await self._whole(system)
        if (meaning := meant.get("hierarchyMeaning", "is-a")) != "is-a":
            said = f"the hierarchy of CodeSystem {system[:200]} is {str(meaning)[:40]}, not is-a"
            raise InvalidSearch(said, code="not-supported")
        return Hierarchy(meant)

    async def _whole(self, system: str) -> Resource:
        """The code system, of which all has to be stored. Raises InvalidSearch."""
        if system not in self._systems:
            self._systems[system] = await self._stored_whole(system)
        return self._systems[system]

    async def _stored_whole(self, system: str) -> Resource:
        stored = await self._having("CodeSystem", system)
        # A supplement adds to the codes of another system, and is none itself.
        found = [one for one in stored if one.get("content") != "supplement"]
        complete = [one for one in found if one.get("content") == "complete"]
        if found and not complete:
            content = str(_latest(found).get("content", "not said"))[:40]
            said = f"CodeSystem {system[:200]} is not stored whole: its content is {content}"
            raise InvalidSearch(said, code="not-found")
        return _one_of(complete, "CodeSystem", system)

    async def _having(self, type: str, address: str) -> list[Resource]:
        """The stored resources with a canonical URL, in all versions if none is named."""
        if address.startswith(f"{type}/"):
            filter: dict[str, Any] = {"_id": address.removeprefix(f"{type}/")}
        else:
            (url,) = fields(type, "url", self.definitions)
            filter = {url: address.partition("|")[0]}
        filter["deleted"] = {"$exists": False}
        documents = await self.port.find(type, filter, projection=MATCH_FIELDS)
        found = [match_of(type, document).resource for document in documents]
        version = address.partition("|")[2]
        return [one for one in found if not version or one.get("version") == version]


def _one_of(found: Sequence[Resource], type: str, address: str) -> Resource:
    """The last version of those that were found. Raises InvalidSearch where there is none."""
    if not found:
        raise InvalidSearch(f"no {type} {address[:200]} is stored here", code="not-found")
    return _latest(found)


def _latest(found: Sequence[Resource]) -> Resource:
    return max(found, key=lambda one: str(one.get("version", "")))


def _has(codes: set[Code], code: Code) -> bool:
    """Whether a code is among `codes`, by itself or with all of its system."""
    return code in codes or (code[0], _ALL_CODES) in codes


def _common(one: set[Code], other: set[Code]) -> set[Code]:
    """What is in both."""
    return {code for code in one if _has(other, code)} | {c for c in other if _has(one, c)}


def _entries(value: Resource, name: str, kind: type[Entry]) -> list[Entry]:
    """The entries of an array that are of `kind`; what was stored without validation may be anything else."""
    array = value.get(name)
    return [entry for entry in array if isinstance(entry, kind)] if isinstance(array, list) else []


def _is_whole(expansion: Resource) -> bool:
    """Whether all of an expansion is there, and not one page of it (ValueSet.expansion.total and offset)."""
    total = expansion.get("total")
    listed = sum(1 for _ in _contained(expansion))
    return not expansion.get("offset") and (not isinstance(total, int) or total <= listed)


def _contained(container: Resource) -> Iterator[Resource]:
    for entry in _entries(container, "contains", dict):
        yield entry
        yield from _contained(entry)


def _expanded(expansion: Resource) -> Iterator[Code]:
    for entry in _contained(expansion):
        system, code = entry.get("system", ""), entry.get("code")
        if isinstance(system, str) and isinstance(code, str) and not entry.get("abstract"):
            yield system, code


def _escaped(part: str) -> str:
    for character in "\\|,$":
        part = part.replace(character, f"\\{character}")
    return part


class Hierarchy:
    """Which code of a code system is below which: by nesting, and by the properties `parent` and `child`."""

    def __init__(self, code_system: Resource) -> None:
        self._children: dict[str, set[str]] = {}
        self._parents: dict[str, set[str]] = {}
        self._add_below(code_system, None)

    def _add_below(self, container: Resource, parent: str | None) -> None:
        for concept in _entries(container, "concept", dict):
            if isinstance(code := concept.get("code"), str):
                self._add(concept, code, parent)

    def _add(self, concept: Resource, code: str, parent: str | None) -> None:
        self._children.setdefault(code, set())
        if parent is not None:
            self._relate(parent, code)
        for entry in _entries(concept, "property", dict):
            other = entry.get("valueCode")
            if isinstance(other, str) and entry.get("code") in ("parent", "subsumedBy"):
                self._relate(other, code)
            elif isinstance(other, str) and entry.get("code") == "child":
                self._relate(code, other)
        self._add_below(concept, code)

    def _relate(self, parent: str, child: str) -> None:
        self._children.setdefault(parent, set()).add(child)
        self._parents.setdefault(child, set()).add(parent)

    def __iter__(self) -> Iterator[str]:
        """The codes of the system."""
        return iter(self._children)

    def below(self, code: str) -> set[str]:
        """`code` and all that it subsumes; a code that the system does not have is itself at least."""
        return _reached(code, self._children)

    def above(self, code: str) -> set[str]:
        """`code` and all that subsume it; a code that the system does not have is itself at least."""
        return _reached(code, self._parents)


def _reached(start: str, next_ones: Mapping[str, set[str]]) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        new = next_ones.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found
