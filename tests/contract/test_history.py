"""Histories of a resource, a type and the system: newest first, whole over any pages, and as of a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from fhirstore.errors import InvalidPageToken, NotFound

Versions = list[tuple[str, int]]


def patient(id: str, number: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, "multipleBirthInteger": number}


@pytest.fixture
def filled(store: Any) -> Any:
    """Two patients and a group, with eight versions among them."""
    versions: list[dict[str, Any] | None] = [patient("a", number) for number in range(1, 4)]
    versions += [None, patient("a", 5), patient("b", 1), patient("b", 2)]
    versions.append({"resourceType": "Group", "id": "g", "type": "person", "actual": True})
    for version in versions:
        if version is None:
            store.delete("Patient", "a")
        else:
            store.update(version)
        # So that the order of their instants is that of the writes.
        time.sleep(0.002)
    return store


def listed(entries: list[Any]) -> Versions:
    return [(f"{entry.type}/{entry.id}", entry.version) for entry in entries]


def all_pages(ask: Callable[[str | None], Any]) -> list[Any]:
    found, token = [], None
    while True:
        page = ask(token)
        found += page.entries
        token = page.next
        if token is None:
            return found


def test_of_a_resource(filled: Any) -> None:
    page = filled.history("Patient", "a")
    assert listed(page.entries) == [("Patient/a", n) for n in (5, 4, 3, 2, 1)]
    assert [entry.deleted for entry in page.entries] == [False, True, False, False, False]
    assert page.total == 5
    assert page.next is None
    numbers = [e.resource["multipleBirthInteger"] for e in page.entries if not e.deleted]
    assert numbers == [5, 3, 2, 1]


def test_of_a_type_and_of_the_system(filled: Any) -> None:
    of_type = listed(filled.history("Patient").entries)
    assert len(of_type) == len(set(of_type)) == 7
    assert of_type[:2] == [("Patient/b", 2), ("Patient/b", 1)]
    system = filled.history().entries
    assert listed(system)[0] == ("Group/g", 1)
    assert set(listed(system)) == {*of_type, ("Group/g", 1)}
    instants = [entry.last_updated for entry in system]
    assert instants == sorted(instants, reverse=True)


@pytest.mark.parametrize("where", [("Patient", "a"), ("Patient",), ()])
@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_pages_together_are_the_whole(filled: Any, where: tuple[str, ...], count: int) -> None:
    whole = listed(filled.history(*where).entries)
    paged = all_pages(lambda token: filled.history(*where, count=count, page=token))
    assert listed(paged) == whole


def test_pages_stay_whole_while_others_write(filled: Any) -> None:
    before = listed(filled.history("Patient").entries)
    found, token = [], None
    for number in range(20):
        page = filled.history("Patient", count=1, page=token)
        found += listed(page.entries)
        token = page.next
        filled.update(patient(f"new-{number}", 1))
        if token is None:
            break
    assert found == before


def test_since(filled: Any) -> None:
    versions = {entry.version: entry for entry in filled.history("Patient", "a").entries}
    since = versions[3].last_updated
    assert listed(filled.history("Patient", "a", since=since).entries) == [
        ("Patient/a", n) for n in (5, 4, 3)
    ]
    later = since + timedelta(milliseconds=1)
    assert [n for _, n in listed(filled.history("Patient", "a", since=later).entries)] == [5, 4]
    assert listed(filled.history(since=versions[5].last_updated).entries)[-1] == ("Patient/a", 5)
    far = datetime.fromisoformat("2200-01-01T00:00:00+00:00")
    assert filled.history(since=far).entries == []


def test_at_a_moment(filled: Any) -> None:
    versions = {entry.version: entry for entry in filled.history("Patient", "a").entries}
    for number, version in versions.items():
        found = filled.history("Patient", "a", at=version.last_updated).entries
        assert listed(found) == [("Patient/a", number)]
    before = versions[1].last_updated - timedelta(milliseconds=1)
    assert filled.history("Patient", "a", at=before).entries == []
    at = versions[5].last_updated
    assert ("Patient/a", 5) in listed(filled.history("Patient", at=at).entries)


def test_at_some_moment_of_a_period(filled: Any) -> None:
    versions = {entry.version: entry for entry in filled.history("Patient", "a").entries}
    period = (versions[2].last_updated, versions[4].last_updated)
    found = filled.history("Patient", "a", at=period).entries
    assert [n for _, n in listed(found)] == [3, 2]


def test_of_what_never_was(filled: Any) -> None:
    with pytest.raises(NotFound):
        filled.history("Patient", "nobody")
    assert filled.history("Organization").entries == []


def test_a_page_token_is_for_its_own_history(filled: Any) -> None:
    token = filled.history("Patient", count=1).next
    assert filled.history("Patient", count=1, page=token).entries
    for wrong in (
        lambda: filled.history(page=token),
        lambda: filled.history("Group", page=token),
        lambda: filled.history("Patient", "a", page=token),
        lambda: filled.history("Patient", page=token[:-2] + "AA"),
        lambda: filled.history("Patient", page="x"),
        lambda: filled.search("Patient", page=token),
    ):
        with pytest.raises(InvalidPageToken):
            wrong()
