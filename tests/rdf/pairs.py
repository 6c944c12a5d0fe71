"""HL7's published pairs of JSON and Turtle, where they are: beside the checkout, not in it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fhirstore import json_text
from fhirstore.rdf import Options, Projection

CORPUS = Path(__file__).parents[3] / "shared/corpus"
R4 = CORPUS / "turtle-r4.zip"
R5 = CORPUS / "turtle-r5.zip"
_ROOT = re.compile(
    r"^<(?P<subject>[^>]*)> a fhir:\w+\s*;\s*fhir:nodeRole fhir:treeRoot", re.MULTILINE
)


@dataclass(frozen=True)
class Pair:
    """`name` is the file's without its ending, with its folder where the archive has folders."""

    name: str
    json: bytes
    turtle: str

    @property
    def resource(self) -> dict[str, Any]:
        made: dict[str, Any] = json_text.parse(self.json)
        return made

    @property
    def base(self) -> str | None:
        """Below which address it was published; None where its node is blank."""
        match = _ROOT.search(self.turtle)
        if match is None:
            return None
        type_and_id = f"/{self.resource['resourceType']}/{self.resource['id']}"
        assert match["subject"].endswith(type_and_id)
        return match["subject"].removesuffix(type_and_id)


@cache
def pairs(archive: Path, folder: str = "") -> tuple[Pair, ...]:
    return tuple(_pairs(archive, folder))


def _pairs(archive: Path, folder: str) -> Iterator[Pair]:
    with zipfile.ZipFile(archive) as content:
        for name in sorted(content.namelist()):
            if name.startswith(folder) and name.endswith(".ttl"):
                stem = name.removesuffix(".ttl")
                yield Pair(stem, content.read(f"{stem}.json"), content.read(name).decode())


def same(one: Any, other: Any) -> bool:
    """Whether two resources are the same JSON, number text included; the order of properties says nothing."""
    return json_text.dump_sorted(one) == json_text.dump_sorted(other)


def projection(pair: Pair, definitions: Any, **options: Any) -> Projection:
    return Projection(definitions, Options(base=pair.base, **options))
