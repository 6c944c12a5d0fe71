"""The search values of a resource: what goes under `search` in its document.

The branches of all parameters of a type are merged into one tree of JSON properties, so that a resource is walked once,
along what it has. A property that no parameter asks for costs one failed lookup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fhirstore.definitions import Definitions
from fhirstore.fhirpath import Branch, Step, Truth
from fhirstore.references import Reader
from fhirstore.search.layout import Kept, Part, layout, writer
from fhirstore.search.parameter_type import Writer, Writing
from fhirstore.search.parameter_types import TYPES

# The values found so far, one list for each field.
_Slots = list[list[Any]]
# So many are compared with each other in less time than it takes to make keys of them.
_FEW = 40
# Called with an element, the slots and the whole resource.
_Leaf = Callable[[Any, _Slots, Any], None]


class _Edge:
    """One step from an element to those below it, and what is done with them."""

    __slots__ = ("children", "first", "leaves", "where", "writers")

    def __init__(self, first: bool, where: tuple[tuple[str, str], ...]) -> None:
        self.first = first
        self.where = where
        self.writers: list[tuple[int, Writer]] = []
        self.leaves: list[_Leaf] = []
        self.children: dict[str, list[_Edge]] = {}


def _visit(edge: _Edge, value: Any, slots: _Slots, resource: Any) -> None:
    if type(value) is list:
        for entry in value[:1] if edge.first else value:
            _element(edge, entry, slots, resource)
    else:
        _element(edge, value, slots, resource)


def _element(edge: _Edge, element: Any, slots: _Slots, resource: Any) -> None:
    if edge.where and not _meets(element, edge.where):
        return
    for slot, write in edge.writers:
        write(element, slots[slot])
    for leaf in edge.leaves:
        leaf(element, slots, resource)
    children = edge.children
    if children and type(element) is dict:
        for key, value in element.items():
            if key in children:
                for child in children[key]:
                    _visit(child, value, slots, resource)


def _meets(element: Any, where: tuple[tuple[str, str], ...]) -> bool:
    return type(element) is dict and all(element.get(name) == value for name, value in where)


class _Tree:
    """A tree of edges, and the fields that its leaves write to."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self.root = _Edge(False, ())
        self.from_resource = _Edge(False, ())
        self.fields: list[tuple[str, bool]] = []

    def slot(self, field: str, many: bool) -> int:
        self.fields.append((field, many))
        return len(self.fields) - 1

    def add(self, type: str, field: str, many: bool, branches: tuple[Branch, ...]) -> None:
        """Write what `branches` lead to into `field`, as a parameter of `type` does."""
        for facet in TYPES[type].facets:
            writers = [
                (branch, write)
                for branch in branches
                if (write := writer(type, branch.fhir_type, facet.suffix, self._writing))
            ]
            if writers:
                slot = self.slot(field + facet.suffix, many)
                for branch, write in writers:
                    self.edge(branch).writers.append((slot, _narrowed(write, branch.only_type)))

    def edge(self, branch: Branch) -> _Edge:
        """The edge at the end of a branch."""
        edge = self.from_resource if branch.at_root else self.root
        for step in branch.steps:
            edge = _child(edge, step)
        return edge

    def values(self, element: Any, resource: Any) -> dict[str, Any]:
        """What the leaves find below an element, by field."""
        slots: _Slots = [[] for _ in self.fields]
        _element(self.root, element, slots, resource)
        if self.from_resource.children:
            _element(self.from_resource, resource, slots, resource)
        return {
            field: _array(values) if many else values[0]
            for (field, many), values in zip(self.fields, slots, strict=True)
            if values
        }


def _child(edge: _Edge, step: Step) -> _Edge:
    edges = edge.children.setdefault(step.key, [])
    for child in edges:
        if child.first == step.first and child.where == step.where:
            return child
    child = _Edge(step.first, step.where)
    edges.append(child)
    return child


def _narrowed(write: Writer, only_type: str | None) -> Writer:
    if only_type is None:
        return write
    prefix = f"{only_type}/"

    def write_some(element: Any, values: list[Any]) -> None:
        found: list[Any] = []
        write(element, found)
        values += [value for value in found if value.startswith(prefix)]

    return write_some


def _array(values: list[Any]) -> list[Any]:
    """Each value once, in the order in which they stand in the resource."""
    if len(values) < 2:
        return values
    if type(values[0]) is str:
        return list(dict.fromkeys(values))
    if len(values) <= _FEW:
        return [value for n, value in enumerate(values) if value not in values[:n]]
    found: dict[Any, Any] = {}
    for value in values:
        found.setdefault(_key(value), value)
    return list(found.values())


def _key(value: Any) -> Any:
    """Something hashable that is equal for equal values."""
    if type(value) is dict:
        return frozenset((name, _key(below)) for name, below in value.items())
    return tuple(map(_key, value)) if type(value) is list else value


class Extractor:
    """Extracts the search values of resources of one type."""

    def __init__(
        self, resource_type: str, definitions: Definitions, base_urls: tuple[str, ...] = ()
    ) -> None:
        self._writing = Writing(Reader(base_urls, definitions).read)
        self._tree = _Tree(self._writing)
        for code, kept in layout(resource_type, definitions).items():
            if kept.kind == "own":
                self._add(code, kept)

    def extract(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """The value of each field of `search`, by parameter code. Elements of a wrong type give nothing."""
        return self._tree.values(resource, resource)

    def _add(self, code: str, kept: Kept) -> None:
        if isinstance(kept.branches, Truth):
            self._tree.root.leaves.append(self._truth(code, kept.branches))
        elif kept.composed:
            slot = self._tree.slot(code, True)
            compose = _composer(slot, kept.composed, self._writing)
            for branch in kept.branches:
                self._tree.edge(branch).leaves.append(compose)
        else:
            self._tree.add(kept.parameter.type, code, kept.many, kept.branches)

    def _truth(self, code: str, truth: Truth) -> _Leaf:
        slot = self._tree.slot(code, False)
        keys = [branch.steps[0].key for branch in truth.branches]
        unlike = truth.unlike

        def leaf(element: Any, slots: _Slots, resource: Any) -> None:
            found = [element[key] for key in keys if key in element]
            is_true = any(value is not unlike for value in found)
            slots[slot].append("true" if is_true else "false")

        return leaf


def _composer(slot: int, composed: tuple[Part, ...], writing: Writing) -> _Leaf:
    """Puts the parts of one element together, where it has all of them."""
    tree = _Tree(writing)
    codes = [part.target.field for part in composed]
    for part in composed:
        tree.add(part.target.parameter.type, part.target.field, part.target.many, part.branches)

    def leaf(element: Any, slots: _Slots, resource: Any) -> None:
        values = tree.values(element, resource)
        if all(code in values for code in codes):
            slots[slot].append(values)

    return leaf
