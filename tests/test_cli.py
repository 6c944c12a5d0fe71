"""Each command does what its help says, says what went wrong in words, and tells by its exit status which of both it was."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pymongo
import pytest
from click.testing import CliRunner, Result

from fhirstore import Store, json_text, migrate
from fhirstore.cli import main
from fhirstore.cli.output import written_whole
from fhirstore.ports.driver import DriverPort
from fhirstore.ports.port import CommandFailed
from fhirstore.settings import Settings
from tests.sample_data import fill

Database = Any
COMMANDS = main.list_commands(click.Context(main))
AWAY = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who runs the tests may have a store of their own."""
    for name in ("URI", "PATH", "DATABASE", "VALIDATION"):
        monkeypatch.delenv(f"FHIRSTORE_{name}", raising=False)


@pytest.fixture(scope="module")
def filled(wire_uri: str) -> Iterator[str]:
    """The name of a database with sample patients, and one Patient of three versions."""
    name = f"fhirstore_test_{secrets.token_hex(6)}"
    with Store.connect(wire_uri, database=name) as store:
        fill(store, patients=2)
        for family in ("First", "Second", "Third"):
            store.update({"resourceType": "Patient", "id": "p1", "name": [{"family": family}]})
        store.update({"resourceType": "Patient", "id": "gone"})
        store.delete("Patient", "gone")
    yield name
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    client.drop_database(name)
    client.close()


class Shell:
    """Runs commands on one database."""

    def __init__(self, uri: str, database: str) -> None:
        self.place = ("--uri", uri, "--database", database)

    def __call__(self, *arguments: str, status: int = 0) -> str:
        result = run(*arguments, *self.place)
        assert result.exit_code == status, result.output
        return result.output


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


@pytest.fixture
def shell(wire_uri: str, filled: str) -> Shell:
    return Shell(wire_uri, filled)


# all of them ------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_it_is(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"main {command}" in result.output
    # It says more than its name.
    assert len(result.output.splitlines()) > 5
    assert f"  {command} " in run("--help").output


def test_the_commands_are_those_of_the_readme() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    assert {"load", "serve", "search", "explain", "indexes", "migrate", "doctor"} <= set(COMMANDS)
    for command in ("load", "serve", "search", "explain", "indexes", "migrate", "doctor"):
        assert f"    fhirstore {command}" in readme


