"""What a load puts off until all else is written, kept on disk.

Two kinds of resources have to wait. One refers to others by a search that finds nothing yet (`criteria`). The other
says something else than what the database holds: such a change is made at the end, and only for the last of all copies
in the load. Else a second load of the same files would make the same changes to and fro again, as Synthea's hospitals
show: they are in their own bundle with, and in those of patients without their statistics.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import msgspec

from fhirstore.load.criteria import Criteria, criteria_of

_SCHEMA = """
PRAGMA synchronous = OFF;
PRAGMA journal_mode = OFF;
CREATE TABLE seen (key BLOB, seq INTEGER);
CREATE TABLE late (seq INTEGER PRIMARY KEY, key BLOB, type TEXT, id TEXT, record BLOB);
CREATE TABLE ask (seq INTEGER, type TEXT, token TEXT);
CREATE TABLE offer (seq INTEGER, type TEXT, token TEXT);
CREATE TABLE found (type TEXT, token TEXT, id TEXT, PRIMARY KEY (type, token, id)) WITHOUT ROWID;
CREATE TABLE doomed (seq INTEGER PRIMARY KEY, type TEXT, token TEXT);
"""

_INDEXES = """
CREATE INDEX seen_key ON seen (key, seq);
CREATE INDEX ask_criteria ON ask (type, token);
CREATE INDEX ask_seq ON ask (seq);
CREATE INDEX offer_criteria ON offer (type, token);
"""

# What meets criteria: resources of the database, and those that wait here themselves and are not given up.
_MET = """
SELECT id FROM found WHERE found.type = {0} AND found.token = {1}
UNION SELECT late.id FROM offer JOIN late ON late.seq = offer.seq
WHERE offer.type = {0} AND offer.token = {1} AND offer.seq NOT IN (SELECT seq FROM doomed)
"""
_TARGET = _MET.format("?1", "?2")
_MATCHES = f"SELECT count(*) FROM ({_MET.format('a.type', 'a.token')})"

_DOOM = f"""
INSERT OR IGNORE INTO doomed SELECT a.seq, a.type, a.token FROM ask a
WHERE a.seq NOT IN (SELECT seq FROM doomed) AND ({_MATCHES}) <> 1
"""

_IS_LAST = """
seq = (SELECT max(seen.seq) FROM seen
       WHERE seen.key = late.key AND seen.seq NOT IN (SELECT seq FROM doomed))
"""


class Late(msgspec.Struct):
    """A resource that has to wait. `seq` is its place in the load; `asks` are its conditional references, as written;
    `tokens` its identifiers, by which others may ask for it."""

    seq: int
    source: str
    type: str
    id: str
    resource: msgspec.Raw
    asks: list[str] = msgspec.field(default_factory=list)
    tokens: list[str] = msgspec.field(default_factory=list)


class Settled(NamedTuple):
    """A late resource whose references are known: `targets` has the one for each of `late.asks` (`Practitioner/1`)."""

    late: Late
    targets: dict[str, str]


class Lost(NamedTuple):
    """A late resource one of whose references leads nowhere, or to `matches` resources at once."""

    late: Late
    criteria: Criteria
    matches: int


def seen_key(type: str, id: str) -> bytes:
    """What stands for a resource in the list of all that a load has seen: too short to matter, too long to collide."""
    return blake2b(f"{type}/{id}".encode(), digest_size=16).digest()


class Spool:
    """The late resources of one load. First everything is added, then `settle` is called, then the rest may be asked."""

    def __init__(self, directory: Path) -> None:
        self._file = sqlite3.connect(directory / "spool.sqlite", isolation_level=None)
        self._file.executescript(_SCHEMA)

    def add(self, seen: Iterable[tuple[bytes, int]], late: Iterable[Late]) -> None:
        """Remember what a unit of work saw, and what it put off."""
        self._file.execute("BEGIN")
        self._file.executemany("INSERT INTO seen VALUES (?, ?)", seen)
        for one in late:
            self._add(one)
        self._file.execute("COMMIT")

    def _add(self, late: Late) -> None:
        row = (late.seq, seen_key(late.type, late.id), late.type, late.id)
        self._file.execute("INSERT INTO late VALUES (?, ?, ?, ?, ?)", (*row, _encode(late)))
        asked = [(late.seq, *criteria_of(ask)) for ask in late.asks]
        self._file.executemany("INSERT INTO ask VALUES (?, ?, ?)", asked)
        if late.asks:
            offered = [(late.seq, late.type, token) for token in late.tokens]
            self._file.executemany("INSERT INTO offer VALUES (?, ?, ?)", offered)

    def __len__(self) -> int:
        return int(self._file.execute("SELECT count(*) FROM late").fetchone()[0])

    def asked(self) -> list[Criteria]:
        """All that late resources ask for."""
        rows = self._file.execute("SELECT DISTINCT type, token FROM ask ORDER BY type, token")
        return [Criteria(*row) for row in rows]

    def settle(self, found: Iterable[tuple[Criteria, str]]) -> None:
        """Decide about every late resource. `found` are the ids of what the database has for `asked`.

        A resource that waits meets criteria too, unless it is lost itself: therefore in rounds, until no more are.
        """
        self._file.executescript(_INDEXES)
        rows = ((criteria.type, criteria.token, id) for criteria, id in found)
        self._file.executemany("INSERT INTO found VALUES (?, ?, ?)", rows)
        while self._file.execute(_DOOM).rowcount > 0:
            pass

    def settled(self) -> Iterator[Settled]:
        """What is to be written now: the last copy of each resource that has something to say."""
        query = f"""SELECT seq, record FROM late
            WHERE seq NOT IN (SELECT seq FROM doomed) AND {_IS_LAST} ORDER BY seq"""
        for _, record in self._file.execute(query):
            late = _decode(record)
            yield Settled(late, {ask: self._target(criteria_of(ask)) for ask in late.asks})

    def _target(self, criteria: Criteria) -> str:
        return f"{criteria.type}/{self._file.execute(_TARGET, criteria).fetchone()[0]}"

    def overtaken(self) -> dict[str, int]:
        """By type: how many are not written since the load says something else later on."""
        query = f"""SELECT type, count(*) FROM late
            WHERE seq NOT IN (SELECT seq FROM doomed) AND NOT {_IS_LAST} GROUP BY type"""
        return dict(self._file.execute(query).fetchall())

    def lost(self) -> Iterator[Lost]:
        """Those that refer to nothing, or to more than one."""
        query = f"""SELECT record, a.type, a.token, ({_MATCHES})
            FROM doomed a JOIN late ON late.seq = a.seq ORDER BY a.seq"""
        for record, type, token, matches in self._file.execute(query):
            yield Lost(_decode(record), Criteria(type, token), matches)

    def close(self) -> None:
        self._file.close()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Late).decode
