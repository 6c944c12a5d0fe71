"""Fixtures that more than one test module needs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest

from tests.servers import named, secantus


@pytest.fixture(scope="session")
def secantus_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A SecantusDB over the wire; each worker of a run has one of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with secantus(tmp_path_factory.getbasetemp() / f"server-{worker}") as uri:
        yield uri


@pytest.fixture(scope="session")
def wire_uri(request: pytest.FixtureRequest) -> str:
    """The server for tests that need a real one: what the environment names, else SecantusDB."""
    uri = named() or request.getfixturevalue("secantus_uri")
    assert isinstance(uri, str)
    return uri


@pytest.fixture
def fresh_database(wire_uri: str) -> Iterator[str]:
    """The name of a database that is empty, and is dropped afterwards."""
    name = f"fhirstore_test_{secrets.token_hex(6)}"
    yield name
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    client.drop_database(name)
    client.close()


EXAMPLES = Path(__file__).parent.parent / ".cache/packages/hl7.fhir.r4.examples-4.0.1"
SYNTHEA = Path(__file__).parent.parent.parent / "shared/corpus/synthea-r4.tar.zst"