def test_the_version() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "fhirstore", "--version"], capture_output=True, text=True
    )
    assert said.stdout.startswith("fhirstore, version ")
    assert said.stdout.strip()[-1].isdigit()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--help",), 0, "Commands"),
        (("gett", "Patient/1"), 2, "No such command 'gett'"),
        (("get",), 2, "Missing argument"),
        (("get", "Patient/1", "--uri", "mongodb://a", "--path", "b"), 2, "exclude each other"),
        (("doctor", "--uri", "mongodb://a", "--path", "b"), 2, "exclude each other"),
        (("get", "Patient/1", "--uri", AWAY), 1, "error: the database does not answer"),
        (("search", "Patient", "--uri", AWAY), 1, "error: the database does not answer"),
        (("doctor", "--uri", AWAY), 1, "error: the database does not answer"),
        (("migrate", "status", "--uri", AWAY), 1, "error: the database does not answer"),
        (("indexes", "plan", "--uri", AWAY), 1, "error: the database does not answer"),
        (("serve", "--port", "0", "--uri", AWAY), 1, "error: the database does not answer"),
        (("get", "Patient/1", "--uri", "http://h"), 1, "cannot be used as a database"),
        (("get", "Patient/1", "--uri", "mongodb://h:port"), 1, "cannot be used as a database"),
        (("get", "Patient/1", "--path", __file__), 2, "is a file"),
        (("get", "Patient/1", "--uri", f"{AWAY}&tls=true&tlsCAFile=/none"), 1, "is not readable"),
        (("get", "Patient/1", "--uri", ""), 2, "--uri: it is empty"),
        (("load", __file__, "--path", ""), 2, "--path: it is empty"),
        (("doctor", "--uri", AWAY, "--database", ""), 2, "--database: it is empty"),
        (("search", "Patient", "--path", "/none"), 1, "there is no store in /none"),
        (("search", "Patient", "--uri", AWAY, "--limit", "-1"), 2, "--limit"),
        (("serve", "--uri", AWAY, "--limit", "0"), 2, "--limit"),
        (("serve", "--uri", AWAY, "--port", "70000"), 2, "--port"),
        (("demo", "--port", "70000"), 2, "--port"),
        (("demo", "--patients", "-5"), 2, "--patients"),
        (("demo", "--directory", f"{__file__}/below"), 1, "Not a directory"),
        (("sample", "x", "--patients", "-5"), 2, "--patients"),
        (("sample", f"{__file__}/below"), 1, "below: Not a directory"),
        (("load", __file__, "--path", f"{__file__}/below"), 1, "below cannot be used"),
        (("rdf", "export", "--uri", AWAY, "--output", "/"), 2, "is a directory"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(
    arguments: tuple[str, ...], status: int, said: str
) -> None:
    result = run(*arguments)
    assert (result.exit_code, said in result.output) == (status, True), result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://user:secret@h:port",
        "mongodb://user:secret@127.0.0.1:1/?serverSelectionTimeoutMS=100",
        "mongodb://user:se@secret@127.0.0.1/",
        "mongodb+srv://user:secret@127.0.0.1",
        "user:secret@127.0.0.1",
        "user:secret@127.0.0.1/fhir?x=secret",
        "http://user:secret@127.0.0.1",
        "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100&tlsCertificateKeyFilePassword=x@secret",
        "mongodb://u:sec?secret@127.0.0.1:port",
    ],
)
def test_a_password_is_never_shown(uri: str) -> None:
    for command in ("doctor", "migrate", "get"):
        more = {"migrate": ["status"], "get": ["Patient/1"]}.get(command, [])
        result = run(command, *more, "--uri", uri)
        assert result.exit_code == 1
        assert result.output
        assert "secret" not in result.output


def test_a_port_that_is_taken_is_said(shell: Shell) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"cannot listen on 127.0.0.1 port {port}" in shell(
            "serve", "--port", str(port), status=1
        )


# which database ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "environment", "place"),
    [
        ({}, {}, "'fhir', embedded in fhirstore-data"),
        ({"uri": "mongodb://a"}, {}, "'fhir', mongodb://a"),
        ({"uri": "mongodb://u:p@a,b/x?y=z"}, {}, "'fhir', mongodb://a,b/x"),
        ({"path": "here"}, {}, "'fhir', embedded in here"),
        ({"database": "d"}, {"URI": "mongodb://b"}, "'d', mongodb://b"),
        ({}, {"URI": "mongodb://b", "DATABASE": "e"}, "'e', mongodb://b"),
        ({}, {"PATH": "there"}, "'fhir', embedded in there"),
        ({"uri": "mongodb://a"}, {"URI": "mongodb://b", "PATH": "there"}, "'fhir', mongodb://a"),
        ({"path": "here"}, {"URI": "mongodb://b", "PATH": "there"}, "'fhir', embedded in here"),
        ({"database": "d"}, {"DATABASE": "e", "PATH": "there"}, "'d', embedded in there"),
        ({"uri": "u:p@a"}, {}, "'fhir', an address that is not MongoDB's"),
        ({"uri": "mongodb://a/?x=u@p"}, {}, "'fhir', mongodb://..."),
    ],
)
def test_options_go_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, str],
    environment: dict[str, str],
    place: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"FHIRSTORE_{name}", value)
    given: dict[str, Any] = {"uri": None, "path": None, "database": None, **options}
    assert Settings.of(**given).place == place


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("URI", "", "it is empty"),
        ("PATH", "", "it is empty"),
        ("DATABASE", "", "it is empty"),
        ("VALIDATION", "bogus", "Input should be"),
    ],
)
def test_a_setting_that_is_none_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"FHIRSTORE_{name}", value)
    result = run("load", ".")
    assert result.exit_code == 2
    assert f"FHIRSTORE_{name}: " in result.output
    assert said in result.output
    assert list(tmp_path.iterdir()) == [], "an embedded store was begun"


