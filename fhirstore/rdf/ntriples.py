"""N-Triples: a line a triple, blank nodes numbered in the order of the walk."""

from __future__ import annotations

from json.encoder import encode_basestring as quote

from fhirstore.rdf.vocabulary import DATATYPES, FHIR, RDF_FIRST, RDF_NIL, RDF_REST, RDF_TYPE

_SUFFIXES = {"": "", **{name: f"^^<{iri}>" for name, iri in DATATYPES.items()}}
_INTEGER = _SUFFIXES["xsd:integer"]


class NTriplesSink:
    """`value` is the predicate of values, `value` in R4 and `v` in R5."""

    def __init__(self, value: str) -> None:
        self._value = f"<{FHIR}{value}>"
        self._out: list[str] = []
        self._count = 0
        self._subject = ""
        self._outer: list[str] = []
        # In a list: subject and predicate of the triple that leads to the next cell.
        self._to_next = ""
        self._outer_lists: list[str] = []

    def text(self) -> str:
        return "".join(self._out)

    def begin(self, iri: str | None) -> None:
        self._subject = self._blank() if iri is None else f"<{iri}>"

    def end(self) -> None:
        self._subject = ""

    def type(self, iri: str) -> None:
        self._out.append(f"{self._subject} <{RDF_TYPE}> <{iri}> .\n")

    def property(self, predicate: str, iri: str) -> None:
        self._out.append(f"{self._subject} <{predicate}> <{iri}> .\n")

    def iri(self, predicate: str, iri: str) -> None:
        self._out.append(f"{self._subject} <{FHIR}{predicate}> <{iri}> .\n")

    def literal(self, predicate: str, text: str, datatype: str) -> None:
        self._out.append(
            f"{self._subject} <{FHIR}{predicate}> {quote(text)}{_SUFFIXES[datatype]} .\n"
        )

    def index(self, position: int) -> None:
        self._out.append(f'{self._subject} <{FHIR}index> "{position}"{_INTEGER} .\n')

    def open(self, predicate: str) -> None:
        node = self._blank()
        self._out.append(f"{self._subject} <{FHIR}{predicate}> {node} .\n")
        self._enter(node)

    def close(self) -> None:
        self._subject = self._outer.pop()

    def value(self, predicate: str, text: str, datatype: str) -> None:
        node = self._blank()
        self._out.append(
            f"{self._subject} <{FHIR}{predicate}> {node} .\n"
            f"{node} {self._value} {quote(text)}{_SUFFIXES[datatype]} .\n"
        )

    def indexed_value(self, predicate: str, position: int, text: str, datatype: str) -> None:
        self.open(predicate)
        self.index(position)
        self._out.append(f"{self._subject} {self._value} {quote(text)}{_SUFFIXES[datatype]} .\n")
        self.close()

    def open_list(self, predicate: str) -> None:
        self._outer_lists.append(self._to_next)
        self._to_next = f"{self._subject} <{FHIR}{predicate}>"

    def close_list(self) -> None:
        self._out.append(f"{self._to_next} <{RDF_NIL}> .\n")
        self._to_next = self._outer_lists.pop()

    def item(self) -> None:
        node = self._blank()
        self._add_cell(node)
        self._enter(node)

    def item_value(self, text: str, datatype: str) -> None:
        node = self._blank()
        self._add_cell(node)
        self._out.append(f"{node} {self._value} {quote(text)}{_SUFFIXES[datatype]} .\n")

    def item_iri(self, iri: str) -> None:
        self._add_cell(f"<{iri}>")

    def _add_cell(self, item: str) -> None:
        cell = self._blank()
        self._out.append(f"{self._to_next} {cell} .\n{cell} <{RDF_FIRST}> {item} .\n")
        self._to_next = f"{cell} <{RDF_REST}>"

    def _enter(self, node: str) -> None:
        self._outer.append(self._subject)
        self._subject = node

    def _blank(self) -> str:
        self._count += 1
        return f"_:b{self._count}"
