"""The graph of R4: positions as `fhir:index`, values as `fhir:value`, a predicate for each element of each type."""

from __future__ import annotations

from typing import Any

from fhirstore.definitions import Element
from fhirstore.rdf import concepts, literals
from fhirstore.rdf.misfit import Misfit
from fhirstore.rdf.plans import Step
from fhirstore.rdf.vocabulary import FHIR, OWL, PLAIN
from fhirstore.rdf.walk import Object, Walk

# Under this address HL7 keeps the current build of each of its examples.
_BUILD = "http://build.fhir.org/"


class R4Form:
    """Predicates are where an element was first declared: `Resource.id`, `Observation.valueQuantity`."""

    has_bare_names = False

    def predicate(self, element: Element, owner: str, type: str) -> str:
        return element.declared_by + (type[0].upper() + type[1:] if element.choice else "")

    def literal(self, type: str) -> literals.ToLiteral:
        return literals.for_type(type, typed_uris=False, doubles=False)


class R4Walk(Walk):
    value_predicate = "value"
    class_of = staticmethod(concepts.class_r4)

    def _root(self, resource: Object, type_: str, subject: str | None) -> None:
        if subject and self._options.header:
            # An entry of a bundle under that IRI would be the header as well, and no longer be read.
            self._described.add(_header_of(subject))
        super()._root(resource, type_, subject)

    def _header(self, subject: str | None) -> None:
        if not self._options.header:
            return
        self._sink.begin(subject and _header_of(subject))
        self._sink.type(OWL + "Ontology")
        self._sink.property(OWL + "imports", FHIR + "fhir.ttl")
        if subject and subject.startswith(FHIR):
            self._sink.property(OWL + "versionIRI", f"{_BUILD}{subject[len(FHIR) :]}.ttl")
        self._sink.end()

    def _value(self, step: Step, value: Any, owner: Object) -> None:
        shadow = owner.get(step.shadow)
        if shadow is None and step.mark is None:
            text, datatype = step.literal(value)
            self._sink.value(step.predicate, text, datatype)
            return
        if value is None and step.name in owner:
            raise Misfit("null stands where a value is expected")
        self._sink.open(step.predicate)
        self._primitive(step, value, shadow)
        self._sink.close()

    def _values(self, step: Step, values: Any, owner: Object) -> None:
        shadows = owner.get(step.shadow)
        is_plain = shadows is None and step.mark is None
        if values is None and step.name in owner:
            raise Misfit("null stands where an array is expected")
        slots = self._slots(values, shadows)
        position = 0
        try:
            for position, (value, shadow) in enumerate(slots):
                if is_plain and value is not None:
                    text, datatype = step.literal(value)
                    self._sink.indexed_value(step.predicate, position, text, datatype)
                    continue
                self._sink.open(step.predicate)
                self._sink.index(position)
                self._primitive(step, value, shadow)
                self._sink.close()
        except Misfit as misfit:
            misfit.under(f"[{position}]")
            raise

    def _node(self, step: Step, value: Any, owner: Object) -> None:
        if type(value) is not dict or not value:
            value = self._object(value)
        self._sink.open(step.predicate)
        if step.mark is not None:
            self._mark(step, value)
        self._children(value, step.plan or self._plans.below(step))
        self._sink.close()

    def _nodes(self, step: Step, values: Any, owner: Object) -> None:
        sink, plan, position = self._sink, step.plan or self._plans.below(step), 0
        values = self._array(values)
        try:
            for position, value in enumerate(values):
                if type(value) is not dict or not value:
                    value = self._object(value)
                sink.open(step.predicate)
                sink.index(position)
                if step.mark is not None:
                    self._mark(step, value)
                self._children(value, plan)
                sink.close()
        except Misfit as misfit:
            misfit.under(f"[{position}]")
            raise

    def _xhtml(self, step: Step, value: Any, owner: Object) -> None:
        """A narrative hangs on its predicate without a node, so that nothing else can be said of it."""
        if step.shadow in owner:
            raise Misfit("a narrative has neither an id nor extensions in RDF")
        text, _ = step.literal(value)
        self._sink.literal(step.predicate, text, PLAIN)

    def _inline(self, step: Step, value: Any, owner: Object) -> None:
        self._sink.open(step.predicate)
        self._resource(value)
        self._sink.close()

    def _inlines(self, step: Step, values: Any, owner: Object) -> None:
        position, values = 0, self._array(values)
        try:
            for position, value in enumerate(values):
                self._sink.open(step.predicate)
                self._resource(value, position)
                self._sink.close()
        except Misfit as misfit:
            misfit.under(f"[{position}]")
            raise

    def _say_entry(self, step: Step, iri: str) -> None:
        self._sink.iri(step.predicate, iri)


def _header_of(subject: str) -> str:
    return f"{subject}.ttl"
