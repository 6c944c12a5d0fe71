"""A database is brought to what the code expects by each step once, in order, whoever runs them and whenever they are
killed;

and is never changed unasked once it holds data, nor opened by code that does not know it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from click.testing import CliRunner

from fhirstore import AsyncStore, Store, lease, migrate, shipped
from fhirstore.cli import main
from fhirstore.errors import DatabaseTooNew, DatabaseTooOld, FhirError, Unavailable
from fhirstore.ports.pymongo_blocking import BlockingPort
from fhirstore.store import finish

Database = Any
PATIENT = {"resourceType": "Patient", "name": [{"family": "Step"}]}

# Does five pieces of work, saves after each, and says so; what `{then}` does may end it on the way.
STEP = """
import os, signal, time
SUMMARY = "counts to five"
DURATION = "a moment"

async def run(port, progress):
    for number in range(progress.saved.get("after", 0) + 1, 6):
        await port.insert_one("work", {{"_id": f"{name}-{{number}}-{{port.new_id()}}"}})
        await progress.save(after=number)
        {then}
"""


@pytest.fixture
def port(wire_uri: str, fresh_database: str) -> Iterator[BlockingPort]:
    made = BlockingPort.connect(wire_uri, fresh_database)
    yield made
    finish(made.close())


@pytest.fixture
def database(wire_uri: str, fresh_database: str) -> Iterator[Database]:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri, tz_aware=True)
    yield client[fresh_database]
    client.close()


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the first of the shipped steps, to which a test adds its own."""
    directory = tmp_path / "migrations"
    directory.mkdir()
    shutil.copy(shipped.directory("migrations") / "0001_begin.py", directory)
    _use(directory, monkeypatch.setattr)
    return directory


def _use(directory: Path, replace: Callable[[Any, str, Any], None] = setattr) -> None:
    others = shipped.directory

    def found(name: Any) -> Path:
        return directory if name == "migrations" else others(name)

    replace(shipped, "directory", found)


def add(steps: Path, number: int, name: str, then: str = "pass") -> None:
    (steps / f"{number:04}_{name}.py").write_text(STEP.format(name=name, then=then))


def work(database: Database) -> list[str]:
    """The pieces of work that were done, as name and number, in order."""
    return sorted(document["_id"].rsplit("-", 5)[0] for document in database["work"].find())


FIVE = ["a-1", "a-2", "a-3", "a-4", "a-5"]


def records(database: Database) -> dict[int, dict[str, Any]]:
    return {document["_id"]: document for document in database[migrate.RECORDS].find()}


def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    names = database.list_collection_names()
    return {name: sorted(database[name].find(), key=str) for name in names}


def run(*arguments: str, uri: str, database: str) -> str:
    """What a command of `fhirstore migrate` says."""
    result = CliRunner().invoke(main, ["migrate", *arguments, "--uri", uri, "--database", database])
    assert result.exit_code == 0, result.output
    return result.output


# opening ----------------------------------------------------------------------------------------


def test_an_empty_database_is_set_up(port: BlockingPort, database: Database) -> None:
    finish(migrate.open_database(port))
    recorded = records(database)
    assert sorted(recorded) == [step.number for step in migrate.steps()]
    for step in migrate.steps():
        record = recorded[step.number]
        assert (record["name"], record["summary"]) == (step.name, step.summary)
        assert record["began"] <= record["finished"] <= datetime.now(UTC)
    assert len(finish(migrate.page_secret(port))) == 32
    assert list(database[lease.LOCKS].find()) == []
    before = everything(database)
    finish(migrate.open_database(port))
    assert everything(database) == before


def test_every_step_says_what_it_does() -> None:
    known = migrate.steps()
    assert [step.number for step in known] == list(range(1, len(known) + 1))
    readme = (shipped.directory("migrations") / "README.md").read_text(encoding="utf-8")
    for step in known:
        assert f"| `{step.number:04}_{step.name}` | {step.summary} | {step.duration} |" in readme


def test_a_database_that_others_use_for_other_things_is_shared(
    port: BlockingPort, database: Database
) -> None:
    database["users"].insert_one({"_id": 1})
    finish(migrate.open_database(port))
    assert list(database["users"].find()) == [{"_id": 1}]


