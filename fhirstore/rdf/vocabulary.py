"""The IRIs that FHIR RDF is made of, and the short names that stand for them.

Inside the package a FHIR term is its local name (`Observation.status`), and a datatype a prefixed name (`xsd:date`, "" for
a plain string): what Turtle writes as it is, and N-Triples looks up.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

MEDIA_TYPE = "application/fhir+turtle"

FHIR = "http://hl7.org/fhir/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD = "http://www.w3.org/2001/XMLSchema#"
OWL = "http://www.w3.org/2002/07/owl#"

RDF_TYPE = RDF + "type"
RDF_FIRST = RDF + "first"
RDF_REST = RDF + "rest"
RDF_NIL = RDF + "nil"
NODE_ROLE = FHIR + "nodeRole"
TREE_ROOT = FHIR + "treeRoot"

PLAIN = ""
XML_LITERAL = "rdf:XMLLiteral"

DATATYPES: Mapping[str, str] = MappingProxyType(
    {
        XML_LITERAL: RDF + "XMLLiteral",
        **{
            f"xsd:{name}": XSD + name
            for name in (
                "anyURI", "base64Binary", "boolean", "date", "dateTime", "decimal", "double", "gYear", "gYearMonth",
                "integer", "long", "nonNegativeInteger", "positiveInteger", "string", "time",
            )
        },
    }
)  # fmt: skip
