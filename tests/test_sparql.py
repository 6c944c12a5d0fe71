"""What docs/rdf.md shows is run on sample data: its snippet, and its clinical queries with an answer of their own making."""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pymongo
import pytest
from click.testing import CliRunner

from fhirstore import Store, json_text
from fhirstore.cli import main
from fhirstore.definitions import definitions
from fhirstore.rdf import Projection, statements
from tests.sample_data import fill

pytest.importorskip("pyoxigraph")

from fhirstore import sparql

PAGE = (Path(__file__).parent.parent / "docs" / "rdf.md").read_text(encoding="utf-8")
BASE = "http://localhost/fhir/"
Rows = list[dict[str, str]]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def database(wire_uri: str) -> Iterator[str]:
    name = f"fhirstore_test_{secrets.token_hex(6)}"
    with Store.connect(wire_uri, database=name) as store:
        fill(store, patients=12)
        store.update(WEIGHT)
    yield name
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    client.drop_database(name)
    client.close()


WEIGHT = (
    '{"resourceType":"Observation","id":"w1","status":"final","code":{"text":"[b]Weight"},'
    '"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":72.50,"unit":"kg"}}'
)


@pytest.fixture
def ask(wire_uri: str, database: str) -> Any:
    def asked(query: str, *options: str, status: int = 0, input: str | None = None) -> str:
        place = ("--uri", wire_uri, "--database", database)
        result = CliRunner().invoke(main, ["sparql", query, *options, *place], input=input)
        assert result.exit_code == status, result.output
        return result.output

    return asked


@pytest.fixture(scope="module")
def stored(wire_uri: str, database: str) -> dict[str, list[Any]]:
    types = ("Patient", "Condition", "Observation", "MedicationRequest")
    with Store.connect(wire_uri, database=database) as store:
        return {type: [found.resource for found in store.iterate(type)] for type in types}


def rows(text: str) -> Rows:
    return list(csv.DictReader(io.StringIO(text)))


def has(concept: Any, code: str) -> bool:
    return any(coding["code"] == code for coding in concept.get("coding", ()))


def with_condition(stored: dict[str, list[Any]], code: str) -> set[str]:
    return {
        condition["subject"]["reference"]
        for condition in stored["Condition"]
        if has(condition["code"], code)
    }


def of(rows: Rows) -> set[str]:
    return {row["patient"].removeprefix(BASE) for row in rows}


def test_there_are_three_clinical_queries() -> None:
    assert len(blocks("sparql")) == 3


def test_diabetes_without_metformin(ask: Any, stored: dict[str, list[Any]]) -> None:
    treated = {
        request["subject"]["reference"]
        for request in stored["MedicationRequest"]
        if has(request["medicationCodeableConcept"], "860975")
    }
    found = rows(ask(blocks("sparql")[0], "--format", "csv"))
    assert found
    assert of(found) == with_condition(stored, "44054006") - treated


def test_the_highest_hba1c(ask: Any, stored: dict[str, list[Any]]) -> None:
    values: dict[str, list[Decimal]] = {}
    for observation in stored["Observation"]:
        subject = observation["subject"]["reference"]
        if has(observation["code"], "4548-4") and subject in with_condition(stored, "44054006"):
            values.setdefault(subject, []).append(Decimal(observation["valueQuantity"]["value"]))
    expected = {
        subject: (max(found), sum(value > 7 for value in found), len(found))
        for subject, found in values.items()
    }
    answered = {
        row["patient"].removeprefix(BASE): (
            Decimal(row["highest"]), int(row["above"]), int(row["measured"])
        )
        for row in rows(ask(blocks("sparql")[1], "--format", "csv"))
    }  # fmt: skip
    assert expected
    assert answered == expected


def test_systolic_pressure_with_hypertension(ask: Any, stored: dict[str, list[Any]]) -> None:
    expected = sorted(
        part["valueQuantity"]["value"]
        for observation in stored["Observation"]
        if has(observation["code"], "85354-9")
        and observation["subject"]["reference"] in with_condition(stored, "38341003")
        for part in observation["component"]
        if has(part["code"], "8480-6") and part["valueQuantity"]["value"] >= 130
    )
    found = rows(ask(blocks("sparql")[2], "--format", "csv"))
    assert expected
    assert sorted(Decimal(row["systolic"]) for row in found) == expected


def test_the_snippet_runs(wire_uri: str, database: str) -> None:
    (snippet,) = blocks("python")
    names: dict[str, Any] = {"uri": wire_uri, "database": database}
    exec(snippet, names)
    assert names["found"]
    assert names["turtle"].startswith("@prefix fhir:")


def test_literals_are_normalised_as_the_page_says(ask: Any) -> None:
    query = "SELECT ?v { ?o fhir:Observation.valueQuantity/fhir:Quantity.value/fhir:value ?v }"
    assert rows(ask(query, "--over", "Observation/w1", "--format", "csv")) == [{"v": "72.5"}]


@pytest.mark.parametrize("options", [(), ("--disk",)])
def test_the_query_may_come_from_standard_input(ask: Any, options: tuple[str, ...]) -> None:
    query = "SELECT (COUNT(*) AS ?n) { ?p a fhir:Patient }"
    said = ask("-", "--over", "Patient", "--format", "json", *options, input=query)
    assert json.loads(said)["results"]["bindings"][0]["n"]["value"] == "12"


def test_a_table_shows_text_as_it_is(ask: Any) -> None:
    query = "SELECT ?t { ?o fhir:Observation.code/fhir:CodeableConcept.text/fhir:value ?t }"
    assert "[b]Weight" in ask(query, "--over", "Observation/w1")