@pytest.mark.parametrize("type", ["Patient", "Observation"])
def test_somebody_elses_resources_are_refused_and_left_alone(
    port: BlockingPort, database: Database, type: str
) -> None:
    database[type].insert_one({"_id": 1, "name": "somebody"})
    before = everything(database)
    for _ in range(2):
        with pytest.raises(
            Unavailable, match=f"did not make.*{type}.*database of its own"
        ) as raised:
            finish(migrate.open_database(port))
        assert not isinstance(raised.value, DatabaseTooOld | DatabaseTooNew)
        with pytest.raises(Unavailable, match="did not make"):
            finish(migrate.apply(port))
    assert everything(database) == before


def test_a_newer_database_is_refused(
    wire_uri: str, fresh_database: str, database: Database
) -> None:
    with Store.connect(wire_uri, database=fresh_database) as store:
        id = store.create(PATIENT).id
    database[migrate.RECORDS].insert_one({"_id": 9999, "name": "x", "finished": datetime.now(UTC)})
    before = everything(database)
    store = Store.connect(wire_uri, database=fresh_database)
    with pytest.raises(DatabaseTooNew, match="migration 9999"):
        store.read("Patient", id)
    with pytest.raises(DatabaseTooNew):
        store.create(PATIENT)
    store.close()

    async def read() -> None:
        async with AsyncStore.connect(wire_uri, database=fresh_database) as store:
            await store.read("Patient", id)

    with pytest.raises(DatabaseTooNew):
        asyncio.run(read())
    assert everything(database) == before


def test_a_database_with_data_waits_for_its_operator(
    wire_uri: str, fresh_database: str, database: Database, steps: Path
) -> None:
    with Store.connect(wire_uri, database=fresh_database) as store:
        id = store.create(PATIENT).id
        add(steps, 2, "a")
        # Who has it open already goes on.
        assert store.read("Patient", id).version == 1
    before = everything(database)
    store = Store.connect(wire_uri, database=fresh_database)
    for _ in range(2):
        with pytest.raises(DatabaseTooOld, match=r"waits for 1 .*`fhirstore migrate apply`"):
            store.read("Patient", id)
    assert everything(database) == before
    assert "1 steps were run" in run("apply", uri=wire_uri, database=fresh_database)
    assert store.read("Patient", id).version == 1
    assert work(database) == FIVE
    store.close()


def test_an_interrupted_step_keeps_a_database_with_data_closed(
    wire_uri: str, fresh_database: str, database: Database, steps: Path, port: BlockingPort
) -> None:
    with Store.connect(wire_uri, database=fresh_database) as store:
        store.create(PATIENT)
    add(steps, 2, "a", "raise OSError('out of space')")
    with pytest.raises(OSError, match="out of space"):
        finish(migrate.apply(port))
    with pytest.raises(DatabaseTooOld):
        finish(migrate.open_database(port))


@pytest.mark.parametrize("more", [0, 1, 3])
def test_many_who_open_a_new_database_at_once_set_it_up_once(
    wire_uri: str, fresh_database: str, database: Database, steps: Path, more: int
) -> None:
    for number in range(more):
        add(steps, 2 + number, "abc"[number], "time.sleep(0.01)")

    def open_and_write(number: int) -> None:
        time.sleep(0.02 * number)
        with Store.connect(wire_uri, database=fresh_database) as store:
            store.create(PATIENT)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_and_write, range(8)))
    assert database["Patient"].count_documents({}) == 8
    assert work(database) == [f"{name}-{n}" for name in "abc"[:more] for n in range(1, 6)]
    assert sorted(records(database)) == list(range(1, 2 + more))


def test_a_new_database_whose_setting_up_was_cut_off_is_set_up_by_the_next(
    port: BlockingPort, database: Database, steps: Path
) -> None:
    add(steps, 2, "a", "assert number < 1")
    with pytest.raises(AssertionError):
        finish(migrate.open_database(port))
    add(steps, 2, "a")
    finish(migrate.open_database(port))
    assert work(database) == FIVE


# applying ---------------------------------------------------------------------------------------


def test_steps_run_in_order_and_are_told(
    port: BlockingPort, database: Database, steps: Path
) -> None:
    for number, name in ((12, "c"), (2, "a"), (3, "b")):
        add(steps, number, name)
    (steps / "notes.txt").touch()
    (steps / "4_short.py").write_text("raise RuntimeError")
    (steps / "__pycache__").mkdir(exist_ok=True)
    told: list[str] = []
    ran = finish(migrate.apply(port, lambda step: told.append(step.name)))
    assert told == [step.name for step in ran] == ["begin", "a", "b", "c"]
    began = [records(database)[number]["began"] for number in (1, 2, 3, 12)]
    assert began == sorted(began)
    assert finish(migrate.apply(port, lambda step: told.append(step.name))) == []
    assert len(told) == 4
    assert len(work(database)) == 15


