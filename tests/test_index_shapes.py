"""Every shape of index in the catalogue gives right answers, at the edges of ranges and with equal keys.

Some servers answer wrongly, in silence, from some index shapes. So each shape that the catalogue declares is filled
with few different values, many of them equal and many the beginning of another, and asked at and around each of them;
`condition_evaluator` says what is right.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fhirstore.capabilities import probe
from fhirstore.catalogue import Catalogue, Index, profile_for
from fhirstore.definitions import definitions
from fhirstore.ports.pymongo_blocking import BlockingPort
from fhirstore.search.conditions import (
    All,
    Among,
    Condition,
    Either,
    Element,
    Matches,
    Near,
    Not,
    Present,
    Within,
)
from fhirstore.search.filter import to_filter
from fhirstore.search.layout import layout
from fhirstore.store import finish
from tests.condition_evaluator import holds, values
from tests.servers import named

DOCUMENTS = 240
QUERIES = 80

TEXTS = [
    "",
    "a",
    "aa",
    "ab",
    "a|",
    "a|b",
    "a}",
    "b",
    "ba",
    "é",
    "z",
    "\U0001f600",
    "Patient/1",
    "Patient/10",
    "Patient0",
]
INSTANTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
    *(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(milliseconds=n) for n in (-1, 0, 1, 86_400_000)),
    datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
]
NUMBERS = [
    Decimal(text)
    for text in ("-1E+10", "-0.1", "0", "0.00", "0.10", "0.1000001", "5", "5.0", "99.5", "1E+30")
]

Values = Callable[[random.Random], Any]


@dataclass(frozen=True)
class Shape:
    """One shape of index: what lies in the field, and of which values it is made."""

    name: str
    field: str
    pool: list[Any]
    many: bool = False
    # The key below the field, where documents lie there.
    path: str = ""
    always: bool = False

    @property
    def key(self) -> str:
        return f"{self.field}.{self.path}" if self.path else self.field

    def document(self, number: int, chance: random.Random) -> dict[str, Any]:
        made: dict[str, Any] = {"_id": f"{number:04}"}
        if not self.always and chance.random() < 0.2:
            return made
        count = chance.randint(1, 3) if self.many else 1
        found = [self._value(chance) for _ in range(count)]
        names = self.field.split(".")
        inner = made
        for name in names[:-1]:
            inner = inner.setdefault(name, {})
        inner[names[-1]] = found if self.many else found[0]
        return made

    def _value(self, chance: random.Random) -> Any:
        value = chance.choice(self.pool)
        if not self.path:
            return value
        made: dict[str, Any] = {"other": chance.choice(["x", "y"])}
        inner = made
        *names, last = self.path.split(".")
        for name in names:
            inner = inner.setdefault(name, {})
        inner[last] = value
        return made


SHAPES = [
    Shape("one string", "search.status", TEXTS),
    Shape("several strings", "search.code", TEXTS, many=True),
    Shape("one instant", "last_updated", INSTANTS, always=True),
    Shape("the start of a period", "search.date", INSTANTS, path="start"),
    Shape("the starts of periods", "search.date", INSTANTS, many=True, path="start"),
    Shape("one number", "search.length", NUMBERS),
    Shape("several numbers", "search.probability", NUMBERS, many=True),
    Shape("the value of a quantity", "search.value-quantity", NUMBERS, path="canonical.value"),
    Shape("the values of quantities", "search.dose", NUMBERS, many=True, path="value"),
    Shape("the part of a composite", "search.both", TEXTS, many=True, path="code"),
    Shape("the ids of links", "links", TEXTS, many=True, path="id"),
    Shape("compartments", "compartments", TEXTS, many=True),
]  # fmt: skip


@pytest.fixture(scope="module", params=["secantus", *(["named"] if named() else [])])
def port(request: pytest.FixtureRequest) -> Iterator[BlockingPort]:
    uri = named() if request.param == "named" else request.getfixturevalue("secantus_uri")
    assert uri is not None
    opened = BlockingPort.connect(uri, f"fhirstore_test_{secrets.token_hex(6)}")
    yield opened
    finish(opened.command({"dropDatabase": 1}))
    finish(opened.close())


def filled(port: BlockingPort, shape: Shape, chance: random.Random) -> list[dict[str, Any]]:
    """A collection with this shape's index, made as the catalogue makes it on this server, and its documents."""
    profile = profile_for(finish(probe(port)))
    then = "_id" if not shape.always else None
    index = Index("shape", shape.key, (shape.key,), "", always=shape.always, then=then)
    documents = [shape.document(number, chance) for number in range(DOCUMENTS)]
    collection = shape.name.replace(" ", "_")
    finish(port.create_indexes(collection, [index.specification(profile)]))
    assert finish(port.insert_many(collection, documents)) == {}
    return documents


