"""FHIR resources as RDF graphs and back: what the rest of the code uses of this package."""

from __future__ import annotations

from typing import Any

from fhirstore.definitions import Definitions
from fhirstore.errors import MalformedContent
from fhirstore.rdf.graph import Graph
from fhirstore.rdf.iris import Addresses
from fhirstore.rdf.ntriples import NTriplesSink
from fhirstore.rdf.options import Options
from fhirstore.rdf.release import release
from fhirstore.rdf.sink import Sink
from fhirstore.rdf.turtle import TurtleSink


class Projection:
    """The RDF of one FHIR release, written with `options`. Safe to share between threads.

    Raises BadRequest for a base that is none.
    Resources are what `json_text.parse` gives: numbers with a fraction are Decimals, whose digits are kept.
    """

    def __init__(self, definitions: Definitions, options: Options | None = None) -> None:
        self.options = options or Options()
        self._addresses = Addresses(self.options.said_base)
        self._release = release(definitions)
        self._choice_types = {**definitions.extension_types, **self.options.choice_types}
        # The predicate of values, which whoever makes a sink has to know.
        self.value_predicate = self._release.walk.value_predicate

    def turtle(self, resource: dict[str, Any]) -> str:
        """`resource` as Turtle. Raises MalformedContent for what no graph can say."""
        sink = TurtleSink(self._release.prefixes, self.value_predicate)
        self.write(resource, sink)
        return sink.text()

    def ntriples(self, resource: dict[str, Any]) -> str:
        """`resource` as N-Triples. Raises MalformedContent for what no graph can say."""
        sink = NTriplesSink(self.value_predicate)
        self.write(resource, sink)
        return sink.text()

    def write(self, resource: dict[str, Any], sink: Sink) -> None:
        """Tell the graph of `resource` to any sink."""
        walk = self._release.walk
        walk(self._release.plans, self._addresses, self.options, sink).write(resource)

    def from_turtle(self, text: str | bytes) -> dict[str, Any]:
        """The resource that a Turtle document says. Raises MalformedContent with the place of what is wrong."""
        from fhirstore.rdf import (
            parsing,
        )  # whose grammar takes 0.1 s to compile: most processes read no Turtle

        return self.read(parsing.parse(_decoded(text), self.options.said_base))

    def from_ntriples(self, text: str | bytes) -> dict[str, Any]:
        """The same of N-Triples."""
        from fhirstore.rdf import parsing_ntriples  # the same

        return self.read(parsing_ntriples.parse(_decoded(text)))

    def read(self, graph: Graph) -> dict[str, Any]:
        """The resource at the tree root of `graph`."""
        release = self._release
        reading = release.reading(release.reading_plans, graph, self._choice_types, self._addresses)
        return reading.resource()


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise MalformedContent(f"not UTF-8: {error}") from None
