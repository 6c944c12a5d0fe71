"""What the documents show is run: the snippets of the README, and the queries of docs/database.md on sample data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pymongo
import pytest
from bson import Decimal128

from fhirstore import Store
from fhirstore.cli import main
from tests.sample_data import fill

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^    (?:\$ )?fhirstore ([a-z]+)((?: [a-z]+)?)", re.MULTILINE)
_LINK = re.compile(r"\]\((?!http)([^)#]+)")


def blocks(document: str) -> list[str]:
    return _BLOCK.findall((ROOT / document).read_text(encoding="utf-8"))


def documents() -> list[Path]:
    return [
        *(ROOT / name for name in ("README.md", "CHANGELOG.md")),
        *sorted((ROOT / "docs").glob("*.md")),
        *(ROOT / name / "README.md" for name in ("indexes", "migrations")),
    ]


@pytest.fixture(scope="module")
def database(wire_uri: str) -> Iterator[Any]:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    name = "fhirstore_test_docs"
    client.drop_database(name)
    with Store.connect(wire_uri, database=name) as store:
        fill(store, patients=12)
        _trouble(store, client[name])
    yield client[name]
    client.drop_database(name)
    client.close()


def _trouble(store: Store, database: Any) -> None:
    """What a database of some age has: deletions, and resources too large for text or native form."""
    for type in ("Patient", "Observation"):
        ids = [document["_id"] for document in database[type].find({}, {"_id": 1}).limit(3)]
        store.delete(type, ids[0])
        for id, more in ((ids[1], {}), (ids[2], {"resource": ""})):
            change = {"$set": {"json_zstd": b""}, "$unset": {"json": "", **more}}
            database[type].update_one({"_id": id}, change)


def test_there_are_ten_queries() -> None:
    assert len(blocks("docs/database.md")) == 10


@pytest.mark.parametrize("block", blocks("docs/database.md"), ids=lambda block: block[:50])
def test_a_query_of_the_database_page_finds_something(database: Any, block: str) -> None:
    names: dict[str, Any] = {"db": database}
    exec(block, names)
    assert names["found"]


def test_decimals_are_of_one_type_in_the_native_form(database: Any) -> None:
    """As the page says; `_trouble` has taken the native form of one."""
    values = [
        document["resource"]["valueQuantity"]["value"]
        for document in database.Observation.find({"resource.valueQuantity": {"$exists": True}})
    ]
    assert {type(value) for value in values} == {Decimal128}
    assert any(value.to_decimal() % 1 == 0 for value in values)


def test_the_readme_runs(wire_uri: str) -> None:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    client.drop_database("clinic")
    found = blocks("README.md")
    assert len(found) >= 4
    for block in found:
        exec(block, {"uri": wire_uri, "__name__": "readme"})
    client.drop_database("clinic")
    client.close()


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_a_document_names_commands_and_files_that_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for name, below in _COMMAND.findall(text):
        command = main.get_command(click.Context(main), name)
        assert command is not None, f"there is no command {name}"
        if isinstance(command, click.Group):
            assert not below or below.strip() in command.commands
    for target in _LINK.findall(text):
        assert (document.parent / target).exists(), f"{target} does not exist"