def questions(shape: Shape, chance: random.Random) -> Iterator[Condition]:
    """What the store asks of such a field: one bound or two, at the values themselves, equalities, and their contraries."""
    # An element that holds documents is asked as one where two things have to hold of it.
    inside = bool(shape.many and shape.path)
    field = shape.path if inside else shape.key
    for _ in range(QUERIES):
        low, high = sorted([chance.choice(shape.pool), chance.choice(shape.pool)])
        condition: Condition = chance.choice(
            [
                Among(field, (low,)),
                Among(field, tuple(dict.fromkeys((low, high)))),
                Within(field, at_least=low),
                Within(field, more_than=low),
                Within(field, less_than=high),
                Within(field, at_most=high),
                Within(field, at_least=low, less_than=high),
                Within(field, at_least=low, at_most=high),
                Within(field, more_than=low, less_than=high),
                Within(field, more_than=low, at_most=high),
            ]
        )
        if inside:
            beside = All((condition, Among("other", (chance.choice(["x", "y"]),))))
            condition = Element(shape.field, chance.choice([condition, beside]))
        yield condition
        if chance.random() < 0.2:
            yield Not(condition)
        if chance.random() < 0.1:
            yield Either((condition, Present(shape.key, False)))
    yield Present(shape.key)
    yield Present(shape.key, False)
    if shape.pool is TEXTS and not inside:
        yield Matches(field, r"a\|")


def single(shape: Shape) -> frozenset[str]:
    return frozenset() if shape.many else frozenset({shape.field})


def sorted_by(key: str, documents: list[dict[str, Any]], direction: int) -> list[str]:
    ordered = sorted(documents, key=lambda d: d["_id"], reverse=direction < 0)
    found = {d["_id"]: next(iter(values(d, key)), None) for d in documents}
    assert None not in found.values()
    ordered.sort(key=lambda d: found[d["_id"]], reverse=direction < 0)
    return [d["_id"] for d in ordered]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_shape_answers_rightly(port: BlockingPort, shape: Shape) -> None:
    chance = random.Random(shape.name)
    documents = filled(port, shape, chance)
    collection = shape.name.replace(" ", "_")
    matched = 0
    for condition in questions(shape, chance):
        filter = to_filter(condition, single(shape))
        expected = [d for d in documents if holds(condition, d)]
        found = finish(port.find(collection, filter))
        assert sorted(d["_id"] for d in found) == [d["_id"] for d in expected], filter
        assert finish(port.count(collection, filter)) == len(expected), filter
        by_id = finish(port.find(collection, filter, sort=[("_id", -1)], limit=7))
        assert [d["_id"] for d in by_id] == [d["_id"] for d in expected[::-1][:7]], filter
        matched += len(expected)
        if shape.many or isinstance(condition, Not | Either | Present):
            continue
        for direction in (1, -1):
            order = [(shape.key, direction), ("_id", direction)]
            page = finish(port.find(collection, filter, sort=order, limit=20))
            wanted = sorted_by(shape.key, expected, direction)[:20]
            assert [d["_id"] for d in page] == wanted, (filter, order)
    assert matched > DOCUMENTS


