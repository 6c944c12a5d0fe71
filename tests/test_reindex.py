"""`fhirstore reindex`: what is derived is derived again, on a real server, and after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo
import pytest
from click.testing import CliRunner

from fhirstore import Store, parameter_registry
from fhirstore.cli import main
from fhirstore.definitions import definitions
from fhirstore.reindexing import PROGRESS
from fhirstore.store import finish
from tests.contract.test_custom_parameters import parameter, patient


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameter_registry, "REFRESH", 0.05)


@pytest.fixture
def filled(wire_uri: str, fresh_database: str) -> Iterator[Any]:
    """The raw database of a store with many patients, some of them changed."""
    with Store.connect(wire_uri, database=fresh_database) as store:
        for number in range(20):
            store.update(patient(f"p{number:04}", "green"))
        for number in range(10):
            store.update(patient(f"p{number:04}", "blue", gender="male"))
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    yield client[fresh_database]
    client.close()


def run(wire_uri: str, database: str, *arguments: str) -> str:
    options = ["--uri", wire_uri, "--database", database]
    ran = CliRunner().invoke(main, ["reindex", *arguments, *options], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_a_type_is_derived_again(wire_uri: str, filled: Any) -> None:
    right = {document["_id"]: document for document in filled.Patient.find()}
    past = {document["_id"]: document for document in filled.Patient_history.find()}
    filled.Patient.update_many(
        {"_id": {"$in": ["p0001", "p0015"]}}, {"$set": {"search": {}, "compartments": ["x/1"]}}
    )
    filled.Patient_history.update_one({"_id": "p0003/1"}, {"$set": {"search": {"gender": "other"}}})
    assert "3 of 30 versions changed" in run(wire_uri, filled.name, "Patient")
    assert {document["_id"]: document for document in filled.Patient.find()} == right
    assert {document["_id"]: document for document in filled.Patient_history.find()} == past
    assert "0 of 30 versions changed" in run(wire_uri, filled.name, "--all")
    assert filled[PROGRESS].count_documents({}) == 0


def test_parameters_are_built_and_listed(wire_uri: str, filled: Any, tmp_path: Path) -> None:
    file = tmp_path / "eye.json"
    file.write_text(json.dumps(parameter()))
    options = ["--uri", wire_uri, "--database", filled.name]
    loaded = CliRunner().invoke(main, ["load", str(file), *options])
    assert "fhirstore reindex" in loaded.output
    assert "active" in run(wire_uri, filled.name)
    with Store.connect(wire_uri, database=filled.name) as store:
        assert len(store.search("Patient", "eye-colour=green").matches) == 10
    assert "eye-colour" in run(wire_uri, filled.name)


def test_a_type_that_is_none(wire_uri: str, filled: Any) -> None:
    ran = CliRunner().invoke(
        main, ["reindex", "Nothing", "--uri", wire_uri, "--database", filled.name]
    )
    assert ran.exit_code == 1
    assert "not a resource type" in ran.output


# Builds what is pending, and kills itself when it has noted the first batch.
_KILLED = """
import os, signal, sys
from fhirstore import Store, parameter_registry, reindexing
from fhirstore.store import finish
parameter_registry.REFRESH = 0.05
reindexing._BATCH = 7
def say(gone):
    if gone.seen >= int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
store = Store.connect(sys.argv[1], database=sys.argv[2])
# The background of this store must not be faster.
store._store._go_on_building = lambda: None
finish(store.parts().building(lambda: False, say).run())
"""


@pytest.mark.parametrize("seen", [0, 7, 14, 20])
def test_building_goes_on_after_a_kill(wire_uri: str, filled: Any, seen: int) -> None:
    with Store.connect(wire_uri, database=filled.name) as store:
        # As a load stores it: nothing is begun yet.
        finish(store.parts().repository.update(parameter()))
        finish(parameter_registry.sync(store.port, definitions("4.0")))
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, wire_uri, filled.name, str(seen)], check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    # The lease of the dead one runs out by itself, in half a minute.
    filled["store.locks"].update_many({}, {"$set": {"until": datetime(2020, 1, 1, tzinfo=UTC)}})
    assert "active" in run(wire_uri, filled.name)
    with Store.connect(wire_uri, database=filled.name) as store:
        assert len(store.search("Patient", "eye-colour=green").matches) == 10
        assert len(store.search("Patient", "eye-colour=blue").matches) == 10
    assert filled[PROGRESS].count_documents({}) == 0


def test_nothing_that_is_written_meanwhile_is_lost(wire_uri: str, filled: Any) -> None:
    """A process that writes all the time, while another builds."""
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITING, wire_uri, filled.name], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    with Store.connect(wire_uri, database=filled.name) as store:
        store.update(parameter())
        finish_building(store)
    time.sleep(0.3)
    writer.terminate()
    written = writer.communicate()[0].split()
    assert len(written) > 20
    with Store.connect(wire_uri, database=filled.name) as store:
        found = {v.id for v in store.iterate("Patient", "eye-colour=red")}
    assert set(written) <= found


def finish_building(store: Store) -> None:
    end = time.monotonic() + 30
    while finish(parameter_registry.read(store.port)).pending:
        assert time.monotonic() < end
        time.sleep(0.02)


_WRITING = """
import sys
from fhirstore import Store, parameter_registry
parameter_registry.REFRESH = 0.05
store = Store.connect(sys.argv[1], database=sys.argv[2])
print("begun", flush=True)
number = 0
while True:
    number += 1
    id = f"p{number % 30:04}" if number % 2 else f"new-{number}"
    store.update({"resourceType": "Patient", "id": id, "extension": [
        {"url": "http://example.org/eye", "valueCode": "red"}], "birthDate": f"{1900 + number % 100}"})
    print(id, flush=True)
"""
