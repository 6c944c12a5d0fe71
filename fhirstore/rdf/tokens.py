"""Turtle's tokens: one regular expression that cuts a whole document, since that is what makes reading fast.

N-Triples has a line for each triple, and a pattern of its own (`parsing_ntriples`). The classes of characters are those of
the grammar (https://www.w3.org/TR/turtle/#sec-grammar-grammar). IRIs are taken as HL7 publishes them, with `|` and the
like in them.
"""

from __future__ import annotations

import re

_BASE = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_START = f"{_BASE}_"
_CHARS = f"{_START}\\-0-9\u00b7\u0300-\u036f\u203f\u2040"
_ESCAPED = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
WORD = f"[{_BASE}][{_CHARS}]*+(?:\\.++[{_CHARS}]++)*+"
LOCAL = f"(?:(?:[{_START}:0-9]|{_ESCAPED})(?:[{_CHARS}:]++|{_ESCAPED}|\\.++(?:[{_CHARS}:]|{_ESCAPED}))*+)?"
LABEL = f"_:[{_START}0-9][{_CHARS}]*+(?:\\.++[{_CHARS}]++)*+"
LANGUAGE = r"@[A-Za-z]+(?:-[A-Za-z0-9]+)*+"
_SPACE = r"[ \t\r\n]"
_NAME = f"(?:{WORD})?:{LOCAL}"
_TOKENS = [
    # A node with nothing but a value, which two of three nodes are: one token instead of four.
    f'\\[{_SPACE}*+{_NAME}{_SPACE}++"[^"\\\\\\r\\n]*+"(?:\\^\\^{_NAME})?{_SPACE}*+\\]',
    r"[\[\];,()]",
    # A word without a colon is taken whole, whether or not it means something: it would be looked through again from
    # each of its characters on.
    f"{WORD}(?::{LOCAL})?",
    f":{LOCAL}",
    r'"""(?:[^"\\]++|\\.|"(?!""))*+"""',
    r'"(?!"")[^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+"',
    r"<[^<>\"\x00-\x20]*+>",
    r"\^\^",
    r"[+\-]?(?:[0-9]+\.[0-9]*[eE][+\-]?[0-9]+|\.?[0-9]+[eE][+\-]?[0-9]+|[0-9]*\.[0-9]+|[0-9]+)",
    LABEL,
    LANGUAGE,
    r"'''(?:[^'\\]++|\\.|'(?!''))*+'''",
    r"'(?!'')[^'\\\r\n]*+(?:\\.[^'\\\r\n]*+)*+'",
    r"\.",
    # The end, or all that is left where nothing begins: what failed there would fail behind it once more, at the same cost.
    r"\Z|.++",
]
_token = re.compile(rf"(?>[ \t\r\n]++|#[^\r\n]*+)*+({'|'.join(_TOKENS)})", re.DOTALL)


def cut(text: str) -> list[str]:
    """All tokens in order; the last is "" and stands for the end. Where none begins its first character is the last but one."""
    tokens: list[str] = _token.findall(text)
    for last in tokens[-2:-1]:
        if last and _is_rest(last):
            tokens[-2] = last[0]
    return tokens


def _is_rest(token: str) -> bool:
    """Whether it is what is left where no token begins: that alone takes in what comes behind it."""
    match = _token.match(f"{token}\n")
    assert match is not None  # some alternative fits everything
    return match.end(1) > len(token)


def place(text: str, number: int) -> str:
    """Where the token of that number stands. Counted only when somebody has to be told."""
    start = len(text)
    for count, match in enumerate(_token.finditer(text)):
        if count == number:
            start = match.start(1)
            break
    line = text.count("\n", 0, start) + 1
    return f"line {line}, column {start - text.rfind(chr(10), 0, start)}"
