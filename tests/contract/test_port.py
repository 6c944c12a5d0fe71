"""The port: what the store asks of MongoDB, asked of every driver in the same words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from fhirstore import Store
from fhirstore.errors import BadRequest, FhirError, TooLarge, Unavailable, Unprocessable
from fhirstore.ports.port import CommandFailed, DuplicateKey
from fhirstore.store import finish
from tests.contract.conftest import Awaited, dropped, open_store


class Blocking:
    """The port of a store, with methods that block."""

    def __init__(self, store: Any) -> None:
        self._awaited = store if isinstance(store, Awaited) else None
        self.port = store.subject.port if self._awaited else store.port

    def run(self, coroutine: Any) -> Any:
        return self._awaited.run(coroutine) if self._awaited else finish(coroutine)

    def stream(self, *arguments: Any, **named: Any) -> list[Any]:
        async def all_of_them() -> list[Any]:
            return [document async for document in self.port.stream(*arguments, **named)]

        return list(self.run(all_of_them()))

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.port, name)

        return lambda *arguments, **named: self.run(method(*arguments, **named))


@pytest.fixture
def port(kind: str, server: str) -> Iterator[Any]:
    with ExitStack() as stack:
        store = open_store(kind, server, dropped(server, stack), stack)
        yield Blocking(store)


def ids(documents: list[dict[str, Any]]) -> list[Any]:
    return [document["_id"] for document in documents]


def test_documents_come_back_as_they_went(port: Any) -> None:
    document = {
        "_id": "1",
        "text": "é\U0001f600",
        "decimal": Decimal("1.50"),
        "long": Decimal("0.1234567890123456789012345678901234"),
        "date": datetime(2020, 2, 29, 12, 0, 0, 123000, tzinfo=UTC),
        "integer": 2**40,
        "boolean": True,
        "nothing": None,
        "array": [{"a": [1, [2]]}],
    }
    port.insert_one("things", document)
    found = port.find_one("things", {"_id": "1"})
    assert found == document
    assert str(found["decimal"]) == "1.50"
    assert found["date"].tzinfo is not None
    port.replace_one("things", {"_id": "1"}, found)
    assert port.find_one("things", {"_id": "1"}) == document


def test_numbers_and_dates_that_do_not_fit_are_cut_to_what_does(port: Any) -> None:
    east = timezone(timedelta(hours=2))
    port.insert_one(
        "things",
        {
            "_id": "1",
            "digits": Decimal("0.12345678901234567890123456789012345678"),
            "large": 10**30,
            "zoned": datetime(2020, 1, 1, 2, tzinfo=east),
        },
    )
    found = port.find_one("things", {"_id": "1"})
    assert found["digits"] == Decimal("0.1234567890123456789012345678901235")
    assert found["large"] == 10**30
    assert found["zoned"] == datetime(2020, 1, 1, tzinfo=UTC)
    assert port.replace_one("things", {"_id": "1"}, {"_id": "1", "large": -(2**63) - 1})
    assert port.find_one("things", {"_id": "1"}) == {"_id": "1", "large": -(2**63) - 1}
    assert ids(port.find("things", {"large": {"$lt": -(2**63)}})) == ["1"]


@pytest.mark.parametrize(
    "value",
    [Decimal("1e7000"), 10**7000, "\ud800", {"a\0b": 1}],
    ids=["a number out of range", "an integer out of range", "half a character", "a name with NUL"],
)
def test_what_cannot_be_stored_is_refused_and_leaves_what_is_there(
    port: Any, kind: str, value: Any
) -> None:
    if kind == "mongomock" and isinstance(value, dict):
        pytest.skip("mongomock takes any name")
    with pytest.raises(Unprocessable):
        port.insert_one("things", {"_id": "1", "value": value})
    assert port.find_one("things", {"_id": "1"}) is None
    port.insert_one("things", {"_id": "1", "value": 1})
    with pytest.raises(Unprocessable):
        port.replace_one("things", {"_id": "1"}, {"_id": "1", "value": value})
    with pytest.raises(Unprocessable):
        port.update_one("things", {"_id": "1"}, {"$set": {"value": value}})
    assert port.find_one("things", {"_id": "1"}) == {"_id": "1", "value": 1}


def test_a_document_that_is_too_large(port: Any, kind: str) -> None:
    if kind == "mongomock":
        pytest.skip("mongomock holds documents of any size")
    large = {"_id": "large", "text": "x" * (16 * 1024 * 1024)}
    with pytest.raises(TooLarge):
        port.insert_one("things", large)
    failed = port.insert_many("things", [{"_id": "small"}, large, {"_id": "other"}])
    assert list(failed) == [1]
    assert ids(port.find("things", {}, sort=[("_id", 1)])) == ["other", "small"]


def test_a_key_is_taken_once(port: Any) -> None:
    port.insert_one("things", {"_id": "1", "by": "first"})
    with pytest.raises(DuplicateKey):
        port.insert_one("things", {"_id": "1", "by": "second"})
    failed = port.insert_many("things", [{"_id": n, "by": "third"} for n in ("0", "1", "2", "0")])
    assert set(failed) == {1, 3}
    assert port.find_one("things", {"_id": "1"})["by"] == "first"
    assert port.count("things", {}) == 3


def test_finding(port: Any) -> None:
    failed = port.insert_many("things", [{"_id": n, "v": n % 3, "a": [n, -n]} for n in range(9)])
    assert failed == {}
    assert ids(port.find("things", {"v": 1}, sort=[("_id", -1)])) == [7, 4, 1]
    assert ids(port.find("things", {}, sort=[("v", 1), ("_id", -1)], limit=4)) == [6, 3, 0, 7]
    assert port.find("things", {"v": 1}, projection={"v": 1}, limit=1)[0].keys() == {"_id", "v"}
    assert sorted(ids(port.stream("things", {"v": {"$gte": 1}}, batch=2))) == [1, 2, 4, 5, 7, 8]
    assert port.find_one("things", {"v": 9}) is None
    assert port.find("nothing", {}) == []
    assert port.count("things", {"v": 1}) == 3
    assert port.count("things", {}, limit=2) == 2
    assert port.estimated_count("things") == 9
    # Of an array, the least value ascending and the greatest descending.
    assert ids(port.find("things", {}, sort=[("a", 1)], limit=2)) == [8, 7]
    assert ids(port.find("things", {}, sort=[("a", -1)], limit=2)) == [8, 7]


def test_aggregating(port: Any) -> None:
    port.insert_many("things", [{"_id": n, "v": n % 3} for n in range(9)])
    pipeline = [{"$match": {"v": {"$gt": 0}}}, {"$group": {"_id": "$v", "n": {"$sum": 1}}}]
    found = port.aggregate("things", pipeline)
    assert sorted((row["_id"], row["n"]) for row in found) == [(1, 3), (2, 3)]


def test_replacing_and_updating_what_is_as_expected(port: Any) -> None:
    port.insert_one("things", {"_id": "1", "version": 1})
    assert not port.replace_one("things", {"_id": "1", "version": 2}, {"_id": "1", "version": 3})
    assert port.replace_one("things", {"_id": "1", "version": 1}, {"_id": "1", "version": 2})
    assert port.update_one("things", {"_id": "1", "version": 2}, {"$set": {"a": 1}})
    assert not port.update_one("things", {"_id": "1", "version": 9}, {"$set": {"a": 2}})
    assert port.update_one("things", {"_id": "2"}, {"$set": {"a": 3}}, upsert=True)
    assert port.find_one("things", {"_id": "1"}) == {"_id": "1", "version": 2, "a": 1}
    after = port.find_one_and_update("things", {"_id": "2"}, {"$inc": {"a": 1}})
    assert after == {"_id": "2", "a": 4}
    assert port.find_one_and_update("things", {"_id": "9"}, {"$set": {"a": 1}}) is None
    made = port.find_one_and_update("things", {"_id": "9"}, {"$set": {"a": 1}}, upsert=True)
    assert made == {"_id": "9", "a": 1}
    assert port.delete_one("things", {"_id": "9"})
    assert not port.delete_one("things", {"_id": "9"})


def test_structure(port: Any) -> None:
    assert port.indexes("nothing") == []
    port.create_indexes(
        "things",
        [{"name": "plain", "key": {"a": 1}}, {"name": "few", "key": {"b": 1}, "sparse": True}],
    )
    port.create_indexes("things", [{"name": "plain", "key": {"a": 1}}])
    found = {index["name"]: index for index in port.indexes("things")}
    assert set(found) == {"_id_", "plain", "few"}
    assert list(found["plain"]["key"]) == ["a"]
    assert found["few"]["sparse"] is True
    port.drop_index("things", "plain")
    assert {index["name"] for index in port.indexes("things")} == {"_id_", "few"}
    port.insert_one("things", {"_id": 1})
    assert "things" in port.collection_names()


def test_views(port: Any, kind: str) -> None:
    if kind == "mongomock":
        with pytest.raises(CommandFailed):
            port.create_view("views.things", "things", [])
        return
    port.insert_one("things", {"_id": 1, "resource": {"a": 1}})
    port.create_view("views.things", "things", [{"$replaceRoot": {"newRoot": "$resource"}}])
    assert port.find("views.things", {}) == [{"a": 1}]


def test_a_command_that_is_none(port: Any) -> None:
    with pytest.raises(CommandFailed) as caught:
        port.command({"fhirstoreHasNoSuchCommand": 1})
    assert isinstance(caught.value, FhirError)
    assert "fhirstoreHasNoSuchCommand" not in caught.value.issues[0].diagnostics


def test_the_world(port: Any) -> None:
    now = port.port.now()
    assert now.tzinfo is not None
    assert now.microsecond % 1000 == 0
    made = [port.port.new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert sorted(made) == made
    assert all(len(id) <= 64 and id.replace("-", "").isalnum() for id in made)


def test_transactions(port: Any, kind: str) -> None:
    if kind == "mongomock":
        pytest.skip("mongomock has no transactions")
    port.insert_one("things", {"_id": "1", "a": 1})

    async def both(fail: bool) -> None:
        async with port.port.transaction() as inside:
            await inside.update_one("things", {"_id": "1"}, {"$inc": {"a": 1}})
            await inside.insert_one("things", {"_id": "2" if fail else "3"})
            if fail:
                raise KeyError

    with pytest.raises(KeyError):
        port.run(both(True))
    assert port.find_one("things", {"_id": "1"})["a"] == 1
    assert port.find_one("things", {"_id": "2"}) is None
    port.run(both(False))
    assert port.find_one("things", {"_id": "1"})["a"] == 2
    assert port.find_one("things", {"_id": "3"}) is not None


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(Unavailable):
        Store.connect("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200").open()
    with pytest.raises(Unavailable):
        Store.connect("mongo://nowhere")
    with pytest.raises(BadRequest):
        Store.connect("mongodb://127.0.0.1:9", database="a b$")