def test_a_dry_run_changes_nothing(
    wire_uri: str, fresh_database: str, database: Database, steps: Path
) -> None:
    add(steps, 2, "a")
    said = run("apply", "--dry-run", uri=wire_uri, database=fresh_database)
    assert "0001 begin" in said
    assert "0002 a: counts to five (a moment)" in said
    assert everything(database) == {}
    run("apply", uri=wire_uri, database=fresh_database)
    before = everything(database)
    assert len(before["work"]) == 5
    said = run("apply", "--dry-run", uri=wire_uri, database=fresh_database)
    assert said == "nothing to do\n"
    assert everything(database) == before


def test_the_status_of_each_step(
    wire_uri: str, fresh_database: str, database: Database, steps: Path, port: BlockingPort
) -> None:
    def said() -> list[str]:
        lines = run("status", uri=wire_uri, database=fresh_database).splitlines()
        return [line.rpartition(". ")[2].split(" ")[0] for line in lines]

    add(steps, 2, "a", "assert number < 1")
    assert said() == ["pending", "pending"]
    assert everything(database) == {}
    with pytest.raises(AssertionError):
        finish(migrate.apply(port))
    assert said() == ["finished", "interrupted"]
    add(steps, 2, "a")
    add(steps, 3, "b")
    assert said() == ["finished", "interrupted", "pending"]
    run("apply", uri=wire_uri, database=fresh_database)
    assert said() == ["finished"] * 3
    assert run("apply", uri=wire_uri, database=fresh_database) == "nothing to do\n"


@pytest.mark.parametrize("at", [1, 3, 5])
def test_an_interrupted_step_goes_on_where_it_was(
    port: BlockingPort, database: Database, steps: Path, at: int
) -> None:
    add(steps, 2, "a", f"assert number != {at}")
    add(steps, 3, "b")
    with pytest.raises(AssertionError):
        finish(migrate.apply(port))
    record = records(database)[2]
    assert record["progress"] == {"after": at}
    assert "finished" not in record
    # What follows an interrupted step has to wait for it, and the lock is free again.
    assert 3 not in records(database)
    assert list(database[lease.LOCKS].find()) == []
    add(steps, 2, "a")
    assert [step.name for step in finish(migrate.apply(port))] == ["a", "b"]
    assert work(database) == [*FIVE, "b-1", "b-2", "b-3", "b-4", "b-5"]
    assert "progress" not in records(database)[2]


# Runs `apply` on the steps of a directory, in a process that can be killed.
APPLY = """
import sys
from pathlib import Path
from fhirstore import migrate
from fhirstore.ports.pymongo_blocking import BlockingPort
from fhirstore.store import finish
from tests.test_migrate import _use
_use(Path(sys.argv[1]))
finish(migrate.apply(BlockingPort.connect(sys.argv[2], sys.argv[3])))
"""


def test_a_killed_runner_is_followed_by_another(
    wire_uri: str, fresh_database: str, port: BlockingPort, database: Database, steps: Path
) -> None:
    add(steps, 2, "a", "if number == 3: os.kill(os.getpid(), signal.SIGKILL)")
    command = [sys.executable, "-c", APPLY, str(steps), wire_uri, fresh_database]
    root = Path(__file__).parent.parent
    ended = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    assert ended.returncode == -signal.SIGKILL
    lock = database[lease.LOCKS].find_one()
    assert timedelta(0) < lock["until"] - datetime.now(UTC) <= timedelta(seconds=60)
    # A minute later.
    database[lease.LOCKS].update_one({}, {"$set": {"until": datetime.now(UTC)}})
    add(steps, 2, "a")
    assert [step.name for step in finish(migrate.apply(port))] == ["a"]
    assert work(database) == FIVE
    assert list(database[lease.LOCKS].find()) == []


def test_two_runners_at_once_run_each_step_once(
    wire_uri: str, fresh_database: str, database: Database, steps: Path
) -> None:
    names = "abcd"
    for number, name in enumerate(names, 2):
        add(steps, number, name, "time.sleep(0.005)")
    together = threading.Barrier(4)

    def apply(_: int) -> list[str]:
        port = BlockingPort.connect(wire_uri, fresh_database)
        together.wait()
        ran = finish(migrate.apply(port))
        finish(port.close())
        return [step.name for step in ran]

    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(apply, range(4)))
    assert sorted(name for each in ran for name in each) == ["a", "b", "begin", "c", "d"]
    assert work(database) == [f"{name}-{number}" for name in names for number in range(1, 6)]


