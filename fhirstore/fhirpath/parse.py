"""The text of an expression to a tree. The grammar is the part of FHIRPath that search parameters use."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:\\.|[^'\\])*')|(?P<number>\d+)|(?P<name>%?[A-Za-z_]\w*)|(?P<sign>!=|[().|=\[\]]))"
)


class NotSupported(ValueError):
    """The expression leaves the part of FHIRPath that is compiled; the message says where."""


@dataclass(frozen=True, slots=True)
class Root:
    """Where a path begins: a type's name, `%resource`, or "" for the element at hand."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`of.name`"""

    of: Node
    name: str


@dataclass(frozen=True, slots=True)
class Cast:
    """`(of as type)`, `of.as(type)`, `of.ofType(type)`"""

    of: Node
    type: str


@dataclass(frozen=True, slots=True)
class Index:
    """`of[0]`, `of.first()`"""

    of: Node


@dataclass(frozen=True, slots=True)
class Where:
    """`of.where(name = 'value')`, and `of.extension('url')`, which is `of.extension.where(url = 'url')`"""

    of: Node
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Leads:
    """`of.where(resolve() is type)`"""

    of: Node
    type: str


@dataclass(frozen=True, slots=True)
class Union:
    """`a | b`"""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ExistsAndIsNot:
    """`of.exists() and of != value`: a truth, and so never nothing."""

    of: Node
    value: bool


Node = Root | Member | Cast | Index | Where | Leads | Union | ExistsAndIsNot


def parse(text: str) -> Node:
    """The tree of `text`. Raises NotSupported."""
    parser = _Parser(text)
    node = parser.union()
    parser.end()
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        position = 0
        end = len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise NotSupported(f"{text!r} cannot be read from {text[position:][:20]!r} on")
            kind = match.lastgroup
            assert kind is not None
            self._tokens.append((kind, match[kind]))
            position = match.end()
        self._tokens.append(("end", ""))
        self._at = 0

    def union(self) -> Node:
        parts = [self._conjunction()]
        while self._take("|"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Union(tuple(parts))

    def end(self) -> None:
        if self._peek() != "":
            raise self._refuse()

    def _conjunction(self) -> Node:
        """`a`, or `a.exists() and a != false`, the one truth among the parameters."""
        node = self._path()
        if not self._take("and"):
            return node
        other = self._path()
        self._expect("!=")
        value = self._next()
        if not (
            isinstance(node, Member)
            and node.name == "exists()"
            and node.of == other
            and value in ("true", "false")
        ):
            raise self._refuse()
        return ExistsAndIsNot(other, value == "true")

    def _path(self) -> Node:
        if self._take("("):
            node = self.union()
            if self._take("as"):
                node = Cast(node, self._next())
            self._expect(")")
        else:
            node = self._root()
        while True:
            if self._take("."):
                node = self._call(node, self._next())
            elif self._take("["):
                if self._next() != "0":
                    raise self._refuse()
                self._expect("]")
                node = Index(node)
            elif self._take("as"):
                return Cast(node, self._next())
            else:
                return node

    def _root(self) -> Node:
        name = self._next()
        if not re.match(r"%?[A-Za-z]", name):
            raise self._refuse()
        if name == "%resource" or name[0].isupper():
            return Root(name)
        return self._call(Root(""), name)

    def _call(self, node: Node, name: str) -> Node:
        if not self._take("("):
            return Member(node, name)
        if name in ("as", "ofType"):
            type = self._next()
            self._expect(")")
            return Cast(node, type)
        if name == "exists":
            self._expect(")")
            return Member(node, "exists()")
        if name == "first":
            self._expect(")")
            return Index(node)
        if name == "extension":
            return Where(Member(node, name), "url", self._text_and_end())
        if name == "where":
            return self._where(node)
        raise self._refuse()

    def _where(self, node: Node) -> Node:
        name = self._next()
        if name == "resolve":
            for expected in ("(", ")", "is"):
                self._expect(expected)
            type = self._next()
            self._expect(")")
            return Leads(node, type)
        self._expect("=")
        return Where(node, name, self._text_and_end())

    def _text_and_end(self) -> str:
        kind, value = self._tokens[self._at]
        if kind != "text":
            raise self._refuse()
        self._at += 1
        self._expect(")")
        return value[1:-1]

    def _peek(self) -> str:
        return self._tokens[self._at][1]

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise self._refuse()
        self._at += 1
        return token

    def _take(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self._at += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._refuse()

    def _refuse(self) -> NotSupported:
        return NotSupported(f"{self._text!r} is not compiled, from {self._peek()!r} on")