READING = (
    ("advise",), ("doctor",), ("explain", "Patient"), ("get", "Patient/1"), ("search", "Patient"),
    ("rdf", "export"), ("sparql", "ASK {}"), ("migrate", "status"), ("migrate", "apply", "--dry-run"),
    ("indexes", "plan"), ("indexes", "status"),
)  # fmt: skip


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_what_reads_begins_no_store(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ((), ("--path", "."), ("--path", "there")):
        result = run(*command, *place)
        assert (result.exit_code, "there is no store in" in result.output) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_output_that_cannot_be_written_is_said(wire_uri: str, filled: str) -> None:
    command = [sys.executable, "-m", "fhirstore", "search", "Patient"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*command, "--uri", wire_uri, "--database", filled],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (ended.returncode, ended.stderr) == (1, "error: No space left on device\n")


def test_a_command_takes_its_database_from_the_environment(
    wire_uri: str, filled: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "FHIRSTORE_URI": wire_uri, "FHIRSTORE_DATABASE": filled}
    command = [sys.executable, "-m", "fhirstore", "get", "Patient/p1"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert json.loads(said.stdout)["name"] == [{"family": "Third"}]
    assert list(tmp_path.iterdir()) == [], "an embedded store was begun"


def test_a_command_works_on_an_embedded_store(tmp_path: Path) -> None:
    place = str(tmp_path / "store")
    with Store.embedded(place) as store:
        store.update({"resourceType": "Patient", "id": "mine", "active": True})
        assert json.loads(run("get", "Patient/mine", "--path", place).output)["active"] is True
        assert run("search", "Patient?active=true", "--path", place, "--count").output == "1\n"
        assert f"embedded in {place}" in run("doctor", "--path", place).output


# get --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "family"),
    [
        ("Patient/p1", "Third"),
        ("/Patient/p1/", "Third"),
        ("Patient/p1/_history/1", "First"),
        ("Patient/p1/_history/3", "Third"),
    ],
)
def test_get_prints_a_resource(shell: Shell, address: str, family: str) -> None:
    printed = shell("get", address)
    assert json.loads(printed)["name"] == [{"family": family}]
    assert printed.startswith('{\n  "resourceType": "Patient"')


def test_get_prints_numbers_as_they_are(wire_uri: str, fresh_database: str) -> None:
    text = '{"resourceType":"Basic","id":"n","code":{"text":"é"},"extension":[{"url":"u","valueDecimal":1.00}]}'
    with Store.connect(wire_uri, database=fresh_database) as store:
        store.update(text)
    printed = Shell(wire_uri, fresh_database)("get", "Basic/n")
    assert '"valueDecimal": 1.00\n' in printed
    assert '"text": "é"' in printed


def test_get_lists_versions(shell: Shell, wire_uri: str, filled: str) -> None:
    lines = [line.split("\t") for line in shell("get", "Patient/gone", "--history").splitlines()]
    assert [(number, method) for number, _, method in lines] == [("2", "DELETE"), ("1", "PUT")]
    with Store.connect(wire_uri, database=filled) as store:
        newest = store.history("Patient", "gone").entries[0].last_updated
    said = datetime.strptime(lines[0][1], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert said == newest


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("Patient/nobody", 1, "error: there is no Patient/nobody"),
        ("Patient/gone", 1, "was deleted with version 2"),
        ("Patient/p1/_history/9", 1, "there is no version 9"),
        ("Pattient/p1", 1, "'Pattient' is not a resource type"),
        ("Patient/a_b", 1, "not a logical id"),
        ("Patient", 2, "an address is Type/id"),
        ("Patient/p1/_history", 2, "an address is Type/id"),
        ("Patient/p1/versions/1", 2, "an address is Type/id"),
    ],
)
def test_get_says_what_is_not_there(shell: Shell, address: str, status: int, said: str) -> None:
    assert said in shell("get", address, status=status)


