"""The graph that is built without text holds what the text says."""

from __future__ import annotations

from rdflib import Graph
from rdflib.compare import isomorphic

from fhirstore.rdf.ntriples import NTriplesSink
from fhirstore.rdf.rdflib_sink import GraphSink
from fhirstore.rdf.sink import Sink


def tell(sink: Sink) -> None:
    """Everything that a sink can be told, lists in lists included."""
    sink.begin("http://a.example/1")
    sink.type("http://hl7.org/fhir/Patient")
    sink.property("http://www.w3.org/2002/07/owl#imports", "http://a.example/2")
    sink.iri("link", "http://a.example/3")
    sink.literal("note", 'a "quoted"\nline', "")
    sink.value("status", "final", "")
    sink.indexed_value("given", 1, "true", "xsd:boolean")
    sink.open_list("name")
    sink.item_value("1974-12", "xsd:gYearMonth")
    sink.item()
    sink.open_list("line")
    sink.item_iri("http://a.example/4")
    sink.close_list()
    sink.value("text", "x", "xsd:string")
    sink.close()
    sink.close_list()
    sink.open_list("empty")
    sink.close_list()
    sink.open("period")
    sink.index(3)
    sink.value("start", "2020-01-01", "xsd:date")
    sink.close()
    sink.end()
    sink.begin(None)
    sink.type("http://hl7.org/fhir/Practitioner")
    sink.end()


def test_the_graph_holds_what_the_text_says() -> None:
    graph, text = Graph(), NTriplesSink("v")
    tell(GraphSink(graph, "v"))
    tell(text)
    assert isomorphic(graph, Graph().parse(data=text.text(), format="nt"))
