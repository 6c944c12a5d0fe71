"""A walk told straight into an rdflib graph: no text is written to be parsed again."""

from __future__ import annotations

from functools import lru_cache

from rdflib import BNode, Graph, Literal, Namespace, URIRef
from rdflib.namespace import RDF, XSD
from rdflib.term import Node

from fhirstore.rdf.vocabulary import DATATYPES
from fhirstore.rdf.vocabulary import FHIR as FHIR_IRI

FHIR = Namespace(FHIR_IRI)
_INDEX = FHIR["index"]  # an attribute of that name is a method of `str`


class GraphSink:
    """Adds to `graph`. `value` is the predicate of values, `value` in R4 and `v` in R5."""

    def __init__(self, graph: Graph, value: str) -> None:
        self._graph = graph
        self._value = FHIR[value]
        self._subject: Node = RDF.nil
        self._outer: list[Node] = []
        # In a list: what leads to the next cell.
        self._to_next: tuple[Node, URIRef] = (RDF.nil, RDF.rest)
        self._outer_lists: list[tuple[Node, URIRef]] = []

    def begin(self, iri: str | None) -> None:
        self._subject = BNode() if iri is None else URIRef(iri)

    def end(self) -> None:
        self._subject = RDF.nil

    def type(self, iri: str) -> None:
        self._graph.add((self._subject, RDF.type, URIRef(iri)))

    def property(self, predicate: str, iri: str) -> None:
        self._graph.add((self._subject, URIRef(predicate), URIRef(iri)))

    def iri(self, predicate: str, iri: str) -> None:
        self._graph.add((self._subject, _fhir(predicate), URIRef(iri)))

    def literal(self, predicate: str, text: str, datatype: str) -> None:
        self._graph.add((self._subject, _fhir(predicate), _literal(text, datatype)))

    def index(self, position: int) -> None:
        self._graph.add((self._subject, _INDEX, Literal(position)))

    def open(self, predicate: str) -> None:
        node = BNode()
        self._graph.add((self._subject, _fhir(predicate), node))
        self._enter(node)

    def close(self) -> None:
        self._subject = self._outer.pop()

    def value(self, predicate: str, text: str, datatype: str) -> None:
        node = BNode()
        self._graph.add((self._subject, _fhir(predicate), node))
        self._graph.add((node, self._value, _literal(text, datatype)))

    def indexed_value(self, predicate: str, position: int, text: str, datatype: str) -> None:
        self.open(predicate)
        self.index(position)
        self._graph.add((self._subject, self._value, _literal(text, datatype)))
        self.close()

    def open_list(self, predicate: str) -> None:
        self._outer_lists.append(self._to_next)
        self._to_next = (self._subject, _fhir(predicate))

    def close_list(self) -> None:
        self._graph.add((*self._to_next, RDF.nil))
        self._to_next = self._outer_lists.pop()

    def item(self) -> None:
        node = BNode()
        self._add_cell(node)
        self._enter(node)

    def item_value(self, text: str, datatype: str) -> None:
        node = BNode()
        self._add_cell(node)
        self._graph.add((node, self._value, _literal(text, datatype)))

    def item_iri(self, iri: str) -> None:
        self._add_cell(URIRef(iri))

    def _add_cell(self, item: Node) -> None:
        cell = BNode()
        self._graph.add((*self._to_next, cell))
        self._graph.add((cell, RDF.first, item))
        self._to_next = (cell, RDF.rest)

    def _enter(self, node: Node) -> None:
        self._outer.append(self._subject)
        self._subject = node


@lru_cache(maxsize=20_000)
def _fhir(name: str) -> URIRef:
    return FHIR[name]


_TYPES = {name: URIRef(iri) for name, iri in DATATYPES.items()}


def _literal(text: str, datatype: str) -> Literal:
    """Not normalised, as rdflib does if it is let: `72.50` would be `72.5` in another place."""
    if datatype in ("", "xsd:string"):
        return Literal(text, datatype=XSD.string if datatype else None)
    return Literal(text, datatype=_TYPES[datatype], normalize=False)
