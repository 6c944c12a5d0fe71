"""`_text` and `_content`: words of a resource's narrative, and of all that it says (spec page search, Text Search).

`bone liver` asks for both words, `(bone OR liver) AND metastases` as it reads, `"liver metastases"` for words that
follow each other, `NOT liver` and `-liver` for what lacks the word, `metast*` for words that begin so.

Stored are the words of the narrative, each once, without case and accents. The content is not kept as words, which
would double the index keys of an Observation: `_content` is asked of the resource's text, and reads it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from fhirstore.errors import InvalidSearch
from fhirstore.search.conditions import All, Among, Condition, Matches, Not, Within, either
from fhirstore.search.escapes import unescape
from fhirstore.search.filter import escaped
from fhirstore.search.parameter_type import Asking, Facet, ParameterType, Target, Writer, Writing
from fhirstore.search.string import after

TEXT, CONTENT = "_text", "_content"
# Where the resource's own text is in a document.
JSON = "json"
_NARRATIVE = "resource.text.div"
_MOST_WORDS, _LONGEST, _DEEPEST = 100, 100, 20

_TAG = re.compile(r"<[^>]*>")
_WORD = re.compile(r"[^\W_]+")
# A parenthesis, a phrase, or a word with what may stand before and behind it.
_TERM = re.compile(r'\s*([()]|-?"[^"]*"|-?[^\s()"]+)')
# Letters and digits, said without the classes that servers' patterns understand differently.
_LETTERS = "0-9A-Za-z\u00aa-\u1fff\u2c00-\U0010ffff"
_ENTITY = "&#?[0-9A-Za-z]+;"
# What may stand in a JSON string.
_STRING = r'[^"\\]*(\\.[^"\\]*)*'


def words(text: str) -> list[str]:
    """The words of `text`, without case and accents."""
    if text.isascii():
        return _WORD.findall(text.lower())
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)).casefold())


def _write(element: Any, values: list[Any]) -> None:
    if type(element) is dict and type(div := element.get("div")) is str:
        # Behind the last `>` no tag ends: each `<` there would be followed to the end, for nothing.
        end = div.rfind(">") + 1
        values += words(html.unescape(_TAG.sub(" ", div[:end]) + div[end:]))


def _writer(fhir_type: str, writing: Writing) -> Writer | None:
    return _write if fhir_type == "Narrative" else None


def _ask(target: Target, modifier: str | None, values: Sequence[str], asking: Asking) -> Condition:
    return _any([_asked(value, partial(_in_narrative, target.field)) for value in values])


def content(values: Sequence[str]) -> Condition:
    """What a document meets in whose resource one of `values` is said. Raises InvalidSearch."""
    return _any([_asked(value, _in_content) for value in values])


# words and phrases ------------------------------------------------------------------------------


def _in_narrative(field: str, said: str, found: Sequence[str], is_beginning: bool) -> Condition:
    if is_beginning:
        *whole, last = found
        wanted = [*map(partial(_word_in, field), whole), _beginning_in(field, last)]
    else:
        wanted = [_word_in(field, word) for word in found]
    if len(found) > 1:
        wanted.append(Matches(_NARRATIVE, _in_a_row(said), ignore_case=True))
    return All(tuple(wanted)) if len(wanted) > 1 else wanted[0]


def _word_in(field: str, word: str) -> Condition:
    return Among(field, (word,))


def _beginning_in(field: str, word: str) -> Condition:
    return Within(field, at_least=word, less_than=after(word))


def _in_a_row(said: str) -> str:
    """A pattern for the words of `said` behind each other, markup and punctuation between them."""
    return rf"([^{_LETTERS}<]|{_ENTITY}|<[^>]*>)+".join(map(escaped, _WORD.findall(said)))


def _in_content(said: str, found: Sequence[str], is_beginning: bool) -> Condition:
    """A string of the JSON text that has the words: it follows a colon, a bracket or a comma, and no colon follows it, so
    it is no property's name."""
    row = rf'([^{_LETTERS}"]|{_ENTITY})+'.join(map(escaped, _WORD.findall(said)))
    before = rf'({_STRING}([^{_LETTERS}"\\]|\\.))?'
    behind = _STRING if is_beginning else rf'([^{_LETTERS}"\\]{_STRING}|\\.{_STRING})?'
    return Matches(JSON, rf'[:\[,]\s*"{before}{row}{behind}"\s*[,\]}}]', ignore_case=True)


# the language -----------------------------------------------------------------------------------

_Unit = Callable[[str, Sequence[str], bool], Condition]


def _asked(value: str, unit: _Unit) -> Condition:
    reader = _Reader(unescape(value), unit)
    made = reader.either()
    if reader.next is not None:
        reader.wrong(f"{reader.next!r} stands alone")
    return made


class _Reader:
    """Reads words joined by AND, OR and NOT; without any of them, all are asked for."""

    def __init__(self, text: str, unit: _Unit) -> None:
        self._text = text
        self._unit = unit
        terms = _TERM.findall(text)
        if len(terms) > _MOST_WORDS:
            raise InvalidSearch(f"more than {_MOST_WORDS} words", code="too-costly")
        if any(len(term) > _LONGEST for term in terms):
            raise InvalidSearch(f"words have at most {_LONGEST} characters", code="too-long")
        self._terms = terms[::-1]
        self._depth = 0

    @property
    def next(self) -> str | None:
        return self._terms[-1] if self._terms else None

    def wrong(self, why: str) -> NoReturn:
        raise InvalidSearch(f"{self._text[:80]!r} is no text search: {why}", code="value")

    def either(self) -> Condition:
        parts = [self._all()]
        while self._word() == "or":
            self._terms.pop()
            parts.append(self._all())
        return _any(parts)

    def _all(self) -> Condition:
        parts = [self._one()]
        while self.next not in (None, ")") and self._word() != "or":
            if self._word() == "and":
                self._terms.pop()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Condition:
        if not self._terms:
            self.wrong("a word is missing")
        if self._word() in ("and", "or"):
            self.wrong("a word is missing")
        term = self._terms.pop()
        if term.lower() == "not":
            return Not(self._one())
        if term == "(":
            return self._enclosed()
        if term.startswith("-"):
            return Not(self._said(term[1:]))
        return self._said(term)

    def _enclosed(self) -> Condition:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidSearch(f"more than {_DEEPEST} parentheses deep", code="too-costly")
        made = self.either()
        if self.next != ")":
            self.wrong(") is missing")
        self._terms.pop()
        self._depth -= 1
        return made

    def _said(self, term: str) -> Condition:
        found = words(term)
        if not found:
            self.wrong(f"{term!r} has no word")
        return self._unit(term, found, term.rstrip('"').endswith("*"))

    def _word(self) -> str:
        return (self.next or "").lower()


def _any(parts: Sequence[Condition]) -> Condition:
    return either(parts)


TYPE = ParameterType("text", (Facet("", _writer, lambda fhir_type: False),), _ask, sort_path=None)
