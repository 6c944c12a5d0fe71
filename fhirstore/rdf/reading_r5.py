"""The graph of R5, read: what repeats is an RDF list, and the type of `[x]` is said by the class of its node.

All four forms are read that HL7's publisher has written. They differ in what is beside the elements (`fhir:link` or
`fhir:l`), in how a narrative is said, and in the names of the classes; the oldest has no class where there is a value.
"""

from __future__ import annotations

from fhirstore.rdf import choices
from fhirstore.rdf.graph import Edges, Term, items
from fhirstore.rdf.misfit import Misfit
from fhirstore.rdf.plans import Kind
from fhirstore.rdf.reading import Object, Reading
from fhirstore.rdf.reading_plans import ReadingPlan, ReadingStep
from fhirstore.rdf.vocabulary import FHIR

_VALUE = FHIR + "v"


class R5Reading(Reading):
    value_predicate = _VALUE
    # The node whose elements are being read.
    _owner: Edges = {}  # noqa: RUF012 - replaced, and never changed
    links = (FHIR + "link", FHIR + "l")
    beside = Reading.beside.union(links)
    beside_values = beside | {_VALUE}

    def _type_name(self, class_name: str) -> str:
        """A resource with modifier extensions is of the class `fhir:_Patient`."""
        return class_name.removeprefix("_")

    def _ordered(self, objects: list[Term]) -> list[Term]:
        found = items(self._one(objects))
        if found is None:
            raise Misfit("an RDF list is expected")
        if not found:
            raise Misfit("an empty list, and arrays are never empty")
        return found

    def _node(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        if step.name in out:
            raise Misfit("it stands with modifier extensions and without, and may only once")
        super()._node(step, objects, out)

    def _nodes(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        found = self._each(step, objects, self._object)
        out[step.name] = found + out.get(step.name, [])

    def _modified(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        """What has modifier extensions stands under a predicate of its own, and behind what has none."""
        if step.whole.kind == Kind.NODES:
            found = self._each(step, objects, self._object)
            out[step.name] = out.get(step.name, []) + found
        else:
            self._readers[step.whole.kind](self, step.whole, objects, out)

    def _choice(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        node = self._one(objects)
        if type(node) is not dict:
            raise Misfit("a blank node is expected")
        types = choices.types_of(node, step.choices, _VALUE)
        if len(types) > 1:
            types = [type_ for type_ in types if type_ == self._expected(step)] or types
        meant = step.choices[choices.only(types)]
        self._readers[meant.kind](self, meant, objects, out)

    def _expected(self, step: ReadingStep) -> str | None:
        """The type that is known for the extension, or for the element."""
        url = choices.text(choices.first(self._owner, FHIR + "url"), _VALUE)
        return self._choice_types.get(step.name if url is None else url)

    def _fill(self, node: Edges, plan: ReadingPlan, out: Object, beside: frozenset[str]) -> Object:
        outer, self._owner = self._owner, node
        found = super()._fill(node, plan, out, beside)
        self._owner = outer
        return found

    def _xhtml(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        """A literal in the two older forms, a node with a value in the two newer ones."""
        if type(objects[0]) is tuple:
            out[step.name] = step.value(self._literal(objects))
        else:
            self._value(step, objects, out)

    def _inline(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        found = self._ordered(objects)
        if len(found) != 1:
            raise Misfit(f"{len(found)} resources where one is expected")
        out[step.name] = self._inlined(step, found[0])
