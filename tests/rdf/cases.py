"""Small resources and the graphs that they are, for tables of cases."""

from __future__ import annotations

import json
from typing import Any

from fhirstore import json_text

PREFIXES = """
@prefix fhir: <http://hl7.org/fhir/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix sct: <http://snomed.info/id/> .
"""
BASE = "http://example.org/fhir"


def resource(type_: str, elements: str) -> dict[str, Any]:
    """A resource from the inside of its JSON: `resource("Patient", '"active": true')`."""
    inside = f", {elements}" if elements else ""
    made: dict[str, Any] = json_text.parse(
        f"{{{json.dumps('resourceType')}: {json.dumps(type_)}{inside}}}".encode()
    )
    return made


def graph(type_: str, statements: str, beside: str = "") -> str:
    """The Turtle of a resource without an id: `statements` of its node, and what is `beside` it."""
    return (
        f"{PREFIXES}[] a fhir:{type_} ; fhir:nodeRole fhir:treeRoot"
        f"{' ; ' if statements else ''}{statements} .\n{beside}"
    )