# the lock ---------------------------------------------------------------------------------------


def lock(database: Database, seconds: float) -> dict[str, Any]:
    """A lock that somebody else holds for so many seconds."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    held = {"_id": "migrations", "owner": secrets.token_hex(8), "until": until}
    database[lease.LOCKS].insert_one(held)
    return held


def test_a_dead_runners_lock_runs_out(port: BlockingPort, database: Database, steps: Path) -> None:
    lock(database, -1)
    assert [step.name for step in finish(migrate.apply(port))] == ["begin"]
    assert list(database[lease.LOCKS].find()) == []


def test_a_living_runner_is_waited_for(port: BlockingPort, database: Database) -> None:
    lock(database, 0.7)
    began = datetime.now(UTC)
    assert len(finish(migrate.apply(port))) == len(migrate.steps())
    assert datetime.now(UTC) - began > timedelta(seconds=0.6)


def test_one_who_takes_too_long_is_not_waited_for(
    port: BlockingPort, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_PATIENCE", timedelta(seconds=0.3))
    lock(database, 60)
    with pytest.raises(Unavailable, match="another process migrates"):
        finish(migrate.apply(port))
    assert records(database) == {}
    assert database[lease.LOCKS].count_documents({}) == 1


def test_progress_renews_the_lease(
    port: BlockingPort, database: Database, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step may take longer than the lease, as long as it says how far it is."""
    monkeypatch.setattr(lease, "DURATION", timedelta(seconds=0.3))
    add(steps, 2, "a", "time.sleep(0.15)")
    with ThreadPoolExecutor(2) as pool:
        ran = list(pool.map(lambda _: finish(migrate.apply(port)), range(2)))
    assert sorted(len(each) for each in ran) == [0, 2]
    assert work(database) == FIVE


def test_a_runner_that_lost_its_lease_stops(
    port: BlockingPort, database: Database, steps: Path
) -> None:
    taken = "if number == 2: await port.update_one('store.locks', {'_id': 'migrations'}, {'$set': {'owner': 'other'}})"
    add(steps, 2, "a", taken)
    with pytest.raises(Unavailable, match="ran out"):
        finish(migrate.apply(port))
    assert work(database) == FIVE[:3]
    assert records(database)[2]["progress"] == {"after": 2}
    # The lock is the other's now.
    assert database[lease.LOCKS].find_one()["owner"] == "other"


def test_the_secret_stays_when_the_first_step_is_run_again(
    port: BlockingPort, database: Database
) -> None:
    finish(migrate.open_database(port))
    secret = finish(migrate.page_secret(port))
    database[migrate.RECORDS].delete_one({"_id": 1})
    finish(migrate.apply(port))
    assert finish(migrate.page_secret(port)) == secret


def test_a_database_without_its_secret_is_refused(port: BlockingPort, database: Database) -> None:
    finish(migrate.open_database(port))
    database[migrate.SETTINGS].delete_one({"_id": "page_secret"})
    with pytest.raises(FhirError, match="page secret"):
        finish(migrate.page_secret(port))


# the steps --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_cut_off", [False, True], ids=["at once", "interrupted"])
def test_views_are_made_again(
    wire_uri: str, fresh_database: str, port: BlockingPort, database: Database, is_cut_off: bool
) -> None:
    with Store.connect(wire_uri, database=fresh_database) as store:
        made = store.create(PATIENT)
        store.create({"resourceType": "Basic", "code": {"text": "x"}})
    views = ("views.Basic", "views.Patient")
    for view in views:
        database.drop_collection(view)
        replaced = [{"$match": {"deleted": {"$exists": False}}}, {"$replaceRoot": {"newRoot": {}}}]
        database.command({"create": view, "viewOn": view[6:], "pipeline": replaced})
    database["views.somebody"].insert_one({"_id": 1})
    database[migrate.RECORDS].update_one({"_id": 2}, {"$unset": {"finished": ""}})
    if is_cut_off:
        saved = {"types": ["Basic", "Patient"]}
        database[migrate.RECORDS].update_one({"_id": 2}, {"$set": {"progress": saved}})
        database.drop_collection("views.Basic")
    finish(migrate.apply(port))
    assert [found["id"] for found in database["views.Patient"].find()] == [made.id]
    assert database["views.Basic"].count_documents({"code.text": "x"}) == 1
    assert list(database["views.somebody"].find()) == [{"_id": 1}]
