"""How each property of a JSON object is written: the element tables, compiled once for a release and form.

A plan says for a type what to do with each property that may stand there, so that a walk looks up a property and acts, and
never asks a definition. The release decides the predicates (spec page rdf; R4 says where an element was declared,
R5 only its name).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

from fhirstore.definitions import Definitions, Element
from fhirstore.rdf import literals
from fhirstore.rdf.literals import ToLiteral


class Kind(IntEnum):
    """What is done with a property; a walk has one method for each, and so has a reading.

    Only a walk meets the two that JSON has beside the elements, and only a reading the two that R5's predicates leave open.
    """

    VALUE = 0
    VALUES = 1
    NODE = 2
    NODES = 3
    XHTML = 4
    INLINE = 5
    INLINES = 6
    ENTRY = 7
    SHADOW = 8
    NOTHING = 9
    CHOICE = 8
    MODIFIED = 9


# Of these types a graph says more than what stands in them: a class, or a link.
MARKED = ("Coding", "Reference", "canonical")


class Step:
    """One property. `shadow` is the name of a primitive's other half (`_birthDate`), and `whole` of that half the primitive.

    `choice` is the type that `[x]` takes, `mark` the type where more is said of it than what stands in it. A plain
    class with slots: a walk reads it some hundred times a resource.
    """

    __slots__ = (
        "choice",
        "kind",
        "literal",
        "mark",
        "name",
        "plan",
        "predicate",
        "shadow",
        "type",
        "whole",
    )

    def __init__(self, name: str, predicate: str, kind: Kind, type: str) -> None:
        self.name = name
        self.predicate = predicate
        self.kind: int = int(kind)
        self.type = type
        self.shadow = f"_{name}"
        self.mark = type if type in MARKED else None
        self.choice: str | None = None
        self.literal: ToLiteral = literals.none
        self.plan: Plan | None = None
        self.whole: Step = self


# By JSON property.
Plan = dict[str, Step]


class Form(Protocol):
    """What a release of FHIR decides about a property. With `has_bare_names` predicates do not say the type of `[x]`, and say
    by `_` in front that there are modifier extensions."""

    has_bare_names: bool

    def predicate(self, element: Element, owner: str, type: str) -> str: ...

    def literal(self, type: str) -> ToLiteral: ...


class Plans:
    """The plans of one release in one form, made when they are first needed."""

    def __init__(self, definitions: Definitions, form: Form) -> None:
        self.resource_types = definitions.resource_types
        self._types = definitions.types
        self._form = form
        self._made: dict[str, Plan] = {}
        self._to_literal: dict[str, ToLiteral] = {}

    def of(self, path: str) -> Plan:
        """The plan of a type or an inline backbone."""
        return self._made.get(path) or self._made.setdefault(path, self._compile(path))

    def below(self, step: Step) -> Plan:
        """The plan of what stands at `step`; for a primitive that is its id and its extensions."""
        plan = step.plan = self.of(step.type)
        return plan

    def _compile(self, path: str) -> Plan:
        plan: Plan = {}
        if self._types[path].kind == "resource":
            plan["resourceType"] = Step("resourceType", "", Kind.NOTHING, "code")
        for element in self._types[path].elements.values():
            for type in element.types:
                self._add(plan, element, path, type)
        return plan

    def _add(self, plan: Plan, element: Element, owner: str, type: str) -> None:
        name = element.name + (type[0].upper() + type[1:] if element.choice else "")
        kind = self._kind(element, owner, type)
        predicate = self._form.predicate(element, owner, type)
        step = plan[name] = Step(name, predicate, kind, type)
        step.choice = type if element.choice else None
        if kind in (Kind.VALUE, Kind.VALUES, Kind.XHTML):
            step.literal = self._literal(type)
            plan[step.shadow] = shadow = Step(name, predicate, Kind.SHADOW, type)
            shadow.whole = step

    def _literal(self, type: str) -> ToLiteral:
        return self._to_literal.get(type) or self._to_literal.setdefault(
            type, self._form.literal(type)
        )

    def _kind(self, element: Element, owner: str, type: str) -> Kind:
        is_many = element.max != 1
        if type == "Resource":
            if owner == "Bundle.entry" and element.name == "resource":
                return Kind.ENTRY
            return Kind.INLINES if is_many else Kind.INLINE
        if type == "xhtml":
            return Kind.XHTML
        if self._types[type].kind == "primitive":
            return Kind.VALUES if is_many else Kind.VALUE
        return Kind.NODES if is_many else Kind.NODE
