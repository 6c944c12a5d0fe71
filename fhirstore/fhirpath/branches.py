"""A tree and the element tables to branches: which JSON properties lead to values, and of which type the values are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from fhirstore.definitions import Definitions
from fhirstore.definitions.tables import Element
from fhirstore.fhirpath.parse import (
    Cast,
    ExistsAndIsNot,
    Index,
    Leads,
    Member,
    Node,
    NotSupported,
    Root,
    Union,
    Where,
)

# `(X as uri)` takes what derives from uri as well.
_DERIVED = {"uri": ("uri", "url", "canonical", "oid", "uuid"), "string": ("string", "markdown")}


@dataclass(frozen=True, slots=True)
class Step:
    """One JSON property on the way. `many`: an array stands there. `first`: of it, or of all so far, only the first
    counts.

    `where` has (property, value) pairs that an element must have.
    """

    key: str
    many: bool
    first: bool = False
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """A way to values of one type.

    `element` is where they stand in the tables (`Observation.value`, without the choice's type): two branches with the
    same element never both have values, for a choice has one. `only_type` narrows references to one resource type.
    `binding` is the required value set, if any. `at_root` says that the path begins at the resource and not at the
    element at hand.
    """

    steps: tuple[Step, ...]
    fhir_type: str
    element: str
    only_type: str | None = None
    binding: str | None = None
    at_root: bool = False

    @property
    def many(self) -> bool:
        """Whether it can lead to more than one element."""
        many = False
        for step in self.steps:
            many = (many or step.many) and not step.first
        return many


@dataclass(frozen=True, slots=True)
class Truth:
    """True where one of `branches` leads to something other than `unlike`, else false: a boolean that is always there."""

    branches: tuple[Branch, ...]
    unlike: bool


def branches(
    node: Node, context: str, resource_type: str, definitions: Definitions
) -> list[Branch] | Truth:
    """The branches of an expression for elements of the type `context` in a resource of `resource_type`.

    Raises NotSupported for a path that the tables do not have.
    """
    compiler = _Compiler(context, resource_type, definitions)
    if isinstance(node, ExistsAndIsNot):
        return Truth(tuple(compiler.compile(node.of)), node.value)
    found = list(dict.fromkeys(islice(compiler.compile(node), 2 * _MOST)))
    if len(found) > _MOST:
        raise NotSupported(f"more than {_MOST} elements may be meant")
    return found


# `extension.value` has 50 types, each of which has extensions: the ways multiply.
_MOST = 1000


@dataclass(frozen=True, slots=True)
class _Compiler:
    context: str
    resource_type: str
    definitions: Definitions

    def compile(self, node: Node) -> Iterator[Branch]:
        if isinstance(node, Union):
            for part in node.parts:
                yield from self.compile(part)
        elif isinstance(node, Root):
            yield self._root(node.name)
        elif isinstance(node, Member):
            yield from self._member(node)
        elif isinstance(node, Cast):
            types = _DERIVED.get(node.type, (node.type,))
            yield from (b for b in self.compile(node.of) if b.fhir_type in types)
        elif isinstance(node, Where):
            for branch in self.compile(node.of):
                yield _with_last(branch, where=((node.name, node.value),))
        elif isinstance(node, Index):
            for branch in self.compile(node.of):
                yield _with_last(branch, first=True)
        elif isinstance(node, Leads):
            for branch in self.compile(node.of):
                if branch.fhir_type in ("Reference", "canonical", "uri"):
                    yield replace(branch, only_type=node.type)
        else:
            raise NotSupported("a truth stands inside of another expression")

    def _root(self, name: str) -> Branch:
        if name in ("%resource", self.resource_type):
            at_root = self.context != self.resource_type
            return Branch((), self.resource_type, self.resource_type, at_root=at_root)
        if name in ("", self.context):
            return Branch((), self.context, self.context)
        raise NotSupported(f"{name} is not what {self.context} begins with")

    def _member(self, node: Member) -> Iterator[Branch]:
        found = False
        types: set[str] = set()
        for branch in self.compile(node.of):
            types.add(branch.fhir_type)
            element = self._element(branch.fhir_type, node.name)
            if element is not None:
                found = True
                yield from _into(branch, element)
        if not found:
            shown = ", ".join(sorted(types)[:5]) or "nothing"
            raise NotSupported(f"{shown} has no element {node.name}")

    def _element(self, type: str, name: str) -> Element | None:
        structure = self.definitions.types.get(type)
        return None if structure is None else structure.elements.get(name)


def _into(branch: Branch, element: Element) -> Iterator[Branch]:
    for type in element.types:
        key = element.name + type[0].upper() + type[1:] if element.choice else element.name
        yield Branch(
            (*branch.steps, Step(key, element.max is None or element.max > 1)),
            type,
            f"{branch.element}.{element.name}",
            None,
            element.binding,
            branch.at_root,
        )


def _with_last(
    branch: Branch, *, first: bool = False, where: tuple[tuple[str, str], ...] = ()
) -> Branch:
    if not branch.steps:
        raise NotSupported(f"a condition stands on the whole {branch.fhir_type}")
    *before, last = branch.steps
    if first and (last.where or any(step.many and not step.first for step in before)):
        # The first of all is meant, which is not the first of each.
        raise NotSupported("only the first of one element's own repetitions can be taken")
    changed = replace(last, first=first or last.first, where=last.where + where)
    return replace(branch, steps=(*before, changed))
