"""Literals as JSON values of FHIR's primitive types: the way back from `literals`, with the same text.

Other toolkits may have written what is read, so that every datatype is taken in which the value could be said: a bare
`185` in Turtle is an xsd:integer, and a decimal all the same. A value that JSON cannot have is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from fhirstore import json_text
from fhirstore.errors import MalformedContent
from fhirstore.rdf.graph import Literal
from fhirstore.rdf.misfit import Misfit
from fhirstore.rdf.vocabulary import RDF, XSD
from fhirstore.short_texts import for_short_texts

FromLiteral = Callable[[Literal], Any]

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
# What XML Schema allows beyond that: a plus, leading zeros, nothing before the point or behind it.
_XML_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<whole>[0-9]+)(?:\.(?P<part>[0-9]*))?|\.(?P<only>[0-9]+))(?P<exponent>[eE][+-]?[0-9]+)?"
).fullmatch

_STRING = XSD + "string"
_INTEGERS = frozenset(
    XSD + name
    for name in (
        "integer", "long", "int", "short", "byte", "nonNegativeInteger", "positiveInteger", "nonPositiveInteger",
        "negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte",
    )
)  # fmt: skip
_DECIMALS = _INTEGERS | {XSD + "decimal", XSD + "double", XSD + "float"}
_DATES = frozenset(XSD + name for name in ("date", "dateTime", "gYear", "gYearMonth", "string"))
_TEXTS = {
    "base64Binary": frozenset({XSD + "base64Binary", _STRING}),
    "date": _DATES,
    "dateTime": _DATES,
    "instant": frozenset({XSD + "dateTime", _STRING}),
    "time": frozenset({XSD + "time", _STRING}),
    "integer64": _INTEGERS | {_STRING},
    "xhtml": frozenset({_STRING, RDF + "XMLLiteral", RDF + "HTML"}),
    **dict.fromkeys(
        ("uri", "url", "canonical", "oid", "uuid"), frozenset({XSD + "anyURI", _STRING})
    ),
}
_STRINGS = frozenset({_STRING})


@lru_cache(maxsize=64)
def for_type(fhir_type: str) -> FromLiteral:
    """What makes a JSON value of type `fhir_type` of a literal. It raises Misfit for a literal that is none."""
    if fhir_type == "boolean":
        return _boolean
    if fhir_type in ("integer", "unsignedInt", "positiveInt"):
        return _integer
    if fhir_type == "decimal":
        return _decimal
    return _text(_TEXTS.get(fhir_type, _STRINGS))


def _text(datatypes: frozenset[str]) -> FromLiteral:
    def value(literal: Literal) -> str:
        text, datatype = literal
        if datatype in datatypes:
            return text
        raise Misfit(f"{_said(literal)} is no text of this type")

    return value


def _boolean(literal: Literal) -> bool:
    text, datatype = literal
    if datatype == XSD + "boolean":
        if text in ("true", "1"):
            return True
        if text in ("false", "0"):
            return False
    raise Misfit(f"{_said(literal)} is no boolean")


def _integer(literal: Literal) -> Any:
    text, datatype = literal
    if datatype in _INTEGERS:
        number = _number(text)
        if type(number) is int:
            return number
    raise Misfit(f"{_said(literal)} is no integer")


def _decimal(literal: Literal) -> Any:
    text, datatype = literal
    number = _number(text) if datatype in _DECIMALS else None
    if number is None:
        raise Misfit(f"{_said(literal)} is no decimal")
    return number


@for_short_texts(20_000)
def _number(text: str) -> Any:
    """The number as `json_text` reads it; None for what JSON cannot say (`INF`)."""
    if not _JSON_NUMBER(text):
        match = _XML_NUMBER(text)
        if match is None:
            return None
        text = _as_json(match)
    try:
        return json_text.parse(text.encode())
    except MalformedContent:  # beyond what can be stored
        return None


def _as_json(match: re.Match[str]) -> str:
    whole = (match["whole"] or "0").lstrip("0") or "0"
    part = match["part"] or match["only"]
    sign = "-" if match["sign"] == "-" else ""
    return sign + whole + (f".{part}" if part else "") + (match["exponent"] or "")


def _said(literal: Literal) -> str:
    text, datatype = literal
    return f"{text[:40]!r} ({datatype.removeprefix(XSD)})"
