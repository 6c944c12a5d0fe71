"""Laws of conditions, held on random ones over random documents: tightening, taking apart, and walking a result by phases."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhirstore.search.conditions import All, Among, Condition, Either, Element, Not, Present, Within
from fhirstore.search.order import Order, Place, SortKey, phases
from fhirstore.search.splitting import alternatives
from fhirstore.search.tightening import tighten
from tests.condition_evaluator import holds

SINGLE = frozenset({"search.one", "search.day"})
small = st.integers(0, 4)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """One number or none, several or none, and a period or none."""
    search: dict[str, Any] = {}
    if draw(st.booleans()):
        search["one"] = draw(small)
    if draw(st.booleans()):
        search["many"] = draw(st.lists(small, min_size=1, max_size=3))
    if draw(st.booleans()):
        search["day"] = {"start": draw(small), "end": draw(small)}
    if draw(st.booleans()):
        pairs = draw(st.lists(st.tuples(small, small), min_size=1, max_size=2))
        search["both"] = [{"a": a, "b": b} for a, b in pairs]
    return {"search": search}


def ranges(field: str) -> st.SearchStrategy[Condition]:
    bound = st.none() | small
    made = st.builds(Within, st.just(field), bound, bound, bound, bound)
    return made.filter(
        lambda w: any(b is not None for b in (w.at_least, w.more_than, w.less_than, w.at_most))
    )


simple: st.SearchStrategy[Condition] = st.one_of(
    *(
        st.one_of(
            ranges(field),
            st.builds(Among, st.just(field), st.lists(small, min_size=1, max_size=2).map(tuple)),
            st.builds(Present, st.just(field), st.booleans()),
        )
        for field in ("search.one", "search.many", "search.day.start", "search.day.end")
    )
)
elements: st.SearchStrategy[Condition] = st.builds(
    Element,
    st.just("search.both"),
    st.one_of(
        st.builds(lambda a, b: All((a, b)), ranges("a"), ranges("b")),
        st.builds(lambda a, b: Either((a, b)), ranges("a"), ranges("b")),
    ),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    simple | elements,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Either, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
several = st.lists(conditions, max_size=4)


@settings(max_examples=400)
@given(several, st.lists(documents(), min_size=1, max_size=8))
def test_tightening_changes_no_answer(asked: list[Condition], found: list[dict[str, Any]]) -> None:
    tight = tighten(asked, SINGLE)
    for document in found:
        assert holds(All(tight), document) == holds(All(tuple(asked)), document)


@settings(max_examples=400)
@given(several, st.lists(documents(), min_size=1, max_size=8))
def test_what_is_taken_apart_is_the_whole(
    asked: list[Condition], found: list[dict[str, Any]]
) -> None:
    ways = alternatives(asked, SINGLE)
    for document in found:
        parts = any(holds(All(way), document) for way in ways)
        assert parts == holds(All(tuple(asked)), document)


keys = st.builds(
    lambda field, descending: SortKey(
        field, (f"search.{field}",), descending, many=field == "many"
    ),
    st.sampled_from(["one", "many"]),
    st.booleans(),
)
orders = st.builds(
    Order,
    st.lists(keys, max_size=2, unique_by=lambda key: key.code).map(tuple),
    st.booleans(),
)


@settings(max_examples=400)
@given(orders, st.lists(documents(), max_size=10), st.integers(-1, 9))
def test_phases_give_what_comes_after_a_place_in_order(
    order: Order, found: list[dict[str, Any]], at: int
) -> None:
    """One phase after the other, each sorted as a server would sort it, is the result; from any place on."""
    for number, document in enumerate(found):
        document["_id"] = f"{number}"
    rank = order.rank()
    whole = sorted(found, key=lambda document: rank(order.place(document)))
    after: Place | None = order.place(whole[at]) if 0 <= at < len(whole) else None
    expected = whole[at + 1 :] if after else whole
    walked: list[dict[str, Any]] = []
    for phase in phases((), order, after):
        matching = [d for d in found if holds(All(phase.conditions), d)]
        walked += sorted(matching, key=lambda document: rank(order.place(document)))
    assert [d["_id"] for d in walked] == [d["_id"] for d in expected]


@given(orders, st.lists(documents(), min_size=2, max_size=6))
def test_an_order_is_total(order: Order, found: list[dict[str, Any]]) -> None:
    for number, document in enumerate(found):
        document["_id"] = f"{number}"
    rank = order.rank()
    one, other = (rank(order.place(document)) for document in found[:2])
    assert (one < other) != (other < one)


def test_the_evaluator_tells_apart_what_it_has_to() -> None:
    document = {"search": {"many": [1, 3], "both": [{"a": 1, "b": 2}, {"a": 2, "b": 1}]}}
    assert holds(
        All((Within("search.many", at_most=1), Within("search.many", at_least=3))), document
    )
    assert not holds(Within("search.many", at_least=2, at_most=2), document)
    crossed = All((Among("a", (1,)), Among("b", (1,))))
    assert not holds(Element("search.both", crossed), document)
    assert holds(Element("search.both", All((Among("a", (1,)), Among("b", (2,))))), document)
