"""The addresses under which a store is known count for everybody who opens its database."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from tests.contract.conftest import dropped, open_store

BASE = "https://clinic.example/fhir"
ELSEWHERE = "https://other.example/fhir"


def observation(id: str, base: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": f"{base}/Patient/1"},
    }


def found(store: Any, query: str) -> list[str]:
    return [match.id for match in store.search("Observation", query).matches]


def test_all_who_open_the_database_know_them(kind: str, server: str) -> None:
    if kind == "mongomock":
        pytest.skip("mongomock's database is that of one client")
    with ExitStack() as stack:
        database = dropped(server, stack)
        serving = open_store(kind, server, database, stack, base_urls=[BASE])
        serving.update(observation("a", BASE))
        loading = open_store(kind, server, database, stack)
        loading.update(observation("b", BASE))
        loading.update(observation("c", ELSEWHERE))
        for store in (serving, loading):
            assert found(store, "subject=Patient/1") == ["a", "b"]
            assert found(store, f"subject={BASE}/Patient/1") == ["a", "b"]
            assert found(store, f"subject={ELSEWHERE}/Patient/1") == ["c"]
        later = open_store(kind, server, database, stack, base_urls=[ELSEWHERE, BASE])
        later.update(observation("d", ELSEWHERE))
        assert found(later, "subject=Patient/1") == ["a", "b", "d"]
