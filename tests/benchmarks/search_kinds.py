"""The kinds of search within one type, each with the best query in PyMongo that answers the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson.codec_options import CodecOptions
from pymongo.database import Database

from fhirstore import Store
from tests.benchmarks.data import GROUP, UCUM
from tests.benchmarks.search_values import Document, Values

PAGE = 50
# Several pages, and few enough that a server which sorts them all is not what is measured.
SOME = GROUP
BY_ID = [("_id", 1)]
# Nearest to this is the most frequent.
MOST = 1_000_000
_FIELDS = {"version": 1, "last_updated": 1, "json": 1}
# What is left of a deleted resource has an id and a date, and nothing of what other criteria ask for.
NOT_DELETED = {"deleted": {"$exists": False}}
_ALL = 1000
ONE_TYPE, SEVERAL_TYPES = 1.3, 2.0

Floor = Callable[["Raw"], int]


@dataclass(frozen=True)
class Kind:
    """One search and its floor, which answers how many documents it read for the page.

    `limit` is how many times as long as the floor the store may take.
    """

    name: str
    type: str | None
    query: str
    floor: Floor
    limit: float = ONE_TYPE
    compartment: str | None = None
    page: str | None = None


class Raw:
    """Questions to the collections, with what a page of the store has of each document."""

    def __init__(self, database: Database[Document]) -> None:
        self.database = database.with_options(CodecOptions(tz_aware=True))

    def page(
        self,
        type: str,
        filter: Document,
        sort: list[tuple[str, int]] = BY_ID,
        *,
        size: int = PAGE,
        besides: tuple[str, ...] = (),
    ) -> list[Document]:
        """A page, read with one document more that tells whether there is another, and with the values to go on behind.

        `besides` are further fields.
        """
        fields = _FIELDS | dict.fromkeys([*(name for name, _ in sort), *besides], 1)
        found = self.database[type].find(filter, fields, sort=sort, limit=size + 1)
        return list(found)[:size]

    def all(self, type: str, filter: Document, *, besides: tuple[str, ...] = ()) -> list[Document]:
        fields = _FIELDS | dict.fromkeys(besides, 1)
        return list(self.database[type].find(filter | NOT_DELETED, fields, batch_size=_ALL))

    def values(self, type: str, filter: Document, field: str) -> list[Any]:
        """The value of `field`, which holds one, of each document."""
        found = self.database[type].find(filter, {field: 1}, batch_size=_ALL)
        return list({_at(document, field): None for document in found})


def _at(document: Document, field: str) -> Any:
    value: Any = document
    for name in field.split("."):
        value = value[name]
    return value


def one_page(
    type: str, filter: Document, sort: list[tuple[str, int]] = BY_ID, size: int = PAGE
) -> Floor:
    return lambda raw: len(raw.page(type, filter, sort, size=size))


def starting_with(field: str, prefix: str) -> Document:
    """One and the same element of an array lies within; the flat bounds are what an index serves."""
    within = {"$gte": prefix, "$lt": prefix + "\U0010ffff"}
    return {field: {"$elemMatch": within, **within}}


def within_a_type(values: Values, store: Store) -> Iterator[Callable[[], Kind]]:
    """What makes each kind; making one raises LookupError where the data has nothing to ask for."""
    code = values.of_size("Observation", "search.code", SOME, holding="|")
    subject = values.of_size("Observation", "search.subject", SOME)
    by_code = {"search.code": code}

    def of_code(name: str, query: str, filter: Document, **options: Any) -> Callable[[], Kind]:
        floor = one_page("Observation", by_code | filter, **options)
        return lambda: Kind(name, "Observation", f"code={code}{query}", floor)

    yield of_code("token", "", {})
    yield lambda: _prefix(values)
    yield lambda: Kind(
        "reference", "Observation", f"subject={subject}",
        one_page("Observation", {"search.subject": subject}),
    )  # fmt: skip
    yield lambda: _dates(values)
    yield lambda: _quantities(values)
    yield lambda: _number(values)
    yield lambda: _number_or_range(values)
    yield lambda: _uri(values)
    yield lambda: _composite(values)
    yield lambda: _component(values)
    yield of_code(
        ":missing=true and token", "&method:missing=true", {"search.method": {"$exists": False}}
    )
    yield lambda: Kind(
        ":missing=false",
        "RiskAssessment",
        "method:missing=false",
        one_page("RiskAssessment", {"search.method": {"$exists": True}}),
    )
    yield of_code(":not and token", "&status:not=amended", {"search.status": {"$ne": "amended"}})
    yield lambda: _both(values, subject)
    yield lambda: _ten(values)
    yield of_code(
        "_sort=-date and token", "&_sort=-date&_count=20", {},
        sort=[("search.date.start", -1), ("_id", -1)], size=20,
    )  # fmt: skip
    yield lambda: _second_page(subject, store)
    yield lambda: _by_id(values)
    yield lambda: _last_updated(values)
    yield lambda: _tag(values)
    yield lambda: Kind(
        "compartment, one type", "Observation", "",
        one_page("Observation", {"compartments": subject}), compartment=subject,
    )  # fmt: skip
    yield lambda: Kind(
        "_summary=count", "Observation", f"code={code}&_summary=count",
        lambda raw: raw.database["Observation"].count_documents(by_code),
    )  # fmt: skip


def _prefix(values: Values) -> Kind:
    prefix = values.prefix_of_size("Patient", "search.family", 60)
    filter = starting_with("search.family", prefix)
    return Kind("string prefix", "Patient", f"family={prefix}", one_page("Patient", filter))


def _dates(values: Values) -> Kind:
    found = values.ordered("Observation", "search.date.start")
    middle = len(found) // 2
    start, end = found[middle], found[min(middle + SOME, len(found) - 1)]
    filter = {"search.date.start": {"$gte": start, "$lt": end}}
    floor = one_page("Observation", filter, [("search.date.start", 1), ("_id", 1)])
    return Kind(
        "date range", "Observation", f"date=ge{_written(start)}&date=lt{_written(end)}", floor
    )


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds") + "Z"


def _quantities(values: Values) -> Kind:
    field = "search.value-quantity.canonical"
    unit = values.of_size("Observation", f"{field}.unit", MOST)
    value = values.ordered("Observation", f"{field}.value", {f"{field}.unit": unit})[-SOME:][0]
    filter = {f"{field}.value": {"$gt": value}, f"{field}.unit": unit}
    floor = one_page("Observation", filter, [(f"{field}.value", 1), ("_id", 1)])
    return Kind("quantity in UCUM", "Observation", f"value-quantity=gt{value}|{UCUM}|{unit}", floor)


def _number(values: Values) -> Kind:
    return _above(values, "number", "MolecularSequence", "window-start")


def _number_or_range(values: Values) -> Kind:
    """A Range counts as well, so that the query by hand has to know that there is none."""
    return _above(values, "number, where a Range may be", "RiskAssessment", "probability")


def _above(values: Values, name: str, type: str, code: str) -> Kind:
    field = f"search.{code}"
    value = values.ordered(type, field)[-SOME:][0]
    floor = one_page(type, {field: {"$gt": value}}, [(field, 1), ("_id", 1)])
    return Kind(name, type, f"{code}=gt{value}", floor)


def _uri(values: Values) -> Kind:
    url = values.of_size("ValueSet", "search.url", 1)
    return Kind("uri", "ValueSet", f"url={url}", one_page("ValueSet", {"search.url": url}))


def _composite(values: Values) -> Kind:
    field = "search.value-quantity.value"
    code = values.of_size("Observation", "search.code", SOME, holding="loinc.org|")
    ordered = values.ordered("Observation", field, {"search.code": code})
    value = ordered[len(ordered) // 2]
    floor = one_page("Observation", {"search.code": code, field: {"$gt": value}})
    return Kind("composite", "Observation", f"code-value-quantity={code}$gt{value}", floor)


def _component(values: Values) -> Kind:
    code = values.of_size("Observation", "search.component-code", SOME, holding="group-")
    field = "search.component-code-value-quantity"
    both = {"component-code": code, "component-value-quantity.value": {"$gt": SOME // 2}}
    filter = {f"{field}.component-code": code, field: {"$elemMatch": both}}
    query = f"component-code-value-quantity={code}$gt{SOME // 2}"
    return Kind("composite of components", "Observation", query, one_page("Observation", filter))


def _both(values: Values, subject: str) -> Kind:
    own = values.database["Observation"].find({"search.subject": subject}, {"search.code": 1})
    code = next(code for document in own for code in document["search"]["code"] if "|" in code)
    floor = one_page("Observation", {"search.subject": subject, "search.code": code})
    return Kind("reference and token", "Observation", f"subject={subject}&code={code}", floor)


def _ten(values: Values) -> Kind:
    codes = values.of_sizes("Observation", "search.code", 30, 10, holding="|")
    floor = one_page("Observation", {"search.code": {"$in": codes}})
    return Kind("one of ten tokens", "Observation", f"code={','.join(codes)}", floor)


def _second_page(subject: str, store: Store) -> Kind:
    query = f"subject={subject}"
    first = store.search("Observation", query)
    if first.next is None:
        raise LookupError("there is no second page")
    filter = {"search.subject": subject, "_id": {"$gt": first.matches[-1].id}}
    floor = one_page("Observation", filter)
    return Kind("second page", "Observation", query, floor, page=first.next)


def _by_id(values: Values) -> Kind:
    id = values.of_size("Patient", "_id", 1)
    return Kind("_id", "Patient", f"_id={id}", one_page("Patient", {"_id": id} | NOT_DELETED))


def _last_updated(values: Values) -> Kind:
    found = values.ordered("Observation", "last_updated")
    middle = len(found) // 2
    start, end = found[middle], found[min(middle + SOME, len(found) - 1)]
    query = "&".join(
        f"_lastUpdated={prefix}{moment.isoformat(timespec='milliseconds')}Z"
        for prefix, moment in (("ge", start), ("le", end))
    )
    filter = {"last_updated": {"$gte": start, "$lte": end}} | NOT_DELETED
    floor = one_page("Observation", filter, [("last_updated", 1), ("_id", 1)])
    return Kind("_lastUpdated", "Observation", query, floor)


def _tag(values: Values) -> Kind:
    tag = values.of_size("RiskAssessment", "search._tag", SOME, holding="|")
    floor = one_page("RiskAssessment", {"search._tag": tag})
    return Kind("_tag", "RiskAssessment", f"_tag={tag}", floor)
