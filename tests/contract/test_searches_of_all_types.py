"""What a search of several types means does not hang on which types happen to have resources."""

from __future__ import annotations

from typing import Any

import pytest

from fhirstore.errors import InvalidSearch


def fill(store: Any) -> None:
    for type, id in [
        ("Patient", "a"),
        ("Basic", "b"),
        ("Patient", "c"),
        ("Patient", "b"),
        ("Basic", "a-b"),
    ]:
        more = {"code": {"text": "x"}} if type == "Basic" else {}
        store.update({"resourceType": type, "id": id, **more})  # fmt: skip


def paged(store: Any, query: str, count: int) -> list[str]:
    found = store.iterate(None, f"{query}&_count={count}")
    return [f"{match.type}/{match.id}" for match in found]


@pytest.mark.parametrize("count", [1, 2, 50])
def test_by_id_is_by_id(store: Any, count: int) -> None:
    fill(store)
    ascending = ["Patient/a", "Basic/a-b", "Basic/b", "Patient/b", "Patient/c"]
    assert paged(store, "_type=Patient,Basic&_sort=_id", count) == ascending
    assert paged(store, "_type=Patient,Basic&_sort=-_id", count) == ascending[::-1]
    by_type = ["Basic/a-b", "Basic/b", "Patient/a", "Patient/b", "Patient/c"]
    assert paged(store, "_type=Patient,Basic", count) == by_type


@pytest.mark.parametrize("with_resources", [False, True])
def test_all_types_have_to_know_a_parameter(store: Any, with_resources: bool) -> None:
    if with_resources:
        store.update({"resourceType": "Patient", "id": "a", "name": [{"family": "x"}]})
    with pytest.raises(InvalidSearch) as caught:
        store.search(None, "name=x&_id=a")
    assert [issue.expression for issue in caught.value.issues] == ["name"]
    page = store.search(None, "name=x&_id=a", handling="lenient")
    assert (page.parameters, [i.severity for i in page.issues]) == ([("_id", "a")], ["warning"])
    assert store.search(None, "name=x&_type=Patient").total == with_resources


def test_kinds_of_values_that_have_no_order(store: Any) -> None:
    with pytest.raises(InvalidSearch) as caught:
        store.search(None, "_type=GraphDefinition,Slot&_sort=start")
    assert caught.value.issues[0].expression == "_sort"


@pytest.mark.parametrize("query", ["_lastUpdated=gt2000", "_sort=_lastUpdated", "_sort=-_id"])
def test_a_page_goes_on_when_a_type_gets_its_first_resource(store: Any, query: str) -> None:
    fill(store)
    before = paged(store, query, 50)
    page = store.search(None, f"{query}&_count=2")
    store.update({"resourceType": "Account", "id": "z", "status": "active"})
    rest = store.search(None, f"{query}&_count=50", page=page.next)
    found = [f"{match.type}/{match.id}" for match in (*page.matches, *rest.matches)]
    assert [address for address in found if address != "Account/z"] == before
