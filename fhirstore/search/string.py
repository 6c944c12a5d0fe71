"""String parameters: the beginning of a text, without regard to case, accents and punctuation (spec page search, string).

Stored are the folded form, which a plain search and `:contains` ask, and the original, which `:exact` asks. Each part
of a name or an address is a value of its own, for "a field matches if the value of the field equals or starts with"
what is asked.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from fhirstore.errors import InvalidSearch
from fhirstore.search.conditions import All, Among, Condition, Matches, Within, either
from fhirstore.search.escapes import unescape
from fhirstore.search.filter import escaped
from fhirstore.search.parameter_type import (
    Asking,
    Facet,
    ParameterType,
    Target,
    Writer,
    Writing,
    compared,
)
from fhirstore.short_texts import for_short_texts

EXACT = ":exact"
_LONGEST_PATTERN = 250
_HUMAN_NAME = ("family", "given", "prefix", "suffix", "text")
_ADDRESS = ("line", "city", "district", "state", "postalCode", "country", "text")
_PARTS = {"HumanName": _HUMAN_NAME, "Address": _ADDRESS}
_TEXTS = frozenset({"string", "markdown", "code", "uri", "url", "canonical", "id", "xhtml"})


@for_short_texts(50_000)
def fold(text: str) -> str:
    """`text` as it is compared: compatibility forms decomposed, without marks and punctuation, case-folded, single spaces.

    A dash counts as a space, so that "Smith-Jones" is found as "smith jones" too.
    """
    if text.isascii() and text.isalnum():
        return text.lower()
    kept = []
    for character in unicodedata.normalize("NFKD", text.casefold()):
        category = unicodedata.category(character)
        if category == "Pd":
            kept.append(" ")
        elif category[0] not in "MPC" or character.isspace():
            kept.append(character)
    return " ".join("".join(kept).casefold().split())


def check_pattern(text: str) -> None:
    """Raise InvalidSearch for a text too long to be looked for anywhere in another: servers limit the patterns they take."""
    if len(text) > _LONGEST_PATTERN:
        said = f"at most {_LONGEST_PATTERN} characters can be looked for within a text"
        raise InvalidSearch(said, code="too-long")


@lru_cache(maxsize=1)
def _variants() -> dict[str, str]:
    """Each letter that others are with an accent, and those: a class of a pattern without its brackets.

    Small letters alone, the neighbours as a range, since servers limit a pattern (SecantusDB to 1,000 characters).
    """
    found: dict[str, list[int]] = {}
    for character in map(chr, (*range(0xC0, 0x250), *range(0x370, 0x530))):
        plain = fold(character)
        if len(plain) == 1 and plain != character == character.lower():
            found.setdefault(plain, []).append(ord(character))
    return {plain: plain + _ranges(codes) for plain, codes in found.items()}


def _ranges(codes: Sequence[int]) -> str:
    """Ascending code points as the inside of a class."""
    made, first = "", codes[0]
    for code, following in pairwise((*codes, 0)):
        if following != code + 1:
            made += chr(first) if first == code else f"{chr(first)}-{chr(code)}"
            first = following
    return made


def unaccented_pattern(text: str) -> str:
    """A pattern for `text` with or without accents, to be matched without regard to case: of text that is not kept folded.

    Raises InvalidSearch for a text that is too long for a pattern.
    """
    check_pattern(text)
    plain = unicodedata.normalize("NFD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    # A sharp s folds to two.
    sharp = f"({_unaccented('s') * 2}|ß)"
    return sharp.join("".join(map(_unaccented, part)) for part in plain.split("ss"))


def _unaccented(character: str) -> str:
    """A pattern for one character as it may be written."""
    variants = _variants().get(character)
    return escaped(character) if variants is None else f"[{variants}][\u0300-\u036f]*"


def after(prefix: str) -> str | None:
    """The least string that is greater than all that begin with `prefix`; None where there is none."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            # The surrogates stand for no characters, and cannot be written in UTF-8.
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
        prefix = prefix[:-1]
    return None


def _texts(fhir_type: str, element: Any) -> Sequence[str]:
    """The strings in an element."""
    parts = _PARTS.get(fhir_type)
    if parts is None:
        return (element,) if type(element) is str else ()
    found: list[str] = []
    if type(element) is dict:
        for part in parts:
            text = element.get(part)
            if type(text) is str:
                found.append(text)
            elif type(text) is list:
                found += [entry for entry in text if type(entry) is str]
    return found


def _writer(fhir_type: str, writing: Writing) -> Writer | None:
    if fhir_type not in _TEXTS and fhir_type not in _PARTS:
        return None

    def write(element: Any, values: list[Any]) -> None:
        values.extend(map(fold, _texts(fhir_type, element)))

    return write


def _exact_writer(fhir_type: str, writing: Writing) -> Writer | None:
    if fhir_type not in _TEXTS and fhir_type not in _PARTS:
        return None

    def write(element: Any, values: list[Any]) -> None:
        values += _texts(fhir_type, element)

    return write


def _ask(target: Target, modifier: str | None, values: Sequence[str], asking: Asking) -> Condition:
    made = tuple(_one(target, modifier, unescape(value)) for value in values)
    return either(made)


def _one(target: Target, modifier: str | None, text: str) -> Condition:
    folded = fold(text)
    if modifier == "exact":
        # The folded form as well, for it is the one that has an index.
        return All((Among(target.field, (folded,)), Among(target.field + EXACT, (text,))))
    if not folded:
        raise InvalidSearch(f"{text[:80]!r} has nothing that could be compared", code="value")
    if modifier == "contains":
        check_pattern(text)
        return Matches(target.field, escaped(folded))
    return Within(target.field, at_least=folded, less_than=after(folded))


def _compare(target: Target, operator: str, value: str, asking: Asking) -> Condition:
    """What `_filter` asks: the folded forms compared, since its "values are never case sensitive"."""
    if operator in ("co", "sw"):
        return _one(target, "contains" if operator == "co" else None, value)
    folded = fold(value)
    if not folded:
        raise InvalidSearch(f"{value[:80]!r} has nothing that could be compared", code="value")
    if operator == "ew":
        check_pattern(value)
        return Matches(target.field, escaped(folded) + "$")
    return compared(target.field, operator, folded)


def _is_single(fhir_type: str) -> bool:
    return fhir_type not in _PARTS


TYPE = ParameterType(
    "string",
    (Facet("", _writer, _is_single), Facet(EXACT, _exact_writer, _is_single)),
    _ask,
    modifiers=frozenset({"exact", "contains"}),
    operators=("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le"),
    compare=_compare,
)
