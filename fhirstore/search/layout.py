"""Where each search parameter of a type is kept in a document, and in which shape; from the definitions alone.

Most have a field of their own. Some need none, since what they ask lies in others' fields: `patient` is `subject`
narrowed to one type, `combo-code` is `code` or `component-code`, and a composite over the resource itself
(`code-value-quantity`) is all of its parts. That saves a third of an Observation's index keys.

The shape follows from the definition, never from the data: an array where a parameter may find several values, a single
value where it cannot. MongoDB indexes no two arrays in one compound index, and may join bounds only on single values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from fhirstore.definitions import Definitions, SearchParameter
from fhirstore.fhirpath import Branch, Truth, branches, parse
from fhirstore.references import Reference
from fhirstore.search.parameter_type import Target, Writer, Writing
from fhirstore.search.parameter_types import TYPES
from fhirstore.search.text import TEXT
from fhirstore.search.token import BOOLEAN_SYSTEM

Kind = Literal["own", "narrowed", "any_of", "all_of", "none"]

# Kept at the top of a document and not under `search`.
_ELSEWHERE = frozenset({"_id", "_lastUpdated"})


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a composite: its target within an element, and the branches from there."""

    target: Target
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """How one parameter is kept.

    `kind`: "own" has `field` for itself, "narrowed" shares the `field` of another (only references to `only_type`, if
    that is set), "any_of" and "all_of" are what the parameters `parts` keep; "none" keeps nothing, so it cannot be
    searched. `many`: an array lies there. `branches` lead to the values of one that has its own field; `composed` are
    the components of a composite.
    """

    parameter: SearchParameter
    kind: Kind
    field: str | None = None
    many: bool = False
    fhir_types: frozenset[str] = frozenset()
    only_type: str | None = None
    parts: tuple[str, ...] = ()
    systems: frozenset[str] = frozenset()
    branches: tuple[Branch, ...] | Truth = ()
    composed: tuple[Part, ...] = ()

    @property
    def components(self) -> tuple[Target, ...]:
        return tuple(part.target for part in self.composed)

    @property
    def leads_to(self) -> tuple[str, ...]:
        """The types that a reference parameter's values may be of, by its paths (`resolve() is Patient`) and its definition."""
        if self.only_type is not None:
            return (self.only_type,)
        branches = () if isinstance(self.branches, Truth) else self.branches
        narrow = {branch.only_type for branch in branches if branch.only_type is not None}
        if branches and len(narrow) == len({branch.only_type for branch in branches}):
            return tuple(sorted(narrow))
        return self.parameter.targets


@lru_cache(maxsize=1024)
def layout(resource_type: str, definitions: Definitions) -> Mapping[str, Kept]:
    """How each parameter of a type is kept, by code."""
    parameters = definitions.search_parameters(resource_type)
    own = {
        code: kept
        for code, parameter in parameters.items()
        if (kept := _own(parameter, definitions)) is not None
    }
    # A parameter that comes later has a field of its own: it moves no other's values, and takes its own along when it goes.
    shipped = {
        code: kept for code, kept in own.items() if kept.parameter.url not in definitions.custom
    }
    shared = {code: _shared(kept, shipped) for code, kept in shipped.items()}
    return MappingProxyType(
        {
            code: shared.get(code) or own.get(code) or Kept(parameter, "none")
            for code, parameter in parameters.items()
        }
    )


# each for itself


def _own(parameter: SearchParameter, definitions: Definitions) -> Kept | None:
    """`parameter` in a field of its own; None where nothing can be kept of it."""
    if parameter.code == TEXT:
        parameter = replace(parameter, type="text", expression=f"{parameter.resource_type}.text")
    if not parameter.expression or parameter.code in _ELSEWHERE:
        return None
    type = parameter.resource_type
    found = branches(parse(parameter.expression), type, type, definitions)
    field = f"search.{parameter.code}"
    if isinstance(found, Truth):
        return Kept(
            parameter, "own", field, False, frozenset({"boolean"}),
            systems=frozenset({BOOLEAN_SYSTEM}), branches=found,
        )  # fmt: skip
    if parameter.type == "composite":
        composed = _composed(parameter, found, definitions)
        return Kept(parameter, "own", field, True, branches=tuple(found), composed=composed)
    found = [_meant(branch, parameter) for branch in _written(parameter.type, found)]
    if not found:
        return None
    return Kept(
        parameter,
        "own",
        field,
        _is_many(parameter.type, found),
        frozenset(branch.fhir_type for branch in found),
        systems=_systems(found, definitions),
        branches=tuple(found),
    )


def _meant(branch: Branch, parameter: SearchParameter) -> Branch:
    """Where a resource itself stands for a reference, one of another type is no value: the first of a bundle is its
    `composition` or its `message`, by what it is."""
    if branch.fhir_type == "Resource" and len(parameter.targets) == 1:
        return replace(branch, only_type=parameter.targets[0])
    return branch


