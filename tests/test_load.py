"""A load ends with the same database whatever its files' form and order, however many work on it and however often it is
killed;

and says of each resource that it did not write why.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pymongo
import pytest
import zstandard
from click.testing import CliRunner, Result

from fhirstore import Store, json_text
from fhirstore.cli import main
from fhirstore.errors import BadRequest, Unavailable
from fhirstore.load import run as load_run
from fhirstore.load.report import Counts, Report
from fhirstore.load.run import Load
from fhirstore.sample import sample_bundles
from tests.sample_data import resources

Database = Any
Resource = dict[str, Any]
PATIENTS = 3
SYSTEM = "urn:x-load"


# the parts --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def warm(wire_uri: str) -> Iterator[Database]:
    """A database that has the indexes of all that is loaded here: to make them takes longer than a load."""
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    name = f"fhirstore_test_load_{os.getpid()}"
    client.drop_database(name)
    with Store.connect(wire_uri, database=name) as store:
        catalogue = store.parts().catalogue
        for type in {resource["resourceType"] for resource in resources(PATIENTS)}:
            store._run(catalogue.ensure(type))
    yield client[name]
    client.drop_database(name)
    client.close()


@pytest.fixture
def database(warm: Database) -> Database:
    """An empty one."""
    for name in warm.list_collection_names():
        if not name.startswith(("store.", "views.", "system.")):
            warm[name].delete_many({})
    return warm


# A shell in whose background the tests run has SIGINT ignored, and that is inherited.
_IN_SMALL_UNITS = """
import signal
import fhirstore.load.run as run
from fhirstore.cli import main
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run.SMALL = 0
    run._UNIT_ITEMS = 1
    main()
