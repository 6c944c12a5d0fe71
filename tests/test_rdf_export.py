"""`fhirstore rdf export`: each format says the same graphs, a page is held at a time, and what cannot be said is named."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from click.testing import CliRunner
from rdflib import Dataset, Graph, URIRef
from rdflib.compare import to_canonical_graph

from fhirstore import Store, selection
from fhirstore.cli import main
from fhirstore.cli.graph_options import left_out
from fhirstore.errors import BadRequest, MalformedContent
from fhirstore.opened import Opened
from fhirstore.rdf import Options
from fhirstore.rdf_export import Export, Progress

# rdflib's own parser warns of rdflib's own dataset.
pytestmark = pytest.mark.filterwarnings("ignore:Dataset.default_context")

BASE = "http://localhost/fhir"
FORMATS = {"ntriples": "nt", "turtle": "turtle", "nquads": "nquads"}
ROOT = re.compile(r"^<(\S+)> <http://hl7.org/fhir/nodeRole>", re.MULTILINE)
RESOURCES: list[Any] = [
    {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"given": ["A", "B"], "text": 'end ." .\nline'}],
    },
    {"resourceType": "Patient", "id": "p2", "birthDate": "1974-12"},
    {"resourceType": "Patient", "id": "p3", "name": [{"given": ["A"]}, {"family": "C"}]},
    {"resourceType": "Patient", "id": "gone"},
    '{"resourceType":"Observation","id":"w1","status":"final","code":{"coding":[{"system":"http://loinc.org",'
    '"code":"29463-7"}]},"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":72.50}}',
]


@pytest.fixture(scope="module")
def database(wire_uri: str) -> Iterator[str]:
    name = f"fhirstore_test_{secrets.token_hex(6)}"
    with Store.connect(wire_uri, database=name) as store:
        for resource in RESOURCES:
            store.update(resource)
        store.update({**RESOURCES[1], "gender": "female"})
        store.delete("Patient", "gone")
    yield name
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    client.drop_database(name)
    client.close()


@pytest.fixture
def store(wire_uri: str, database: str) -> Iterator[Store]:
    with Store.connect(wire_uri, database=database) as opened:
        yield opened


@pytest.fixture
def export(wire_uri: str, database: str) -> Any:
    def run(*arguments: str, status: int = 0) -> str:
        place = ("--uri", wire_uri, "--database", database)
        result = CliRunner().invoke(main, ["rdf", "export", *arguments, *place])
        assert result.exit_code == status, result.output
        return result.stdout if status == 0 else result.output

    return run


def canonical(graph: Graph) -> set[Any]:
    return set(to_canonical_graph(graph))


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_holds_the_graph_of_all_that_is_there(
    export: Any, store: Store, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    monkeypatch.setattr("rdflib.NORMALIZE_LITERALS", False)
    read = Dataset(default_union=True).parse(
        data=export("--format", format), format=FORMATS[format]
    )
    plain = Graph()
    for triple in read.triples((None, None, None)):
        plain.add(triple)
    assert canonical(plain) == canonical(store.graph())


def test_a_named_graph_is_a_version(export: Any, store: Store) -> None:
    read = Dataset().parse(data=export("--format", "nquads"), format="nquads")
    names = {str(graph.identifier) for graph in read.graphs() if len(graph)}
    assert names == {
        f"{BASE}/{version}" for version in (
            "Patient/p1/_history/1", "Patient/p2/_history/2", "Patient/p3/_history/1", "Observation/w1/_history/1",
        )
    }  # fmt: skip
    one = read.graph(URIRef(f"{BASE}/Patient/p2/_history/2"))
    assert len(one) == len(store.graph("Patient/p2"))


def test_a_history_has_each_version_and_no_deletion(export: Any) -> None:
    read = Dataset().parse(data=export("--format", "nquads", "--history"), format="nquads")
    names = sorted(str(graph.identifier)[len(BASE) + 1 :] for graph in read.graphs() if len(graph))
    assert names == [
        "Observation/w1/_history/1", "Patient/gone/_history/1", "Patient/p1/_history/1", "Patient/p2/_history/1",
        "Patient/p2/_history/2", "Patient/p3/_history/1",
    ]  # fmt: skip
    of_one = export("Patient/p2", "--format", "nquads", "--history")
    assert set(re.findall(r"_history/(\d)> \.$", of_one, re.MULTILINE)) == {"1", "2"}


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("Patient", "Patient/p1 Patient/p2 Patient/p3"),
        ("Patient?gender=female", "Patient/p2"),
        ("Patient/p1", "Patient/p1"),
        ("Patient/p1/*", "Observation/w1 Patient/p1"),
        ("Observation?_include=Observation:subject", "Observation/w1 Patient/p1"),
    ],
)
def test_it_takes_addresses(export: Any, address: str, found: str) -> None:
    roots = [root[len(BASE) + 1 :] for root in ROOT.findall(export(address))]
    assert sorted(roots) == found.split()


def test_the_options(export: Any) -> None:
    full = export("Observation")
    for option, said in (
        ("concepts", "loinc.org/rdf#29463-7"),
        ("links", "fhir/link>"),
        ("header", "owl#Ontology"),
    ):
        assert said in full
        assert said not in export("Observation", f"--no-{option}")
    assert '"72.50"' in full
    assert "<https://clinic.example/r4/Observation/w1>" in export(
        "Observation", "--base", "https://clinic.example/r4/"
    )


def test_turtle_declares_its_prefixes_once(export: Any) -> None:
    assert export("--format", "turtle").count("@prefix fhir:") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--history",),
        ("Patient?gender=female", "--history", "--format", "nquads"),
        ("Patient/p1/*", "--history", "--format", "nquads"),
        ("Nonsense",),
        ("Patient/nobody",),
        ("Patient?nmae=x",),
        ("Patient/p1/_history/1",),
        ("Patient?_summary=true",),
        ("Patient?gender=female&_elements=name",),
        ("Patient/p1/*?%5Fsummary=count",),
        ("Patient?_count=0",),
        ("Patient?_page=",),
        ("--base", "nowhere"),
    ],
)
def test_what_is_wrong_is_said_and_leaves_no_file(
    export: Any, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "out"
    assert "error: " in export(*arguments, "--output", str(file), status=1)
    assert not file.exists()


def test_the_file_is_what_standard_output_would_be(export: Any, tmp_path: Path) -> None:
    file = tmp_path / "out.nt"
    export("Patient", "--output", str(file))
    assert file.read_text(encoding="utf-8") == export("Patient")


def test_a_page_is_held_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[int] = []
    search = Opened.search

    async def counted(self: Opened, *arguments: Any) -> Any:
        pages.append(len(pages))
        return await search(self, *arguments)

    monkeypatch.setattr(Opened, "search", counted)
    monkeypatch.setattr(selection, "_PAGE", 1)
    texts = Export(store, "Patient?_lastUpdated=gt2000", Options(base=BASE)).texts()
    # The first is the count, for the progress.
    assert [len(pages) for _ in texts] == [2, 3, 4]


def test_the_base_is_the_stores_own_unless_another_is_said(
    wire_uri: str, fresh_database: str
) -> None:
    own = "https://clinic.example/fhir"
    with Store.connect(wire_uri, database=fresh_database, base_urls=[own]) as opened:
        opened.update({"resourceType": "Patient", "id": "p1"})
        for options, roots in (
            (None, [f"{own}/Patient/p1"]),
            (Options(header=False), [f"{own}/Patient/p1"]),
            (Options(base=None), []),
        ):
            (text,) = Export(opened, "", options).texts()
            assert ROOT.findall(text) == roots
        with pytest.raises(BadRequest, match="no absolute IRI"):
            Export(opened, "", Options(base="nonsense"))


def test_it_says_how_far_it_is(store: Store) -> None:
    said: list[tuple[int | None, int]] = []

    def say(progress: Progress) -> None:
        said.append((progress.total, progress.written))

    for address, total in (("Patient/p1", 1), ("Patient?gender=female", 1), ("Patient/p1/*", None)):
        said.clear()
        list(Export(store, address).texts(say))
        assert said[0] == (total, 0)
        assert said[-1][1] == len(said) - 1
    said.clear()
    list(Export(store, "").texts(say))
    # An estimate, which deleted resources are in.
    assert said[0][0] == 5


def test_what_no_graph_can_say_is_left_out_and_named(wire_uri: str, fresh_database: str) -> None:
    with Store.connect(wire_uri, database=fresh_database, validation="off") as loose:
        loose.update({"resourceType": "Patient", "id": "odd", "nme": "x"})
        loose.update({"resourceType": "Patient", "id": "p1"})
        refused = []
        made = Export(
            loose, "", refused=lambda version, error: refused.append(left_out(version, error))
        )
        assert [ROOT.findall(text) for text in made.texts()] == [[f"{BASE}/Patient/p1"]]
        assert refused == [
            "left out: Patient/odd/_history/1: Patient.nme: there is no such element"
        ]
        with pytest.raises(
            MalformedContent, match="no graph can say Patient/odd/_history/1"
        ) as caught:
            loose.graph("Patient")
        assert caught.value.issues[0].expression == "Patient.nme"
    place = ("--uri", wire_uri, "--database", fresh_database)
    result = CliRunner().invoke(main, ["rdf", "export", *place])
    assert result.exit_code == 1
    assert result.stderr.strip() == refused[0]
    assert len(ROOT.findall(result.stdout)) == 1
    pytest.importorskip("pyoxigraph")
    result = CliRunner().invoke(main, ["sparql", "ASK { ?p a fhir:Patient }", *place])
    assert (result.exit_code, result.stdout) == (1, "true\n")
    assert result.stderr.strip() == refused[0]


def test_versions_of_one_node_need_named_graphs(store: Store) -> None:
    with pytest.raises(BadRequest, match="N-Quads"):
        Export(store, "Patient", format="turtle", history=True)
