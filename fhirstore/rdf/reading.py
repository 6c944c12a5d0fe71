"""A graph to the resource that it says, by the element tables; what R4 and R5 have in common.

Only FHIR's own statements are read: what any agent may have added beside them (classes of codings, `fhir:link`, the
header of an ontology) is passed over, and what is no element is an error, since nothing is to be lost in silence. So is
what is no tree: a node that two others lead to, that leads to itself, or of which FHIR says something and to which nothing
leads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, TypeVar

from fhirstore.errors import MalformedContent
from fhirstore.json_text import MAX_DEPTH
from fhirstore.rdf.graph import Edges, Graph, Term
from fhirstore.rdf.iris import Addresses, Named, named
from fhirstore.rdf.misfit import Misfit
from fhirstore.rdf.reading_plans import ReadingPlan, ReadingPlans, ReadingStep
from fhirstore.rdf.vocabulary import FHIR, NODE_ROLE, RDF_TYPE

Object = dict[str, Any]
_Read = TypeVar("_Read")

_NO_TREE = "a node that stands in two places, or within itself"


class Reading:
    """One graph on its way to a resource. A subclass knows the form of its release."""

    value_predicate: str
    # What may be said of a node and is no element of it; of a primitive's node, also its value.
    beside: frozenset[str] = frozenset({RDF_TYPE, NODE_ROLE, FHIR + "concept"})
    beside_values: frozenset[str]
    # Those that say where a reference leads, which is to an IRI: elements may have the same name.
    links: tuple[str, ...]
    # In the order of `Kind`.
    _readers: tuple[Callable[..., None], ...]

    def __init__(
        self,
        plans: ReadingPlans,
        graph: Graph,
        choice_types: Mapping[str, str],
        addresses: Addresses,
    ) -> None:
        self._plans = plans
        self._graph = graph
        self._choice_types = choice_types
        self._addresses = addresses
        self._depth = 0
        self._seen: set[int] = set()
        # Else a node stands where it was written, and nowhere else.
        self._has_labels = bool(graph.labelled)

    def __init_subclass__(cls) -> None:
        # Functions and not bound methods: those would lead back to the reading, and it and its graph would have to wait
        # for the garbage collector.
        cls._readers = (
            cls._value,
            cls._values,
            cls._node,
            cls._nodes,
            cls._xhtml,
            cls._inline,
            cls._inlines,
            cls._inline,
            cls._choice,
            cls._modified,
        )

    def resource(self) -> Object:
        """The resource at the tree root. Raises MalformedContent where the graph says none, with the place."""
        roots = self._graph.roots
        if len(roots) != 1:
            raise MalformedContent(
                "no node has the fhir:nodeRole fhir:treeRoot"
                if not roots
                else f"{len(roots)} nodes have the fhir:nodeRole fhir:treeRoot, the first two"
                f" {self._said_name(roots[0])} and {self._said_name(roots[1])}"
            )
        type_ = ""
        try:
            type_ = self._type_of(roots[0])
            found = self._resource(roots[0])
            self._check_address(roots[0], type_, found.get("id"))
        except Misfit as misfit:
            if type_:
                misfit.under(type_)
            raise misfit.as_error() from None
        self._check_rest()
        return found

    def _check_address(self, root: Edges, type_: str, id_: object) -> None:
        """A node that is the address of one resource says no other: which of the two was meant?"""
        iri = self._name_of(root)
        if (
            id_ is not None
            and not iri.endswith(f"/{id_}")
            and named(iri) not in (None, (type_, id_))
        ):
            misfit = Misfit(f"it is {str(id_)[:80]!r}, and the node <{iri[:200]}>")
            misfit.under("id")
            raise misfit

    def _check_rest(self) -> None:
        """Nothing that FHIR says is left over."""
        graph, seen = self._graph, self._seen
        nodes = chain(graph.subjects.values(), graph.labelled.values(), graph.unnamed)
        for node in [node for node in nodes if id(node) not in seen]:
            for predicate, objects in node.items():
                if predicate.startswith(FHIR) and not self._is_beside(
                    predicate, objects, self.beside
                ):
                    raise MalformedContent(
                        f"nothing in the resource leads to {self._said_name(node)}, of which <{predicate[:200]}> is said"
                    )

    def _said_name(self, node: Edges) -> str:
        return self._name_of(node)[:200] or "a blank node"

    def _name_of(self, node: Edges) -> str:
        """Its IRI or its label, "" if it has neither."""
        names = chain(self._graph.subjects.items(), self._graph.labelled.items())
        return next((name for name, other in names if other is node), "")

    def _resource(self, node: Edges) -> Object:
        type_ = self._type_of(node)
        return self._fill(node, self._plans.of(type_), {"resourceType": type_}, self.beside)

    def _type_of(self, node: Edges) -> str:
        names = {
            name
            for iri in node.get(RDF_TYPE, ())
            if type(iri) is str
            and (name := self._type_name(iri.removeprefix(FHIR))) in self._plans.resource_types
        }
        if len(names) == 1:
            return names.pop()
        raise Misfit(
            "a resource of several types at once"
            if names
            else "a resource without a type that this release of FHIR knows"
        )

    def _type_name(self, class_name: str) -> str:
        return class_name

    # nodes

    def _fill(self, node: Edges, plan: ReadingPlan, out: Object, beside: frozenset[str]) -> Object:
        """Put what is said of `node` into `out`, in the order of the elements."""
        seen, key = self._seen, id(node)
        if key in seen:
            raise Misfit(_NO_TREE)
        seen.add(key)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Misfit(f"nested deeper than {MAX_DEPTH} levels")
        steps, readers = plan.steps, self._readers
        last, is_in_order = -1, True
        step: ReadingStep | None = None
        try:
            for predicate, objects in node.items():
                step = steps.get(predicate)
                if step is None:
                    if predicate not in beside or predicate in self.links:
                        self._pass_over(predicate, objects, beside)
                    continue
                if step.order < last:
                    is_in_order = False
                last = step.order
                readers[step.kind](self, step, objects, out)
        except Misfit as misfit:
            if step is not None:
                misfit.under(step.name)
            raise
        self._depth -= 1
        if is_in_order:
            return out
        order = plan.order
        return dict(sorted(out.items(), key=lambda entry: order[entry[0]]))

    def _pass_over(self, predicate: str, objects: list[Term], beside: frozenset[str]) -> None:
        if not self._is_beside(predicate, objects, beside):
            raise Misfit(f"there is no element <{predicate}> here")

    def _is_beside(self, predicate: str, objects: list[Term], beside: frozenset[str]) -> bool:
        if predicate in self.links:
            return all(type(target) is str for target in objects)
        return predicate in beside

    def _object(self, step: ReadingStep, node: Term) -> Object:
        if type(node) is not dict:
            raise Misfit(f"a blank node is expected, and {_said(node)} stands there")
        plan = step.plan or self._plans.below(step)
        found = self._fill(node, plan, {}, self.beside)
        if step.type == "Reference":
            found = self._with_link(node, plan, found)
        if not found:
            raise Misfit("a node of which nothing is said, and nodes are never empty")
        return found

    def _with_link(self, node: Edges, plan: ReadingPlan, found: Object) -> Object:
        """A reference whose node leads somewhere: if it says nothing else, it is a reference to there.

        A link is what somebody made of the reference for the graph at hand (spec page rdf, Representing References), and need
        not be the address that we would make; but it is not the one of another resource.
        """
        links: list[Any] = []
        for name in self.links:
            links += node.get(name, ())
        if "reference" in found:
            reference = found["reference"]
            for link in links:
                if not link.endswith(reference) and _differ(named(link), named(f"/{reference}")):
                    raise Misfit(
                        f"a fhir:link to <{link[:200]}> and a reference to another resource"
                    )
        elif links:
            if len(set(links)) > 1:
                raise Misfit("several fhir:link, and no reference")
            order = plan.order
            found["reference"] = self._addresses.reference(links[0])
            return dict(sorted(found.items(), key=lambda entry: order[entry[0]]))
        return found

    def _one(self, objects: list[Term]) -> Term:
        """The object of what can stand only once. The same triple twice is one triple."""
        first = objects[0]
        if len(objects) == 1:
            return first
        is_node = type(first) is dict or type(first) is list
        if all(other is first or not (is_node or other != first) for other in objects):
            return first
        raise Misfit("it stands more than once, and may only once")

    def _primitive(self, step: ReadingStep, node: Term) -> tuple[Any, Object | None]:
        """The value of a primitive's node, and its id and extensions; either may be missing."""
        if type(node) is not dict:
            raise Misfit(f"a blank node is expected, and {_said(node)} stands there")
        found = node.get(self.value_predicate)
        if found is not None and len(found) == len(node) == 1 and type(found[0]) is tuple:
            if self._has_labels:
                seen, key = self._seen, id(node)
                if key in seen:
                    raise Misfit(_NO_TREE)
                seen.add(key)
            return step.value(found[0]), None
        value = None if found is None else step.value(self._literal(found))
        plan = step.plan or self._plans.below(step)
        return value, self._fill(node, plan, {}, self.beside_values) or None

    def _literal(self, objects: list[Term]) -> tuple[str, str]:
        literal = self._one(objects)
        if isinstance(literal, tuple):
            return literal
        raise Misfit(f"a value is expected, and {_said(literal)} stands there")

    # one method for each `Kind`

    def _value(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        node = objects[0] if len(objects) == 1 else self._one(objects)
        value, shadow = self._primitive(step, node)
        if value is not None:
            out[step.name] = value
        if shadow is not None:
            out[step.shadow] = shadow
        elif value is None:
            raise Misfit("a node of which nothing is said, and nodes are never empty")

    def _values(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        found = self._each(step, objects, self._primitive)
        values = [value for value, _ in found]
        shadows = [shadow for _, shadow in found]
        has_shadows = shadows.count(None) < len(shadows)
        if values.count(None) < len(values) or not has_shadows:
            out[step.name] = values
        if has_shadows:
            out[step.shadow] = shadows

    def _node(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        node = objects[0] if len(objects) == 1 else self._one(objects)
        out[step.name] = self._object(step, node)

    def _nodes(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        out[step.name] = self._each(step, objects, self._object)

    def _inline(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        out[step.name] = self._inlined(step, self._one(objects))

    def _inlines(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        out[step.name] = self._each(step, objects, self._inlined)

    def _inlined(self, step: ReadingStep, node: Term) -> Object:
        """A resource within a resource: a blank node, or what is said elsewhere of an IRI."""
        if isinstance(node, dict):
            return self._resource(node)
        if isinstance(node, str):
            if RDF_TYPE in (described := self._graph.subjects.get(node, {})):
                return self._resource(described)
            raise Misfit(f"of <{node}> nothing is said")
        raise Misfit(f"a resource is expected, and {_said(node)} stands there")

    def _each(
        self, step: ReadingStep, objects: list[Term], read: Callable[[ReadingStep, Term], _Read]
    ) -> list[_Read]:
        """What is read of each item of what can stand more than once."""
        found: list[_Read] = []
        nodes = self._ordered(objects)
        try:
            for node in nodes:
                found.append(read(step, node))  # noqa: PERF401 - how many are there says which one failed
        except Misfit as misfit:
            misfit.under(f"[{len(found)}]")
            raise
        return found

    def _choice(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        """`[x]`, where the predicate does not say which type it takes."""
        raise NotImplementedError

    def _modified(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        """What has modifier extensions, where the predicate says so."""
        raise NotImplementedError

    def _xhtml(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        raise NotImplementedError

    def _ordered(self, objects: list[Term]) -> list[Term]:
        """The items of what can stand more than once, in their order."""
        raise NotImplementedError


def _differ(one: Named | None, other: Named | None) -> bool:
    return one is not None and other is not None and one != other


def _said(term: Term) -> str:
    if isinstance(term, tuple):
        return f"the value {term[0][:40]!r}"
    if isinstance(term, list):
        return "a list"
    return "a blank node" if isinstance(term, dict) else f"<{term[:80]}>"