"""


class Loader:
    """Loads into one database, in this process or at the command line."""

    def __init__(self, uri: str, database: Database, directory: Path) -> None:
        self.uri = uri
        self.database = database
        self.rejects = directory / "rejects.ndjson"

    def run(self, *paths: Path, processes: int = 1) -> Report:
        connect = partial(Store.connect, self.uri, database=self.database.name)
        return Load(paths, connect, processes, self.rejects).run()

    def command(self, *arguments: str | Path) -> list[str]:
        place = ("--uri", self.uri, "--database", self.database.name)
        rejects = ("--rejects", str(self.rejects))
        return ["load", *map(str, arguments), *place, *rejects]

    def invoke(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(main, self.command(*arguments))

    @contextmanager
    def running(
        self, *arguments: str | Path, temporary: Path | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """A process that loads, with as many workers as are asked for however little there is to do."""
        before = self.settled()
        environment = {**os.environ, "TMPDIR": str(temporary or self.rejects.parent)}
        process = subprocess.Popen(
            [sys.executable, "-c", _IN_SMALL_UNITS, *self.command(*arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=environment,
        )
        try:
            while self.observations() == before:
                assert process.poll() is None, process.communicate()
                time.sleep(0.002)
            yield process
        finally:
            process.kill()
            process.wait()

    def observations(self) -> int:
        count: int = self.database["Observation"].count_documents({})
        return count

    def settled(self) -> int:
        """How many there are once what was under way to the server has arrived."""
        count = -1
        while count != (count := self.observations()):
            time.sleep(0.3)
        return count

    def rejected(self) -> list[dict[str, Any]]:
        lines = self.rejects.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def stored(self) -> dict[str, tuple[int, str]]:
        """Version and content of each resource, `Type/id`; less what the store itself sets."""
        found = {}
        for name in self.database.list_collection_names():
            if "." in name or name.endswith("_history"):
                continue
            for document in self.database[name].find({}, {"version": 1, "json": 1}):
                resource = json_text.parse(document["json"].encode())
                found[f"{name}/{document['_id']}"] = (document["version"], content(resource))
        return found

    def history(self) -> int:
        """How many versions were superseded."""
        return sum(
            self.database[name].count_documents({})
            for name in self.database.list_collection_names()
            if name.endswith("_history")
        )

    def documents(self) -> dict[str, list[Any]]:
        names = [n for n in self.database.list_collection_names() if "." not in n]
        return {name: sorted(map(str, self.database[name].find())) for name in names}


@pytest.fixture
def loader(wire_uri: str, database: Database, tmp_path: Path) -> Loader:
    return Loader(wire_uri, database, tmp_path)


def content(resource: Resource) -> str:
    kept = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    return json_text.dump_sorted(kept).decode()


def written(directory: Path, *documents: Any) -> Path:
    """The documents as files of a directory, in this order."""
    directory.mkdir(parents=True, exist_ok=True)
    for number, document in enumerate(documents):
        text = document if isinstance(document, str) else json_text.dump(document)
        (directory / f"{number:03}.json").write_text(text, encoding="utf-8")
    return directory


def bundle(*entries: Resource) -> Resource:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def patient(id: str, *identifiers: str, **more: Any) -> Resource:
    made: Resource = {"resourceType": "Patient", "id": id, **more}
    if identifiers:
        made["identifier"] = [{"system": SYSTEM, "value": value} for value in identifiers]
    return made


def condition(id: str, subject: str) -> Resource:
    return {"resourceType": "Condition", "id": id, "subject": {"reference": subject}}


def by_identifier(value: str, type: str = "Patient") -> str:
    return f"{type}?identifier={SYSTEM}|{value}"


def expected(patients: int = PATIENTS) -> dict[str, tuple[int, str]]:
    """The sample resources, each in its first version: made without any load."""
    return {f"{r['resourceType']}/{r['id']}": (1, content(r)) for r in resources(patients)}


# forms and orders -------------------------------------------------------------------------------


def texts(patients: int = PATIENTS) -> list[bytes]:
    return [json_text.dump(each).encode() for each in sample_bundles(patients)]


def _directory(place: Path) -> Path:
    return written(place / "records", *(text.decode() for text in texts()))


def _tar_zst(place: Path) -> Path:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number, text in enumerate(texts()):
            member = tarfile.TarInfo(f"records/{number}.json")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    path = place / "records.tar.zst"
    path.write_bytes(zstandard.compress(packed.getvalue()))
    return path


def _zip(place: Path) -> Path:
    path = place / "records.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, text in enumerate(texts()):
            archive.writestr(f"{number}.json", text)
    return path


def _ndjson_gz(place: Path) -> Path:
    path = place / "records.ndjson.gz"
    path.write_bytes(gzip.compress(b"\n".join(texts())))
    return path


def _backwards(place: Path) -> Path:
    """What others refer to comes last."""
    return written(place / "records", *(text.decode() for text in reversed(texts())))


def _shuffled(place: Path) -> Path:
    given = texts()
    random.Random(place.name).shuffle(given)
    return written(place / "records", *(text.decode() for text in given))


def _one_bundle(place: Path) -> Path:
    """All in one transaction, backwards."""
    entries = [entry for text in texts() for entry in json_text.parse(text)["entry"]]
    return written(place / "records", bundle(*reversed(entries)))


FORMS = (_directory, _tar_zst, _zip, _ndjson_gz, _backwards, _shuffled, _one_bundle)


@pytest.mark.parametrize(
    ("form", "processes"),
    [*((form, 1) for form in FORMS), (_directory, 2), (_backwards, 2)],
    ids=lambda value: getattr(value, "__name__", str(value)).strip("_"),
)
def test_every_form_gives_the_same_database_and_again_nothing(
    loader: Loader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Callable[[Path], Path],
    processes: int,
) -> None:
    monkeypatch.setattr(load_run, "SMALL", 0)
    path = form(tmp_path)
    wanted = expected()
    first = loader.run(path, processes=processes)
    assert loader.stored() == wanted
    assert (first.exit_code, first.total) == (0, Counts(created=len(wanted)))
    assert not loader.rejects.exists()
    before = loader.documents()
    again = loader.run(path, processes=processes)
    assert (again.exit_code, again.total) == (0, Counts(unchanged=len(wanted)))
    assert loader.documents() == before
    assert loader.history() == 0


def test_what_changed_is_one_new_version(loader: Loader, tmp_path: Path) -> None:
    loader.run(written(tmp_path / "a", patient("a"), patient("b"), patient("c")))
    changed = written(tmp_path / "b", patient("a", active=True), patient("b"), patient("d"))
    report = loader.run(changed)
    assert report.total == Counts(created=1, updated=1, unchanged=1)
    assert {id: version for id, (version, _) in loader.stored().items()} == {
        "Patient/a": 2,
        "Patient/b": 1,
        "Patient/c": 1,
        "Patient/d": 1,
    }
    assert loader.history() == 1


def test_a_deleted_resource_comes_back(loader: Loader, tmp_path: Path) -> None:
    path = written(tmp_path / "a", patient("a"))
    loader.run(path)
    with Store.connect(loader.uri, database=loader.database.name) as store:
        store.delete("Patient", "a")
        assert loader.run(path).total == Counts(created=1)
        assert store.read("Patient", "a").version == 3


@pytest.mark.parametrize("processes", [1, 2])
def test_of_what_one_load_says_differently_the_last_is_written(
    loader: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr(load_run, "SMALL", 0)
    monkeypatch.setattr(load_run, "_UNIT_ITEMS", 1)
    said = [patient("a", gender=gender) for gender in ("male", "female", "other", "unknown")]
    path = written(tmp_path / "a", *said, patient("b"))
    first = loader.run(path, processes=processes)
    # How many versions there are depends on who was first; what is written last does not.
    assert loader.stored()["Patient/a"][1] == content(said[-1])
    assert first.total.total == 5
    assert first.total.rejected == 0
    before = loader.documents()
    again = loader.run(path, processes=processes)
    assert (again.total.created, again.total.updated) == (0, 0)
    assert loader.documents() == before


def test_resources_without_ids_get_the_same_again(loader: Loader, tmp_path: Path) -> None:
    bare = [{"resourceType": "Patient", "gender": gender} for gender in ("male", "female", "male")]
    path = written(tmp_path / "a", *bare)
    assert loader.run(path).total == Counts(created=2, unchanged=1)
    assert loader.run(path).total == Counts(unchanged=3)


# references -------------------------------------------------------------------------------------


def test_references_between_entries_lead_to_what_is_stored(loader: Loader, tmp_path: Path) -> None:
    urn = "urn:uuid:0b9f4a5c-6a0e-4b0e-8a88-0c4c7d6c1e11"
    first = {"fullUrl": urn, "resource": {"resourceType": "Patient"}}
    second = {"fullUrl": "urn:uuid:1", "resource": condition("c", urn)}
    loader.run(written(tmp_path / "a", bundle(second, first)))
    stored = json.loads(loader.stored()["Condition/c"][1])
    assert stored["subject"] == {"reference": f"Patient/{urn.removeprefix('urn:uuid:')}"}


@pytest.mark.parametrize("before", [True, False], ids=["in the database", "in the load"])
@pytest.mark.parametrize(
    ("there", "matches"),
    [
        ([], 0),
        ([patient("a", "1")], 1),
        ([patient("a", "1", "2")], 1),
        ([patient("a", "2")], 0),
        ([patient("a", "1"), patient("b", "2")], 1),
        ([patient("a", "1"), patient("b", "1")], 2),
        ([patient("a", "1"), patient("b", "2", "1"), patient("c", "1")], 3),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_conditional_reference_needs_one_match(
    loader: Loader,
    tmp_path: Path,
    there: list[Resource],
    matches: int,
    before: bool,
    first: bool,
) -> None:
    asking = condition("c", by_identifier("1"))
    if before:
        loader.run(written(tmp_path / "before", *there))
        report = loader.run(written(tmp_path / "load", asking))
    else:
        given = [*there, asking] if first else [asking, *there]
        report = loader.run(written(tmp_path / "load", *given))
    assert report.exit_code == (0 if matches == 1 else 1)
    assert ("Condition/c" in loader.stored()) == (matches == 1)
    if matches == 1:
        stored = json.loads(loader.stored()["Condition/c"][1])
        assert stored["subject"] == {"reference": "Patient/a"}
        return
    (rejected,) = loader.rejected()
    issue = rejected["outcome"]["issue"][0]
    said = "matches nothing" if matches == 0 else f"matches {matches} resources"
    assert issue["diagnostics"] == f"{by_identifier('1')} {said}"
    assert json.loads(rejected["text"])["id"] == "c"
    assert rejected["source"].endswith(".json")


def test_one_that_refers_to_a_lost_one_is_lost_too(loader: Loader, tmp_path: Path) -> None:
    chain = [
        patient("a", "1", managingOrganization={"reference": by_identifier("no", "Organization")}),
        condition("c", by_identifier("1")),
        condition("d", "Patient/a"),
    ]
    report = loader.run(written(tmp_path / "a", *chain))
    assert report.total == Counts(created=1, rejected=2)
    # A reference by id says nothing about what is there.
    assert set(loader.stored()) == {"Condition/d"}
    # Once the first is there, the same load goes through.
    organization = {"resourceType": "Organization", "id": "o", "identifier": [{"system": SYSTEM, "value": "no"}]}  # fmt: skip
    report = loader.run(written(tmp_path / "a", *chain, organization))
    assert (report.exit_code, report.total) == (0, Counts(created=3, unchanged=1))


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("Patient?name=x", "by identifier alone"),
        ("Patient?identifier=a&name=x", "by identifier alone"),
        ("Patient?identifier=", "no identifier"),
        ("Patient?identifier=a,b", "not one identifier"),
    ],
)
def test_other_searches_are_refused_by_name(
    loader: Loader, tmp_path: Path, reference: str, said: str
) -> None:
    report = loader.run(written(tmp_path / "a", condition("c", reference), condition("d", "#p")))
    assert report.total.rejected >= 1
    assert said in loader.rejected()[0]["outcome"]["issue"][0]["diagnostics"]


# conditional creates and updates ----------------------------------------------------------------


def conditional(resource: Resource, value: str, full_url: str | None = None) -> Resource:
    query = f"identifier={SYSTEM}|{value}"
    request = {"method": "POST", "url": resource["resourceType"], "ifNoneExist": query}
    entry: Resource = {"resource": resource, "request": request}
    return entry if full_url is None else {**entry, "fullUrl": full_url}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_conditional_create_makes_one(
    loader: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    """However many bundles have it, and whichever comes first; and all refer to the one."""
    monkeypatch.setattr(load_run, "SMALL", 0)
    monkeypatch.setattr(load_run, "_UNIT_ITEMS", 1)
    bundles = [
        bundle(
            conditional(patient(f"p{number}", "1"), "1", f"urn:uuid:p{number}"),
            {"resource": condition(f"c{number}", f"urn:uuid:p{number}")},
        )
        for number in range(6)
    ]
    path = written(tmp_path / "a", *bundles)
    report = loader.run(path, processes=processes)
    assert report.types["Patient"] == Counts(created=1, unchanged=5)
    (only,) = (id for id in loader.stored() if id.startswith("Patient/"))
    subjects = {
        json.loads(text)["subject"]["reference"]
        for id, (_, text) in loader.stored().items()
        if id.startswith("Condition/")
    }
    assert subjects == {only}
    before = loader.documents()
    assert loader.run(path, processes=processes).total == Counts(unchanged=12)
    assert loader.documents() == before


def test_a_conditional_create_leaves_what_is_there(loader: Loader, tmp_path: Path) -> None:
    loader.run(written(tmp_path / "a", patient("there", "1", active=True)))
    created = conditional(patient("other", "1"), "1", "urn:uuid:x")
    asking = {"resource": condition("c", "urn:uuid:x")}
    report = loader.run(written(tmp_path / "b", bundle(created, asking)))
    assert report.types["Patient"] == Counts(unchanged=1)
    assert json.loads(loader.stored()["Patient/there"][1])["active"] is True
    assert json.loads(loader.stored()["Condition/c"][1])["subject"] == {
        "reference": "Patient/there"
    }


def test_a_condition_that_several_meet_is_rejected(loader: Loader, tmp_path: Path) -> None:
    loader.run(written(tmp_path / "a", patient("a", "1"), patient("b", "1")))
    report = loader.run(written(tmp_path / "b", bundle(conditional(patient("c", "1"), "1"))))
    assert report.total == Counts(rejected=1)
    assert loader.rejected()[0]["outcome"]["issue"][0]["code"] == "conflict"
    assert "Patient/c" not in loader.stored()


def test_an_invalid_conditional_create_does_not_take_the_place_of_a_valid_one(
    loader: Loader, tmp_path: Path
) -> None:
    wrong = conditional(patient("wrong", "1", gender="none"), "1")
    right = conditional(patient("right", "1"), "1")
    report = loader.run(written(tmp_path / "a", bundle(wrong, right)))
    assert report.total == Counts(created=1, rejected=1)
    assert set(loader.stored()) == {"Patient/right"}


def test_a_conditional_update_replaces_what_it_finds(loader: Loader, tmp_path: Path) -> None:
    loader.run(written(tmp_path / "a", patient("there", "1")))
    put = {"method": "PUT", "url": by_identifier("1")}
    new = {"method": "PUT", "url": by_identifier("2")}
    entries = [
        {"resource": patient("", "1", active=True), "request": put},
        {"resource": patient("", "2", active=True), "request": new},
    ]
    for entry in entries:
        del entry["resource"]["id"]
    path = written(tmp_path / "b", bundle(*entries))
    assert loader.run(path).total == Counts(created=1, updated=1)
    stored = loader.stored()
    assert stored["Patient/there"][0] == 2
    assert len(stored) == 2
    assert loader.run(path).total == Counts(unchanged=2)


# what is rejected -------------------------------------------------------------------------------

WRONG = [
    ('{"resourceType":"Patient","id":"w","gender":"none"}', "code-invalid", "Patient.gender"),
    ('{"resourceType":"Patient","id":"w","nme":1}', "structure", "Patient.nme"),
    ('{"resourceType":"Patient","id":"a_b"}', "value", None),
    ('{"resourceType":"Pattient","id":"w"}', "structure", "resourceType"),
    ('{"id":"w"}', "structure", "resourceType"),
    ("[1]", "structure", None),
    ('{"resourceType":"Patient"', "structure", None),
    ("", "structure", None),
    ('{"resourceType":"Bundle","type":"history","entry":[]}', "not-supported", None),
    ('{"resourceType":"Bundle","entry":{}}', "structure", "Bundle"),
]


@pytest.mark.parametrize(("text", "code", "expression"), WRONG)
def test_what_is_wrong_is_rejected_with_its_outcome_and_the_rest_is_loaded(
    loader: Loader, tmp_path: Path, text: str, code: str, expression: str | None
) -> None:
    report = loader.run(written(tmp_path / "a", patient("a"), text, patient("b")))
    assert set(loader.stored()) == {"Patient/a", "Patient/b"}
    assert report.exit_code == 1
    assert report.total == Counts(created=2, rejected=1)
    (rejected,) = loader.rejected()
    assert rejected["source"] == str(tmp_path / "a" / "001.json")
    assert rejected["text"] == text
    outcome = rejected["outcome"]
    assert outcome["resourceType"] == "OperationOutcome"
    assert code in [issue["code"] for issue in outcome["issue"]]
    if expression is not None:
        assert [expression] in [issue.get("expression") for issue in outcome["issue"]]


def test_an_entry_is_rejected_alone(loader: Loader, tmp_path: Path) -> None:
    entries = [
        {"resource": patient("a")},
        {"resource": patient("b", gender="none")},
        {"resource": patient("c"), "request": {"method": "DELETE", "url": "Patient/c"}},
        {"resource": patient("d"), "request": {"method": "PUT", "url": "Patient/other"}},
        {"resource": patient("e")},
    ]
    report = loader.run(written(tmp_path / "a", bundle(*entries)))
    assert report.total == Counts(created=2, rejected=3)
    assert set(loader.stored()) == {"Patient/a", "Patient/e"}
    sources = [rejected["source"].rpartition(" entry ")[2] for rejected in loader.rejected()]
    assert sorted(sources) == ["1", "2", "3"]


def test_what_was_rejected_can_be_mended_and_loaded(loader: Loader, tmp_path: Path) -> None:
    loader.run(written(tmp_path / "a", patient("a", gender="none"), patient("b")))
    mended = [json.loads(r["text"]) | {"gender": "other"} for r in loader.rejected()]
    assert loader.run(written(tmp_path / "b", *mended)).exit_code == 0
    assert set(loader.stored()) == {"Patient/a", "Patient/b"}


def test_without_validation_only_what_is_no_resource_is_rejected(
    loader: Loader, tmp_path: Path
) -> None:
    path = written(tmp_path / "a", patient("a", gender="none"), "{")
    assert loader.invoke(path, "--validation", "off").exit_code == 1
    assert set(loader.stored()) == {"Patient/a"}
    assert len(loader.rejected()) == 1


def test_without_validation_one_odd_resource_does_not_end_the_load(
    loader: Loader, tmp_path: Path
) -> None:
    path = written(tmp_path / "a", patient("a") | {"meta": "x"}, patient("b"))
    assert loader.invoke(path, "--validation", "off").exit_code == 1
    assert set(loader.stored()) == {"Patient/b"}
    (rejected,) = loader.rejected()
    assert rejected["outcome"]["issue"][0]["diagnostics"] == "meta is an object"


def test_a_late_resource_is_found_by_any_of_its_identifiers(loader: Loader, tmp_path: Path) -> None:
    """`identifier` of a DocumentReference is its masterIdentifier as well; the document waits for a patient of the same load."""
    document = {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "masterIdentifier": {"system": "s", "value": "m"},
        "subject": {"reference": by_identifier("1")},
        "content": [{"attachment": {"title": "x"}}],
    }
    asking = {
        "resourceType": "List",
        "id": "l",
        "status": "current",
        "mode": "working",
        "entry": [{"item": {"reference": "DocumentReference?identifier=s|m"}}],
    }
    report = loader.run(written(tmp_path / "a", asking, document, patient("a", "1")))
    assert report.exit_code == 0
    assert json.loads(loader.stored()["List/l"][1])["entry"][0]["item"] == {
        "reference": "DocumentReference/d"
    }


def _only_in(process: int, uri: str, database: str) -> Store:
    """A store; any other process that asks for one ends, as the operating system ends one when memory runs out."""
    if os.getpid() != process:
        os._exit(9)
    return Store.connect(uri, database=database)


def test_a_worker_that_dies_is_said(
    loader: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_run, "SMALL", 0)
    connect = partial(_only_in, os.getpid(), loader.uri, loader.database.name)
    with pytest.raises(Unavailable, match="a worker process has ended"):
        Load([written(tmp_path / "a", patient("a"))], connect, 2).run()


def test_what_has_an_odd_name_is_rejected_by_it(loader: Loader, tmp_path: Path) -> None:
    path = written(tmp_path / "a", patient("a", gender="none"))
    os.rename(path / "000.json", os.fsencode(path) + b"/b\xfcro.json")
    result = loader.invoke(path)
    assert result.exit_code == 1
    assert loader.rejected()[0]["source"] == f"{path}/b\\xfcro.json"
    assert "b\\xfcro.json" in run_validate(path)


def run_validate(path: Path) -> str:
    # In a process of its own: what cannot be printed to a pipe may be to a runner.
    command = [sys.executable, "-m", "fhirstore", "validate", str(path)]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_rejects_replace_those_of_another_load_and_nothing_else(
    loader: Loader, tmp_path: Path
) -> None:
    path = written(tmp_path / "a", patient("a", gender="none"))
    loader.rejects = path / "rejects.ndjson"
    for _ in range(2):
        assert loader.run(path).total == Counts(rejected=1)
        assert len(loader.rejected()) == 1
    named = path / "000.json"
    before = named.read_bytes()
    for kept, loaded in ((named, tmp_path / "a"), (named, named), (loader.rejects, loader.rejects)):
        loader.rejects = kept
        with pytest.raises(BadRequest, match="would replace"):
            loader.run(loaded)
    assert named.read_bytes() == before
    loader.rejects = tmp_path / "empty.ndjson"
    loader.rejects.touch()
    assert loader.run(named).total == Counts(rejected=1)


# the command ------------------------------------------------------------------------------------


def test_a_load_says_what_it_did(loader: Loader, tmp_path: Path) -> None:
    path = written(tmp_path / "a", patient("a"), condition("c", "Patient/a"))
    (path / "notes.txt").touch()
    result = loader.invoke(path)
    assert result.exit_code == 0
    assert "2 resources in" in result.output
    assert "1 files were passed over" in result.output
    assert "Condition" in result.output
    wrong = loader.invoke(written(tmp_path / "b", patient("a", gender="none")))
    assert wrong.exit_code == 1
    assert "Patient.gender" in wrong.output
    assert str(loader.rejects) in wrong.output


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("nowhere",), 1, "there is no file or directory nowhere"),
        ((), 2, "Missing argument"),
        (("{path}", "--processes", "0"), 2, "--processes"),
        (("{path}", "--rejects", "{path}/none/rejects.ndjson"), 1, "there is no directory"),
        (("{path}/name.txt",), 1, "not that of JSON"),
        (("{path}",), 0, "1 resources"),
    ],
)
def test_how_a_load_ends(
    loader: Loader, tmp_path: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    path = written(tmp_path / "a", patient("a"))
    (path / "name.txt").touch()
    given = [argument.format(path=path) for argument in arguments]
    command = loader.command(*given)
    if "--rejects" in given:
        command = command[:-2]
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, said in result.output) == (status, True), result.output


def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "a", patient("a"))
    uri = "mongodb://user:secret@127.0.0.1:1/?serverSelectionTimeoutMS=100"
    result = CliRunner().invoke(main, ["load", str(path), "--uri", uri])
    assert result.exit_code == 1
    assert "does not answer" in result.output
    assert "secret" not in result.output


def test_a_load_into_an_embedded_store(tmp_path: Path) -> None:
    path = written(tmp_path / "a", patient("a"))
    place = str(tmp_path / "store")
    result = CliRunner().invoke(main, ["load", str(path), "--path", place])
    assert result.exit_code == 0, result.output
    with Store.embedded(place) as store:
        assert store.read("Patient", "a").version == 1


# interruptions ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Enough to be interrupted in: in small units, the places last."""
    path = tmp_path_factory.mktemp("records")
    written(path, *(json_text.dump(b) for b in reversed(list(sample_bundles(30)))))
    yield path
    shutil.rmtree(path)


