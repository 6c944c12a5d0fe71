"""The addresses that a store is told are checked before they are kept, and what was kept unchecked does no harm."""

from __future__ import annotations

from typing import Any

import mongomock
import pytest

from fhirstore import AsyncStore, Store
from fhirstore.base_addresses import usable
from fhirstore.migrate import SETTINGS

BASE = "https://clinic.example/fhir"


@pytest.mark.parametrize(
    "given", [BASE, BASE.encode(), [5], [None], [""], ["x"], ["http://x?y"], [BASE, "ftp://x"]]
)
@pytest.mark.parametrize("interface", [Store, AsyncStore])
def test_what_are_no_base_urls_is_refused(interface: Any, given: Any) -> None:
    with pytest.raises(ValueError, match="base URL"):
        interface(None, base_urls=given)


def test_one_address_is_kept_once() -> None:
    client = mongomock.MongoClient()
    with Store.from_client(client, base_urls=(f"{BASE}/", BASE, "HTTP://x")) as store:
        assert store.parts().setting.base_urls == (BASE, "http://x")
    with Store.from_client(client, base_urls=[f"{BASE}//"]) as store:
        assert store.parts().setting.base_urls == (BASE, "http://x")


@pytest.mark.parametrize("kept", [[5, "", "x", None, f"{BASE}/", BASE], "http://x", None])
def test_what_was_kept_unchecked_is_passed_over(kept: Any) -> None:
    client = mongomock.MongoClient()
    with Store.from_client(client) as store:
        store.open()
    client["fhir"][SETTINGS].insert_one({"_id": "base_urls", "urls": kept})
    with Store.from_client(client) as store:
        assert store.parts().setting.base_urls == ((BASE,) if isinstance(kept, list) else ())
        store.create({"resourceType": "Basic", "code": {"text": "x"}})


def test_usable() -> None:
    assert usable([BASE, 5, f"{BASE}/", "x"]) == (BASE,)
