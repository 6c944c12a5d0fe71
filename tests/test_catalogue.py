"""The declared indexes fit MongoDB and the layout; a database gets those that it lacks, and loses none unasked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest
from click.testing import CliRunner

from fhirstore import Store
from fhirstore.catalogue import Catalogue, Index, Profile
from fhirstore.cli import main
from fhirstore.definitions import definitions
from fhirstore.documents import history_collection
from fhirstore.ports.port import CommandFailed
from fhirstore.ports.pymongo_blocking import BlockingPort
from fhirstore.search.layout import layout
from fhirstore.search.parameter_types import TYPES
from fhirstore.store import finish

Database = Any
KNOWN = definitions("4.0")
ALL_TYPES = sorted(KNOWN.resource_types)
PROFILES: tuple[Profile, ...] = ("partial", "sparse")
# What every current and every history document has besides the values of search parameters.
FIELDS = {
    **dict.fromkeys(("_id", "id", "version", "last_updated", "superseded"), False),
    **dict.fromkeys(("compartments", "contained.type", "links.id", "links.identifier"), True),
}


def declared(type: str) -> list[Index]:
    """The indexes of a type, without any database."""
    port: Any = None
    return Catalogue(port, KNOWN, "partial").declared(type)


def of_collection(collection: str) -> list[Index]:
    type = collection.removesuffix("_history")
    return [index for index in declared(type) if index.collection == collection]


COLLECTIONS = [name for type in ALL_TYPES for name in (type, history_collection(type))]


# what is declared -------------------------------------------------------------------------------


def test_there_are_146_types() -> None:
    assert len(ALL_TYPES) == 146


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_collections_indexes_are_within_mongodbs_limits(collection: str) -> None:
    indexes = of_collection(collection)
    # 64 with the one on _id (MongoDB manual, Limits and Thresholds).
    assert 2 <= len(indexes) <= 63
    names = [index.name for index in indexes]
    assert len(set(names)) == len(names)
    assert "_id_" not in names
    for index in indexes:
        assert len(f"{collection}.${index.name}".encode()) < 128
        assert len(index.keys) <= 32
    for profile in PROFILES:
        keys = [str(index.specification(profile)["key"]) for index in indexes]
        assert len(set(keys)) == len(keys), "two indexes on the same keys"


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_collections_indexes_are_on_what_its_documents_have(collection: str) -> None:
    type = collection.removesuffix("_history")
    is_array = dict(FIELDS)
    for kept in layout(type, KNOWN).values():
        if kept.kind == "own" and kept.field is not None:
            is_array[kept.field] = is_array[f"{kept.field}:of-type"] = kept.many
            for part in kept.composed:
                is_array[f"{kept.field}.{part.target.field}"] = kept.many or part.target.many
    for index in of_collection(collection):
        for profile in PROFILES:
            keys = list(index.specification(profile)["key"])
            fields = [_field(key, is_array) for key in keys]
            # MongoDB refuses a document with arrays under two keys of one index.
            assert sum(is_array[field] for field in fields) <= 1
        assert (index.collection == type) or not any(
            key.startswith("search.") for key in index.keys
        )


def _field(key: str, known: dict[str, bool]) -> str:
    """The field of the layout that a key is on or below."""
    field = key
    while field not in known:
        assert "." in field, f"no document has {key}"
        field = field.rpartition(".")[0]
    return field


@pytest.mark.parametrize("type", ALL_TYPES)
def test_each_value_that_is_asked_for_has_an_index(type: str) -> None:
    first = {index.keys[0] for index in of_collection(type)}
    for code, kept in layout(type, KNOWN).items():
        if kept.kind != "own":
            continue
        assert kept.field is not None
        if kept.composed:
            assert any(key.startswith(f"{kept.field}.") for key in first), code
            continue
        paths = TYPES[kept.parameter.type].indexed or ("",)
        assert {f"{kept.field}.{path}" if path else kept.field for path in paths} <= first, code


@pytest.mark.parametrize(
    ("index", "profile", "made"),
    [
        (
            Index("T", "a", ("a",), "", then="_id"),
            "partial",
            {"name": "a", "key": {"a": 1, "_id": 1}, "partialFilterExpression": {"a": {"$exists": True}}},
        ),
        (Index("T", "a", ("a",), "", then="_id"), "sparse", {"name": "a", "key": {"a": 1}, "sparse": True}),
        (Index("T", "a", ("a", "b"), "", always=True), "partial", {"name": "a", "key": {"a": 1, "b": 1}}),
        (Index("T", "a", ("a", "b"), "", always=True), "sparse", {"name": "a", "key": {"a": 1, "b": 1}}),
        (Index("T", "a", ("a",), "", always=True, then="_id"), "partial", {"name": "a", "key": {"a": 1, "_id": 1}}),
        (Index("T", "p", ("p",), "", kind="2dsphere"), "sparse", {"name": "p", "key": {"p": "2dsphere"}}),
        (Index("T", "p", ("p",), "", kind="2dsphere"), "partial", {"name": "p", "key": {"p": "2dsphere"}}),
    ],
)  # fmt: skip
def test_what_is_made_of_a_declaration(index: Index, profile: Profile, made: Any) -> None:
    assert index.specification(profile) == made


def test_the_file_is_what_the_layout_gives(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "fhirstore.declared_indexes", "--check"]
    assert subprocess.run(command, cwd=root).returncode == 0
    # And a file that differs is noticed: the same check in a copy of the package.
    copied = tmp_path / "fhirstore"
    copied.symlink_to(root / "fhirstore")
    (tmp_path / "indexes" / "r4").mkdir(parents=True)
    for path in (root / "indexes" / "r4").iterdir():
        text = path.read_text(encoding="utf-8")
        changed = text.replace('"search.birthdate.start"', '"search.birthday"', 1)
        (tmp_path / "indexes" / "r4" / path.name).write_text(changed, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    checked = subprocess.run(
        [sys.executable, "-P", *command[1:]], cwd=tmp_path, env=environment, capture_output=True, text=True
    )  # fmt: skip
    assert checked.returncode == 1
    assert "mongodb.json is not what the layout gives" in checked.stderr


# on the way of a write --------------------------------------------------------------------------


@pytest.fixture
def database(wire_uri: str, fresh_database: str) -> Iterator[Database]:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    yield client[fresh_database]
    client.close()


@pytest.fixture
def store(wire_uri: str, fresh_database: str) -> Iterator[Store]:
    with Store.connect(wire_uri, database=fresh_database) as made:
        yield made


def names(database: Database, collection: str) -> set[str]:
    return set(database[collection].index_information()) - {"_id_"}


def wanted(store: Store, collection: str) -> set[str]:
    """Those that this server is to have: positions are declared for MongoDB alone."""
    made = store.parts().catalogue.declared(collection.removesuffix("_history"))
    return {index.name for index in made if index.collection == collection}


def test_positions_are_for_servers_that_answer_rightly_from_them() -> None:
    port: Any = None
    partial, sparse = (Catalogue(port, KNOWN, profile).declared("Location") for profile in PROFILES)
    assert {index.name for index in partial} - {index.name for index in sparse} == {"search.near"}


@pytest.mark.parametrize("type", ["Patient", "Location", "Observation", "Basic"])
def test_the_first_write_of_a_type_makes_all_of_it(
    store: Store, database: Database, type: str
) -> None:
    resources = {
        "Patient": {"name": [{"family": "Index"}]},
        "Location": {"position": {"longitude": 7.6, "latitude": 47.5}},
        "Observation": {"status": "final", "code": {"text": "x"}},
        "Basic": {"code": {"text": "x"}},
    }
    made = store.create({"resourceType": type, **resources[type]})
    for collection in (type, history_collection(type)):
        assert names(database, collection) == wanted(store, collection)
    view = database[f"views.{type}"]
    database[type].insert_one({"_id": "too large for a native form", "version": 1})
    assert [found["id"] for found in view.find()] == [made.id]
    store.delete(type, made.id)
    assert list(view.find()) == []
    assert {status.state for status in finish(store.parts().catalogue.status())} == {"present"}


def test_another_type_is_left_out(store: Store, database: Database) -> None:
    store.create({"resourceType": "Basic", "code": {"text": "x"}})
    made = set(database.list_collection_names())
    assert {"Basic", "Basic_history", "views.Basic"} <= made
    assert "Patient" not in made


def small(database: Database, type: str, count: int) -> None:
    """Documents as another process may have written them."""
    database[type].insert_many([{"_id": f"d{number}", "version": 1} for number in range(count)])


@pytest.mark.parametrize(
    ("documents", "completed"), [(1, True), (99, True), (100, False), (500, False)]
)
def test_a_half_made_type_is_completed_while_it_is_small(
    store: Store, database: Database, documents: int, completed: bool
) -> None:
    """Making an index on a large collection takes long, and is for its operator to decide."""
    small(database, "Basic", documents)
    some = of_collection("Basic")[0]
    database["Basic"].create_index(
        list(some.specification("sparse")["key"].items()), name=some.name
    )
    finish(store.parts().catalogue.ensure("Basic"))
    assert names(database, "Basic") == (wanted(store, "Basic") if completed else {some.name})
    if completed:
        assert names(database, "Basic_history") == wanted(store, "Basic_history")


class Cut(Exception):
    """The end of a process."""


class CuttingPort(BlockingPort):
    """Carries out the first few commands, and then no more; `refused` are names of indexes that the server does not take."""

    left = 100
    refused: frozenset[str] = frozenset()

    async def command(self, command: Any, **options: Any) -> Any:
        if self.left == 0:
            raise Cut
        self.left -= 1
        if any(index["name"] in self.refused for index in command.get("indexes", ())):
            raise CommandFailed("there are no such indexes here")
        return await super().command(command, **options)


@pytest.mark.parametrize("cut", range(4))
def test_a_type_whose_making_was_cut_off_anywhere_is_completed(
    wire_uri: str, store: Store, database: Database, cut: int
) -> None:
    port = CuttingPort.connect(wire_uri, database.name)
    profile = store.parts().catalogue.profile
    port.left = cut
    if cut < 3:
        with pytest.raises(Cut):
            finish(Catalogue(port, KNOWN, profile).ensure("Basic"))
    else:
        finish(Catalogue(port, KNOWN, profile).ensure("Basic"))
    assert port.left == 0
    port.left = 100
    finish(Catalogue(port, KNOWN, profile).ensure("Basic"))
    for collection in ("Basic", "Basic_history"):
        assert names(database, collection) == wanted(store, collection)
    assert "views.Basic" in database.list_collection_names()
    finish(port.close())


def test_what_a_server_refuses_leaves_the_others(
    wire_uri: str, store: Store, database: Database
) -> None:
    port = CuttingPort.connect(wire_uri, database.name)
    port.refused = frozenset({"search.code"})
    catalogue = Catalogue(port, KNOWN, store.parts().catalogue.profile)
    finish(catalogue.ensure("Basic"))
    assert names(database, "Basic") == wanted(store, "Basic") - {"search.code"}
    missing = [s.name for s in finish(catalogue.status()) if s.state == "missing"]
    assert missing == ["search.code"]
    finish(port.close())


# as an operator asks ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Operator:
    """Somebody at the command line."""

    uri: str
    database: str

    def indexes(self, *arguments: str) -> str:
        place = ("--uri", self.uri, "--database", self.database)
        result = CliRunner().invoke(main, ["indexes", *arguments, *place])
        assert result.exit_code == 0, result.output
        return result.output

    def last(self, *arguments: str) -> str:
        return self.indexes(*arguments).splitlines()[-1]


@pytest.fixture
def operator(wire_uri: str, store: Store, database: Database) -> Operator:
    """One whose database has lost an index, has another of its own, and a third that is not as declared."""
    store.create({"resourceType": "Patient", "name": [{"family": "Index"}]})
    store.create({"resourceType": "Basic", "code": {"text": "x"}})
    patients = database["Patient"]
    patients.drop_index("search.name")
    patients.create_index("resource.multipleBirthInteger", name="mine")
    patients.drop_index("search.family")
    patients.create_index([("search.family", 1), ("search.given", 1)], name="search.family")
    database["Patient_history"].drop_index("id_version")
    return Operator(wire_uri, database.name)


MISSING = ["create Patient search.name", "create Patient_history id_version"]
DIFFERENT = ["replace Patient search.family"]
EXTRA = ["drop Patient mine"]


def planned(output: str) -> list[str]:
    lines = output.splitlines()[:-1]
    assert output.splitlines()[-1].startswith(f"{len(lines)} changes" if lines else "nothing to do")
    return [" ".join(line.split(" ")[:3]) for line in lines]


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ((), MISSING),
        (("--replace",), [*MISSING, *DIFFERENT]),
        (("--drop-extra",), [*MISSING, *EXTRA]),
        (("--replace", "--drop-extra"), [*MISSING, *DIFFERENT, *EXTRA]),
        (("Patient",), MISSING),
        (("Basic",), []),
    ],
)
def test_what_is_planned_is_what_is_done_and_nothing_more(
    operator: Operator, database: Database, options: tuple[str, ...], changes: list[str]
) -> None:
    before = {name: database[name].index_information() for name in ("Patient", "Patient_history")}
    assert sorted(planned(operator.indexes("plan", *options))) == sorted(changes)
    assert before == {
        name: database[name].index_information() for name in ("Patient", "Patient_history")
    }
    assert sorted(planned(operator.indexes("apply", *options))) == sorted(changes)
    done = {" ".join(change.split(" ")[1:]) for change in changes}
    assert ("search.name" in names(database, "Patient")) == ("Patient search.name" in done)
    assert ("mine" in names(database, "Patient")) == ("Patient mine" not in done)
    family = dict(database["Patient"].index_information()["search.family"]["key"])
    assert ("search.given" in family) == ("Patient search.family" not in done)
    assert planned(operator.indexes("apply", *options)) == []


def test_the_status_says_what_is_not_as_declared(operator: Operator) -> None:
    states = {
        (status.collection, status.name): status.state
        for status in finish(_catalogue(operator).status())
        if status.state != "present"
    }
    assert states == {
        ("Patient", "search.name"): "missing",
        ("Patient", "search.family"): "different",
        ("Patient", "mine"): "extra",
        ("Patient_history", "id_version"): "missing",
    }
    said = operator.indexes("status", "Patient")
    for word in ("missing", "different", "extra", "search.name", "mine"):
        assert word in said
    whole = operator.indexes("status", "Patient", "--verbose")
    for index in _catalogue(operator).declared("Patient"):
        assert re.search(rf"\b{index.collection}\W+{re.escape(index.name)}\W", whole)
    total = len(_catalogue(operator).declared("Patient")) + 1
    assert f"{total - 4} of {total} indexes are as declared" in said
    operator.indexes("apply", "--replace", "--drop-extra")
    assert f"{total - 1} of {total - 1} indexes" in operator.indexes("status", "Patient")


def _catalogue(operator: Operator) -> Catalogue:
    return Store.connect(operator.uri, database=operator.database).parts().catalogue


def test_types_are_those_that_are_stored_unless_all_are_asked_for(operator: Operator) -> None:
    stored = {line.split(" ")[1] for line in operator.indexes("plan").splitlines()[:-1]}
    assert stored == {"Patient", "Patient_history"}
    everything = planned(operator.indexes("plan", "--all"))
    assert {line.split(" ")[1] for line in everything} == {*COLLECTIONS} - {
        "Basic",
        "Basic_history",
    }
    assert all(line.startswith("create ") for line in everything)


def test_a_type_can_be_made_before_its_first_resource(
    wire_uri: str, store: Store, database: Database
) -> None:
    operator = Operator(wire_uri, database.name)
    operator.indexes("apply", "Account")
    for collection in ("Account", "Account_history"):
        assert names(database, collection) == wanted(store, collection)
    assert planned(operator.indexes("plan", "Account")) == []


def test_what_is_no_type_is_said(wire_uri: str, fresh_database: str) -> None:
    command = ["indexes", "plan", "Pattient", "--uri", wire_uri, "--database", fresh_database]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "'Pattient' is not a resource type" in result.output


def test_what_cannot_be_made_does_not_stop_the_rest(
    operator: Operator, database: Database, store: Store
) -> None:
    """A server refuses a second index on the same keys: somebody made it under a name of their own."""
    (name,) = [i for i in store.parts().catalogue.declared("Patient") if i.name == "search.name"]
    theirs = {**name.specification(store.parts().catalogue.profile), "name": "theirs"}
    database.command({"createIndexes": "Patient", "indexes": [theirs]})
    place = ("--uri", operator.uri, "--database", operator.database)
    result = CliRunner().invoke(main, ["indexes", "apply", *place])
    assert result.exit_code == 1
    assert "Patient search.name: the server refused" in result.output
    assert "1 changes made, 1 refused" in result.output
    assert "id_version" in names(database, "Patient_history")
    assert "theirs" in names(database, "Patient")
