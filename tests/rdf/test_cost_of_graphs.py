"""What a document costs to read grows with its size alone, whatever it says: one that is sent could stop a server."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from fhirstore.definitions import definitions
from fhirstore.errors import MalformedContent
from fhirstore.rdf import Options, Projection, parsing, parsing_ntriples
from tests.rdf.cases import PREFIXES, graph

R4 = Projection(definitions("4.0"), Options(base="http://x/fhir"))
FEW, MANY = 1_000, 8_000
ROLE = "<http://hl7.org/fhir/nodeRole>"

TURTLE: dict[str, Callable[[int], str]] = {
    "a long string without an end": lambda n: '"""\n\\' * n,
    "the same in the other quotes": lambda n: "'''\n\\" * n,
    "words with dots": lambda n: "a." * n,
    "a word of other letters": lambda n: "é" * n,
    "strings without an end": lambda n: '<a> <b> "' * n,
    "IRIs without an end": lambda n: "<a" * n,
    "nodes without an end": lambda n: '[ a:b "c" ' * n,
    "prefixes": lambda n: "".join(f"@prefix p{i}: <http://x/{i}> .\n" for i in range(n)),
    "statements between prefixes": lambda n: "".join(
        f"@prefix p{i}: <http://x/{i}> . p{i}:a a p0:b .\n" for i in range(n)
    ),
    "bases": lambda n: "@base <a/> ." * n,
    "tree roots": lambda n: f"{PREFIXES} <a> fhir:nodeRole {'fhir:treeRoot, ' * n} fhir:treeRoot .",
}
NTRIPLES: dict[str, Callable[[int], str]] = {
    "spaces": lambda n: " " * (10 * n) + "x",
    "strings without an end": lambda n: '<a> <b> "' * n,
    "tree roots": lambda n: f"_:a {ROLE} <http://hl7.org/fhir/treeRoot> .\n" * n,
}
CASES = [(R4.from_turtle, made) for made in TURTLE.values()] + [
    (R4.from_ntriples, made) for made in NTRIPLES.values()
]


@pytest.mark.parametrize(("read", "made"), CASES, ids=[*TURTLE, *NTRIPLES])
def test_it_grows_with_the_size(read: Callable[[str], object], made: Callable[[int], str]) -> None:
    """Eight times as many take eight times as long, and 64 times where each is looked at again with each other."""

    def seconds(size: int) -> float:
        text = made(size)
        began = time.process_time()
        with pytest.raises(MalformedContent):
            read(text)
        return time.process_time() - began

    seconds(10)
    for _ in range(5):
        if seconds(MANY) < 3 * (MANY // FEW) * seconds(FEW) + 0.01:
            return
    pytest.fail("it grows faster than the size")


LONG = "http://x/" + "a" * 100_000
LONG_IRIS = {
    "names": f"@prefix p: <{LONG}> . <a> <b> " + ", ".join(f"p:{n}" for n in range(3_000)) + " .",
    "relative IRIs": f"@base <{LONG}/> . <a> <b> "
    + ", ".join(f"<{n}>" for n in range(3_000))
    + " .",
    "bases": f"@base <{LONG}/> . " + "@base <b/> . " * 3_000,
}


@pytest.mark.parametrize("case", LONG_IRIS)
def test_short_names_of_long_iris_are_not_spelled_out_without_end(case: str) -> None:
    """They would come to 300 MB."""
    tracemalloc.start()
    try:
        with pytest.raises(MalformedContent, match="its IRIs are more than 20 times as long"):
            parsing.parse(LONG_IRIS[case])
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_document_may_be_longer_than_its_names() -> None:
    namespace = "http://x/" + "a" * 500
    text = f"@prefix p: <{namespace}> . <a> <b> " + ", ".join(f"p:{n}" for n in range(1_000)) + " ."
    (edges,) = parsing.parse(text).subjects.values()
    assert edges["b"] == [f"{namespace}{n}" for n in range(1_000)]


def test_long_names_are_not_remembered() -> None:
    def held() -> int:
        return tracemalloc.get_traced_memory()[0]

    parsing.parse("@prefix p: <http://x/> . <a> p:b p:c .")
    tracemalloc.start()
    try:
        before = held()
        for n in range(20):
            parsing.parse(f"@prefix p: <http://x/> . <a> p:b p:{n}{'c' * 100_000} .")
            parsing.parse(f"@prefix p: <http://x/{n}{'y' * 100_000}> . <a> p:b p:c .")
            parsing.parse(f"@prefix {'p' * 100_000}{n}: <http://x/> . <a> <b> <c> .")
        assert held() - before < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_list_in_many_places_is_read_once() -> None:
    """Each of a thousand names with the same thousand given names would be a million."""
    cells = " ".join(
        f'_:c{n} rdf:first [ fhir:v "x" ] ; rdf:rest _:c{n + 1} .' for n in range(1_000)
    )
    names = "[ fhir:given _:c0 ] " * 1_000
    text = graph(
        "Patient", f"fhir:name ( {names} )", f"{cells} _:c1000 rdf:first [] ; rdf:rest () ."
    )
    with pytest.raises(MalformedContent, match="two places"):
        Projection(definitions("5.0")).from_turtle(text)


def test_ntriples_of_one_node_with_several_roles() -> None:
    text = f"_:a {ROLE} <http://x> .\n_:a {ROLE} <http://hl7.org/fhir/treeRoot> .\n"
    graph = parsing_ntriples.parse(text + text)
    assert graph.roots == [graph.labelled["_:a"]]


@pytest.mark.parametrize("release", ["4.0", "5.0"])
def test_nothing_is_remembered_of_long_texts(release: str) -> None:
    """Codes, references, dates, addresses, and numbers as they are read."""
    projection = Projection(definitions(release), Options(base="http://x/fhir"))

    def write_and_read(letter: str) -> None:
        text = letter * 100_000
        systems = ("http://snomed.info/sct", "http://loinc.org", f"http://{text}")
        resource: dict[str, Any] = {
            "resourceType": "Observation",
            "id": text,
            "code": {"coding": [{"system": system, "code": text} for system in systems]},
            "subject": {"reference": f"http://x/{text}"},
            "encounter": {"reference": f"Encounter/{text}"},
            "effectiveDateTime": text,
            "valueQuantity": {"value": 1},
        }
        turtle = projection.turtle(resource).replace('"1"', f'"{text}"')
        with pytest.raises(MalformedContent, match="no decimal"):
            projection.from_turtle(turtle)

    write_and_read("z")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for letter in "abcdefgh":
            write_and_read(letter)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 500_000
    finally:
        tracemalloc.stop()
