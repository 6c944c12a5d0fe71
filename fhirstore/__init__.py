"""A native, versioned FHIR resource store on MongoDB.

    from fhirstore import Store

    with Store.embedded("data") as store:
        patient = store.create({"resourceType": "Patient", "name": [{"family": "Chalmers"}]})
        store.search("Patient", "name=chal").matches

`AsyncStore` has the same methods for asyncio. What goes wrong is an error of `fhirstore.errors`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fhirstore.async_store import AsyncStore
    from fhirstore.errors import FhirError, Issue
    from fhirstore.search.explanation import Explanation
    from fhirstore.store import Store
    from fhirstore.versions import HistoryPage, SearchPage, Version

# Where each public name lives. They are imported when first used, so that `import fhirstore` costs next to nothing.
_HOMES = {
    "AsyncStore": "fhirstore.async_store",
    "Explanation": "fhirstore.search.explanation",
    "FhirError": "fhirstore.errors",
    "HistoryPage": "fhirstore.versions",
    "Issue": "fhirstore.errors",
    "SearchPage": "fhirstore.versions",
    "Store": "fhirstore.store",
    "Version": "fhirstore.versions",
}

__all__ = [
    "AsyncStore",
    "Explanation",
    "FhirError",
    "HistoryPage",
    "Issue",
    "SearchPage",
    "Store",
    "Version",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fhirstore' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
