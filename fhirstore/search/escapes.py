"""The escapes of search values: `\\,` `\\|` `\\$` and `\\\\` stand for the characters themselves (spec page search, Escaping)."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\([,|$\\])")


def split(value: str, separator: str) -> list[str]:
    """The parts of `value` between the separators that are not escaped. The parts are still escaped."""
    if "\\" not in value:
        return value.split(separator)
    parts = []
    start = 0
    for mark in re.finditer(rf"\\.|{re.escape(separator)}", value, re.DOTALL):
        if mark[0] == separator:
            parts.append(value[start : mark.start()])
            start = mark.end()
    return [*parts, value[start:]]


def is_illegal(value: str) -> bool:
    """Whether a backslash stands before anything else: "the parameter value `xx\\xx` is illegal"."""
    return "\\" in value and "\\" in _ESCAPE.sub("", value)


def unescape(value: str) -> str:
    """`value` as it was meant. A backslash before any other character stands for itself."""
    return _ESCAPE.sub(r"\1", value) if "\\" in value else value
