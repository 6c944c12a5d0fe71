"""`graph`: what each form of address selects, and that the graph is the projection's, digits included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import rdflib
from rdflib.compare import isomorphic

from fhirstore.definitions import definitions
from fhirstore.errors import BadRequest, Gone, InvalidSearch, NotFound
from fhirstore.rdf import Options, Projection
from tests.contract.conftest import holding

BASE = "http://localhost/fhir"
FHIR = rdflib.Namespace("http://hl7.org/fhir/")
WEIGHT = (
    '{"resourceType":"Observation","id":"w1","status":"final","code":{"text":"Weight"},'
    '"subject":{"reference":"Patient/p1"},"performer":[{"reference":"Practitioner/d1"}],'
    '"valueQuantity":{"value":72.50,"unit":"kg"}}'
)
RESOURCES: list[Any] = [
    {"resourceType": "Practitioner", "id": "d1", "active": True},
    {"resourceType": "Patient", "id": "p1", "name": [{"given": ["A", "B"], "family": "C"}]},
    {"resourceType": "Patient", "id": "p2", "birthDate": "1974-12"},
    {"resourceType": "Patient", "id": "gone"},
    WEIGHT,
    WEIGHT.replace('"w1"', '"w2"'),
    WEIGHT.replace('"w1"', '"w3"').replace("Patient/p1", "Patient/p2").replace("final", "amended"),
]


@pytest.fixture(scope="module")
def filled(kind: str, server: str) -> Iterator[Any]:
    with holding(kind, server, RESOURCES) as store:
        store.delete("Patient", "gone")
        yield store


def nodes(graph: rdflib.Graph) -> set[str]:
    roots = graph.subjects(FHIR.nodeRole, FHIR.treeRoot)
    return {str(root).removeprefix(f"{BASE}/") for root in roots}


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("Patient/p1", "Patient/p1"),
        ("Patient", "Patient/p1 Patient/p2"),
        ("Patient?", "Patient/p1 Patient/p2"),
        ("Observation?status=final", "Observation/w1 Observation/w2"),
        ("Observation?status=final&_count=1", "Observation/w1 Observation/w2"),
        ("Observation?status=amended&_include=Observation:subject", "Observation/w3 Patient/p2"),
        ("Observation?_include=*&_count=1",
         "Observation/w1 Observation/w2 Observation/w3 Patient/p1 Patient/p2 Practitioner/d1"),
        ("Patient/p1/*", "Patient/p1 Observation/w1 Observation/w2"),
        ("Patient/p1/Observation", "Observation/w1 Observation/w2"),
        ("Patient/p1/Observation?_id=w1", "Observation/w1"),
        ("Patient/p2/Observation?status=final", ""),
        ("?_type=Patient,Practitioner", "Patient/p1 Patient/p2 Practitioner/d1"),
        ("", "Observation/w1 Observation/w2 Observation/w3 Patient/p1 Patient/p2 Practitioner/d1"),
    ],
)  # fmt: skip
def test_what_an_address_selects(filled: Any, address: str, found: str) -> None:
    graph = filled.graph(address)
    assert nodes(graph) == set(found.split())
    # Once each: a second telling would have given each node another status.
    assert len(list(graph.triples((None, FHIR["Observation.status"], None)))) == found.count("Obs")


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("Patient/nobody", NotFound),
        ("Patient/gone", Gone),
        ("Nonsense", NotFound),
        ("Patient?nmae=x", InvalidSearch),
        ("Patient/p1/_history/1", BadRequest),
        ("Patient/p1?name=x", BadRequest),
    ],
)
def test_what_selects_nothing(filled: Any, address: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        filled.graph(address)


def test_the_graph_is_the_projection(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rdflib, "NORMALIZE_LITERALS", False)
    projection = Projection(definitions("4.0"), Options(base=BASE))
    stored = filled.read("Observation", "w1").resource
    same = rdflib.Graph().parse(data=projection.ntriples(stored), format="nt")
    assert isomorphic(filled.graph("Observation/w1"), same)


def test_digits_are_kept(filled: Any) -> None:
    graph = filled.graph("Observation/w1")
    (value,) = graph.objects(predicate=FHIR["Quantity.value"])
    (literal,) = graph.objects(value, FHIR.value)
    assert str(literal) == "72.50"


def test_the_options(filled: Any) -> None:
    bare = filled.graph("Observation/w1", options=Options(base=None, links=False, header=False))
    assert [type(root) for root in bare.subjects(FHIR.nodeRole)] == [rdflib.BNode]
    assert not list(bare.triples((None, FHIR.link, None)))
    assert not list(bare.triples((None, None, rdflib.OWL.Ontology)))
    below = filled.graph("Patient/p1", options=Options(base="https://clinic.example/fhir/"))
    assert list(below.subjects(FHIR.nodeRole)) == [
        rdflib.URIRef("https://clinic.example/fhir/Patient/p1")
    ]


def test_what_is_said_of_the_rest_says_nothing_of_the_base(filled: Any) -> None:
    for options in (None, Options(), Options(header=False)):
        graph = filled.graph("Patient/p1", options=options)
        assert list(graph.subjects(FHIR.nodeRole)) == [rdflib.URIRef(f"{BASE}/Patient/p1")]
    with pytest.raises(BadRequest, match="no absolute IRI"):
        filled.graph("Patient/p1", options=Options(base="nonsense"))


def test_it_is_asked_with_short_names(filled: Any) -> None:
    asked = "SELECT ?family { ?p a fhir:Patient ; fhir:Patient.name/fhir:HumanName.family/fhir:value ?family }"
    assert [str(row[0]) for row in filled.graph("Patient").query(asked)] == ["C"]
