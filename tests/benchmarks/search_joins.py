"""The kinds of search from one type to others: the best hand-written ones take two questions or three, with `$in` of ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks.search_kinds import (
    MOST,
    NOT_DELETED,
    PAGE,
    SEVERAL_TYPES,
    SOME,
    Kind,
    Raw,
    starting_with,
)
from tests.benchmarks.search_values import Document, Values


def between_types(values: Values) -> Iterator[Callable[[], Kind]]:
    """What makes each kind; making one raises LookupError where the data has nothing to ask for."""
    yield lambda: _chain(values)
    yield lambda: _two_levels(values)
    yield lambda: _unselective(values)
    yield lambda: _has(values)
    yield lambda: _nested_has(values)
    yield lambda: _include(values)
    yield lambda: _revinclude(values)
    yield lambda: _iterate(values)
    yield lambda: _everything(values)
    yield lambda: _two_types(values)


def _kind(name: str, type: str | None, query: str, floor: Any, **options: Any) -> Kind:
    return Kind(name, type, query, floor, SEVERAL_TYPES, **options)


def _code(values: Values) -> str:
    code: str = values.of_size("Observation", "search.code", SOME, holding="|")
    return code


def _subject(values: Values) -> str:
    subject: str = values.of_size("Observation", "search.subject", SOME)
    return subject


def _addresses(type: str, ids: list[str]) -> Document:
    return {"$in": [f"{type}/{id}" for id in ids]}


def _ids(addresses: list[str]) -> Document:
    return {"$in": [address.partition("/")[2] for address in addresses]}


# chains -----------------------------------------------------------------------------------------


def _chain(values: Values) -> Kind:
    family = values.of_size("Patient", "search.family", 5)

    def floor(raw: Raw) -> int:
        patients = raw.values("Patient", starting_with("search.family", family), "_id")
        return len(raw.page("Observation", {"search.subject": _addresses("Patient", patients)}))

    return _kind("chain", "Observation", f"subject:Patient.family={family}", floor)


def _two_levels(values: Values) -> Kind:
    organization = values.of_size("Encounter", "search.service-provider", 40)
    found = values.database["Organization"].find_one({"_id": organization.partition("/")[2]})
    if found is None:
        raise LookupError("the organization is not there")
    identifier = next(token for token in found["search"]["identifier"] if "|" in token)

    def floor(raw: Raw) -> int:
        organizations = raw.values("Organization", {"search.identifier": identifier}, "_id")
        filter = {"search.service-provider": _addresses("Organization", organizations)}
        encounters = raw.values("Encounter", filter, "_id")
        return len(
            raw.page("Observation", {"search.encounter": _addresses("Encounter", encounters)})
        )

    query = f"encounter:Encounter.service-provider:Organization.identifier={identifier}"
    return _kind("chain of two", "Observation", query, floor)


def _unselective(values: Values) -> Kind:
    code = _code(values)

    def floor(raw: Raw) -> int:
        subjects = raw.values("Observation", {"search.code": code}, "search.subject")
        filter = {"_id": _ids(subjects), "search.gender": "female"}
        women = raw.values("Patient", filter, "_id")
        filter = {"search.code": code, "search.subject": _addresses("Patient", women)}
        return len(raw.page("Observation", filter))

    query = f"code={code}&subject:Patient.gender=female"
    return _kind("chain to an unselective end", "Observation", query, floor)


def _has(values: Values) -> Kind:
    code = _code(values)

    def floor(raw: Raw) -> int:
        subjects = raw.values("Observation", {"search.code": code}, "search.subject")
        return len(raw.page("Patient", {"_id": _ids(subjects)} | NOT_DELETED))

    return _kind("_has", "Patient", f"_has:Observation:patient:code={code}", floor)


def _nested_has(values: Values) -> Kind:
    code = _code(values)

    def floor(raw: Raw) -> int:
        encounters = raw.values("Observation", {"search.code": code}, "search.encounter")
        subjects = raw.values("Encounter", {"_id": _ids(encounters)}, "search.subject")
        return len(raw.page("Patient", {"_id": _ids(subjects)} | NOT_DELETED))

    query = f"_has:Encounter:patient:_has:Observation:encounter:code={code}"
    return _kind("nested _has", "Patient", query, floor)


# includes ---------------------------------------------------------------------------------------


def _include(values: Values) -> Kind:
    code = _code(values)

    def floor(raw: Raw) -> int:
        page = raw.page("Observation", {"search.code": code}, besides=("search.subject",))
        return len(page) + len(raw.all("Patient", {"_id": _referred(page, "subject")}))

    query = f"code={code}&_include=Observation:subject"
    return _kind("_include", "Observation", query, floor)


def _referred(page: list[Document], code: str) -> Document:
    return _ids(list({document["search"][code]: None for document in page}))


def _revinclude(values: Values) -> Kind:
    subject = values.of_size("Encounter", "search.subject", 20)

    def floor(raw: Raw) -> int:
        page = raw.page("Encounter", {"search.subject": subject})
        encounters = _addresses("Encounter", [document["_id"] for document in page])
        return len(page) + len(raw.all("Observation", {"search.encounter": encounters}))

    query = f"subject={subject}&_revinclude=Observation:encounter"
    return _kind("_revinclude", "Encounter", query, floor)


def _iterate(values: Values) -> Kind:
    code = _code(values)

    def floor(raw: Raw) -> int:
        page = raw.page("Observation", {"search.code": code}, besides=("search.encounter",))
        there = {"_id": _referred(page, "encounter")}
        encounters = raw.all("Encounter", there, besides=("search.service-provider",))
        organizations = raw.all("Organization", {"_id": _referred(encounters, "service-provider")})
        return len(page) + len(encounters) + len(organizations)

    query = (
        f"code={code}&_include=Observation:encounter&_include:iterate=Encounter:service-provider"
    )
    return _kind("_include:iterate", "Observation", query, floor)


# several types ----------------------------------------------------------------------------------


def _pages_of(types: list[str], filter: Document) -> Callable[[Raw], int]:
    """A page of one type after the other, until it is full."""

    def floor(raw: Raw) -> int:
        found = 0
        for type in types:
            if found < PAGE:
                found += len(raw.page(type, filter, size=PAGE - found))
        return found

    return floor


def _everything(values: Values) -> Kind:
    subject = _subject(values)
    names = values.database.list_collection_names()
    types = sorted(name for name in names if name[0].isupper() and not name.endswith("_history"))
    floor = _pages_of(types, {"compartments": subject})
    return _kind("compartment, all types", None, "", floor, compartment=subject)


def _two_types(values: Values) -> Kind:
    subject = values.of_size("Condition", "search.subject", MOST)
    floor = _pages_of(["Condition", "Encounter"], {"search.subject": subject})
    return _kind("_type of two", None, f"_type=Condition,Encounter&patient={subject}", floor)
