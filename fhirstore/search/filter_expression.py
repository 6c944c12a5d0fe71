"""The text of `_filter` becomes a tree (spec page search_filter, its formal grammar); no name in it is resolved here.

The page's grammar has some holes, read as follows. "and" and "or" have the same rank and go from left to right, as the
page says in words. A step of a path may name the type it leads to (`subject:Patient.name`), as other chains do: else a
reference to several types could not be followed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

from fhirstore.errors import InvalidSearch

OPERATORS = (
    "eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb",
    "pr", "po", "ss", "sb", "in", "ni", "re",
)  # fmt: skip
# Each parenthesis and bracket is a level. Python's own stack bears a thousand.
_DEEPEST = 50
_LONGEST = 10_000
_MOST_TESTS = 500

_JOINTS: dict[str, Literal["and", "or"]] = {"and": "and", "or": "or"}
_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[_A-Za-z][-_A-Za-z0-9]*(?::[A-Za-z]+)?")
_WORD = re.compile(r"[a-z]+")
_NEGATION = re.compile(r"not\s*\(")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TOKEN = re.compile(r"[^\s\])]+")


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path, and the filter behind it in brackets."""

    name: str
    filter: Expression | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """`path operator value`."""

    path: tuple[Step, ...]
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Logic:
    """`and` or `or` of several parts, or `not` of one."""

    how: Literal["and", "or", "not"]
    parts: tuple[Expression, ...]


Expression = Test | Logic


def parse(text: str) -> Expression:
    """The expression that `text` says. Raises InvalidSearch with the place of what is wrong."""
    if len(text) > _LONGEST:
        raise InvalidSearch(f"a filter has at most {_LONGEST} characters", code="too-long")
    reader = _Reader(text)
    made = reader.expression()
    if not reader.at_end():
        raise reader.wrong("and, or, or the end is expected")
    return made


class _Reader:
    """Descends from expression to test, one method for each rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._tests = 0

    def expression(self) -> Expression:
        made = self._operand()
        while (how := _JOINTS.get(self._next_word())) is not None:
            self._take(_WORD, how)
            made = _joined(how, made, self._operand())
        return made

    def at_end(self) -> bool:
        self._skip()
        return self._at == len(self._text)

    def wrong(self, expected: str) -> InvalidSearch:
        found = self._text[self._at : self._at + 20]
        said = f"found {found!r}" if found else "the filter ends"
        return InvalidSearch(f"at character {self._at + 1}: {expected}; {said}", code="value")

    def _operand(self) -> Expression:
        self._skip()
        if self._text.startswith("(", self._at):
            return self._enclosed("(", ")")
        if _NEGATION.match(self._text, self._at):
            self._take(_WORD, "not")
            self._skip()
            return Logic("not", (self._enclosed("(", ")"),))
        return self._test()

    def _enclosed(self, opening: str, closing: str) -> Expression:
        self._at += len(opening)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidSearch(f"more than {_DEEPEST} levels in a filter", code="too-costly")
        made = self.expression()
        self._skip()
        if not self._text.startswith(closing, self._at):
            raise self.wrong(f"{closing} is expected")
        self._at += len(closing)
        self._depth -= 1
        return made

    def _test(self) -> Test:
        self._tests += 1
        if self._tests > _MOST_TESTS:
            raise InvalidSearch(f"more than {_MOST_TESTS} tests in a filter", code="too-costly")
        path = [self._step()]
        while self._text.startswith(".", self._at):
            self._at += 1
            path.append(self._step())
        self._skip()
        operator = self._next_word()
        if operator not in OPERATORS:
            raise self.wrong(f"one of {', '.join(OPERATORS)} is expected")
        self._take(_WORD, operator)
        return Test(tuple(path), operator, self._value())

    def _step(self) -> Step:
        name = self._take(_NAME, "the name of a search parameter")
        if self._text.startswith("[", self._at):
            return Step(name, self._enclosed("[", "]"))
        return Step(name)

    def _value(self) -> str:
        self._skip()
        if self._text.startswith('"', self._at):
            said = self._take(_STRING, "a JSON string that ends")
            try:
                text = str(json.loads(said, strict=False))
                text.encode()  # `\\ud800` alone is no character
            except ValueError:
                self._at -= len(said)
                raise self.wrong("a JSON string is expected") from None
            return text
        return self._take(_TOKEN, "a value")

    def _next_word(self) -> str:
        self._skip()
        match = _WORD.match(self._text, self._at)
        return match[0] if match else ""

    def _take(self, pattern: re.Pattern[str], expected: str) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise self.wrong(f"{expected} is expected")
        self._at = match.end()
        return match[0]

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        assert match is not None
        self._at = match.end()


def _joined(how: Literal["and", "or"], one: Expression, other: Expression) -> Logic:
    """`one` and `other`, in one list with what was joined so before: long chains are not deep."""
    if isinstance(one, Logic) and one.how == how:
        return Logic(how, (*one.parts, other))
    return Logic(how, (one, other))