def _composed(
    parameter: SearchParameter, bases: list[Branch], definitions: Definitions
) -> tuple[Part, ...]:
    context = bases[-1].fhir_type
    parts = []
    for component in parameter.components:
        found = branches(parse(component.expression), context, parameter.resource_type, definitions)
        assert not isinstance(found, Truth)
        found = _written(component.type, found)
        meant = SearchParameter(
            component.code, component.type, parameter.resource_type, "", component.expression,
            targets=_targets(component.code, parameter, definitions),
        )  # fmt: skip
        target = Target(
            meant,
            component.code,
            _is_many(component.type, found),
            frozenset(branch.fhir_type for branch in found),
            systems=_systems(found, definitions),
        )
        parts.append(Part(target, tuple(found)))
    return tuple(parts)


def _targets(code: str, parameter: SearchParameter, definitions: Definitions) -> tuple[str, ...]:
    meant = definitions.search_parameters(parameter.resource_type).get(code)
    return meant.targets if meant else ()


def _unread(text: str) -> Reference:
    raise AssertionError("a writer is only looked at here, never run")


def writer(type: str, fhir_type: str, suffix: str, writing: Writing) -> Writer | None:
    """The function that writes elements of `fhir_type` for a parameter of `type` into the facet `suffix`."""
    facet = next(facet for facet in TYPES[type].facets if facet.suffix == suffix)
    return facet.writer(fhir_type, writing)


def _written(type: str, found: Iterable[Branch]) -> list[Branch]:
    """The branches of whose elements a parameter of `type` keeps something."""
    writing = Writing(_unread)
    return [branch for branch in found if writer(type, branch.fhir_type, "", writing)]


def _is_many(type: str, found: list[Branch]) -> bool:
    facet = TYPES[type].facets[0]
    return (
        len({branch.element for branch in found}) > 1
        or any(branch.many for branch in found)
        or not all(facet.single(branch.fhir_type) for branch in found)
    )


def _systems(found: Iterable[Branch], definitions: Definitions) -> frozenset[str]:
    """The systems that elements without one of their own imply."""
    systems: set[str] = set()
    for branch in found:
        if branch.fhir_type == "boolean":
            systems.add(BOOLEAN_SYSTEM)
        elif branch.fhir_type == "code" and branch.binding:
            systems |= {system for system, _ in definitions.codings(branch.binding) or ()}
    return frozenset(systems)


# where another's field will do


def _shared(kept: Kept, own: Mapping[str, Kept]) -> Kept:
    parameter = kept.parameter
    if isinstance(kept.branches, Truth):
        return kept
    if parameter.type == "composite" and _is_of_the_whole(kept, own):
        codes = tuple(component.code for component in parameter.components)
        return Kept(parameter, "all_of", parts=codes)
    if (wider := _wider(kept, own)) is not None:
        only = kept.branches[0].only_type
        return replace(kept, kind="narrowed", field=wider.field, many=wider.many, only_type=only)
    if parts := _parts(kept, own):
        return Kept(parameter, "any_of", fhir_types=kept.fhir_types, parts=parts)
    return kept


def _is_of_the_whole(kept: Kept, own: Mapping[str, Kept]) -> bool:
    """Whether a composite has the resource itself for its element, and in each component what the parameter of that name has.

    `code-value-string` has not: its component takes strings, `value-string` the text of a CodeableConcept as well.
    """
    assert not isinstance(kept.branches, Truth)
    if len(kept.branches) != 1 or kept.branches[0].steps != ():
        return False
    named = ((own.get(part.target.parameter.code), part) for part in kept.composed)
    return all(
        other is not None
        and not isinstance(other.branches, Truth)
        and set(other.branches) == set(part.branches)
        for other, part in named
    )


def _wider(kept: Kept, own: Mapping[str, Kept]) -> Kept | None:
    """The parameter in whose field all of this one's values lie, together with values of other types at most."""
    assert not isinstance(kept.branches, Truth)
    narrow = {branch.only_type for branch in kept.branches}
    if kept.parameter.type == "composite" or len(narrow) != 1:
        return None
    wanted = {replace(branch, only_type=None) for branch in kept.branches}
    is_narrow = narrow != {None}
    for code, other in own.items():
        if not _is_alike(kept, other) or (not is_narrow and code >= kept.parameter.code):
            continue
        if set(other.branches) == wanted:  # type: ignore[arg-type]
            return other
    return None


def _parts(kept: Kept, own: Mapping[str, Kept]) -> tuple[str, ...]:
    """The other parameters which together have all branches of this one, and no others; () where there are none such."""
    assert not isinstance(kept.branches, Truth)
    wanted = set(kept.branches)
    if len(wanted) < 2:
        return ()
    smaller = {
        code: set(other.branches)  # type: ignore[arg-type]
        for code, other in own.items()
        if _is_alike(kept, other) and set(other.branches) < wanted  # type: ignore[arg-type]
    }
    chosen: list[str] = []
    covered: set[Branch] = set()
    for code, some in sorted(smaller.items(), key=lambda item: (-len(item[1]), item[0])):
        if not some <= covered:
            chosen.append(code)
            covered |= some
    return tuple(chosen) if covered == wanted else ()


def _is_alike(kept: Kept, other: Kept) -> bool:
    """Whether the other one is of the same sort, so that what it writes is what this one would write."""
    if other is kept or isinstance(other.branches, Truth):
        return False
    if other.parameter.type != kept.parameter.type:
        return False
    return _paths(kept.parameter) == _paths(other.parameter)


def _paths(parameter: SearchParameter) -> list[tuple[str, str]]:
    return [(component.type, component.expression) for component in parameter.components]
