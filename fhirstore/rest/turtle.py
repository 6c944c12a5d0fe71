"""Turtle in and out (spec page rdf): everything between is JSON, so both formats are one resource to the store."""

from __future__ import annotations

import asyncio

from fhirstore import json_text
from fhirstore.definitions import definitions
from fhirstore.errors import MalformedContent, NotAcceptable
from fhirstore.rdf import Options, Projection

# From here on it takes some milliseconds, in which one event loop would answer nobody else.
_LONG = 16 * 1024


async def to_json(text: bytes, base: str, fhir_version: str) -> str:
    """The JSON text of the resource that Turtle says. Raises MalformedContent."""
    if len(text) < _LONG:
        return _to_json(text, base, fhir_version)
    return await asyncio.to_thread(_to_json, text, base, fhir_version)


def _to_json(text: bytes, base: str, fhir_version: str) -> str:
    return json_text.dump(_projection(base, fhir_version).from_turtle(text))


async def from_json(text: str, base: str | None, fhir_version: str) -> str:
    """JSON text as Turtle. Raises NotAcceptable for what no graph can say, which is none of the client's making."""
    try:
        if len(text) < _LONG:
            return _from_json(text, base, fhir_version)
        return await asyncio.to_thread(_from_json, text, base, fhir_version)
    except MalformedContent as error:
        place, said = error.issues[0].expression, error.issues[0].diagnostics
        raise NotAcceptable(f"Turtle cannot say this, JSON can: {said}", expression=place) from None


def _from_json(text: str, base: str | None, fhir_version: str) -> str:
    resource = json_text.parse(text.encode())
    assert isinstance(resource, dict)
    return _projection(base, fhir_version).turtle(resource)


def _projection(base: str | None, fhir_version: str) -> Projection:
    return Projection(definitions(fhir_version), Options(base=base))
