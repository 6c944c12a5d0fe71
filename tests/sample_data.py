"""Sample resources in a store, by the ordinary way in."""

from __future__ import annotations

import json
from typing import Any

from fhirstore import Store, json_text
from fhirstore.sample import sample_bundles


def resources(patients: int) -> list[dict[str, Any]]:
    """The sample resources, their references resolved to addresses."""
    bundles = [json_text.dump(bundle) for bundle in sample_bundles(patients)]
    entries = [entry for bundle in bundles for entry in json.loads(bundle)["entry"]]
    addresses = {
        entry["fullUrl"]: f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in entries
    }
    addresses |= {
        f"{resource['resourceType']}?identifier={identifier['system']}|{identifier['value']}": (
            f"{resource['resourceType']}/{resource['id']}"
        )
        for resource in (entry["resource"] for entry in entries)
        for identifier in resource.get("identifier", ())
    }
    return [
        _resolved(entry["resource"], addresses)
        for bundle in bundles
        for entry in json_text.parse(bundle.encode())["entry"]
    ]


def _resolved(value: Any, addresses: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: addresses[part] if name == "reference" else _resolved(part, addresses)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_resolved(part, addresses) for part in value]
    return value


def fill(store: Store, *, patients: int) -> None:
    """Put the sample resources of so many patients into `store`."""
    for resource in resources(patients):
        store.update(resource)
