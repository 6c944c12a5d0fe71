"""JSON text to Python values and back, with every digit kept.

`msgspec` parses at the speed of the fastest parsers and hands us the text of each number with a fraction or an
exponent, so `1.0` stays `1.0` (spec page json: "implementations SHALL preserve the precision of decimals").
What it cannot tell us is caught by a second, slower parse that runs only when the first gives reason: property
names used twice (the page forbids them; last-wins would lose data in silence), and `-0`.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from fhirstore.errors import MalformedContent

# MongoDB refuses documents nested deeper than 100 levels; `resource` is itself one level down, and a reader
# may embed it in an aggregation's own documents.
MAX_DEPTH = 90

# The range of Decimal128, in which `resource` keeps numbers. Beyond it nothing can be stored, and arithmetic on such an
# exponent could be made to fill the memory.
MAX_EXPONENT = 6000


class LexicalDecimal(Decimal):
    """A decimal whose text differs from Python's own way to write it (`1e2`, `-0`)."""

    text: str

    def __new__(cls, text: str) -> LexicalDecimal:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __reduce__(self) -> tuple[type[LexicalDecimal], tuple[str]]:
        return (LexicalDecimal, (self.text,))


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
        is_in_range = abs(value.adjusted()) <= MAX_EXPONENT
    except InvalidOperation:  # an exponent that no Decimal can have
        is_in_range = False
    if not is_in_range:
        raise ValueError(f"the number {text[:40]} is outside the range that can be stored")
    return value if str(value) == text else LexicalDecimal(text)


def _write_number(value: object) -> msgspec.Raw:
    if isinstance(value, LexicalDecimal):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise MalformedContent(
            f"the property {twice!r} stands more than once in one object", expression=twice
        )
    return made


def _integer(text: str) -> int | Decimal:
    return LexicalDecimal(text) if text == "-0" else int(text)


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


_decoder = msgspec.json.Decoder(float_hook=_number)
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_write_number)
_sorting = msgspec.json.Encoder(decimal_format="number", enc_hook=_write_number, order="sorted")
_careful = json.JSONDecoder(
    parse_float=_number,
    parse_int=_integer,
    parse_constant=_refuse_constant,
    object_pairs_hook=_unique,
)
# Editors on Windows put it before a text; a parser may pass over it (RFC 8259, 8.1).
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NOT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_HALF_A_PAIR = re.compile(rb"(?<!\\)\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u)")
_NEGATIVE_ZERO = re.compile(rb"-0(?![\d.eE])")


def parse(text: bytes) -> Any:
    """The value that `text` (UTF-8) says. Numbers with a fraction or an exponent become `Decimal`.

    Raises MalformedContent for anything that is not one JSON value, for a property name used twice in
    an object and for a nesting that no database document could hold. A byte order mark before it is passed over.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        value = _decoder.decode(text)
    except RecursionError:
        raise MalformedContent(f"nested deeper than {MAX_DEPTH} levels") from None
    except (msgspec.DecodeError, ValueError) as error:
        # Of a string that ends with such a half the parser says that the text is truncated.
        half = _HALF_A_PAIR.search(text)
        said = f"{half[0].decode()} is half of a character" if half else str(error)
        raise MalformedContent(f"not well-formed JSON: {said}") from None
    if not _kept_all(text, value) or _NEGATIVE_ZERO.search(text):
        value = _parse_carefully(text)
    if not _is_clearly_shallow(text) and _depth(value) > MAX_DEPTH:
        raise MalformedContent(f"nested deeper than {MAX_DEPTH} levels")
    return value


def _kept_all(text: bytes, value: Any) -> bool:
    """Whether `value` certainly lost no property of `text`.

    Dumping never makes text longer than it was without white space (an escape becomes a character, or stays), so a
    value that dumps to that length lost nothing. Taking out the white space costs a tenth of the careful parse.
    """
    written = len(_encoder.encode(value))
    return written == len(text) or written == len(msgspec.json.format(text, indent=-1))


def _is_clearly_shallow(text: bytes) -> bool:
    """Whether the brackets of `text` alone show that it is not nested too deep.

    Each round takes away the innermost pairs. A bracket inside a string can spoil it; then only the value can tell.
    Some 3 microseconds for a kilobyte, where a walk over the value costs ten times that.
    """
    brackets = text.translate(None, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        rest = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(rest) == len(brackets):
            break
        brackets = rest
    return not brackets


def _depth(value: Any) -> int:
    level: list[Any] = [value]
    depth = 0
    while level := [x for x in level if isinstance(x, dict | list)]:
        depth += 1
        level = [x for y in level for x in (y.values() if isinstance(y, dict) else y)]
    return depth


def _parse_carefully(text: bytes) -> Any:
    try:
        return _careful.decode(text.decode())
    except RecursionError:
        raise MalformedContent(f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise MalformedContent(f"not well-formed JSON: {error}") from None


def dump(value: Any) -> str:
    """`value` as compact JSON text, numbers as they were parsed."""
    return _encoder.encode(value).decode()


def dump_sorted(value: Any) -> bytes:
    """`value` with the properties of each object in order: equal bytes for equal JSON, number text included."""
    return _sorting.encode(value)


def pretty(text: str) -> str:
    """Compact JSON text, indented by two spaces, for a person to read."""
    return msgspec.json.format(text.encode(), indent=2).decode()
