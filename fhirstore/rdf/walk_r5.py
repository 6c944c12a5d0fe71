"""The graph of R5: arrays as RDF lists, values as `fhir:v`, a predicate for each name of an element.

It is the form that HL7's publisher has written since June 2026 (`docs/rdf-r5.md`, r5d); the three before it are
only read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhirstore.definitions import Element
from fhirstore.rdf import concepts, literals
from fhirstore.rdf.misfit import Misfit
from fhirstore.rdf.plans import Step
from fhirstore.rdf.vocabulary import FHIR
from fhirstore.rdf.walk import Object, Walk


class R5Form:
    """Predicates are the names of elements alone, `[x]` without the type that it takes."""

    has_bare_names = True

    def predicate(self, element: Element, owner: str, type: str) -> str:
        # The one element whose whole path the publisher writes.
        if owner == "Parameters.parameter" and element.name == "resource":
            return "Parameters.parameter.resource"
        return element.name

    def literal(self, type: str) -> literals.ToLiteral:
        return literals.for_type(type, typed_uris=True, doubles=True)


class R5Walk(Walk):
    value_predicate = "v"
    class_of = staticmethod(concepts.class_r5)

    def _class_name(self, resource: Object, type_: str) -> str:
        """Who does not know of modifier extensions is not to take it for what it may not be (R5 page rdf)."""
        return f"_{type_}" if "modifierExtension" in resource else type_

    def _value(self, step: Step, value: Any, owner: Object) -> None:
        shadow = owner.get(step.shadow)
        if shadow is None and step.mark is None and step.choice is None:
            text, datatype = step.literal(value)
            self._sink.value(step.predicate, text, datatype)
            return
        if value is None and step.name in owner:
            raise Misfit("null stands where a value is expected")
        self._sink.open(step.predicate)
        self._type_of_choice(step)
        self._primitive(step, value, shadow)
        self._sink.close()

    def _type_of_choice(self, step: Step) -> None:
        if step.choice is not None:
            self._sink.type(FHIR + step.choice)

    def _values(self, step: Step, values: Any, owner: Object) -> None:
        shadows = owner.get(step.shadow)
        is_plain = shadows is None and step.mark is None
        if values is None and step.name in owner:
            raise Misfit("null stands where an array is expected")

        def slot(halves: tuple[Any, Any]) -> None:
            value, shadow = halves
            if is_plain and value is not None:
                self._sink.item_value(*step.literal(value))
                return
            self._sink.item()
            self._primitive(step, value, shadow)
            self._sink.close()

        self._sink.open_list(step.predicate)
        _each(self._slots(values, shadows), slot)
        self._sink.close_list()

    def _node(self, step: Step, value: Any, owner: Object) -> None:
        value = self._object(value)
        self._sink.open(_predicate(step, value))
        self._type_of_choice(step)
        self._inside(step, value)
        self._sink.close()

    def _inside(self, step: Step, value: Object) -> None:
        if step.mark is not None:
            self._mark(step, value)
        self._children(value, step.plan or self._plans.below(step))

    def _nodes(self, step: Step, values: Any, owner: Object) -> None:
        """One list, or two where some have modifier extensions: those stand under a predicate of their own."""
        lists: list[str] = []

        def item(value: Any) -> None:
            predicate = _predicate(step, self._object(value))
            if predicate not in lists[-1:]:
                self._change_list(predicate, lists)
            self._sink.item()
            self._inside(step, value)
            self._sink.close()

        _each(self._array(values), item)
        self._sink.close_list()

    def _change_list(self, predicate: str, lists: list[str]) -> None:
        if predicate in lists or (lists and lists[0].startswith("_")):
            raise Misfit(
                "it has no modifierExtension and stands behind one that has: RDF would lose their order"
            )
        if lists:
            self._sink.close_list()
        self._sink.open_list(predicate)
        lists.append(predicate)

    def _xhtml(self, step: Step, value: Any, owner: Object) -> None:
        self._value(step, value, owner)

    def _inline(self, step: Step, value: Any, owner: Object) -> None:
        """Resources stand in a list even where there is only one (as published)."""
        self._sink.open_list(step.predicate)
        self._item(value)
        self._sink.close_list()

    def _inlines(self, step: Step, values: Any, owner: Object) -> None:
        self._sink.open_list(step.predicate)
        _each(self._array(values), self._item)
        self._sink.close_list()

    def _item(self, resource: Any) -> None:
        self._sink.item()
        self._resource(resource)
        self._sink.close()

    def _say_entry(self, step: Step, iri: str) -> None:
        self._sink.open_list(step.predicate)
        self._sink.item_iri(iri)
        self._sink.close_list()


def _predicate(step: Step, value: Object) -> str:
    return f"_{step.predicate}" if "modifierExtension" in value else step.predicate


def _each(values: list[Any], say: Callable[[Any], None]) -> None:
    position = 0
    try:
        for position, value in enumerate(values):  # noqa: B007 - says which one does not fit
            say(value)
    except Misfit as misfit:
        misfit.under(f"[{position}]")
        raise
