"""The file of what a load rejects: NDJSON, a line for each with `source`, `outcome` and `text`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fhirstore.errors import BadRequest, NotFound


def line(source: str, outcome: dict[str, Any], text: bytes) -> str:
    """What is written of one reject."""
    said = {"source": source, "outcome": outcome, "text": text.decode("utf-8", errors="replace")}
    return json.dumps(said, ensure_ascii=False) + "\n"


def check(path: Path, loaded: Sequence[Path]) -> None:
    """Raise NotFound or BadRequest where rejects cannot be written to `path`, or would replace what no load wrote."""
    place = path.absolute().parent
    if not place.is_dir():
        raise NotFound(f"there is no directory {place} for what is rejected")
    if not os.access(path if path.exists() else place, os.W_OK):
        raise BadRequest(
            f"{path} cannot be written, where what is rejected is to go: see --rejects"
        )
    if not path.is_file():
        return
    if any(path.resolve() == Path(one).resolve() for one in loaded):
        raise BadRequest(
            f"what is rejected would replace {path}, which is to be loaded: see --rejects"
        )
    if path.stat().st_size and not _is_of_a_load(path):
        raise BadRequest(
            f"what is rejected would replace {path}, which no load wrote: see --rejects"
        )


def _is_of_a_load(path: Path) -> bool:
    """By its first line."""
    with path.open("rb") as file:
        try:
            first = json.loads(file.readline())
        except ValueError:
            return False
    return isinstance(first, dict) and first.keys() == {"source", "outcome", "text"}
