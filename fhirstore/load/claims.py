"""Which entry of a load stands for the resource that a conditional create or update is about.

Two bundles may both create "the practitioner with this number unless there is one", and two workers may hold them at
the same time. The first to claim the criteria wins, and the other refers to its resource. Claims are shared through a
file, and end with the load.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from fhirstore.load.criteria import Criteria

_WAIT = 60.0


class Claims:
    """The claims of one load, in a file that all its workers open. A worker may claim the same again: it keeps what it has."""

    def __init__(self, directory: Path) -> None:
        # Durability is not asked for: a load that is run again starts with no claims, and finds what it wrote.
        self._file = sqlite3.connect(
            directory / "claims.sqlite", timeout=_WAIT, isolation_level=None
        )
        self._file.execute("PRAGMA synchronous = OFF")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS claim (criteria TEXT PRIMARY KEY, id TEXT) WITHOUT ROWID"
        )

    def claim(self, criteria: Criteria, id: str) -> str:
        """The id of the resource that meets `criteria`: `id`, unless somebody claimed them for another."""
        key = str(criteria)
        self._file.execute("INSERT OR IGNORE INTO claim VALUES (?, ?)", (key, id))
        row = self._file.execute("SELECT id FROM claim WHERE criteria = ?", (key,)).fetchone()
        return str(row[0])

    def close(self) -> None:
        self._file.close()
