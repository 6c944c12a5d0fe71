"""From the path of a request to what it addresses (spec page http, Summary).

Works on the path as it was sent: a `%2F` within an id is a character of that id and no separator.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from fhirstore.errors import BadRequest, NotFound
from fhirstore.rest.queries import check_escapes

Kind = Literal[
    "system", "metadata", "type", "search", "search-all", "instance", "history", "version", "operation", "compartment",
    "search-compartment"
]  # fmt: skip


@dataclass(slots=True)
class Address:
    """What a path leads to. A history or an operation is of the system, of a type, or of an instance: by what is given.

    `within` is the type that is searched in the compartment of `type`/`id`, "*" for all.
    """

    kind: Kind
    type: str | None = None
    id: str | None = None
    version: str | None = None
    within: str | None = None


def parse(path: bytes, types: Container[str]) -> Address:
    """The address that `path`, below the service base, leads to.

    Raises NotFound where FHIR knows no such address, and for a resource type that is not in `types`; BadRequest for
    percent-encoding that says no text.
    """
    segments = _segments(path)
    if not segments:
        return Address("system")
    first = segments[0]
    if first not in types:
        return _system(segments)
    count = len(segments)
    if count == 1:
        return Address("type", first)
    second = segments[1]
    if second[:1] in ("_", "$"):
        return _special(segments, 1, Address("type", first))
    if count == 2:
        return Address("instance", first, second)
    return _below_instance(segments, types)


def _segments(path: bytes) -> list[str]:
    text = path.decode("latin-1").removeprefix("/").removesuffix("/")
    if not text:
        return []
    segments = text.split("/")
    return [_decode(segment) for segment in segments] if "%" in text else segments


def _decode(segment: str) -> str:
    check_escapes(segment)
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest(f"{segment[:80]!r} in the address is not UTF-8", code="value") from None


def _system(segments: list[str]) -> Address:
    if segments == ["metadata"]:
        return Address("metadata")
    if segments[0][:1] in ("_", "$"):
        return _special(segments, 0, Address("system"))
    raise NotFound(f"{segments[0][:80]!r} is not a resource type", code="not-supported")


def _below_instance(segments: list[str], types: Container[str]) -> Address:
    type, id, third = segments[:3]
    if third[:1] in ("_", "$"):
        return _special(segments, 2, Address("instance", type, id))
    within = segments[2:]
    if (third == "*" or third in types) and within[1:] in ([], ["_search"]):
        return Address(
            "search-compartment" if within[1:] else "compartment", type, id, within=third
        )
    raise _nothing_at(segments)


def _special(segments: list[str], position: int, owner: Address) -> Address:
    """What the segment at `position`, which starts with `_` or `$`, means below `owner`."""
    word, rest = segments[position], segments[position + 1 :]
    if word.startswith("$") and not rest:
        return Address("operation", owner.type, owner.id)
    if word == "_search" and not rest and owner.kind != "instance":
        return Address("search-all" if owner.type is None else "search", owner.type)
    if word == "_history" and not rest:
        return Address("history", owner.type, owner.id)
    if word == "_history" and owner.kind == "instance":
        if len(rest) == 1:
            return Address("version", owner.type, owner.id, rest[0])
        if len(rest) == 2 and rest[1].startswith("$"):
            return Address("operation", owner.type, owner.id, rest[0])
    raise _nothing_at(segments)


def _nothing_at(segments: list[str]) -> NotFound:
    return NotFound(f"there is nothing at {'/'.join(segments)[:200]!r}")
