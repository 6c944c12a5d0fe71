"""Equality of graphs whose blank nodes form trees: a hash from the leaves up, where a general test takes seconds a graph.

It works on pyoxigraph's triples, or on their texts, so that it shares nothing with the code that it judges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pyoxigraph

Triple = tuple[str, str, str]


def of_turtle(text: str, *, lenient: bool = False) -> frozenset[str]:
    """The hash of a Turtle document, in pyoxigraph's strict mode unless asked otherwise."""
    return tree_hash(triples(text, pyoxigraph.RdfFormat.TURTLE, lenient=lenient))


def of_ntriples(text: str) -> frozenset[str]:
    return tree_hash(triples(text, pyoxigraph.RdfFormat.N_TRIPLES))


def triples(text: str, format: pyoxigraph.RdfFormat, *, lenient: bool = False) -> list[Triple]:
    return [
        (str(t.subject), str(t.predicate), str(t.object))
        for t in pyoxigraph.parse(text, format=format, lenient=lenient)
    ]


def tree_hash(graph: Iterable[Triple]) -> frozenset[str]:
    """What the graph says of each node that no other leads to, each blank node by what hangs below it.

    Two graphs are isomorphic if and only if these are equal, as long as no blank node is reached by two ways. Raises
    ValueError where one is, or leads back to itself.
    """
    below: dict[str, set[tuple[str, str]]] = {}
    reached: set[str] = set()
    for subject, predicate, object_ in set(graph):
        below.setdefault(subject, set()).add((predicate, object_))
        if object_.startswith("_:"):
            if object_ in reached:
                raise ValueError(f"two ways lead to {object_}")
            reached.add(object_)
    names: dict[str, str] = {}
    tops = [node for node in below if node not in reached]
    for top in tops:
        _name(top, below, names)
    if any(node not in names for node in reached):
        raise ValueError("a blank node leads to itself")
    return frozenset(
        f"{names.get(node, node)} {predicate} {names.get(object_, object_)}"
        for node in tops
        for predicate, object_ in below[node]
    )


def _name(top: str, below: dict[str, set[tuple[str, str]]], names: dict[str, str]) -> None:
    """Give each blank node from `top` down a name made of what is below it, without recursion: lists are deep."""
    waiting = [top]
    while waiting:
        node = waiting[-1]
        edges = below.get(node, set())
        missing = [o for _, o in edges if o.startswith("_:") and o not in names]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        if node.startswith("_:"):
            said = "\n".join(sorted(f"{p} {names.get(o, o)}" for p, o in edges))
            names[node] = "_:" + hashlib.sha256(said.encode()).hexdigest()
