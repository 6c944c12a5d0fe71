"""A graph as it is read: nested the way it was written, for the blank nodes of FHIR form trees.

Plain Python values, since a graph of 190 triples has 100 nodes and reading one has to cost less than half a millisecond:
an IRI is a string, a literal a pair of its text and its datatype (an IRI, or `@en` for a language), a blank node a
dictionary of predicates, an RDF list in Turtle's brackets a Python list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from fhirstore.rdf.vocabulary import NODE_ROLE, RDF_FIRST, RDF_NIL, RDF_REST, TREE_ROOT

Literal = tuple[str, str]
Edges: TypeAlias = "dict[str, list[Term]]"
Term: TypeAlias = "str | Literal | Edges | list[Term]"


@dataclass(slots=True)
class Graph:
    """`subjects` are the nodes with an IRI, `labelled` those with a label, `unnamed` the subjects with neither; `roots` are
    those of any kind that claim to be a tree root. Other blank nodes hang where they were written, and nowhere else.
    """

    subjects: dict[str, Edges] = field(default_factory=dict)
    labelled: dict[str, Edges] = field(default_factory=dict)
    unnamed: list[Edges] = field(default_factory=list)
    roots: list[Edges] = field(default_factory=list)

    def keep_tree_roots(self) -> None:
        """Of the nodes with any role, in `roots`, only tree roots."""
        self.roots = [node for node in self.roots if TREE_ROOT in node[NODE_ROLE]]


def items(term: Term) -> list[Term] | None:
    """The items of an RDF list, in brackets or spelled out cell by cell; None for what is no list."""
    if isinstance(term, list):
        return term
    if term == RDF_NIL:
        return []
    found: list[Term] = []
    cells = set()
    while isinstance(term, dict):
        first, rest = term.get(RDF_FIRST, ()), term.get(RDF_REST, ())
        if len(first) != 1 or len(rest) != 1 or len(term) != 2 or id(term) in cells:
            return None
        cells.add(id(term))
        found.append(first[0])
        term = rest[0]
    if isinstance(term, list):
        return found + term
    return found if term == RDF_NIL else None
