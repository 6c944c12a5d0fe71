"""What is measured with: Synthea's patients where they are, else the project's own invented ones."""

from __future__ import annotations

import json
import re
import tarfile
from itertools import count, islice
from pathlib import Path
from typing import Any

import zstandard

from fhirstore import json_text
from tests.sample_data import resources

SYNTHEA = Path(__file__).parent.parent.parent.parent / "shared/corpus/synthea-r4.tar.zst"

UCUM = "http://unitsofmeasure.org"
GROUP = 200

# The first part of a UUID.
_UUID = re.compile(rb"\b[0-9a-f]{8}(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)")


def texts(most: int) -> tuple[str, list[bytes]]:
    """Where they are from, and up to `most` resources as compact JSON, their references made relative."""
    if SYNTHEA.exists():
        return "Synthea", _synthea(most)
    found = [json_text.dump(resource).encode() for resource in resources(max(5, most // 40))]
    return "invented", found[:most]


def many(most: int) -> list[bytes]:
    """`most` resources, as copies with ids of their own where there are not so many."""
    _, found = texts(most)
    copies = (_copy(text, number) for number in count(1) for text in found)
    return [*found, *islice(copies, most - len(found))]


def _copy(text: bytes, number: int) -> bytes:
    """The same under other ids, references and identifiers that hold an id among them."""
    return _UUID.sub(lambda found: b"%08x" % (int(found[0], 16) ^ number), text)


def invented(most: int, beyond: int = 0) -> list[bytes]:
    """What Synthea has none of: numbers, URIs, and groups of the same size at any size of the data. One of each sort for
    every hundred resources from `beyond` up to `most`.
    """
    return [
        json.dumps(make(number)).encode()
        for number in range(beyond // 100, most // 100)
        for make in (_risk, _value_set, _blood_count, _sequence)
    ]


def _risk(number: int) -> dict[str, Any]:
    made = {
        "resourceType": "RiskAssessment",
        "id": f"risk-{number}",
        "meta": {"tag": [_grouped(number)]},
        "status": "final",
        "subject": {"display": "nobody"},
        "prediction": [{"probabilityDecimal": number * 7919 % 10_000 / 10_000}],
    }
    return made | ({"method": {"coding": [_grouped(number)]}} if number < GROUP else {})


def _value_set(number: int) -> dict[str, Any]:
    return {
        "resourceType": "ValueSet",
        "id": f"set-{number}",
        "url": f"http://example.org/ValueSet/{number}",
        "status": "active",
    }


def _blood_count(number: int) -> dict[str, Any]:
    value = {"value": number * 37 % GROUP, "unit": "g/L", "system": UCUM, "code": "g/L"}
    component = {"code": {"coding": [_grouped(number)]}, "valueQuantity": value}
    return {
        "resourceType": "Observation",
        "id": f"blood-count-{number}",
        "status": "final",
        "code": {"text": "blood count"},
        "component": [component],
    }


def _sequence(number: int) -> dict[str, Any]:
    return {
        "resourceType": "MolecularSequence",
        "id": f"sequence-{number}",
        "coordinateSystem": 0,
        "referenceSeq": {"windowStart": number, "windowEnd": number + 1},
    }


def _grouped(number: int) -> dict[str, str]:
    return {"system": "http://example.org/groups", "code": f"group-{number // GROUP}"}


def _synthea(most: int) -> list[bytes]:
    # Synthea says the same organization in every bundle that refers to it.
    found: dict[str, bytes] = {}
    with SYNTHEA.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                # The archive holds what a desktop adds to it, too.
                if content is None or not member.name.endswith(".json") or "/._" in member.name:
                    continue
                found |= _resolved(content.read())
                if len(found) >= most:
                    break
    return list(found.values())[:most]


def _resolved(bundle: bytes) -> dict[str, bytes]:
    """The resources of a bundle by their addresses."""
    entries = json_text.parse(bundle)["entry"]
    made = {}
    addresses = {
        entry["fullUrl"]: f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in entries
    }
    for entry in entries:
        text = json_text.dump(entry["resource"])
        for url in {part for part in text.split('"') if part.startswith("urn:uuid:")}:
            if url in addresses:
                text = text.replace(json.dumps(url), json.dumps(addresses[url]))
        made[addresses[entry["fullUrl"]]] = text.encode()
    return made
