"""Conditions as MongoDB filters: their form, which weak planners depend on. What they mean is held by `test_filter_meaning`."""

from __future__ import annotations

from typing import Any

import pytest

from fhirstore.search.conditions import (
    All,
    Among,
    Condition,
    Either,
    Element,
    Matches,
    Near,
    Never,
    Not,
    Present,
    Within,
)
from fhirstore.search.filter import to_filter

SINGLE = frozenset({"_id", "search.date", "search.status"})
NOTHING = {"_id": {"$in": []}}

CASES: list[tuple[Condition, dict[str, Any]]] = [
    (Among("search.code", ("a",)), {"search.code": "a"}),
    (Among("search.code", ("a", "b")), {"search.code": {"$in": ["a", "b"]}}),
    (Within("search.date.start", at_least=1, less_than=2), {"search.date.start": {"$gte": 1, "$lt": 2}}),
    # of an array, one element has to lie within both bounds; the flat bounds beside it are for the index
    (
        Within("search.name", at_least="a", less_than="b"),
        {"search.name": {"$elemMatch": {"$gte": "a", "$lt": "b"}, "$gte": "a", "$lt": "b"}},
    ),
    (Within("search.name", more_than="a"), {"search.name": {"$gt": "a"}}),
    (Present("search.name"), {"search.name": {"$exists": True}}),
    (Present("deleted", False), {"deleted": {"$exists": False}}),
    (Matches("search.name", "a\\.b"), {"search.name": {"$regex": "a\\.b"}}),
    (Never(), NOTHING),
    (Not(Never()), {}),
    (
        Near("search.near", 7.5, 47.5, 6_371_008.8),
        {"search.near": {"$geoWithin": {"$centerSphere": [[7.5, 47.5], 1.0]}}},
    ),
    # what can be said at the field is said there
    (Not(Among("search.code", ("a",))), {"search.code": {"$ne": "a"}}),
    (Not(Among("search.code", ("a", "b"))), {"search.code": {"$nin": ["a", "b"]}}),
    (Not(Present("search.code")), {"search.code": {"$exists": False}}),
    (Not(Within("search.name", at_most="a")), {"search.name": {"$not": {"$lte": "a"}}}),
    (Not(Not(Among("search.code", ("a",)))), {"search.code": "a"}),
    (
        Not(Within("search.name", at_least="a", less_than="b")),
        {"$nor": [{"search.name": {"$elemMatch": {"$gte": "a", "$lt": "b"}, "$gte": "a", "$lt": "b"}}]},
    ),
    (
        All((Within("search.name", more_than="a"), Not(Within("search.name", at_most="a")))),
        {"search.name": {"$gt": "a", "$not": {"$lte": "a"}}},
    ),
    # flat where it can be, `$and` only for what collides
    (
        All((Among("search.code", ("a",)), Among("search.status", ("b",)))),
        {"search.code": "a", "search.status": "b"},
    ),
    (
        All((Among("search.code", ("a",)), Among("search.code", ("b",)))),
        {"search.code": "a", "$and": [{"search.code": "b"}]},
    ),
    (
        All((Not(All((Present("a"), Present("b")))), Not(All((Present("c"), Present("d")))))),
        {
            "$nor": [
                {"a": {"$exists": True}, "b": {"$exists": True}},
                {"c": {"$exists": True}, "d": {"$exists": True}},
            ]
        },
    ),
    # alternatives: equalities of one field are one `$in`, what cannot be is left out
    (Either((Among("f", ("a",)), Among("f", ("b", "a")))), {"f": {"$in": ["a", "b"]}}),
    (Either((Among("f", ("a",)), Among("g", ("b",)))), {"$or": [{"f": "a"}, {"g": "b"}]}),
    (Either((Never(), Among("g", ("b",)))), {"g": "b"}),
    (Either((Never(), Never())), NOTHING),
    (Either((All(()), Among("g", ("b",)))), {}),
    (Not(Either((Among("f", ("a",)), Among("g", ("b",))))), {"f": {"$ne": "a"}, "g": {"$ne": "b"}}),
    # elements: a flat guard beside, alternatives drawn out
    (
        Element("search.d", All((Within("start", at_least=1), Within("end", at_most=2)))),
        {
            "search.d.start": {"$gte": 1},
            "search.d.end": {"$lte": 2},
            "search.d": {"$elemMatch": {"start": {"$gte": 1}, "end": {"$lte": 2}}},
        },
    ),
    (
        Element("search.d", Either((Within("start", at_least=1), Within("end", at_most=2)))),
        {
            "$or": [
                {"search.d.start": {"$gte": 1}, "search.d": {"$elemMatch": {"start": {"$gte": 1}}}},
                {"search.d.end": {"$lte": 2}, "search.d": {"$elemMatch": {"end": {"$lte": 2}}}},
            ]
        },
    ),
    (
        Element("search.c", Within("code", at_least="http://x|", less_than="http://x}")),
        {
            "search.c.code": {"$gte": "http://x|", "$lt": "http://x}"},
            "search.c": {"$elemMatch": {"code": {"$regex": r"^http:\/\/x\|"}}},
        },
    ),
    (Element("search.c", All((Among("code", ("a",)), Never()))), NOTHING),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "expected"), CASES, ids=lambda value: str(value)[:60])
def test_form(condition: Condition, expected: dict[str, Any]) -> None:
    made = to_filter(condition, SINGLE)
    assert made == expected
    assert list(made) == list(expected), "weak planners take the first field that has an index"
