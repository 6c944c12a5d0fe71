"""Kills the process at each step of each write, and at any moment; what was acknowledged has to be there, whole and once.

The children run on a real server over the wire. Each one writes to a resource that an earlier one may have left
half-written, so that what a crash leaves behind is met by the next writer as well as by the checks.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fhirstore.definitions import definitions
from fhirstore.documents import Pipeline
from fhirstore.ports.pymongo_blocking import BlockingPort
from fhirstore.repository import Repository
from fhirstore.store import finish
from tests.dying_port import DyingPort
from tests.version_chain import chain, marked, marker_of

TYPE = "Patient"
# One of each kind of write, by the calls to the server that it is made of; a child goes through all.
WRITES = ("put", "put", "same", "delete", "put", "delete", "delete", "put")
# Counted by `test_every_step_is_reached`: no child survives a death planned at one of these calls.
STEPS = 20
ROUNDS = 8

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.test_crash"])


@dataclass(frozen=True)
class Child:
    """What one process does: `WRITES` on a resource, dying at call `at` (0: never), before or after it."""

    uri: str
    database: str
    id: str
    name: str
    log: Path
    at: int = 0
    after: bool = False

    def run(self) -> None:
        port: Any = BlockingPort.connect(self.uri, self.database)
        if self.at:
            port = DyingPort(port, self.at, after=self.after)
        repository = Repository(port, Pipeline(definitions()), _ready)
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number, write in enumerate(WRITES):
            os.write(log, self._write(repository, write, f"{self.name}-{number}").encode())

    def _write(self, repository: Repository, write: str, marker: str) -> str:
        """Carry out one write and say what was acknowledged: version and marker, or nothing."""
        if write == "delete":
            deleted = finish(repository.delete(TYPE, self.id))
            return "" if deleted is None else f"{deleted.version} -\n"
        if write == "same":
            finish(repository.update(finish(repository.read(TYPE, self.id)).json or ""))
            return ""
        version = finish(repository.update(marked(self.id, marker)))
        return f"{version.version} {marker}\n"


async def _ready(_: str) -> None:
    """No index is needed for what is tested here."""


def run_all(children: Sequence[Child], *, kill_after: Callable[[], float] | None = None) -> None:
    """Run one after the other; with `kill_after` each is killed from outside after so many seconds."""
    for child in children:
        process = processes.Process(target=child.run)
        process.start()
        if kill_after is not None:
            process.join(kill_after())
            process.kill()
        process.join(60)
        assert process.exitcode in (0, -9), f"{child} ended with {process.exitcode}"
        if child.at:
            assert process.exitcode == -9, f"{child} outlived its death"


def check(uri: str, database: str, id: str, log: Path, killed: int) -> None:
    """That the chain of versions is whole, and holds all that was acknowledged and little more."""
    port = BlockingPort.connect(uri, database)
    versions = finish(chain(port, TYPE, id))
    finish(port.close())
    found = {document["version"]: marker_of(document) or "-" for document in versions}
    acknowledged = dict(_acknowledged(log))
    for version, marker in acknowledged.items():
        assert found[version] == marker, f"version {version} of {id} was acknowledged as {marker}"
    markers = [marker for marker in found.values() if marker != "-"]
    assert len(markers) == len(set(markers)), "a write was carried out twice"
    assert len(found) <= len(acknowledged) + killed, "there is more than was ever asked for"


def _acknowledged(log: Path) -> list[tuple[int, str]]:
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [(int(version), marker) for version, marker in lines]


@pytest.mark.parametrize("round", range(ROUNDS))
def test_a_death_at_each_step_of_each_write_loses_nothing(
    wire_uri: str, fresh_database: str, tmp_path: Path, round: int
) -> None:
    id = f"steps-{round}"
    log = tmp_path / "acknowledged"
    deaths = [(at, after) for at in range(1, STEPS + 1) for after in (False, True)]
    random.Random(round).shuffle(deaths)
    children = [
        Child(wire_uri, fresh_database, id, f"{number}", log, at, after)
        for number, (at, after) in enumerate(deaths)
    ]
    run_all(children)
    check(wire_uri, fresh_database, id, log, len(children))
    # The resource goes on as if nothing had been.
    run_all([Child(wire_uri, fresh_database, id, "last", log)])
    check(wire_uri, fresh_database, id, log, len(children))


def test_a_kill_at_any_moment_loses_nothing(
    wire_uri: str, fresh_database: str, tmp_path: Path
) -> None:
    chance = random.Random(time.time_ns())
    log = tmp_path / "acknowledged"
    children = [Child(wire_uri, fresh_database, "moments", f"{n}", log) for n in range(60)]
    run_all(children, kill_after=lambda: chance.uniform(0.01, 0.15))
    assert _acknowledged(log), "no child lived long enough to prove anything"
    check(wire_uri, fresh_database, "moments", log, len(children))


def test_a_lost_acknowledgement_would_be_noticed(
    wire_uri: str, fresh_database: str, tmp_path: Path
) -> None:
    log = tmp_path / "acknowledged"
    run_all([Child(wire_uri, fresh_database, "control", "only", log)])
    check(wire_uri, fresh_database, "control", log, 0)
    port = BlockingPort.connect(wire_uri, fresh_database)
    finish(port.delete_one(f"{TYPE}_history", {"_id": "control/2"}))
    with pytest.raises(AssertionError):
        check(wire_uri, fresh_database, "control", log, 0)
    finish(port.close())
