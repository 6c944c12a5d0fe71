"""The graphs of many resources in one file: N-Triples and N-Quads whose blank nodes stay apart."""

from __future__ import annotations

from typing import Any

from fhirstore.errors import BadRequest
from fhirstore.rdf import concepts
from fhirstore.rdf.iris import absolute
from fhirstore.rdf.ntriples import NTriplesSink
from fhirstore.rdf.projection import Projection
from fhirstore.rdf.vocabulary import FHIR, OWL, RDF, XSD

# The short names under which FHIR's own terms and the classes of codings are asked for.
PREFIXES = {
    "fhir": FHIR,
    "owl": OWL,
    "rdf": RDF,
    "xsd": XSD,
    "sct": concepts.SNOMED_CLASSES,
    "loinc": concepts.LOINC_CLASSES_R4,
}


class _LabelledSink(NTriplesSink):
    """Blank nodes have one scope in a file, so each resource labels its own with its number."""

    def __init__(self, value_predicate: str, label: str) -> None:
        super().__init__(value_predicate)
        self._label = label

    def _blank(self) -> str:
        self._count += 1
        return f"_:{self._label}b{self._count}"


def ntriples(projection: Projection, resource: dict[str, Any], number: int) -> str:
    """The graph of the resource that is the `number`th of its file. Raises MalformedContent for what no graph can say."""
    sink = _LabelledSink(projection.value_predicate, f"r{number}")
    projection.write(resource, sink)
    return sink.text()


def nquads(projection: Projection, resource: dict[str, Any], number: int, graph: str) -> str:
    """The same as a named graph. A line break ends a statement and nothing else: in literals it is escaped."""
    return ntriples(projection, resource, number).replace(" .\n", f" <{graph}> .\n")


def without_prefixes(turtle: str) -> str:
    """A Turtle document for another to go on with: what a blank line parts from its subjects is the same in each."""
    return turtle[turtle.index("\n\n") + 1 :]


def graph_name(base: str, type: str, id: str, version: int) -> str:
    """The IRI of the graph that a version is: its address. Raises BadRequest where `base` is no absolute IRI."""
    name = absolute(f"{base.rstrip('/')}/{type}/{id}/_history/{version}")
    if name is None:
        raise BadRequest(f"the base {base!r:.200} is no absolute IRI")
    return name
