"""Turtle and N-Triples to a graph, every literal with its own text.

Parsers at hand rewrite literals (rdflib, and stores), or leave a graph to be put together from single triples; this one
gives the nesting of the document as it is. Blank nodes may be nested as deep as the text is long: it keeps its own stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from typing import NoReturn

from fhirstore.errors import MalformedContent
from fhirstore.rdf import escapes
from fhirstore.rdf.graph import Edges, Graph, Literal, Term
from fhirstore.rdf.iris import resolve
from fhirstore.rdf.tokens import cut, place
from fhirstore.rdf.vocabulary import (
    NODE_ROLE,
    RDF_FIRST,
    RDF_NIL,
    RDF_REST,
    RDF_TYPE,
    XSD,
)
from fhirstore.short_texts import LONGEST

_STRING = XSD + "string"
# With these begins what may have a colon in it and is no name all the same.
_NO_NAME = ("_", "[", '"', "'", "@")
# More than FHIR has elements. Concepts have names too, and there are more of those than one would keep.
_MOST_NAMES = 10_000
# Of documents whose names are remembered: FHIR's have six, of some forty letters.
_MOST_PREFIXES = 50
_LONGEST_PREFIXES = 5_000
# How much longer than a document its IRIs may be altogether: a long namespace may have any number of short names.
_LONGER = 20
_LONGER_AT_LEAST = 1_000_000
_PREDICATE, _OBJECT, _AFTER = range(3)


def parse(text: str, base: str | None = None) -> Graph:
    """The graph of a document. Raises MalformedContent with the line and column of what is wrong.

    Relative IRIs are resolved against `base`, or what the document says its base is; without either they stay as they
    are, since a node needs a name and not an address (`<>` is a resource without one, spec page rdf).
    """
    return _Parser(text.removeprefix("\ufeff"), base).document()


def _names(prefixes: Mapping[str, str]) -> dict[str, str]:
    """What each abbreviated name stands for, remembered from document to document: they say the same few hundred.

    Not for prefixes that are many or long: what is remembered is to be short.
    """
    if len(prefixes) > _MOST_PREFIXES:
        return {}
    declared = tuple(prefixes.items())
    return _remembered(declared) if sum(map(len, chain(*declared))) < _LONGEST_PREFIXES else {}


@lru_cache(maxsize=16)
def _remembered(prefixes: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {}


class _Parser:
    def __init__(self, text: str, base: str | None) -> None:
        self._text = text
        self._base = base
        self._tokens = cut(text)
        self._prefixes: dict[str, str] = {}
        self._names: dict[str, str] = {}
        # How long the IRIs may be that are still to be made of names and relative ones.
        self._left = _LONGER_AT_LEAST + _LONGER * len(text)
        self._graph = Graph()

    def document(self) -> Graph:
        tokens, at, is_declared = self._tokens, 0, False
        while token := tokens[at]:
            if token[0] == "@" or token.lower() in ("prefix", "base"):
                at = self._directive(at)
                is_declared = False
            else:
                if not is_declared:
                    self._names = _names(self._prefixes)
                    is_declared = True
                at = self._statement(at)
        self._graph.keep_tree_roots()
        return self._graph

    def _fail(self, at: int, why: str) -> NoReturn:
        token = self._tokens[at]
        said = f"at {token[:40]!r}" if token else "at the end"
        raise MalformedContent(f"not well-formed Turtle: {why} {said}, {place(self._text, at)}")

    # statements

    def _directive(self, at: int) -> int:
        tokens, word = self._tokens, self._tokens[at]
        word = word if word[0] == "@" else word.lower()
        if word in ("@prefix", "prefix"):
            name = tokens[at + 1]
            if not name.endswith(":") or name.count(":") != 1:
                self._fail(at + 1, "a prefix is expected")
            self._prefixes[name] = self._bracketed(at + 2)
            at += 3
        elif word in ("@base", "base"):
            self._base = self._bracketed(at + 1)
            at += 2
        else:
            self._fail(at, "no such directive")
        if word[0] != "@":
            return at
        if tokens[at] != ".":
            self._fail(at, "a dot is expected")
        return at + 1

    def _bracketed(self, at: int) -> str:
        if self._tokens[at][:1] != "<":
            self._fail(at, "an IRI is expected")
        return self._iri(at)

    def _statement(self, at: int) -> int:
        token = self._tokens[at]
        node: Edges = {}
        if token[0] == "[":
            node, at = self._bracketed_subject(at)
            self._graph.unnamed.append(node)
            if node and self._tokens[at] == ".":
                return at + 1
        elif token == "(":
            items: list[Term] = []
            at = self._run(at + 1, _OBJECT, None, items, ")")
            node = self._list_subject(items)
        else:
            node = self._subject(at)
            at += 1
        return self._run(at, _PREDICATE, node, [], ".")

    def _bracketed_subject(self, at: int) -> tuple[Edges, int]:
        if len(self._tokens[at]) > 1:
            return self._value_node(at), at + 1
        if self._tokens[at + 1] == "]":
            return {}, at + 2
        node: Edges = {}
        return node, self._run(at + 1, _PREDICATE, node, [], "]")

    def _list_subject(self, items: list[Term]) -> Edges:
        """The first cell of a list: FHIR says nothing of a list, but a graph may."""
        if not items:
            return self._graph.subjects.setdefault(RDF_NIL, {})
        cell: Edges = {RDF_FIRST: [items[0]], RDF_REST: [items[1:]]}
        self._graph.unnamed.append(cell)
        return cell

    def _subject(self, at: int) -> Edges:
        token = self._tokens[at]
        if token[:2] == "_:":
            return self._graph.labelled.setdefault(token, {})
        return self._graph.subjects.setdefault(self._names.get(token) or self._iri(at), {})

    def _run(self, at: int, state: int, node: Edges | None, objects: list[Term], end: str) -> int:
        """Read from the token `at` on what is said of `node`, past `end`; inside a list `node` is None.

        Nodes and lists are entered and left without recursion. This loop is most of what reading costs.
        """
        tokens, names = self._tokens, self._names
        outer: list[tuple[Edges | None, list[Term]]] = []
        while True:
            token = tokens[at]
            if state == _OBJECT:
                first = token[:1]
                if first == '"' or first == "'":
                    literal, at = self._literal(at)
                    objects.append(literal)
                    state = _AFTER
                elif first == "[" and len(token) > 1:
                    objects.append(self._value_node(at))
                    at += 1
                    state = _AFTER
                elif first == "[":
                    inner: Edges = {}
                    objects.append(inner)
                    at += 1
                    if tokens[at] == "]":
                        at += 1
                        state = _AFTER
                    else:
                        outer.append((node, objects))
                        node, state = inner, _PREDICATE
                elif token == "(":
                    items: list[Term] = []
                    objects.append(items)
                    outer.append((node, objects))
                    node, objects = None, items
                    at += 1
                elif token == ")" and node is None:
                    at += 1
                    if not outer:
                        return at
                    node, objects = outer.pop()
                    state = _AFTER
                else:
                    objects.append(names.get(token) or self._term(at))
                    at += 1
                    state = _AFTER
            elif node is None:
                state = _OBJECT
            elif state == _AFTER:
                at += 1
                if token == ";":
                    while tokens[at] == ";":
                        at += 1
                    token = tokens[at]
                    state = _AFTER if token == "]" or token == "." else _PREDICATE
                elif token == "]" and outer:
                    node, objects = outer.pop()
                elif token == ",":
                    state = _OBJECT
                elif token == end and not outer:
                    return at
                else:
                    self._fail(at - 1, "one of . ; , ] is expected")
            else:
                predicate = names.get(token) or self._verb(at)
                found = node.get(predicate)
                if found is None:
                    found = node[predicate] = []
                    if predicate == NODE_ROLE:
                        self._graph.roots.append(node)
                objects = found
                at += 1
                state = _OBJECT

    # terms

    def _literal(self, at: int) -> tuple[Literal, int]:
        """The literal at `at`, and what comes behind it."""
        tokens = self._tokens
        token = tokens[at]
        quotes = 3 if token[:3] in ('"""', "'''") else 1
        text = token[quotes:-quotes]
        if "\\" in text:
            text = self._unescaped(text, at)
        if token[-quotes:] != token[:quotes] or len(token) < 2 * quotes:
            self._fail(at, "a string without an end")
        mark = tokens[at + 1]
        if mark == "^^":
            name = tokens[at + 2]
            return (text, self._names.get(name) or self._iri(at + 2)), at + 3
        if mark[:1] == "@" and len(mark) > 1:
            return (text, mark.lower()), at + 2
        return (text, _STRING), at + 1

    def _unescaped(self, text: str, at: int) -> str:
        try:
            return escapes.string(text)
        except ValueError as error:
            self._fail(at, str(error))

    def _value_node(self, at: int) -> Edges:
        name, said = self._tokens[at][1:-1].split(None, 1)
        predicate = self._names.get(name) or self._named(name, at)
        text, _, datatype = said.rstrip().rpartition('"')
        if not datatype:
            return {predicate: [(text[1:], _STRING)]}
        datatype = datatype[2:]
        return {predicate: [(text[1:], self._names.get(datatype) or self._named(datatype, at))]}

    def _verb(self, at: int) -> str:
        return RDF_TYPE if self._tokens[at] == "a" else self._iri(at)

    def _term(self, at: int) -> Term:
        """An object that is neither a string nor in brackets."""
        token = self._tokens[at]
        if token[:2] == "_:":
            return self._graph.labelled.setdefault(token, {})
        if token == "true" or token == "false":
            return token, XSD + "boolean"
        if token[-1:].isdigit() and token[0] in "+-.0123456789":
            name = (
                "double"
                if "e" in token or "E" in token
                else "decimal"
                if "." in token
                else "integer"
            )
            return token, XSD + name
        return self._iri(at)

    def _iri(self, at: int) -> str:
        token = self._tokens[at]
        if token[:1] != "<" or len(token) == 1:
            return self._named(token, at)
        try:
            iri = escapes.iri(token[1:-1])
        except ValueError as error:
            self._fail(at, str(error))
        if self._base is None:
            return iri
        self._spend(len(self._base) + len(iri), at)
        return resolve(self._base, iri)

    def _named(self, name: str, at: int) -> str:
        prefix, colon, local = name.partition(":")
        if not colon or prefix[:1] in _NO_NAME:
            self._fail(at, "an IRI is expected")
        namespace = self._prefixes.get(f"{prefix}:")
        if namespace is None:
            self._fail(at, f"the prefix {prefix}: is not declared")
        iri = namespace + escapes.local_name(local)
        self._spend(len(iri), at)
        if len(iri) <= LONGEST:
            if len(self._names) > _MOST_NAMES:
                self._names.clear()
            self._names[name] = iri
        return iri

    def _spend(self, length: int, at: int) -> None:
        self._left -= length
        if self._left < 0:
            self._fail(at, f"its IRIs are more than {_LONGER} times as long as it is")
