"""R5, read: what its four forms and other toolkits write for the same resource, and what no resource is."""

from __future__ import annotations

import pytest

from fhirstore.definitions import definitions
from fhirstore.errors import MalformedContent
from fhirstore.rdf import Options, Projection
from tests.rdf.cases import PREFIXES, graph, resource
from tests.rdf.pairs import same

DEFINITIONS = definitions("5.0")
R5 = Projection(DEFINITIONS)
PROFILE = "http://hl7.org/fhir/StructureDefinition"

# type, what is said of its node, the inside of its JSON
TAKEN = {
    "the elements in another order, and JSON in theirs": (
        "Patient", 'fhir:active [ fhir:v true ] ; fhir:id [ fhir:v "a" ]', '"id": "a", "active": true',
    ),
    "a list cell by cell": (
        "Patient",
        'fhir:name [ rdf:first [ fhir:family [ fhir:v "a" ] ] ;'
        ' rdf:rest [ rdf:first [ fhir:family [ fhir:v "b" ] ] ; rdf:rest () ] ]',
        '"name": [{"family": "a"}, {"family": "b"}]',
    ),
    "a list with labelled cells": (
        "Patient",
        "fhir:name _:n . _:n rdf:first _:a ; rdf:rest rdf:nil . _:a fhir:family _:f . "
        '_:f fhir:v "a" . <http://x> a <http://y>',
        '"name": [{"family": "a"}]',
    ),
    "a narrative as a literal": (
        "Patient", 'fhir:text [ fhir:div "<div/>" ]', '"text": {"div": "<div/>"}',
    ),
    "a narrative as an XML literal": (
        "Patient", 'fhir:text [ fhir:div "<div/>"^^rdf:XMLLiteral ]', '"text": {"div": "<div/>"}',
    ),
    "a narrative as a node": (
        "Patient", 'fhir:text [ fhir:div [ fhir:v "<div/>"^^rdf:XMLLiteral ] ]', '"text": {"div": "<div/>"}',
    ),
    "a choice by its class": (
        "Patient", 'fhir:deceased [ a fhir:boolean ; fhir:v true ]', '"deceasedBoolean": true',
    ),
    "a choice by its class in capitals": (
        "Patient", 'fhir:deceased [ a fhir:DateTime ; fhir:v "2015"^^xsd:gYear ]', '"deceasedDateTime": "2015"',
    ),
    "a choice by its class among others": (
        "Observation", 'fhir:value [ a <x:y>, fhir:Quantity ; fhir:code [ fhir:v "mg" ] ]', '"valueQuantity": {"code": "mg"}',
    ),
    "a choice by the datatype of its value": (
        "Patient", 'fhir:deceased [ fhir:v "2015"^^xsd:gYear ]', '"deceasedDateTime": "2015"',
    ),
    "a choice of numbers by the datatype of its value": (
        "Patient", 'fhir:multipleBirth [ fhir:v "2"^^xsd:integer ]', '"multipleBirthInteger": 2',
    ),
    "a string, where no other text can be": (
        "Observation", 'fhir:value [ fhir:v "a" ]', '"valueString": "a"',
    ),
    "a canonical by its link": (
        "ActivityDefinition", 'fhir:subject [ fhir:v "http://x"^^xsd:anyURI ; fhir:link <http://x> ]', '"subjectCanonical": "http://x"',
    ),
    "a uri by its missing link": (
        "PlanDefinition", 'fhir:action ( [ fhir:definition [ fhir:v "http://x"^^xsd:anyURI ] ] )',
        '"action": [{"definitionUri": "http://x"}]',
    ),
    "an oid by its text": (
        "Patient", 'fhir:extension ( [ fhir:value [ a fhir:oid ; fhir:v "urn:oid:1" ] ] )',
        '"extension": [{"valueOid": "urn:oid:1"}]',
    ),
    "a type that HL7 has defined for its extension": (
        "Patient",
        'fhir:extension ( [ fhir:value [ fhir:v "a" ] ;'
        f' fhir:url [ fhir:v "{PROFILE}/structuredefinition-type-characteristics"^^xsd:anyURI ] ] )',
        f'"extension": [{{"url": "{PROFILE}/structuredefinition-type-characteristics", "valueCode": "a"}}]',
    ),
    "the newer name of links, on any uri": (
        "Patient",
        'fhir:meta [ fhir:source [ fhir:v "http://x"^^xsd:anyURI ; fhir:l <http://x> ] ] ;'
        ' fhir:managingOrganization [ fhir:l <#o> ; fhir:reference [ fhir:v "#o" ] ]',
        '"meta": {"source": "http://x"}, "managingOrganization": {"reference": "#o"}',
    ),
    "links of which FHIR does not speak": (
        "Patient", 'fhir:maritalStatus [ fhir:link <http://x> ; fhir:text [ fhir:v "a" ] ]', '"maritalStatus": {"text": "a"}',
    ),
    "an element that is called link": (
        "Patient", 'fhir:link ( [ fhir:type [ fhir:v "seealso" ] ] )', '"link": [{"type": "seealso"}]',
    ),
    "modifier extensions first": (
        "Patient",
        'fhir:_contact ( [ fhir:modifierExtension ( [ fhir:id [ fhir:v "m" ] ] ) ] ) ;'
        ' fhir:contact ( [ fhir:gender [ fhir:v "male" ] ] )',
        '"contact": [{"gender": "male"}, {"modifierExtension": [{"id": "m"}]}]',
    ),
    "decimals as Turtle's own": (
        "Observation", "fhir:value [ a fhir:Quantity ; fhir:value [ fhir:v 185.00 ] ]", '"valueQuantity": {"value": 185.00}',
    ),
    "decimals with an exponent": (
        "Observation", "fhir:value [ a fhir:Quantity ; fhir:value [ fhir:v 1.0e3 ] ]", '"valueQuantity": {"value": 1.0e3}',
    ),
    "an integer64": (
        "Patient", 'fhir:photo ( [ fhir:size [ fhir:v "9007199254740993"^^xsd:long ] ] )',
        '"photo": [{"size": "9007199254740993"}]',
    ),
    "an integer64 as an integer": (
        "Patient", "fhir:photo ( [ fhir:size [ fhir:v 5 ] ] )", '"photo": [{"size": "5"}]',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_taken(case: str) -> None:
    type_, statements, elements = TAKEN[case]
    found, expected = R5.from_turtle(graph(type_, statements)), resource(type_, elements)
    assert same(found, expected)
    assert list(found) == list(expected)


def test_a_resource_with_a_modifier_extension() -> None:
    said = graph("_Patient", 'fhir:modifierExtension ( [ fhir:id [ fhir:v "m" ] ] )')
    expected = resource("Patient", '"modifierExtension": [{"id": "m"}]')
    assert same(R5.from_turtle(said), expected)


def test_types_that_the_caller_knows() -> None:
    said = graph(
        "Patient",
        'fhir:extension ( [ fhir:url [ fhir:v "http://x"^^xsd:anyURI ] ; fhir:value [ fhir:v "a" ] ] )',
    )
    known = Projection(DEFINITIONS, Options(choice_types={"http://x": "markdown"}))
    expected = resource("Patient", '"extension": [{"url": "http://x", "valueMarkdown": "a"}]')
    assert same(known.from_turtle(said), expected)
    with pytest.raises(MalformedContent):
        Projection(DEFINITIONS, Options(choice_types={"http://x": "date"})).from_turtle(said)


# What is said of a Patient, why it is none, and where.
REFUSED = {
    "an unknown predicate": ('fhir:nmae ( [ fhir:id [ fhir:v "a" ] ] )', "no element <http://hl7.org/fhir/nmae>", "Patient"),
    "a predicate of R4": ('fhir:Patient.active [ fhir:v true ]', "no element", "Patient"),
    "a predicate of another namespace": ("<http://x/y> 5", "no element <http://x/y>", "Patient"),
    "a position": ("fhir:maritalStatus [ fhir:index 0 ]", "no element", "Patient.maritalStatus"),
    "a link that is no IRI": ('fhir:maritalStatus [ fhir:link "a" ]', "no element", "Patient.maritalStatus"),
    "a choice by R4's name": ("fhir:deceasedBoolean [ fhir:v true ]", "no element", "Patient"),
    "no list": ('fhir:name [ fhir:family [ fhir:v "a" ] ]', "an RDF list is expected", "Patient.name"),
    "two lists": ("fhir:name ( [] ), ( [] )", "more than once", "Patient.name"),
    "an empty list": ("fhir:name ()", "an empty list", "Patient.name"),
    "a list with a literal in it": ('fhir:name ( "a" )', "a blank node is expected", "Patient.name[0]"),
    "a list with an empty node in it": ('fhir:name ( [ fhir:id [ fhir:v "a" ] ] [] )', "never empty", "Patient.name[1]"),
    "a list that has no end": ("fhir:name _:n . _:n rdf:first [] ; rdf:rest _:n", "an RDF list is expected", "Patient.name"),
    "a list with two ends": (
        "fhir:name [ rdf:first [] ; rdf:rest (), ( [] ) ]", "an RDF list is expected", "Patient.name",
    ),
    "a list where one is expected": ("fhir:maritalStatus ( [] )", "a blank node is expected", "Patient.maritalStatus"),
    "a literal for a primitive": ('fhir:gender "male"', "a blank node is expected", "Patient.gender"),
    "two values": ('fhir:gender [ fhir:v "male", "female" ]', "more than once", "Patient.gender"),
    "two nodes": ('fhir:gender [ fhir:v "male" ], [ fhir:v "male" ]', "more than once", "Patient.gender"),
    "a value that is none of its type": ('fhir:active [ fhir:v "yes" ]', "is no boolean", "Patient.active"),
    "a narrative and a narrative": ('fhir:text [ fhir:div "a", "b" ]', "more than once", "Patient.text.div"),
    "a class of no choice": ("fhir:deceased [ a fhir:Quantity ]", "no class says", "Patient.deceased"),
    "two classes of choices": (
        "fhir:deceased [ a fhir:boolean, fhir:dateTime ; fhir:v true ]", "boolean, dateTime", "Patient.deceased",
    ),
    "a choice without a value and a class": ('fhir:deceased [ fhir:id [ fhir:v "a" ] ]', "no class says", "Patient.deceased"),
    "a text that could be of several types": (
        'fhir:extension ( [ fhir:value [ fhir:v "a" ] ] )', "code, id, markdown, string", "Patient.extension[0].value",
    ),
    "a date that could be of several types": (
        'fhir:extension ( [ fhir:value [ fhir:v "2015"^^xsd:gYear ] ] )', "date, dateTime", "Patient.extension[0].value",
    ),
    "with modifier extensions and without": (
        'fhir:maritalStatus [ fhir:id [ fhir:v "a" ] ] ; fhir:_maritalStatus [ fhir:id [ fhir:v "b" ] ]',
        "may only once", "Patient.maritalStatus",
    ),
    "a node within itself": ("fhir:maritalStatus _:m . _:m fhir:extension ( _:m )", "within itself", "Patient.maritalStatus"),
    "a node in two places": (
        'fhir:name ( _:n _:n ) . _:n fhir:family [ fhir:v "a" ]', "stands in two places", "Patient.name[1]",
    ),
    "an item that is a resource elsewhere": ("fhir:contained ( <http://x> )", "nothing is said", "Patient.contained[0]"),
    "a contained resource without a type": (
        'fhir:contained ( [ fhir:id [ fhir:v "a" ] ] )', "without a type", "Patient.contained[0]",
    ),
    "a contained resource of two types": (
        "fhir:contained ( [ a fhir:Basic, fhir:Group ] )", "several types", "Patient.contained[0]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_resource_is(case: str) -> None:
    statements, why, expression = REFUSED[case]
    with pytest.raises(MalformedContent) as caught:
        R5.from_turtle(graph("Patient", statements))
    issue = caught.value.issues[0]
    assert why in (issue.diagnostics or "")
    assert (issue.expression or "").startswith(expression)


# A document, and what is wrong with it.
NO_ROOT = {
    "no root": ("<http://x> a fhir:Patient .", "no node has the fhir:nodeRole"),
    "two roots": (
        "[] a fhir:Patient ; fhir:nodeRole fhir:treeRoot . [] a fhir:Patient ; fhir:nodeRole fhir:treeRoot .",
        "2 nodes have",
    ),
    "a root of no type": ("[] fhir:nodeRole fhir:treeRoot .", "without a type"),
    "a root of R4's type": ("[] a fhir:Media ; fhir:nodeRole fhir:treeRoot .", "without a type"),
    "an abstract root": ("[] a fhir:CanonicalResource ; fhir:nodeRole fhir:treeRoot .", "without a type"),
    "a list that is not closed": ("[] fhir:name ( [] .", "line"),
    "an unknown prefix": ("[] a f:Patient .", "the prefix f: is not declared"),
    "nothing": ("", "no node has"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_ROOT)
def test_documents_without_a_resource(case: str) -> None:
    text, why = NO_ROOT[case]
    with pytest.raises(MalformedContent, match=why):
        R5.from_turtle(PREFIXES + text)


def test_two_resources_where_one_is_expected() -> None:
    item = "[ fhir:resource ( [ a fhir:Basic ] [ a fhir:Basic ] ) ]"
    with pytest.raises(MalformedContent, match="2 resources where one is expected") as caught:
        R5.from_turtle(graph("Bundle", f"fhir:entry ( {item} )"))
    assert caught.value.issues[0].expression == "Bundle.entry[0].resource"


def test_nesting_has_an_end() -> None:
    deep = "fhir:extension ( [ " * 5000 + 'fhir:id [ fhir:v "a" ]' + " ] )" * 5000
    with pytest.raises(MalformedContent, match="nested deeper than"):
        R5.from_turtle(graph("Patient", deep))
    with pytest.raises(MalformedContent, match="more than once"):
        R5.from_turtle(graph("Patient", f"{deep} ; {deep}"))
