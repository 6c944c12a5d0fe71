"""Turtle over the socket: each interaction answers and takes it, and says in it what it says in JSON."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pymongo
import pytest
import rdflib

from fhirstore import Store, json_text
from fhirstore.definitions import definitions
from fhirstore.rdf import Options, Projection
from tests.serving import Served, serving

FHIR = rdflib.Namespace("http://hl7.org/fhir/")
TURTLE = {"Accept": "application/fhir+turtle"}
SENT = {"Content-Type": "application/fhir+turtle"}
WEIGHT = (
    '{"resourceType":"Observation","id":"w1","status":"final","code":{"text":"Weight"},'
    '"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":72.50,"unit":"kg"}}'
)


@pytest.fixture(scope="module")
def served(wire_uri: str) -> Iterator[Served]:
    name = f"fhirstore_test_{secrets.token_hex(6)}"
    with Store.connect(wire_uri, database=name) as store:
        store.update({"resourceType": "Patient", "id": "p1", "name": [{"family": "Socket"}]})
        store.update(WEIGHT)
    with serving(wire_uri, name) as running:
        yield running
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    client.drop_database(name)
    client.close()


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{served.url}/") as made:
        yield made


@pytest.fixture(scope="module")
def projection(served: Served) -> Projection:
    return Projection(definitions("4.0"), Options(base=served.url))


def graph(answer: httpx.Response) -> rdflib.Graph:
    assert answer.headers["content-type"].split(";")[0] in (
        "application/fhir+turtle",
        "text/turtle",
    )
    return rdflib.Graph().parse(data=answer.text, format="turtle")


def roots(found: rdflib.Graph) -> list[Any]:
    return list(found.subjects(FHIR.nodeRole, FHIR.treeRoot))


def diagnostics(answer: httpx.Response, projection: Projection) -> str:
    outcome = projection.from_turtle(answer.text)
    assert outcome["resourceType"] == "OperationOutcome"
    return str(outcome["issue"][0].get("diagnostics"))


@pytest.mark.parametrize("path", ["Observation/w1", "Observation/w1/_history/1"])
@pytest.mark.parametrize("accept", ["application/fhir+turtle", "text/turtle"])
def test_a_resource_is_its_projection(
    client: httpx.Client, served: Served, projection: Projection, path: str, accept: str
) -> None:
    answer = client.get(path, headers={"Accept": accept})
    plain = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{accept}; charset=utf-8"
    assert answer.headers["etag"] == plain.headers["etag"]
    assert "Accept" in answer.headers["vary"]
    assert roots(graph(answer)) == [rdflib.URIRef(f"{served.url}/Observation/w1")]
    assert projection.from_turtle(answer.content) == json_text.parse(plain.content)
    assert "72.50" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "Observation?code:text=weight", "Observation?_include=Observation:subject", "Patient/p1/*",
        "Observation?_elements=status", "Observation/w1/_history", "Patient/_history", "_history", "metadata",
    ],
)  # fmt: skip
def test_bundles_and_the_statement_say_what_the_json_says(
    client: httpx.Client, projection: Projection, path: str
) -> None:
    answer = client.get(path, headers=TURTLE)
    assert answer.status_code == 200
    assert len(roots(graph(answer))) == 1
    assert projection.from_turtle(answer.text) == json_text.parse(client.get(path).content)


def test_a_search_by_post(client: httpx.Client, projection: Projection) -> None:
    answer = client.post("Observation/_search", data={"_format": "ttl", "_id": "w1"})
    found = projection.from_turtle(answer.text)
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["w1"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_next_page_comes_in_the_same_format(
    client: httpx.Client, projection: Projection, method: str
) -> None:
    asked = {"GET": "_history?_count=1&_format=ttl", "POST": "_search?_format=ttl"}
    form = {"_type": "Patient,Observation", "_count": "1"} if method == "POST" else None
    answer = client.request(method, asked[method], data=form)
    links = {link["relation"]: link["url"] for link in projection.from_turtle(answer.text)["link"]}
    following = client.get(links["next"])
    assert following.status_code == 200, following.text
    assert following.headers["content-type"] == "application/fhir+turtle; charset=utf-8"


def test_number_text_survives_a_turtle_create_and_a_json_read(
    client: httpx.Client, projection: Projection
) -> None:
    sent = projection.turtle(
        {k: v for k, v in json_text.parse(WEIGHT.encode()).items() if k != "id"}
    )
    created = client.post("Observation", content=sent.encode(), headers=SENT)
    assert created.status_code == 201, created.text
    assert created.headers["content-type"] == "application/fhir+json; charset=utf-8"
    read = client.get(created.headers["location"])
    assert '"value":72.50,' in read.text
    made = {**json.loads(WEIGHT), "id": read.json()["id"], "meta": read.json()["meta"]}
    assert read.json() == made


def test_an_update_is_taken_and_answered_in_turtle(
    client: httpx.Client, projection: Projection
) -> None:
    resource = {"resourceType": "Patient", "id": "u1", "birthDate": "1974-12", "active": True}
    sent = projection.turtle(resource).encode()
    answer = client.put("Patient/u1", content=sent, headers={**SENT, **TURTLE})
    assert answer.status_code == 201
    returned = projection.from_turtle(answer.text)
    assert {**returned, "meta": None} == {**resource, "meta": None}
    said = client.put(
        "Patient/u1", content=sent, headers={**SENT, **TURTLE, "Prefer": "return=OperationOutcome"}
    )
    assert diagnostics(said, projection).startswith("Patient/u1 is ")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{}", 400),
        (b"<a> <b> ", 400),
        (b"", 400),
        (b"\xff", 400),
        (b"<http://a> <http://b> <http://c> .", 400),
        (b"@prefix fhir: <http://hl7.org/fhir/> . [] a fhir:Patient ; fhir:nodeRole fhir:treeRoot ;"
         b' fhir:Patient.gender [ fhir:value "none" ] .', 422),
    ],
)  # fmt: skip
def test_what_is_no_resource_is_refused_in_turtle(
    client: httpx.Client, projection: Projection, content: bytes, status: int
) -> None:
    answer = client.post("Patient", content=content, headers={**SENT, **TURTLE})
    assert answer.status_code == status
    assert diagnostics(answer, projection)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "Patient/nobody", 404),
        ("GET", "Nonsense/1", 404),
        ("GET", "Patient?nmae=x", 400),
        ("DELETE", "metadata", 405),
        ("PATCH", "Patient/p1", 501),
        ("GET", "Patient?_pretty=perhaps", 400),
    ],
)
def test_errors_are_said_in_the_format_asked_for(
    client: httpx.Client, projection: Projection, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path, headers=TURTLE)
    assert answer.status_code == status
    assert diagnostics(answer, projection)


def test_what_no_content_has_stays_without(client: httpx.Client) -> None:
    seen = client.get("Patient/p1", headers=TURTLE)
    again = client.get("Patient/p1", headers={**TURTLE, "If-None-Match": seen.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = client.head("Patient/p1", headers=TURTLE)
    assert head.headers["content-length"] == str(len(seen.content))
    assert head.content == b""


def test_pretty_changes_no_turtle(client: httpx.Client) -> None:
    plain = client.get("Patient/p1?_format=ttl")
    assert client.get("Patient/p1?_format=ttl&_pretty=true").text == plain.text


def test_the_statement_lists_the_formats(client: httpx.Client) -> None:
    formats = client.get("metadata").json()["format"]
    assert formats == ["application/fhir+json", "json", "application/fhir+turtle", "ttl"]


def test_what_turtle_cannot_say_is_not_acceptable(
    wire_uri: str, fresh_database: str, projection: Projection
) -> None:
    with Store.connect(wire_uri, database=fresh_database, validation="off") as store:
        store.update({"resourceType": "Basic", "id": "odd", "cod": "an element of nobody"})
    with serving(wire_uri, fresh_database) as running:
        for path, place in (("Basic/odd", "Basic.cod"), ("Basic", "Bundle.entry[0].resource.cod")):
            answer = httpx.get(f"{running.url}/{path}", headers=TURTLE)
            assert answer.status_code == 406
            assert projection.from_turtle(answer.text)["issue"][0]["expression"] == [place]
        assert httpx.get(f"{running.url}/Basic/odd").status_code == 200


@pytest.mark.parametrize("prefer", ["return=representation", "return=OperationOutcome"])
def test_a_write_that_turtle_cannot_say_is_answered_in_json(
    client: httpx.Client, prefer: str
) -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
    text = {"status": "generated", "div": div, "_div": {"id": "x"}}
    sent = {"resourceType": "Basic", "code": {"text": "x"}, "text": text}
    headers = {**TURTLE, "Prefer": prefer}
    created = client.post("Basic", json=sent, headers=headers)
    assert created.status_code == 201
    id = created.headers["location"].split("/")[-3]
    assert client.get(f"Basic/{id}", headers=TURTLE).status_code == 406
    updated = client.put(f"Basic/{id}", json={**sent, "id": id, "language": "en"}, headers=headers)
    assert updated.status_code == 200
    for answer in (created, updated):
        if prefer == "return=representation":
            assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
            assert answer.json()["text"] == text
        else:
            assert len(roots(graph(answer))) == 1
