"""The graph beside a resource: written with it, made for what was there, taken away again, and checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymongo
import pytest
from click.testing import CliRunner

from fhirstore import Store, stored_turtle
from fhirstore.bulk import BulkWriter
from fhirstore.cli import main
from fhirstore.definitions import definitions
from fhirstore.rdf import Options, Projection
from fhirstore.store import finish

BASE = "https://clinic.example/fhir"
KNOWN = definitions("4.0")
PROJECTION = Projection(KNOWN, Options(base=BASE))
WEIGHT = (
    '{"resourceType":"Observation","id":"w1","status":"final","code":{"text":"Weight"},'
    '"valueQuantity":{"value":72.50}}'
)


class Place:
    """A database, seen by stores that are opened anew, and past them."""

    def __init__(self, uri: str, database: str, collections: Any) -> None:
        self.uri = uri
        self.database = database
        self._collections = collections

    def store(self, **options: Any) -> Store:
        return Store.connect(self.uri, database=self.database, **options)

    def document(self, type: str, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._collections[type].find_one({"_id": id})
        return found

    def set(self, type: str, id: str, turtle: str) -> None:
        self._collections[type].update_one({"_id": id}, {"$set": {"turtle": turtle}})

    def is_true(self, store: Store, type: str, id: str) -> bool:
        return bool(
            self.document(type, id)["turtle"] == PROJECTION.turtle(store.read(type, id).resource)
        )

    def run(self, *arguments: str, status: int = 0) -> str:
        place = ("--uri", self.uri, "--database", self.database)
        result = CliRunner().invoke(main, [*arguments, *place])
        assert result.exit_code == status, result.output
        return result.output


@pytest.fixture
def place(wire_uri: str, fresh_database: str) -> Iterator[Place]:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    made = Place(wire_uri, fresh_database, client[fresh_database])
    with made.store() as store:
        finish(stored_turtle.keep(store.port, KNOWN, "Observation", BASE))
    yield made
    client.close()


def test_it_is_written_with_each_version(place: Place) -> None:
    with place.store() as store:
        for text in (WEIGHT, WEIGHT.replace("72.50", "72.500"), WEIGHT):
            store.update(text)
            assert place.is_true(store, "Observation", "w1")
        assert '"72.50"^^xsd:decimal' in place.document("Observation", "w1")["turtle"]
        assert "turtle" not in place.document("Observation_history", "w1/1")
        store.delete("Observation", "w1")
        assert "turtle" not in place.document("Observation", "w1")
        store.update(WEIGHT)
        assert place.is_true(store, "Observation", "w1")
        created = store.create(WEIGHT)
        assert place.is_true(store, "Observation", created.id)


def test_it_is_written_by_a_load(place: Place) -> None:
    with place.store() as store:
        parts = store.parts()
        pipeline = parts.repository.pipeline
        prepared = pipeline.prepare(pipeline.parse(WEIGHT), "w1")
        assert finish(BulkWriter(parts.repository, parts.catalogue.ensure).put([prepared])) == [
            "created"
        ]
        assert place.is_true(store, "Observation", "w1")


def test_other_types_have_none(place: Place) -> None:
    with place.store() as store:
        store.update({"resourceType": "Patient", "id": "p1"})
    assert "turtle" not in place.document("Patient", "p1")


def test_what_no_graph_can_say_has_none_and_is_written_all_the_same(place: Place) -> None:
    with place.store(validation="off") as store:
        store.update({"resourceType": "Observation", "id": "odd", "cod": 1})
        assert store.read("Observation", "odd").resource["cod"] == 1
    assert place.document("Observation", "odd")["turtle"] is None
    assert "1 Observation are as they should be" in place.run("doctor")


def test_what_has_no_room_has_none(place: Place) -> None:
    """Some 8 MB of JSON, whose graph is thrice as long."""
    note = [{"text": "x"}] * 500_000
    with place.store() as store:
        store.update(
            {
                "resourceType": "Observation",
                "id": "long",
                "status": "final",
                "code": {"text": "x"},
                "note": note,
            }
        )
        assert len(store.read("Observation", "long").resource["note"]) == len(note)
    assert place.document("Observation", "long")["turtle"] is None
    assert "1 Observation are as they should be" in place.run("doctor")
    assert place.run("rdf", "keep", "Observation", "--base", BASE) == (
        "Observation: 0 of 1 changed, 1 that cannot have one\n"
    )


def test_it_is_made_for_what_is_there_and_taken_away_again(place: Place) -> None:
    with place.store() as store:
        for id in ("p1", "p2", "gone"):
            store.update({"resourceType": "Patient", "id": id, "birthDate": "1974-12"})
        store.delete("Patient", "gone")
        assert place.run("rdf", "keep", "Patient", "--base", BASE) == "Patient: 2 of 2 changed\n"
        assert place.is_true(store, "Patient", "p1")
        assert "turtle" not in place.document("Patient", "gone")
        assert place.run("rdf", "keep") == f"Observation below {BASE}\nPatient below {BASE}\n"
        place.set("Patient", "p1", "old")
        assert place.run("rdf", "keep", "Patient", "--base", BASE) == "Patient: 1 of 2 changed\n"
        assert place.is_true(store, "Patient", "p1")
    assert place.run("rdf", "keep", "Patient", "--off") == "Patient: 2 of 2 changed\n"
    assert "turtle" not in place.document("Patient", "p1")
    assert place.run("rdf", "keep") == f"Observation below {BASE}\n"
    with place.store() as store:
        store.update({"resourceType": "Patient", "id": "p1", "birthDate": "1975"})
    assert "turtle" not in place.document("Patient", "p1")


def test_doctor_sees_what_is_missing_or_false(place: Place) -> None:
    with place.store() as store:
        store.update(WEIGHT)
        store.update(WEIGHT.replace("w1", "w2"))
    assert "the graphs of 2 Observation are as they should be" in place.run("doctor")
    place.set("Observation", "w2", "of another version")
    assert "1 of 2 Observation have none, or not that of their version" in place.run(
        "doctor", status=1
    )
    place.run("rdf", "keep", "Observation", "--base", BASE)
    assert "the graphs of 2 Observation are as they should be" in place.run("doctor")


def test_a_writer_that_was_open_before_leaves_none_and_no_false_one(place: Place) -> None:
    with place.store() as early:
        early.update({"resourceType": "Patient", "id": "p1"})
        place.run("rdf", "keep", "Patient", "--base", BASE)
        assert place.is_true(early, "Patient", "p1")
        early.update({"resourceType": "Patient", "id": "p1", "birthDate": "1974"})
        assert "turtle" not in place.document("Patient", "p1")
    assert "1 of 1 Patient" in place.run("doctor", status=1)


def test_the_base_stays_unless_another_is_said(place: Place) -> None:
    place.run("rdf", "keep", "Observation", "Patient")
    assert place.run("rdf", "keep") == (
        f"Observation below {BASE}\nPatient below http://localhost/fhir\n"
    )
    place.run("rdf", "keep", "Observation", "--base", "http://x/fhir")
    place.run("rdf", "keep", "Observation")
    assert place.run("rdf", "keep").startswith("Observation below http://x/fhir\n")


def test_what_a_writer_that_was_open_goes_on_to_write_is_found_and_taken_away(place: Place) -> None:
    with place.store() as early:
        early.update(WEIGHT)
        place.run("rdf", "keep", "Observation", "--off")
        assert "turtle" not in place.run("doctor")
        for repair in (("rdf", "keep", "Observation", "--off"), ("reindex", "Observation")):
            early.update(WEIGHT.replace("Weight", repair[0]))
            assert "1 Observation have one, and the type keeps none" in place.run(
                "doctor", status=1
            )
            place.run(*repair)
            assert "turtle" not in place.document("Observation", "w1")


@pytest.mark.parametrize(
    "arguments", [("--off",), ("--base", BASE), ("Patient", "--off", "--base", BASE)]
)
def test_what_says_nothing_is_refused(place: Place, arguments: tuple[str, ...]) -> None:
    place.run("rdf", "keep", *arguments, status=2)
    assert place.run("rdf", "keep") == f"Observation below {BASE}\n"


@pytest.mark.parametrize(
    "arguments", [("Nonsense",), ("Nonsense", "--off"), ("Patient", "--base", "nowhere")]
)
def test_what_cannot_be_kept(place: Place, arguments: tuple[str, ...]) -> None:
    assert "error: " in place.run("rdf", "keep", *arguments, status=1)
    assert place.run("rdf", "keep") == f"Observation below {BASE}\n"
