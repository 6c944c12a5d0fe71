"""A query string becomes (name, value) pairs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from fhirstore.errors import InvalidSearch

Pairs = Sequence[tuple[str, str]]
# What an application may hand in: a value for each parameter, or several of those that stand more than once.
Query = str | Pairs | Mapping[str, str | Sequence[str]]

BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def pairs(text: str) -> list[tuple[str, str]]:
    """The (name, value) pairs of a query string, decoded, with or without its `?`. Raises InvalidSearch."""
    text = text.removeprefix("?")
    broken = BROKEN_ESCAPE.search(text)
    if broken:
        at = text[broken.start() : broken.start() + 3]
        name = text[text.rfind("&", 0, broken.start()) + 1 :].partition("=")[0]
        said = f"{at!r} is not a percent-encoded byte"
        raise InvalidSearch(said, code="value", expression=name[:200] or None)
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise InvalidSearch("the query is not UTF-8", code="value") from None


def as_pairs(query: str | Pairs) -> Pairs:
    """The pairs of a query string, or those that were given. Raises InvalidSearch."""
    return pairs(query) if isinstance(query, str) else [(name, value) for name, value in query]