def workers(process: subprocess.Popen[str]) -> list[int]:
    """The processes that one has begun, and theirs."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in path.read_text().split()]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_load_is_run_again(loader: Loader, records: Path, processes: int) -> None:
    chance = random.Random(processes)
    for _ in range(2):
        with loader.running(records, "--processes", str(processes), "--quiet") as process:
            time.sleep(chance.uniform(0, 0.03))
            below = workers(process)
            assert len(below) >= (2 if processes > 1 else 0)
            process.kill()
            process.wait()
        # Nobody goes on writing for a load that is over.
        deadline = time.monotonic() + 10
        while any(alive(pid) for pid in below):
            assert time.monotonic() < deadline, "a worker outlives its load"
            time.sleep(0.01)
    wanted = expected(30)
    assert 0 < len(loader.stored()) < len(wanted), "it was killed too late to prove anything"
    report = loader.run(records)
    assert report.exit_code == 0
    assert loader.stored() == wanted
    assert loader.history() == 0


def alive(pid: int) -> bool:
    try:
        return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupted_load_says_so_and_can_go_on(
    loader: Loader, records: Path, processes: int
) -> None:
    with loader.running(records, "--processes", str(processes), "--quiet") as process:
        # As a terminal does: to all of them.
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted; run it again to go on" in err
    assert "Traceback" not in err
    assert "resources in" in out
    assert 0 < len(loader.stored()) < len(expected(30))
    assert loader.run(records).exit_code == 0
    assert loader.stored() == expected(30)
    assert loader.history() == 0


@pytest.mark.parametrize(
    ("number", "send", "processes"),
    [
        # As `kill` does, and as a terminal that is closed.
        (signal.SIGTERM, os.kill, 1),
        (signal.SIGHUP, os.killpg, 2),
    ],
)
def test_a_load_that_is_told_to_end_leaves_nothing_of_patients_behind(
    loader: Loader,
    records: Path,
    tmp_path: Path,
    number: signal.Signals,
    send: Callable[[int, int], None],
    processes: int,
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    arguments = (records, "--processes", str(processes), "--quiet")
    with loader.running(*arguments, temporary=temporary) as process:
        send(process.pid, number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, "interrupted; run it again to go on\n")
    assert list(temporary.iterdir()) == []