def test_positions(port: BlockingPort) -> None:
    chance = random.Random(1)
    points = [(chance.uniform(-180, 180), chance.uniform(-90, 90)) for _ in range(150)]
    points += [(179.99, 10.0), (-179.99, 10.0), (0.0, 90.0), (120.0, 89.99), (7.6, 47.5)]
    documents = [
        {"_id": f"{n:04}", "search": {"near": {"type": "Point", "coordinates": list(point)}}}
        for n, point in enumerate(points)
    ]
    if profile_for(finish(probe(port))) == "partial":
        index = Index("places", "near", ("search.near",), "", kind="2dsphere")
        finish(port.create_indexes("places", [index.specification("partial")]))
    assert finish(port.insert_many("places", documents)) == {}
    for longitude, latitude in points[-25:]:
        for metres in (1_000.0, 50_000.0, 2_000_000.0, 9_000_000.0):
            condition = Near("search.near", longitude, latitude, metres)
            found = finish(port.find("places", to_filter(condition, frozenset())))
            expected = [d["_id"] for d in documents if holds(condition, d)]
            assert sorted(d["_id"] for d in found) == expected


def test_histories(port: BlockingPort) -> None:
    """The one compound index that all profiles share: the id, and then the version as the range."""
    documents = [
        {"_id": f"{id}/{version}", "id": id, "version": version}
        for id in ("a", "aa", "b")
        for version in range(1, 30)
    ]
    index = Index("past", "id_version", ("id", "version"), "", always=True)
    finish(port.create_indexes("past", [index.specification("sparse")]))
    assert finish(port.insert_many("past", documents)) == {}
    for id in ("a", "aa", "b", "c"):
        for below in (1, 2, 15, 29, 30):
            filter = {"id": id, "version": {"$lt": below}}
            order = [("id", -1), ("version", -1)]
            found = finish(port.find("past", filter, sort=order, limit=10))
            wanted = [n for n in range(29, 0, -1) if n < below][:10] if id != "c" else []
            assert [d["version"] for d in found] == wanted


def test_the_table_has_every_shape_of_the_catalogue() -> None:
    """So that an index of a new shape cannot come into the catalogue without being asked here."""
    known = definitions("4.0")
    catalogue = Catalogue(None, known, "sparse")  # type: ignore[arg-type]
    here = {(_last(shape.path), shape.many, _kind(shape.pool)) for shape in SHAPES}
    missing = set()
    for type in sorted(known.resource_types):
        kept = layout(type, known)
        for index in catalogue.declared(type):
            if index.kind or len(index.keys) > 1 or not index.name.startswith("search."):
                continue
            code, _, path = index.keys[0].removeprefix("search.").partition(".")
            if path in ("long", "range"):
                # Marks, asked for by equality alone: the searches by spans of dates and for Ranges do.
                continue
            entry = kept[code.partition(":")[0]]
            kind = {"date": "date", "number": "number", "quantity": "number"}.get(
                entry.parameter.type, "text"
            )
            if entry.composed:
                part = next(p for p in entry.composed if path.split(".")[0] == p.target.field)
                kind = {"quantity": "number", "number": "number", "date": "date"}.get(
                    part.target.parameter.type, "text"
                )
                path = "code"
            # Ends of periods are like starts, canonical values like values.
            shape = (_last(path), entry.many, kind)
            if shape not in here:
                missing.add((*shape, index.name, type))
    assert not missing


def _last(path: str) -> str:
    last = path.rpartition(".")[2]
    return {"end": "start"}.get(last, last)


def _kind(pool: list[Any]) -> str:
    return {id(TEXTS): "text", id(INSTANTS): "date", id(NUMBERS): "number"}[id(pool)]


def test_a_wrong_answer_would_be_noticed(port: BlockingPort) -> None:
    """Control: the shape that the catalogue avoids, since some servers answer wrongly from it; the evaluator is told a lie."""
    shape = replace(SHAPES[0], name="control")
    documents = filled(port, shape, random.Random(1))
    condition = Within(shape.key, at_least="a", less_than="b")
    found = finish(port.find("control", to_filter(condition, single(shape))))
    lie = Within(shape.key, more_than="a", less_than="b")
    assert [d["_id"] for d in documents if holds(lie, d)] != sorted(d["_id"] for d in found)
