"""`_include` and `_revinclude`: which resources come along with the matches of a search (spec page search, Including other
resources)."""

from __future__ import annotations

from dataclasses import dataclass

from fhirstore.definitions import Definitions
from fhirstore.errors import InvalidSearch
from fhirstore.fhirpath import Truth
from fhirstore.search.canonical import leaves
from fhirstore.search.layout import layout

ANY = "*"


@dataclass(frozen=True, slots=True)
class Inclusion:
    """One `_include` (or with `reverse` one `_revinclude`).

    Along the reference parameter `code` of resources of `source` ("*" for all references; `source` is "*" for any
    type), to resources of `target` (None for any). With `iterate` it goes on from what was included.
    """

    source: str
    code: str
    target: str | None = None
    reverse: bool = False
    iterate: bool = False

    @property
    def parameter(self) -> str | None:
        """The parameter's code, None for all."""
        return None if self.code == ANY else self.code


def read(
    name: str, value: str, definitions: Definitions, *, reverse: bool, iterate: bool
) -> Inclusion:
    """`Observation:subject`, `Observation:subject:Patient`, `Observation:*`, `*`. Raises InvalidSearch."""
    source, _, rest = value.partition(":")
    code, _, target = rest.partition(":")
    if source == ANY and not rest:
        return Inclusion(ANY, ANY, None, reverse, iterate)
    if source not in definitions.resource_types:
        raise InvalidSearch(f"{source[:80]!r} is not a resource type", expression=name)
    if target and target not in definitions.resource_types:
        raise InvalidSearch(f"{target[:80]!r} is not a resource type", expression=name)
    if code != ANY:
        parameter = definitions.search_parameters(source).get(code)
        if parameter is None or parameter.type != "reference":
            said = f"{source} has no reference parameter {code[:80]!r}"
            raise InvalidSearch(said, expression=name)
        if target and parameter.targets and target not in parameter.targets:
            said = f"{source}.{code} refers to {', '.join(parameter.targets)}, not to {target}"
            raise InvalidSearch(said, expression=name)
    return Inclusion(source, code, target or None, reverse, iterate)


def paths(source: str, code: str, definitions: Definitions) -> dict[str, str | None]:
    """Where in a resource the references of a parameter stand, as `links` says it, and the one type that counts there, if
    only one does."""
    kept = layout(source, definitions)
    found: dict[str, str | None] = {}
    for entry in leaves(kept[code], kept):
        if isinstance(entry.branches, Truth):
            continue
        for branch in entry.branches:
            found[".".join(step.key for step in branch.steps)] = branch.only_type
    return found


def typed_paths(source: str, code: str, definitions: Definitions) -> list[tuple[str, str]]:
    """The dotted paths in a resource that a parameter's values stand at, each with the type of what stands there."""
    kept = layout(source, definitions)
    return [
        (".".join(step.key for step in branch.steps), branch.fhir_type)
        for entry in leaves(kept[code], kept)
        if not isinstance(entry.branches, Truth)
        for branch in entry.branches
    ]


def fields(source: str, code: str, definitions: Definitions) -> list[str]:
    """The fields in which the references of a parameter are kept."""
    kept = layout(source, definitions)
    return [entry.field for entry in leaves(kept[code], kept) if entry.field is not None]