def test_yes_and_no_and_graphs(ask: Any) -> None:
    assert ask("ASK { ?o a fhir:Observation }", "--over", "Observation/w1") == "true\n"
    assert (
        ask("ASK { ?o a fhir:Patient }", "--over", "Observation/w1", "--format", "csv") == "false\n"
    )
    said = ask("ASK { ?o a fhir:Patient }", "--over", "Observation/w1", "--format", "json")
    assert json.loads(said)["boolean"] is False
    query = "CONSTRUCT { ?o a fhir:Seen } { ?o a fhir:Observation }"
    made = ask(query, "--over", "Observation/w1", "--base", "https://clinic.example/r4")
    assert made == "<https://clinic.example/r4/Observation/w1> a <http://hl7.org/fhir/Seen> .\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("SELECT nonsense",),
        ("DELETE WHERE { ?s ?p ?o }",),
        ("ASK {}", "--over", "Patient/nobody"),
        ("ASK {}", "--over", "Nonsense"),
        ("ASK {}", "--base", "nowhere"),
        ("SELECT (<http://x/f>(?s) AS ?x) { ?s ?p ?o }",),
        ("SELECT (<http://x/f>(?s) AS ?x) { ?s ?p ?o }", "--format", "csv"),
    ],
)
def test_what_is_wrong_is_said(ask: Any, arguments: tuple[str, ...]) -> None:
    assert "error: " in ask(*arguments, status=1)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ASK { VALUES ?x { fhir:A.b.c } FILTER (str(?x) = 'http://hl7.org/fhir/A.b.c') }", True),
        (
            "ASK { VALUES ?x { fhir:A.b.c.d-e } FILTER (?x = <http://hl7.org/fhir/A.b.c.d-e>) }",
            True,
        ),
        ("ASK { FILTER ('a:b.c.d' = \"a:b.c.d\" && strlen('a:b.c.d') = 7) }", True),
        ("ASK { FILTER (strlen('''a:b.c' \n''') = 8) # a:b.c.d and 'an open quote\n }", True),
        ("ASK { ?s a fhir:Observation.}", True),
        ("ASK { FILTER ('a' != 'b' && fhir:a.b.c != 'c') }", True),
        ('ASK { FILTER ("""a"b:c.d.e""" = "a\\"b:c.d.e") }', True),
        ("ASK { ?s a fhir:Observation. ?s a fhir:A.b.c. }", False),
        ("PREFIX fhir: <http://a.b.c/> ASK { FILTER (fhir:x = <http://a.b.c/x>) }", True),
        ("ASK { FILTER (1 < 2 && 'fhir:a.b.c' != 'x' && 3 > 2) }", True),
        ("PREFIX : <http://a/> ASK { FILTER (:b.c.d = <http://a/b.c.d>) }", True),
        ("PREFIX é: <http://a/> ASK { FILTER (é:b.ü.d = <http://a/b.ü.d>) }", True),
        ("PREFIX a.b: <http://a/> ASK { FILTER (a.b:c.d.e = <http://a/c.d.e>) }", True),
        ("ASK { FILTER (fhir:a\\.b.c%41.d = <http://hl7.org/fhir/a.b.c%41.d>) }", True),
        ("ASK { _:a.b.c a ?service.}", True),
        ("ASK { FILTER ('SERVICE' != 'x'@en-service) # SERVICE\n }", True),
        ("ASK { VALUES ?x { fhir:ServiceRequest fhir:service <http://x/SERVICE> } }", True),
    ],
)
def test_names_may_have_dots(ask: Any, query: str, found: bool) -> None:
    assert ask(query, "--over", "Observation/w1") == f"{str(found).lower()}\n"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { SERVICE <http://x/> { ?s ?p ?o } }",
        "SELECT * { service silent <http://x/> { ?s ?p ?o } }",
        "PREFIX : <http://x/> SELECT * { ?s ?p true SERVICE:a { ?s ?p ?o } }",
        "SELECT * { ?s ?p 1e3SERVICE?service { ?s ?p ?o } }",
    ],
)
def test_it_asks_nobody_else(ask: Any, query: str) -> None:
    assert "SERVICE asks another server" in ask(query, status=1)


def test_numbers_with_an_exponent_are_numbers() -> None:
    """In FHIR they are decimals, and xsd:decimal has no exponent: Oxigraph would leave them out."""
    projection = Projection(definitions("4.0"))
    resources = [
        {"resourceType": "Observation", "valueQuantity": {"value": json_text.parse(number)}}
        for number in (b"1e3", b"-2.5E-1", b"7.50")
    ]
    note = {
        "resourceType": "Basic",
        "language": '"1e3"^^<http://www.w3.org/2001/XMLSchema#decimal>',
    }
    texts = [
        statements.ntriples(projection, resource, number)
        for number, resource in enumerate([*resources, note])
    ]
    store = sparql.load(texts)
    query = "SELECT (SUM(?v) AS ?s) (MAX(?v) AS ?m) { ?q fhir:Quantity.value/fhir:value ?v }"
    ((total, most),) = sparql.ask(store, query).rows()
    assert (float(total), float(most)) == (1007.25, 1000)
    ((said,),) = sparql.ask(store, "SELECT ?v { ?r fhir:Resource.language/fhir:value ?v }").rows()
    assert said == note["language"]


def test_without_oxigraph_it_says_what_to_install(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fhirstore.sparql", None)
    assert isinstance(main.get_command(click.Context(main), "sparql"), click.Command)
    assert "fhirstore-mongodb[sparql]" in ask("ASK {}", status=1)
