"""N-Triples to a graph: a line a triple, so that a line is matched at once, in half the time that its tokens would take."""

from __future__ import annotations

import re
from typing import NoReturn

from fhirstore.errors import MalformedContent
from fhirstore.rdf import escapes
from fhirstore.rdf.graph import Edges, Graph, Term
from fhirstore.rdf.tokens import LABEL, LANGUAGE
from fhirstore.rdf.vocabulary import NODE_ROLE, XSD

_STRING = XSD + "string"
_SPACE = r"[ \t]*+"
_IRI = r"<([^<>\"\x00-\x20]++)>"
_NODE = f"(?:{_IRI}|({LABEL}))"
_LITERAL = rf'"([^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+)"(?:\^\^{_IRI}|({LANGUAGE}))?'
_TRIPLE = rf"{_NODE}{_SPACE}{_IRI}{_SPACE}(?:{_NODE}|{_LITERAL}){_SPACE}\.{_SPACE}"
# Where a line is no triple all that is left is taken: it would be tried again from each of its characters on.
_line = re.compile(rf"{_SPACE}(?:{_TRIPLE})?(?:#[^\r\n]*+)?(?:[\r\n]++|\Z)|(.++)", re.DOTALL)


def parse(text: str) -> Graph:
    """The graph of a document. Raises MalformedContent with the line of what is wrong."""
    text = text.removeprefix("\ufeff")
    has_escapes = "\\" in text
    graph = Graph()
    subjects, labelled = graph.subjects, graph.labelled
    for count, found in enumerate(_line.findall(text)):
        if not found[2]:
            if found[-1]:
                _fail(text, count, "this is no triple")
            continue
        iri, label, predicate, to_iri, to_label, said, datatype, language, _ = (
            _unescaped(found, text, count) if has_escapes and "\\" in "".join(found) else found
        )
        node: Edges = labelled.setdefault(label, {}) if label else subjects.setdefault(iri, {})
        term: Term = (
            labelled.setdefault(to_label, {})
            if to_label
            else to_iri or (said, datatype or language.lower() or _STRING)
        )
        objects = node.get(predicate)
        if objects is None:
            objects = node[predicate] = []
            if predicate == NODE_ROLE:
                graph.roots.append(node)
        objects.append(term)
    graph.keep_tree_roots()
    return graph


def _unescaped(found: tuple[str, ...], text: str, count: int) -> tuple[str, ...]:
    iri, label, predicate, to_iri, to_label, said, datatype, language, wrong = found
    try:
        iri, predicate, to_iri, datatype = map(escapes.iri, (iri, predicate, to_iri, datatype))
        said = escapes.string(said)
    except ValueError as error:
        _fail(text, count, str(error))
    return iri, label, predicate, to_iri, to_label, said, datatype, language, wrong


def _fail(text: str, count: int, why: str) -> NoReturn:
    """`count` is of the line that was matched. Where it stands is only looked up now that somebody has to be told."""
    start = next(m.start() for number, m in enumerate(_line.finditer(text)) if number == count)
    line = text.count("\n", 0, start) + 1
    raise MalformedContent(f"not well-formed N-Triples: {why}, line {line}")
