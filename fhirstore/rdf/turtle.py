"""Turtle, written as the walk goes: one property a line, what is below it indented, values on the line of their property."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from json.encoder import (
    encode_basestring as quote,
)  # what JSON escapes, Turtle escapes the same way

from fhirstore.short_texts import for_short_texts

# Beyond this depth the lines are not indented any further.
_DEEPEST = 24
_MARGINS = ["\n" + "  " * min(depth, _DEEPEST) for depth in range(1, 400)]
_AFTERS = [" ;" + margin for margin in _MARGINS]

_is_local_name = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_\-.]*[A-Za-z0-9_\-])?").fullmatch


class TurtleSink:
    """`value` is the predicate of values, `value` in R4 and `v` in R5."""

    def __init__(self, prefixes: Mapping[str, str], value: str) -> None:
        declared = tuple(prefixes.items())
        self._term = _abbreviation(declared)
        self._value = f"fhir:{value}"
        self._out = [_preamble(declared)]
        self._depth = 0
        # What goes before the next statement, and before those after it.
        self._lead = ""
        self._after = _AFTERS[0]

    def text(self) -> str:
        return "".join(self._out)

    def begin(self, iri: str | None) -> None:
        self._out.append("\n[] " if iri is None else f"\n<{iri}> ")
        self._lead = ""

    def end(self) -> None:
        self._out.append(" .\n")

    def type(self, iri: str) -> None:
        self._say(f"a {self._term(iri)}")

    def property(self, predicate: str, iri: str) -> None:
        self._say(f"{self._term(predicate)} {self._term(iri)}")

    def iri(self, predicate: str, iri: str) -> None:
        self._say(f"fhir:{predicate} {self._term(iri)}")

    def literal(self, predicate: str, text: str, datatype: str) -> None:
        self._say(f"fhir:{predicate} {_literal(text, datatype)}")

    def index(self, position: int) -> None:
        self._say(f"fhir:index {position}")

    def _say(self, statement: str) -> None:
        self._out.append(self._lead)
        self._out.append(statement)
        self._lead = self._after

    def open(self, predicate: str) -> None:
        self._out.append(f"{self._lead}fhir:{predicate} [")
        self._deeper()

    def _deeper(self) -> None:
        depth = self._depth = self._depth + 1
        self._lead = _MARGINS[depth]
        self._after = _AFTERS[depth]

    def close(self) -> None:
        self._out.append(" ]")
        depth = self._depth = self._depth - 1
        self._lead = self._after = _AFTERS[depth]

    def value(self, predicate: str, text: str, datatype: str) -> None:
        suffix = f"^^{datatype} ]" if datatype else " ]"
        self._out.append(f"{self._lead}fhir:{predicate} [ {self._value} {quote(text)}{suffix}")
        self._lead = self._after

    def indexed_value(self, predicate: str, position: int, text: str, datatype: str) -> None:
        value = f"{self._value} {_literal(text, datatype)}"
        self._out.append(f"{self._lead}fhir:{predicate} [ fhir:index {position} ; {value} ]")
        self._lead = self._after

    def open_list(self, predicate: str) -> None:
        self._out.append(f"{self._lead}fhir:{predicate} (")

    def close_list(self) -> None:
        self._out.append(" )")
        self._lead = self._after = _AFTERS[self._depth]

    def item(self) -> None:
        self._out.append(" [")
        self._deeper()

    def item_value(self, text: str, datatype: str) -> None:
        self._out.append(f" [ {self._value} {_literal(text, datatype)} ]")

    def item_iri(self, iri: str) -> None:
        self._out.append(f" {self._term(iri)}")


def _literal(text: str, datatype: str) -> str:
    return f"{quote(text)}^^{datatype}" if datatype else quote(text)


@lru_cache(maxsize=4)
def _preamble(prefixes: tuple[tuple[str, str], ...]) -> str:
    return "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in prefixes)


@lru_cache(maxsize=4)
def _abbreviation(prefixes: tuple[tuple[str, str], ...]) -> Callable[[str], str]:
    """Abbreviates IRIs where a prefix fits and the rest is a name that needs no escapes."""

    @for_short_texts(20_000)
    def term(iri: str) -> str:
        for name, namespace in prefixes:
            if iri.startswith(namespace) and _is_local_name(iri[len(namespace) :]):
                return f"{name}:{iri[len(namespace) :]}"
        return f"<{iri}>"

    return term
