"""Primitive values as literals: which datatype one has, and its text exactly as JSON has it (spec page rdf, Representing
Primitive Elements).

A value that is no JSON value of its type is refused and not made to fit: `"185"` and `185` would be the same literal, so
that reading could not tell them apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhirstore.json_text import LexicalDecimal, dump
from fhirstore.rdf.misfit import Misfit
from fhirstore.rdf.vocabulary import PLAIN, XML_LITERAL
from fhirstore.short_texts import for_short_texts

# A text and its datatype.
Literal = tuple[str, str]
ToLiteral = Callable[[Any], Literal]


def for_type(fhir_type: str, *, typed_uris: bool, doubles: bool) -> ToLiteral:
    """What makes a literal of a JSON value of `fhir_type`.

    `typed_uris`: R5 says xsd:anyURI where R4 has plain strings. `doubles`: `1e3` is outside the lexical space of
    xsd:decimal, and R5 says xsd:double for it; what HL7 publishes for R4 says xsd:decimal all the same.
    """
    if fhir_type in _INTEGERS:
        return _integer(_INTEGERS[fhir_type])
    if fhir_type in ("uri", "url", "canonical", "oid", "uuid"):
        return _text("xsd:anyURI" if typed_uris else PLAIN)
    if fhir_type == "decimal":
        return _decimal_or_double if doubles else _decimal
    if fhir_type == "integer64":
        return _long
    if fhir_type in ("date", "dateTime"):
        return _date
    return _boolean if fhir_type == "boolean" else _text(_TEXTS.get(fhir_type, PLAIN))


def none(value: Any) -> Literal:
    """For what is no primitive."""
    raise Misfit(f"{_said(value)} stands where no value is expected")


_INTEGERS = {
    "integer": "xsd:integer",
    "unsignedInt": "xsd:nonNegativeInteger",
    "positiveInt": "xsd:positiveInteger",
}
_TEXTS = {
    "base64Binary": "xsd:base64Binary",
    "instant": "xsd:dateTime",
    "time": "xsd:time",
    "xhtml": XML_LITERAL,
}


def _text(datatype: str) -> ToLiteral:
    def literal(value: Any) -> Literal:
        if type(value) is str:
            return value, datatype
        raise Misfit(f"{_said(value)} stands where a string is expected")

    return literal


def _integer(datatype: str) -> ToLiteral:
    def literal(value: Any) -> Literal:
        if type(value) is int:
            return str(value), datatype
        raise Misfit(f"{_said(value)} stands where an integer is expected")

    return literal


def _long(value: Any) -> Literal:
    """An integer64 is a string in JSON (R5 page json), for JavaScript's sake."""
    if type(value) is str:
        return value, "xsd:long"
    raise Misfit(
        f"{_said(value)} stands where an integer64 is expected, which JSON has as a string"
    )


def _boolean(value: Any) -> Literal:
    if value is True:
        return "true", "xsd:boolean"
    if value is False:
        return "false", "xsd:boolean"
    raise Misfit(f"{_said(value)} stands where a boolean is expected")


def _decimal(value: Any) -> Literal:
    if type(value) is int or type(value) is Decimal:
        return str(value), "xsd:decimal"
    if type(value) is LexicalDecimal:
        return value.text, "xsd:decimal"
    if type(value) is float and math.isfinite(value):
        return repr(value), "xsd:decimal"
    raise Misfit(f"{_said(value)} stands where a decimal is expected")


def _decimal_or_double(value: Any) -> Literal:
    text, datatype = _decimal(value)
    return text, "xsd:double" if "e" in text or "E" in text else datatype


def _date(value: Any) -> Literal:
    if type(value) is str:
        return value, _date_datatype(value)
    raise Misfit(f"{_said(value)} stands where a date is expected")


@for_short_texts(50_000)
def _date_datatype(text: str) -> str:
    """By the precision that the text has: a dateTime that says only a day is an xsd:date."""
    zone = max(text.find("-", 10), text.find("+", 10))
    length = len(text) if zone < 0 else zone
    if length > 10:
        return "xsd:dateTime"
    return {4: "xsd:gYear", 7: "xsd:gYearMonth", 10: "xsd:date"}.get(length, PLAIN)


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else dump(value)[:40]
