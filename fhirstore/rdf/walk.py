"""The walk over a resource that says its graph to a sink; what R4 and R5 have in common.

It runs once over the properties that are there, in their order, and asks the plan of the type what to do with each.
Nothing that a resource says is passed over: what cannot be said in RDF, or could not be told from something else when
it is read again, is an error with its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Any

from fhirstore.json_text import MAX_DEPTH
from fhirstore.rdf.concepts import ClassOf
from fhirstore.rdf.iris import Addresses, absolute
from fhirstore.rdf.misfit import Misfit
from fhirstore.rdf.options import Options
from fhirstore.rdf.plans import Plan, Plans, Step
from fhirstore.rdf.sink import Sink
from fhirstore.rdf.vocabulary import FHIR, TREE_ROOT

Object = dict[str, Any]


class Walk:
    """One resource on its way into one sink. A subclass knows the form of its release."""

    value_predicate: str
    class_of: ClassOf
    # In the order of `Kind`.
    _writers: tuple[Callable[..., None], ...]

    def __init__(self, plans: Plans, addresses: Addresses, options: Options, sink: Sink) -> None:
        self._plans = plans
        self._addresses = addresses
        self._options = options
        self._sink = sink
        self._depth = 0
        self._described: set[str | None] = set()
        self._to_describe: deque[tuple[str, Object]] = deque()
        self._linked: dict[str, str] = {}

    def __init_subclass__(cls) -> None:
        # Functions and not bound methods: those would lead back to the walk, and it and what it wrote would have to wait
        # for the garbage collector.
        cls._writers = (
            cls._value,
            cls._values,
            cls._node,
            cls._nodes,
            cls._xhtml,
            cls._inline,
            cls._inlines,
            cls._entry,
            cls._shadow,
            cls._nothing,
        )

    def write(self, resource: Object) -> None:
        """Say the whole graph of `resource`. Raises MalformedContent for what no graph can say."""
        inner = resource
        try:
            type_ = self._type_of(resource)
            subject = self._addresses.subject(type_, resource.get("id"))
            self._root(resource, type_, subject)
            while self._to_describe:
                iri, inner = self._to_describe.popleft()
                self._subject(inner, iri)
            self._link_types()
            self._header(subject)
        except Misfit as misfit:
            if isinstance(resource, dict) and "resourceType" in resource:
                misfit.under(f"{resource['resourceType']}{place_of(resource, inner) or ''}")
            raise misfit.as_error() from None

    # subjects

    def _root(self, resource: Object, type_: str, subject: str | None) -> None:
        self._described.add(subject)
        self._sink.begin(subject)
        self._sink.type(FHIR + self._class_name(resource, type_))
        self._sink.iri("nodeRole", TREE_ROOT)
        self._children(resource, self._plans.of(type_))
        self._sink.end()

    def _subject(self, resource: Object, iri: str) -> None:
        """A resource that a bundle names by its fullUrl: a subject of its own, and no tree root."""
        self._sink.begin(iri)
        self._resource(resource)
        self._sink.end()

    def _resource(self, resource: Any, position: int | None = None) -> None:
        type_ = self._type_of(resource)
        self._sink.type(FHIR + self._class_name(resource, type_))
        if position is not None:
            self._sink.index(position)
        self._children(resource, self._plans.of(type_))

    def _type_of(self, resource: Any) -> str:
        type_ = resource.get("resourceType") if isinstance(resource, dict) else None
        if type(type_) is str and type_ in self._plans.resource_types:
            return type_
        raise Misfit("it has no resourceType that this release of FHIR knows")

    def _class_name(self, resource: Object, type_: str) -> str:
        return type_

    def _link_types(self) -> None:
        for iri, type_ in self._linked.items():
            if iri not in self._described:
                self._sink.begin(iri)
                self._sink.type(FHIR + type_)
                self._sink.end()

    def _header(self, subject: str | None) -> None:
        """What an R4 graph says of itself."""

    # what is below a node

    def _children(self, value: Object, plan: Plan) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Misfit(f"nested deeper than {MAX_DEPTH} levels")
        writers = self._writers
        name = ""
        try:
            for name, inner in value.items():
                step = plan.get(name)
                if step is None:
                    raise Misfit("there is no such element")
                writers[step.kind](self, step, inner, value)
        except Misfit as misfit:
            misfit.under(plan[name].whole.name if name in plan else str(name))
            raise
        self._depth -= 1

    def _object(self, value: Any) -> Object:
        if not isinstance(value, dict):
            raise Misfit("an object is expected")
        if not value:
            raise Misfit("an object without properties, and nodes are never empty")
        return value

    def _array(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Misfit("an array is expected")
        if not value:
            raise Misfit("an empty array, of which nothing would remain")
        return value

    def _slots(self, values: Any, shadows: Any) -> list[tuple[Any, Any]]:
        """A primitive array beside its other half. Either may be absent, or the shorter one, and may have nulls in it: a slot
        with nothing at all is a node as well, since lists are never sparse (spec page rdf, Representing Repeating Elements).
        """
        if shadows is None:
            return [(value, None) for value in self._array(values)]
        shadows = self._array(shadows)
        values = [] if values is None else self._array(values)
        return list(zip_longest(values, shadows))

    def _primitive(self, step: Step, value: Any, shadow: Any) -> None:
        """What is said of a primitive's node: its value, its link, its id and extensions."""
        if value is not None:
            text, datatype = step.literal(value)
            self._sink.literal(self.value_predicate, text, datatype)
            self._link(step, text)
        if shadow is not None:
            self._children(self._object(shadow), step.plan or self._plans.below(step))

    def _link(self, step: Step, text: str) -> None:
        if step.mark and self._options.links and (iri := self._addresses.link(text)):
            self._sink.iri("link", iri)

    def _mark(self, step: Step, value: Object) -> None:
        """What a graph says of a Coding or a Reference beyond its elements."""
        if step.mark == "Coding":
            system, code = value.get("system"), value.get("code")
            if self._options.concepts and type(system) is str and type(code) is str:
                class_ = type(self).class_of(system, code)
                if class_ is not None:
                    self._sink.type(class_)
            return
        reference = value.get("reference")
        if self._options.links and type(reference) is str:
            iri = self._addresses.link(reference)
            if iri is not None:
                self._sink.iri("link", iri)
                self._note_type(iri)

    def _note_type(self, iri: str) -> None:
        """HL7's own examples are known by their address to be of a type, and the graph says so."""
        type_, slash, _ = iri[len(FHIR) :].partition("/")
        if slash and iri.startswith(FHIR):
            self._linked.setdefault(iri, type_)

    # one method for each `Kind`

    def _value(self, step: Step, value: Any, owner: Object) -> None:
        raise NotImplementedError

    def _values(self, step: Step, values: Any, owner: Object) -> None:
        raise NotImplementedError

    def _node(self, step: Step, value: Any, owner: Object) -> None:
        raise NotImplementedError

    def _nodes(self, step: Step, values: Any, owner: Object) -> None:
        raise NotImplementedError

    def _xhtml(self, step: Step, value: Any, owner: Object) -> None:
        raise NotImplementedError

    def _inline(self, step: Step, value: Any, owner: Object) -> None:
        raise NotImplementedError

    def _inlines(self, step: Step, values: Any, owner: Object) -> None:
        raise NotImplementedError

    def _entry(self, step: Step, value: Any, owner: Object) -> None:
        """A bundle's resource: its own subject under its fullUrl, else inline.

        Inline as well where something is described under that IRI already: two versions of one resource in a history
        would become one subject, which nobody could take apart again.
        """
        full_url = owner.get("fullUrl")
        iri = absolute(full_url) if type(full_url) is str else None
        if iri is None or iri in self._described:
            self._inline(step, value, owner)
            return
        self._type_of(value)
        self._described.add(iri)
        self._to_describe.append((iri, value))
        self._say_entry(step, iri)

    def _say_entry(self, step: Step, iri: str) -> None:
        raise NotImplementedError

    def _shadow(self, step: Step, shadow: Any, owner: Object) -> None:
        """The other half of a primitive, on its own where the primitive has no value."""
        if shadow is None:
            raise Misfit("null stands where an id or extensions are expected")
        if step.name not in owner:
            self._writers[step.whole.kind](self, step.whole, None, owner)

    def _nothing(self, step: Step, value: Any, owner: Object) -> None:
        """The type of a resource is said where its node begins."""


def place_of(whole: Any, part: Any) -> str | None:
    """Where in `whole` the very object `part` stands, as a FHIRPath that goes on from `whole`."""
    if whole is part:
        return ""
    steps: Iterable[tuple[str, Any]] = ()
    if isinstance(whole, dict):
        steps = ((f".{name}", inner) for name, inner in whole.items())
    elif isinstance(whole, list):
        steps = ((f"[{position}]", inner) for position, inner in enumerate(whole))
    for step, inner in steps:
        if isinstance(inner, dict | list) and (below := place_of(inner, part)) is not None:
            return step + below
    return None