# search -----------------------------------------------------------------------------------------


def test_search_prints_a_resource_a_line(shell: Shell, wire_uri: str, filled: str) -> None:
    with Store.connect(wire_uri, database=filled) as store:
        whole = [v.json for v in store.search("Observation", "_count=1000&_sort=_id").matches]
    assert len(whole) > 50
    assert shell("search", "Observation?_sort=_id").splitlines() == whole
    assert shell("search", "Observation?_sort=_id&_count=7").splitlines() == whole
    assert shell("search", "Observation?_sort=_id", "--limit", "3").splitlines() == whole[:3]
    assert shell("search", "Observation", "--count") == f"{len(whole)}\n"
    assert shell("search", "Patient?family=nobody") == ""
    assert shell("search", "Patient?family=third", "--count") == "1\n"
    assert shell("search", "Patient?", "--count") == "3\n"
    assert shell("search", "Patient/p1", "--count") == "1\n"
    for query in ("_summary=count", "_count=0", "_summary=count&_count=0"):
        assert shell("search", f"Patient?{query}") == "3\n"
        assert shell("search", f"Patient?{query}", "--count") == "3\n"
        assert shell("search", f"?_type=Patient&{query}") == "3\n"


@pytest.mark.parametrize("command", ["search", "explain"])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("Patient?nmae=x", "error: nmae: Patient has no search parameter 'nmae'"),
        ("Patient?birthdate=soon", "error: birthdate: "),
        ("Pattient?name=x", "'Pattient' is not a resource type"),
    ],
)
def test_a_wrong_search_is_said(shell: Shell, command: str, query: str, said: str) -> None:
    assert said in shell(command, query, status=1)


def test_a_search_prints_what_it_includes(shell: Shell) -> None:
    def printed(query: str) -> list[str]:
        found = map(json.loads, shell("search", query).splitlines())
        return [f"{resource['resourceType']}/{resource['id']}" for resource in found]

    (patient,) = printed("Patient?family=third")
    assert set(printed("Patient?family=third&_revinclude=Observation:subject")) == {
        patient, *printed(f"Observation?subject={patient}")
    }  # fmt: skip
    assert patient in printed(f"{patient}/*")
    assert printed(f"{patient}/Observation") == printed(f"Observation?subject={patient}")
    assert printed("?_type=Patient&family=third") == [patient]
    assert shell("search", f"{patient}/Observation", "--count").strip().isdigit()


def test_what_the_server_refused_is_said(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: Any, **named: Any) -> None:
        raise CommandFailed("index options differ", 85)

    monkeypatch.setattr(DriverPort, "find", refused)
    said = shell("search", "Patient?family=x", status=1)
    assert said == "error: the server refused: index options differ\n"


def test_all_that_is_wrong_with_a_search_is_said(shell: Shell) -> None:
    lines = shell("search", "Patient?nmae=x&birthdate=soon&_count=all", status=1).splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["nmae", "_count", "birthdate"]


def test_a_reader_that_stops_early_is_no_error(wire_uri: str, filled: str) -> None:
    command = [sys.executable, "-m", "fhirstore", "search", "Observation"]
    process = subprocess.Popen(
        [*command, "--uri", wire_uri, "--database", filled],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b'{"resourceType":"Observation"')
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(20) in (0, 1)
    process.stderr.close()


def test_explain_names_the_index(shell: Shell) -> None:
    said = shell("explain", "Observation?code=8867-4&_sort=-date")
    assert "search.code" in said
    assert "Observation" in said


@pytest.mark.parametrize("query", ["Patient/a1", "Patient/a1/*", "Patient/a/Observation", "?_type=Patient", ""])  # fmt: skip
def test_explain_says_what_it_does_not_explain(shell: Shell, query: str) -> None:
    assert "a search of one type" in shell("explain", query, status=2)


