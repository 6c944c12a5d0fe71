"""What Turtle and N-Triples escape, in strings, IRIs and local names."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_CHARACTERS = {
    "t": "\t",
    "b": "\b",
    "n": "\n",
    "r": "\r",
    "f": "\f",
    '"': '"',
    "'": "'",
    "\\": "\\",
}
_NOT_IN_AN_IRI = re.compile(r"[<>\"\x00-\x20]")
_LOCAL = re.compile(r"\\(.)")


def string(text: str) -> str:
    """The text of a string with its escapes undone. Raises ValueError for an escape that there is not."""
    if "\\\\" not in text:
        # No escaped backslash: each one left begins an escape, and the usual ones can be replaced one after another.
        quick = text.replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t")
        if "\\" not in quick:
            return quick
    return _ESCAPE.sub(_character, text)


def iri(text: str) -> str:
    """The same of an IRI, which has escapes by number alone."""
    if "\\" not in text:
        return text
    made = _ESCAPE.sub(_by_number, text)
    if "\\" in made or _NOT_IN_AN_IRI.search(made):
        raise ValueError("a character that an IRI may not have")
    return made


def local_name(text: str) -> str:
    """The same of a local name; the tokens have seen to it that only what may be escaped is."""
    return _LOCAL.sub(r"\1", text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    if match[3] is None:
        return _by_number(match)
    if match[3] not in _CHARACTERS:
        raise ValueError(f"there is no escape {match[0][:10]}")
    return _CHARACTERS[match[3]]


def _by_number(match: re.Match[str]) -> str:
    if match[3] is not None:
        raise ValueError("a character that an IRI may not have")
    number = int(match[1] or match[2], 16)
    if 0xD800 <= number < 0xE000 or number > 0x10FFFF:
        raise ValueError(f"{match[0]} is no character")
    return chr(number)
