"""A graph as this project reads it, as triples in pyoxigraph's way to write them."""

from __future__ import annotations

from itertools import count

import pyoxigraph

from fhirstore.rdf.graph import Edges, Graph, Term
from fhirstore.rdf.vocabulary import RDF_FIRST, RDF_NIL, RDF_REST
from tests.rdf.tree_hash import Triple


def unfolded(graph: Graph) -> list[Triple]:
    """All triples of a graph."""
    return _Unfolding().of(graph)


class _Unfolding:
    def __init__(self) -> None:
        self._triples: list[Triple] = []
        self._names: dict[int, str] = {}
        self._numbers = count()
        self._waiting: list[tuple[str, Edges]] = []

    def of(self, graph: Graph) -> list[Triple]:
        for iri, edges in graph.subjects.items():
            self._waiting.append((f"<{iri}>", edges))
        for edges in (*graph.labelled.values(), *graph.unnamed):
            self._node(edges)
        while self._waiting:
            subject, edges = self._waiting.pop()
            for predicate, terms in edges.items():
                self._triples += [(subject, f"<{predicate}>", self._term(term)) for term in terms]
        return self._triples

    def _node(self, edges: Edges) -> str:
        if id(edges) not in self._names:
            self._names[id(edges)] = self._blank()
            self._waiting.append((self._names[id(edges)], edges))
        return self._names[id(edges)]

    def _blank(self) -> str:
        return f"_:n{next(self._numbers)}"

    def _term(self, term: Term) -> str:
        if isinstance(term, str):
            return f"<{term}>"
        if isinstance(term, dict):
            return self._node(term)
        if isinstance(term, tuple):
            text, datatype = term
            if datatype.startswith("@"):
                return str(pyoxigraph.Literal(text, language=datatype[1:]))
            return str(pyoxigraph.Literal(text, datatype=pyoxigraph.NamedNode(datatype)))
        return self._list(term)

    def _list(self, items: list[Term]) -> str:
        rest = f"<{RDF_NIL}>"
        for item in reversed(items):
            cell = self._blank()
            self._triples.append((cell, f"<{RDF_FIRST}>", self._term(item)))
            self._triples.append((cell, f"<{RDF_REST}>", rest))
            rest = cell
        return rest
