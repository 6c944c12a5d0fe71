"""What a walk over a resource tells, and a format writes down.

A sink is always inside one subject, below which blank nodes are opened and closed again. So Turtle can be written as it
is told, and no triple has to be made of it; a format that wants triples (N-Triples, an rdflib graph) numbers the nodes.
Predicates are local names of FHIR's namespace, datatypes prefixed names (`vocabulary`).
"""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    def begin(self, iri: str | None) -> None:
        """A subject; None is a blank one. Something has to be said of it before it ends."""

    def end(self) -> None: ...

    def type(self, iri: str) -> None:
        """The node is an instance of `iri`."""

    def property(self, predicate: str, iri: str) -> None:
        """A triple whose predicate is no FHIR one: both are whole IRIs."""

    def iri(self, predicate: str, iri: str) -> None: ...

    def literal(self, predicate: str, text: str, datatype: str) -> None: ...

    def index(self, position: int) -> None: ...

    def open(self, predicate: str) -> None:
        """A blank node under `predicate`; what follows is said of it until `close`."""

    def close(self) -> None: ...

    def value(self, predicate: str, text: str, datatype: str) -> None:
        """A blank node with nothing but a value: three of four nodes are that, so it is one call."""

    def indexed_value(self, predicate: str, position: int, text: str, datatype: str) -> None:
        """The same with its position."""

    def open_list(self, predicate: str) -> None:
        """An RDF list under `predicate`; what follows are its items until `close_list`."""

    def close_list(self) -> None: ...

    def item(self) -> None:
        """A blank node as an item of the list; ended by `close`."""

    def item_value(self, text: str, datatype: str) -> None: ...

    def item_iri(self, iri: str) -> None: ...