# validate ---------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    good = {"resourceType": "Patient", "id": "a"}
    bad = {"resourceType": "Patient", "gender": "none", "birthDate": "1"}
    (tmp_path / "good.json").write_text(json.dumps(good))
    (tmp_path / "bad.json").write_text(json.dumps(bad))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "lines.ndjson").write_text("\n".join(map(json.dumps, (good, bad, good))))
    entries = [{"resource": each} for each in (good, bad)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    return tmp_path


@pytest.mark.parametrize(
    ("names", "status", "last", "places"),
    [
        (("good.json",), 0, "1 resources are well, 0 are not", []),
        (("bad.json",), 1, "0 resources are well, 1 are not", ["bad.json", "bad.json"]),
        (("broken.json",), 1, "0 resources are well, 1 are not", ["broken.json"]),
        (("lines.ndjson",), 1, "2 resources are well, 1 are not", ["lines.ndjson:2"] * 2),
        (("bundle.json",), 1, "1 resources are well, 1 are not", ["bundle.json entry 1"] * 2),
        (("good.json", "bad.json"), 1, "1 resources are well, 1 are not", ["bad.json"] * 2),
    ],
)
def test_validate_says_what_is_wrong_and_where(
    files: Path, names: tuple[str, ...], status: int, last: str, places: list[str]
) -> None:
    result = run("validate", *(str(files / name) for name in names))
    *issues, end = result.output.splitlines()
    assert (result.exit_code, end) == (status, last)
    assert [line.partition(": error: ")[0] for line in issues] == [
        str(files / place) for place in places
    ]
    if "bad.json" in names:
        assert any("Patient.gender" in line for line in issues)
        assert any("Patient.birthDate" in line for line in issues)


def test_validate_takes_a_directory_and_no_database(files: Path) -> None:
    environment = {**os.environ, "FHIRSTORE_URI": AWAY}
    command = [sys.executable, "-m", "fhirstore", "validate", str(files)]
    said = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert said.returncode == 1
    assert said.stdout.splitlines()[-1] == "4 resources are well, 4 are not"
    assert run("validate", str(files / "nowhere")).exit_code == 2


# sample -----------------------------------------------------------------------------------------


def read(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_sample_writes_the_same_people_each_time(tmp_path: Path) -> None:
    said = run("sample", str(tmp_path / "a" / "b"), "--patients", "3")
    assert said.output == f"3 patients in {tmp_path / 'a' / 'b'}\n"
    run("sample", str(tmp_path / "again"), "--patients", "3")
    run("sample", str(tmp_path / "more"), "--patients", "5")
    run("sample", str(tmp_path / "others"), "--patients", "3", "--seed", "2")
    three = read(tmp_path / "a" / "b")
    assert list(three) == ["00000.json", "00001.json", "00002.json", "00003.json"]
    assert read(tmp_path / "again") == three
    more = read(tmp_path / "more")
    assert {name: more[name] for name in three} == three
    others = read(tmp_path / "others")
    assert others["00000.json"] == three["00000.json"]
    assert all(others[name] != three[name] for name in list(three)[1:])


def test_a_sample_is_valid_fhir(tmp_path: Path) -> None:
    run("sample", str(tmp_path), "--patients", "3")
    result = run("validate", str(tmp_path))
    assert result.exit_code == 0
    assert result.output.splitlines()[-1].endswith("resources are well, 0 are not")
    for text in read(tmp_path).values():
        entries = json_text.parse(text)["entry"]
        urls = [entry["fullUrl"] for entry in entries]
        assert len(set(urls)) == len(urls)


# doctor -----------------------------------------------------------------------------------------


@pytest.fixture
def patient_of(wire_uri: str, fresh_database: str) -> Iterator[tuple[Shell, Database]]:
    """A new database with one Patient in it."""
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    with Store.connect(wire_uri, database=fresh_database) as store:
        store.update({"resourceType": "Patient", "id": "a"})
        store.update({"resourceType": "Patient", "id": "a", "active": True})
    yield Shell(wire_uri, fresh_database), client[fresh_database]
    client.close()


def problems(output: str) -> list[str]:
    return [line[2:] for line in output.splitlines() if line.startswith("! ")]


def test_a_healthy_database(patient_of: tuple[Shell, Database]) -> None:
    shell, database = patient_of
    said = shell("doctor")
    assert said.startswith(f"database {database.name!r}, mongodb://")
    assert problems(said) == []
    subjects = {line[2:].partition(":")[0] for line in said.splitlines()[1:]}
    assert {"server", "transactions", "indexes", "migrations", "data"} <= subjects
    assert "about 1 resources of 1 types, 1 past versions" in said
    version = database.client.server_info()["version"]
    assert version in said


def test_a_new_database_is_looked_at_and_left_alone(wire_uri: str, fresh_database: str) -> None:
    said = Shell(wire_uri, fresh_database)("doctor")
    assert "the database is new; the first use sets it up" in said
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    assert client[fresh_database].list_collection_names() == []
    client.close()


def _interrupt(database: Database) -> None:
    database[migrate.RECORDS].update_one({"_id": 1}, {"$unset": {"finished": ""}})


def _is_newer(database: Database) -> None:
    record = {
        "_id": 9999,
        "name": "later",
        "began": datetime.now(UTC),
        "finished": datetime.now(UTC),
    }
    database[migrate.RECORDS].insert_one(record)


def _lose_an_index(database: Database) -> None:
    database["Patient"].drop_index("search.name")


def _change_an_index(database: Database) -> None:
    database["Patient"].drop_index("search.name")
    database["Patient"].create_index([("search.given", -1)], name="search.name")


@pytest.mark.parametrize(
    ("damage", "said", "advice"),
    [
        (_interrupt, "step 1 begin was interrupted", "fhirstore migrate apply"),
        (_is_newer, "migration 9999", "later version"),
        (_lose_an_index, "1 missing: Patient search.name", "fhirstore indexes apply`"),
        (_change_an_index, "1 different: Patient search.name", "indexes apply --replace"),
    ],
    ids=lambda value: getattr(value, "__name__", "").strip("_") or None,
)
def test_what_has_to_be_done_is_said_and_ends_with_1(
    patient_of: tuple[Shell, Database], damage: Any, said: str, advice: str
) -> None:
    shell, database = patient_of
    damage(database)
    found = problems(shell("doctor", status=1))
    assert any(said in line and advice in line for line in found), found


@pytest.mark.parametrize("damage", [_interrupt, _lose_an_index, _change_an_index])
def test_the_advice_helps(patient_of: tuple[Shell, Database], damage: Any) -> None:
    shell, database = patient_of
    damage(database)
    for line in problems(shell("doctor", status=1)):
        command = line.rpartition("`fhirstore ")[2].partition("`")[0]
        shell(*command.split())
    assert problems(shell("doctor")) == []


def test_an_index_of_ones_own_is_no_problem(patient_of: tuple[Shell, Database]) -> None:
    shell, database = patient_of
    database["Patient"].create_index("mine", name="mine")
    said = shell("doctor")
    assert problems(said) == []
    assert "i indexes: 1 extra: Patient mine" in said


def test_the_addresses_that_are_kept_are_said(patient_of: tuple[Shell, Database]) -> None:
    shell, database = patient_of
    assert "addresses" not in shell("doctor")
    kept = ["https://clinic.example/fhir", 5]
    database[migrate.SETTINGS].insert_one({"_id": "base_urls", "urls": kept})
    said = shell("doctor")
    assert "addresses: the store is known under https://clinic.example/fhir\n" in said
    assert "i addresses: 1 of the addresses that are kept are no base URLs" in said


# output -----------------------------------------------------------------------------------------


def test_a_file_is_written_when_all_went_well(tmp_path: Path) -> None:
    place = tmp_path / "out"
    with written_whole(str(place)) as file:
        file.write("ü")
        assert not place.exists()
    assert place.read_text(encoding="utf-8") == "ü"
    with suppress(RuntimeError), written_whole(str(place)) as file:
        file.write("x")
        raise RuntimeError
    assert place.read_text(encoding="utf-8") == "ü"
    with written_whole("/dev/null") as file:
        file.write("x")
    assert Path("/dev/null").is_char_device()
    assert list(tmp_path.iterdir()) == [place]
