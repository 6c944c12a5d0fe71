"""The tables of search cases in `tests/cases`: `tests/cases/README.md` says how one is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from json import JSONDecoder
from pathlib import Path
from typing import Any
from urllib.parse import unquote

FOLDER = Path(__file__).parent / "cases"
NOW = datetime.fromisoformat("2024-06-15T12:00:00Z")
_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)[\d.+-]")
_STEERING = re.compile(r"_(sort|count|total|include|revinclude|summary|elements|type)\b")


@dataclass(frozen=True)
class Case:
    """One search and what it answers.

    `path` is what stands before the question mark: a type, a compartment with a type or `*`, or nothing for all types.
    `refused` is the parameter that the error names and a part of what it says; `left_out` is what a lenient search
    leaves out and warns of. `total` is the number of all matches, where a case gives it. An `open` case is one that the
    store does not answer so yet.
    """

    path: str
    query: str
    found: tuple[str, ...] = ()
    included: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()
    refused: tuple[str, str] | None = None
    total: int | None = None
    open: bool = False

    @property
    def ordered(self) -> bool:
        return "_sort=" in self.query

    @property
    def count(self) -> int:
        return len(self.found) if self.total is None else self.total

    def controls(self) -> Iterator[str]:
        """What this case can be a control for: each parameter with its modifier, and with the prefix of its value."""
        for pair in self.query.split("&"):
            name, _, value = pair.partition("=")
            if name and not _STEERING.match(name):
                prefix = _PREFIXED.match(unquote(value))
                yield f"{self.path}?{name}={prefix[1] if prefix else ''}"


@dataclass
class Table:
    """What is written, when, and what is asked of it at the instant `now`. A text is a deletion: `Type/id`."""

    name: str
    now: datetime = NOW
    written: list[tuple[datetime, dict[str, Any] | str]] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)

    @cached_property
    def stored(self) -> dict[str, dict[str, Any]]:
        """The current resources by their addresses."""
        current: dict[str, dict[str, Any]] = {}
        for _, resource in self.written:
            if isinstance(resource, str):
                del current[resource]
            else:
                current[f"{resource['resourceType']}/{resource['id']}"] = resource
        return current


def tables() -> list[Table]:
    return [_read(path.stem, path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.txt"))]


def _read(name: str, text: str) -> Table:
    table, at, head, position = Table(name), None, "", 0
    while position < len(text):
        if text[position] == "{":
            resource, position = JSONDecoder().raw_decode(text, position)
            table.written.append((at or table.now, resource))
            continue
        line, _, _ = text[position:].partition("\n")
        position += len(line) + 1
        line, directive = re.sub(r"(^|\s\s+)#\s.*|\s+$", "", line), line[:1] == "@"
        if directive:
            word, value = line.split()
            if word == "@delete":
                table.written.append((at or table.now, value))
            elif word == "@at":
                at = datetime.fromisoformat(value)
            else:
                table.now = datetime.fromisoformat(value)
        elif " -> " not in line:
            head = line or head
        else:
            query, _, expected = line.partition(" -> ")
            table.cases.append(
                _case((head if query[0] == " " else "") + query.strip(), expected.strip())
            )
    return table


def _case(address: str, expected: str) -> Case:
    path, _, query = address.partition("?")
    if expected.startswith("* "):
        return replace(_case(address, expected[2:]), open=True)
    if expected.startswith("! "):
        parameter, _, said = expected[2:].partition(": ")
        return Case(path, query, refused=(parameter, said))
    marked: dict[str, list[str]] = {"": [], "+": [], "~": [], "=": []}
    for word in expected.split():
        mark = word[0] if word[0] in marked else ""
        marked[mark] += [word.removeprefix(mark)] if word != "nothing" else []
    return Case(
        path,
        query,
        found=tuple(marked[""]),
        included=frozenset(marked["+"]),
        left_out=tuple(marked["~"]),
        total=int(marked["="][0]) if marked["="] else None,
    )
