"""A query becomes a plan: the condition of each kind of criterion, in which order they are asked, and the order of the result."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from fhirstore.definitions import definitions
from fhirstore.errors import InvalidSearch
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
    Ranges,
    Within,
)
from fhirstore.search.order import Place
from fhirstore.search.parameter_type import Asking
from fhirstore.search.plan import Plan, plan
from fhirstore.search.query import parse

R4 = definitions("4.0")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
UCUM = "http://unitsofmeasure.org"


def planned(type: str, query: str) -> Plan:
    return plan(
        parse(type, query, R4), R4, Asking(NOW, ("http://base.test/fhir",), R4.resource_types)
    )


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def start(**bounds: str) -> Within:
    return Within("search.birthdate.start", **{name: day(text) for name, text in bounds.items()})


def end(**bounds: str) -> Within:
    return Within("search.birthdate.end", **{name: day(text) for name, text in bounds.items()})


IS_LONG = Among("search.birthdate.long", (True,))


BIRTH = "search.birthdate.start"


def ranges(*ways: tuple[Condition, ...]) -> list[Condition]:
    return [Ranges(tuple(map(All, ways)), BIRTH)]


def overlap(after: str, before: str, *, a_day_before: str) -> list[Condition]:
    """That a birth date ends after one instant, and starts before another."""
    ends = end(more_than=after)
    return ranges(
        (IS_LONG, start(less_than=a_day_before), ends),
        (start(at_least=a_day_before, less_than=before), ends),
    )


def value(**bounds: str) -> Within:
    numbers = {name: Decimal(text) for name, text in bounds.items()}
    return Within("search.value-quantity.value", **numbers)  # type: ignore[arg-type]


# Type, query, the conditions in their order.
CONDITIONS: list[tuple[str, str, list[Condition]]] = [
    ("Patient", "", []),
    # token
    ("Patient", "gender=male", [Among("search.gender", ("male",))]),
    ("Patient", "gender=male,female", [Among("search.gender", ("male", "female"))]),
    ("Patient", "gender=http://hl7.org/fhir/administrative-gender|male", [Among("search.gender", ("male",))]),
    ("Patient", "gender=urn:x|male", [Never()]),
    ("Patient", "gender=urn:x|male,male", [Among("search.gender", ("male",))]),
    ("Patient", "gender:not=male", [Not(Among("search.gender", ("male",)))]),
    ("Patient", "gender:missing=true", [Not(Present("search.gender"))]),
    ("Patient", "gender:missing=false", [Present("search.gender")]),
    ("Patient", "identifier=s|v", [Among("search.identifier", ("s|v",))]),
    ("Patient", "identifier=v", [Among("search.identifier", ("v",))]),
    ("Patient", "identifier=|v", [Among("search.identifier", ("|v",))]),
    ("Patient", "identifier=s|", [Within("search.identifier", at_least="s|", less_than="s}")]),
    ("Patient", r"identifier=s\|t|v\\", [Among("search.identifier", (r"s\|t|v\\",))]),
    ("Patient", "email=A@B", [Among("search.email", ("a@b",))]),
    ("Patient", "active=true", [Among("search.active", ("true",))]),
    # string
    ("Patient", "family=Mü", [Within("search.family", at_least="mu", less_than="mv")]),
    ("Patient", "family:exact=Mü", [Among("search.family", ("mu",)), Among("search.family:exact", ("Mü",))]),
    ("Patient", "family:contains=a.b", [Matches("search.family", "ab")]),
    ("Patient", "family=a,b", [Either((Within("search.family", at_least="a", less_than="b"),
                                      Within("search.family", at_least="b", less_than="c")))]),
    ("Patient", "phonetic=a", [Within("search.name", at_least="a", less_than="b")]),
    # reference
    ("Observation", "subject=Patient/1", [Among("search.subject", ("Patient/1",))]),
    ("Observation", "subject=1", [Among("search.subject", ("Device/1", "Group/1", "Location/1", "Patient/1"))]),
    ("Observation", "subject:Group=1", [Among("search.subject", ("Group/1",))]),
    ("Observation", "subject=http://base.test/fhir/Patient/1", [Among("search.subject", ("Patient/1",))]),
    ("Observation", "subject=http://x.test/Patient/1", [Among("search.subject", ("http://x.test/Patient/1",))]),
    ("Observation", "subject=Patient/1/_history/3", [Among("search.subject", ("Patient/1",))]),
    ("Observation", "patient=1", [Among("search.subject", ("Patient/1",))]),
    ("Observation", "patient=Group/1", [Never()]),
    ("Observation", "patient:missing=false", [Within("search.subject", at_least="Patient/", less_than="Patient0")]),
    # uri
    ("ValueSet", "url=http://a,b", [Among("search.url", ("http://a", "b"))]),
    ("ValueSet", "url:below=http://a/b", [Either((
        Among("search.url", ("http://a/b",)), Within("search.url", at_least="http://a/b/", less_than="http://a/b0")))]),
    ("ValueSet", "url:below=http://a/b/", [Within("search.url", at_least="http://a/b/", less_than="http://a/b0")]),
    ("ValueSet", "url:above=http://a/b", [Among("search.url", ("http://a/b", "http://a", "http://a/"))]),
    ("Observation", "subject:identifier=s|v", [Element("links", All((
        Among("identifier", ("s|v",)), Among("path", ("subject",)))))]),
    ("Observation", "category:text=5.x", [Either((
        Matches("resource.category.text", r"^5\.x", ignore_case=True),
        Matches("resource.category.coding.display", r"^5\.x", ignore_case=True)))]),
    # date
    ("Patient", "birthdate=2020", [start(at_least="2020-01-01", less_than="2021-01-01"), end(at_most="2021-01-01")]),
    ("Patient", "birthdate=ne2020", [Either((start(less_than="2020-01-01"), end(more_than="2021-01-01")))]),
    ("Patient", "birthdate=gt2020", [end(more_than="2021-01-01")]),
    ("Patient", "birthdate=lt2020", [start(less_than="2020-01-01")]),
    ("Patient", "birthdate=ge2020", [end(more_than="2020-01-01"),
                                     Either((start(at_least="2020-01-01"), end(more_than="2021-01-01")))]),
    ("Patient", "birthdate=le2020", [start(less_than="2021-01-01"),
                                     Either((start(less_than="2020-01-01"), end(at_most="2021-01-01")))]),
    ("Patient", "birthdate=sa2020", [start(at_least="2021-01-01")]),
    ("Patient", "birthdate=eb2020", [end(at_most="2020-01-01")]),
    ("Patient", "birthdate=ap2026-01-01", overlap("2026-01-01", "2026-01-02", a_day_before="2025-12-31T00:00:00.001")),
    ("Patient", "birthdate=ap2025-12-22", overlap("2025-12-21", "2025-12-24", a_day_before="2025-12-20T00:00:00.001")),
    # `ge` asks less of what starts within: three ranges.
    ("Patient", "birthdate=ge2020&birthdate=lt2023", ranges(
        (IS_LONG, start(less_than="2020-01-01"), end(more_than="2021-01-01")),
        (start(at_least="2020-01-01", less_than="2023-01-01"), end(more_than="2020-01-01")))),
    ("Patient", "birthdate=ge2020-01-01T10:00:00Z&birthdate=lt2023", ranges(
        (IS_LONG, start(less_than="2019-12-31T10:00:01.001"), end(more_than="2020-01-01T10:00:01")),
        (start(at_least="2019-12-31T10:00:01.001", less_than="2020-01-01T10:00:00"), end(more_than="2020-01-01T10:00:01")),
        (start(at_least="2020-01-01T10:00:00", less_than="2023-01-01"), end(more_than="2020-01-01T10:00:00")))),
    ("Patient", "birthdate=ge2020&birthdate=le2022", ranges(
        (IS_LONG, start(less_than="2020-01-01"), end(more_than="2021-01-01")),
        (start(at_least="2020-01-01", less_than="2022-01-01"), end(more_than="2020-01-01")),
        (start(at_least="2022-01-01", less_than="2023-01-01"), end(more_than="2020-01-01", at_most="2023-01-01")))),
    ("Patient", "birthdate=gt2020&birthdate=lt2023&gender=male", [
        *overlap("2021-01-01", "2023-01-01", a_day_before="2020-12-31T00:00:00.001"), Among("search.gender", ("male",))]),
    # An equality that leaves few over is all that an index is needed for.
    ("Patient", "birthdate=gt2020&birthdate=lt2023&_id=p", [
        Among("_id", ("p",)), end(more_than="2021-01-01"), start(less_than="2023-01-01")]),
    ("Patient", "birthdate=gt2020&birthdate=lt2023", overlap("2021-01-01", "2023-01-01", a_day_before="2020-12-31T00:00:00.001")),
    ("Patient", "birthdate=sa2019&birthdate=lt2021", [start(at_least="2020-01-01", less_than="2021-01-01")]),
    ("Patient", "birthdate=sa2021&birthdate=lt2021", [Never()]),
    # number and quantity
    ("Observation", "value-quantity=100", [value(at_least="99.5", less_than="100.5")]),
    ("Observation", "value-quantity=100.00", [value(at_least="99.995", less_than="100.005")]),
    ("Observation", "value-quantity=1e2", [value(at_least="95", less_than="105")]),
    ("Observation", "value-quantity=-5", [value(at_least="-5.5", less_than="-4.5")]),
    ("Observation", "value-quantity=gt100", [value(more_than="100")]),
    ("Observation", "value-quantity=ge100", [value(at_least="100")]),
    ("Observation", "value-quantity=lt100", [value(less_than="100")]),
    ("Observation", "value-quantity=le100", [value(at_most="100")]),
    ("Observation", "value-quantity=sa100", [value(more_than="100")]),
    ("Observation", "value-quantity=eb100", [value(less_than="100")]),
    ("Observation", "value-quantity=ap100", [value(at_least="90", at_most="110")]),
    ("Observation", "value-quantity=ne100", [Either((value(less_than="99.5"), value(at_least="100.5")))]),
    ("Observation", f"value-quantity=gt5400|{UCUM}|mg", [
        Within("search.value-quantity.canonical.value", more_than=Decimal("5.4")),
        Among("search.value-quantity.canonical.unit", ("g",))]),
    ("Observation", "value-quantity=gt5|urn:x|y", [
        value(more_than="5"), Among("search.value-quantity.code", ("y",)),
        Among("search.value-quantity.system", ("urn:x",))]),
    ("Observation", "value-quantity=gt5||y", [
        value(more_than="5"),
        Either((Among("search.value-quantity.code", ("y",)), Among("search.value-quantity.unit", ("y",))))]),
    # composite
    ("Observation", "code-value-quantity=a$gt5", [Among("search.code", ("a",)), value(more_than="5")]),
    ("Observation", "component-code-value-quantity=a$gt5", [Element(
        "search.component-code-value-quantity", All((
            Among("component-code", ("a",)),
            Within("component-value-quantity.value", more_than=Decimal(5)))))]),
    ("Observation", "combo-code=a", [Either((Among("search.code", ("a",)), Among("search.component-code", ("a",))))]),
    # special
    ("Location", "near=1|2|3|m", [Near("search.near", 2.0, 1.0, 3.0)]),
    ("Location", "near=1|2", [Near("search.near", 2.0, 1.0, 10_000.0)]),
    # the document itself
    ("Patient", "_id=a,b", [Among("_id", ("a", "b"))]),
    ("Patient", "_id=a b", [Never()]),
    ("Patient", "_lastUpdated=ge2020", [Within("last_updated", at_least=day("2020-01-01"))]),
    # what narrows most stands first, whatever the order of the query
    ("Observation", "status=final&date=sa2020&code=a&patient=1&_id=x", [
        Among("_id", ("x",)), Among("search.subject", ("Patient/1",)), Among("search.code", ("a",)),
        Within("search.date.start", at_least=day("2021-01-01")), Among("search.status", ("final",))]),
]  # fmt: skip


@pytest.mark.parametrize(("type", "query", "expected"), CONDITIONS)
def test_conditions(type: str, query: str, expected: list[Condition]) -> None:
    assert list(planned(type, query).conditions) == expected


ORDERS = [
    ("Patient", "", ("_id",), True),
    ("Patient", "gender=male", ("_id",), True),
    # Ranges alone give the order, since an index does.
    ("Patient", "birthdate=sa2020", ("search.birthdate.start", "_id"), True),
    ("Patient", "birthdate=sa2020&gender=male", ("_id",), True),
    ("Observation", "value-quantity=gt5", ("search.value-quantity.value", "_id"), True),
    ("Patient", "family=a", ("_id",), True),
    # So do alternatives on one field that holds one value.
    ("ValueSet", "url:below=http://a/b", ("search.url", "_id"), True),
    ("ValueSet", "url:below=http://a/b&status=draft", ("_id",), True),
    ("Observation", "value-quantity=lt1,gt5", ("search.value-quantity.value", "_id"), True),
    ("Observation", "value-quantity=ne5", ("search.value-quantity.value", "_id"), True),
    ("Patient", "family=a,b", ("_id",), True),
    ("Patient", "birthdate=ne2020", ("_id",), True),
    ("Patient", "_profile:below=http://a/b", ("_id",), True),
    ("Patient", "_sort=_id", ("_id",), False),
    ("Patient", "_sort=-_id", ("-_id",), False),
    ("Patient", "_sort=birthdate", ("search.birthdate.start", "_id"), False),
    ("Patient", "_sort=-birthdate", ("-search.birthdate.start", "-_id"), False),
    ("Patient", "_sort=-birthdate,_id", ("-search.birthdate.start", "_id"), False),
    ("Patient", "_sort=family,-gender", ("search.family", "-search.gender", "-_id"), False),
    ("Patient", "_sort=-_lastUpdated", ("-last_updated", "-_id"), False),
    ("Observation", "_sort=value-quantity", ("search.value-quantity.value", "_id"), False),
    ("Observation", "_sort=combo-code", ("search.component-code+search.code", "_id"), False),
]


@pytest.mark.parametrize(("type", "query", "order", "by_default"), ORDERS)
def test_orders(type: str, query: str, order: tuple[str, ...], by_default: bool) -> None:
    made = planned(type, query)
    words = tuple("+".join(sorted(word.split("+"))) for word in made.order_in_words())
    assert words == tuple("+".join(sorted(word.split("+"))) for word in order)
    assert made.by_default is by_default


def test_what_lies_before_a_page_is_asked_of_no_alternative() -> None:
    made = planned("ValueSet", "url:below=http://a/b")
    inside = Within("search.url", more_than="http://a/b/c", less_than="http://a/b0")
    assert [phase.conditions for phase in made.phases(Place(("http://a/b/c",), "x"))] == [
        (Among("search.url", ("http://a/b/c",)), Within("_id", more_than="x")),
        (inside,),
    ]
    assert [phase.conditions for phase in made.phases(Place(("http://a/b",), "x"))][1] == (
        Within("search.url", at_least="http://a/b/", less_than="http://a/b0"),
    )


# Where no server could give the order, the searcher compares.
@pytest.mark.parametrize(
    ("query", "ordered"),
    [("_sort=birthdate", True), ("_sort=family", True), ("_sort=identifier", False),
     ("_sort=gender", True), ("_sort=organization", True)],
)  # fmt: skip
def test_orders_that_an_index_gives(query: str, ordered: bool) -> None:
    assert planned("Patient", query).order.ordered is ordered


DELETED = [
    ("", True),
    ("gender=male", False),
    ("gender:not=male", True),
    ("gender:missing=true", True),
    ("gender:missing=false", False),
    ("_id=a", True),
    ("_lastUpdated=gt2020", True),
    ("gender:not=male&name=x", False),
]


@pytest.mark.parametrize(("query", "asked"), DELETED)
def test_tombstones_are_named_only_where_a_question_could_find_one(query: str, asked: bool) -> None:
    made = planned("Patient", query)
    assert ("deleted" in made.filter(made.conditions)) is asked


def test_all_that_is_wrong_with_the_values_is_said_at_once() -> None:
    with pytest.raises(InvalidSearch) as caught:
        planned("Patient", "birthdate=x&family=a&gender=a|b|c&foo=1&_sort=bar")
    assert {issue.expression for issue in caught.value.issues} == {
        "birthdate",
        "gender",
        "foo",
        "_sort",
    }


def test_tokens_are_bound_to_what_is_asked_and_not_to_how() -> None:
    one, other = (
        planned("Patient", "name=a&gender=male"),
        planned("Patient", "gender=male&name=a&_count=3"),
    )
    assert one.binding == other.binding
    assert one.binding != planned("Patient", "name=a").binding
    assert one.binding != planned("Patient", "name=a&gender=male&_sort=name").binding
