"""R5, rule by rule: a small resource, and the graph that it is (R5 page rdf, and what HL7's publisher writes)."""

from __future__ import annotations

import pytest

from fhirstore.definitions import definitions
from fhirstore.errors import MalformedContent
from fhirstore.rdf import Options, Projection
from tests.rdf.cases import BASE, PREFIXES, graph, resource
from tests.rdf.pairs import same
from tests.rdf.tree_hash import of_ntriples, of_turtle

DEFINITIONS = definitions("5.0")
BARE = Projection(DEFINITIONS)
BASED = Projection(DEFINITIONS, Options(base=BASE))


def check(projection: Projection, made: dict[str, object], expected: str) -> None:
    turtle, ntriples = projection.turtle(made), projection.ntriples(made)
    assert of_turtle(turtle) == of_turtle(expected), turtle
    assert of_ntriples(ntriples) == of_turtle(expected), ntriples
    for read in (projection.from_turtle(turtle), projection.from_ntriples(ntriples)):
        assert same(read, made)
        assert next(iter(read)) == "resourceType"


EXTENSION = '[ fhir:url [ fhir:v "u"^^xsd:anyURI ] ]'

# type, the inside of its JSON, what is said of its node
ELEMENTS = {
    "nothing at all": ("Patient", "", ""),
    "by its name alone": ("Patient", '"language": "de"', 'fhir:language [ fhir:v "de" ]'),
    "an array is a list": (
        "Patient", '"name": [{"family": "a"}, {"family": "b"}]',
        'fhir:name ( [ fhir:family [ fhir:v "a" ] ] [ fhir:family [ fhir:v "b" ] ] )',
    ),
    "a list of one": (
        "Patient", '"name": [{"given": ["a"]}]', 'fhir:name ( [ fhir:given ( [ fhir:v "a" ] ) ] )',
    ),
    "an extension": (
        "Patient", '"extension": [{"url": "http://x", "valueCode": "a"}]',
        'fhir:extension ( [ fhir:url [ fhir:v "http://x"^^xsd:anyURI ] ; fhir:value [ a fhir:code ; fhir:v "a" ] ] )',
    ),
    "the class of a choice": (
        "Patient", '"deceasedBoolean": true', 'fhir:deceased [ a fhir:boolean ; fhir:v "true"^^xsd:boolean ]',
    ),
    "the class of a complex choice": (
        "Observation", '"valueQuantity": {"value": 185}',
        'fhir:value [ a fhir:Quantity ; fhir:value [ fhir:v "185"^^xsd:decimal ] ]',
    ),
    "a choice with nothing but an id": (
        "Patient", '"_deceasedDateTime": {"id": "a"}', 'fhir:deceased [ a fhir:dateTime ; fhir:id [ fhir:v "a" ] ]',
    ),
    "an element of one type has no class": (
        "Encounter", '"length": {"value": 30}', 'fhir:length [ fhir:value [ fhir:v "30"^^xsd:decimal ] ]',
    ),
    "a content reference": (
        "Questionnaire", '"item": [{"linkId": "1", "item": [{"linkId": "2"}]}]',
        'fhir:item ( [ fhir:linkId [ fhir:v "1" ] ; fhir:item ( [ fhir:linkId [ fhir:v "2" ] ] ) ] )',
    ),
    "a primitive with an id": (
        "Patient", '"gender": "male", "_gender": {"id": "g"}', 'fhir:gender [ fhir:v "male" ; fhir:id [ fhir:v "g" ] ]',
    ),
    "slots with nothing in them": (
        "Patient", '"name": [{"given": [null, "b", null], "_given": [null, null, {"id": "c"}]}]',
        'fhir:name ( [ fhir:given ( [] [ fhir:v "b" ] [ fhir:id [ fhir:v "c" ] ] ) ] )',
    ),
    "a narrative": (
        "Patient", '"text": {"status": "empty", "div": "<div>a &amp; b</div>"}',
        'fhir:text [ fhir:status [ fhir:v "empty" ] ; fhir:div [ fhir:v "<div>a &amp; b</div>"^^rdf:XMLLiteral ] ]',
    ),
    "a narrative with an id": (
        "Patient", '"text": {"div": "<div/>", "_div": {"id": "d"}}',
        'fhir:text [ fhir:div [ fhir:v "<div/>"^^rdf:XMLLiteral ; fhir:id [ fhir:v "d" ] ] ]',
    ),
    "an element that is called link": (
        "Patient", '"link": [{"type": "seealso"}]', 'fhir:link ( [ fhir:type [ fhir:v "seealso" ] ] )',
    ),
    "an element that is called index": (
        "TestScript", '"origin": [{"index": 1}]', 'fhir:origin ( [ fhir:index [ fhir:v "1"^^xsd:integer ] ] )',
    ),
    "an element that is called value": (
        "Patient", '"identifier": [{"value": "a"}]', 'fhir:identifier ( [ fhir:value [ fhir:v "a" ] ] )',
    ),
    "an element that is called resourceType": (
        "ExampleScenario", '"instance": [{"structureProfileUri": "http://x"}]',
        'fhir:instance ( [ fhir:structureProfile [ a fhir:uri ; fhir:v "http://x"^^xsd:anyURI ] ] )',
    ),
    "contained": (
        "Patient", '"contained": [{"resourceType": "Basic", "id": "b"}, {"resourceType": "Basic"}]',
        'fhir:contained ( [ a fhir:Basic ; fhir:id [ fhir:v "b" ] ] [ a fhir:Basic ] )',
    ),
    "the resource of a parameter": (
        "Parameters", '"parameter": [{"name": "x", "resource": {"resourceType": "Basic"}}]',
        'fhir:parameter ( [ fhir:name [ fhir:v "x" ] ; fhir:Parameters.parameter.resource ( [ a fhir:Basic ] ) ] )',
    ),
    "an entry without an address": (
        "Bundle", '"entry": [{"resource": {"resourceType": "Basic"}}]', "fhir:entry ( [ fhir:resource ( [ a fhir:Basic ] ) ] )",
    ),
    "the outcome of an entry": (
        "Bundle", '"entry": [{"response": {"outcome": {"resourceType": "OperationOutcome"}}}]',
        "fhir:entry ( [ fhir:response [ fhir:outcome ( [ a fhir:OperationOutcome ] ) ] ] )",
    ),
    "a modifier extension": (
        "Patient", '"contact": [{"modifierExtension": [{"url": "u"}]}]',
        f"fhir:_contact ( [ fhir:modifierExtension ( {EXTENSION} ) ] )",
    ),
    "a modifier extension where there is no array": (
        "Patient", '"extension": [{"valueTiming": {"modifierExtension": [{"url": "u"}]}}]',
        f"fhir:extension ( [ fhir:_value [ a fhir:Timing ; fhir:modifierExtension ( {EXTENSION} ) ] ] )",
    ),
    "some with modifier extensions": (
        "Patient", '"contact": [{"gender": "male"}, {"modifierExtension": [{"url": "u"}]}]',
        f'fhir:contact ( [ fhir:gender [ fhir:v "male" ] ] ) ; fhir:_contact ( [ fhir:modifierExtension ( {EXTENSION} ) ] )',
    ),
    "a contained resource with a modifier extension": (
        "Patient", '"contained": [{"resourceType": "Basic", "modifierExtension": [{"url": "u"}]}]',
        f"fhir:contained ( [ a fhir:_Basic ; fhir:modifierExtension ( {EXTENSION} ) ] )",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ELEMENTS)
def test_elements(case: str) -> None:
    type_, elements, statements = ELEMENTS[case]
    check(BARE, resource(type_, elements), graph(type_, statements))


def test_a_resource_with_a_modifier_extension() -> None:
    made = resource("Patient", '"modifierExtension": [{"url": "u"}]')
    check(BARE, made, graph("_Patient", f"fhir:modifierExtension ( {EXTENSION} )"))


# The inside of the JSON of a parameter's value, its class, its literal.
VALUES = [
    ('"valueBoolean": false', "boolean", '"false"^^xsd:boolean'),
    ('"valueInteger": -5', "integer", '"-5"^^xsd:integer'),
    ('"valueInteger64": "9007199254740993"', "integer64", '"9007199254740993"^^xsd:long'),
    ('"valueUnsignedInt": 0', "unsignedInt", '"0"^^xsd:nonNegativeInteger'),
    ('"valuePositiveInt": 1', "positiveInt", '"1"^^xsd:positiveInteger'),
    ('"valueDecimal": 185', "decimal", '"185"^^xsd:decimal'),
    ('"valueDecimal": 185.00', "decimal", '"185.00"^^xsd:decimal'),
    ('"valueDecimal": 1.0e3', "decimal", '"1.0e3"^^xsd:double'),
    ('"valueDecimal": 1E-24', "decimal", '"1E-24"^^xsd:double'),
    ('"valueBase64Binary": "AA=="', "base64Binary", '"AA=="^^xsd:base64Binary'),
    ('"valueInstant": "2015-02-07T13:28:17.239Z"', "instant", '"2015-02-07T13:28:17.239Z"^^xsd:dateTime'),
    ('"valueDate": "2015"', "date", '"2015"^^xsd:gYear'),
    ('"valueDate": "2015-02"', "date", '"2015-02"^^xsd:gYearMonth'),
    ('"valueDateTime": "2015-02-07"', "dateTime", '"2015-02-07"^^xsd:date'),
    ('"valueDateTime": "2015-02-07T13:28:17-05:00"', "dateTime", '"2015-02-07T13:28:17-05:00"^^xsd:dateTime'),
    ('"valueTime": "13:28:17"', "time", '"13:28:17"^^xsd:time'),
    ('"valueString": "a"', "string", '"a"'),
    ('"valueCode": "a"', "code", '"a"'),
    ('"valueId": "a"', "id", '"a"'),
    ('"valueMarkdown": "*a*\\nb"', "markdown", '"*a*\\nb"'),
    ('"valueUri": "urn:x:y"', "uri", '"urn:x:y"^^xsd:anyURI'),
    ('"valueUrl": "http://x"', "url", '"http://x"^^xsd:anyURI'),
    ('"valueOid": "urn:oid:1.2"', "oid", '"urn:oid:1.2"^^xsd:anyURI'),
    ('"valueUuid": "urn:uuid:c757873d"', "uuid", '"urn:uuid:c757873d"^^xsd:anyURI'),
]  # fmt: skip


@pytest.mark.parametrize(("json", "type_", "literal"), VALUES)
def test_values(json: str, type_: str, literal: str) -> None:
    made = resource("Parameters", f'"parameter": [{{{json}}}]')
    said = f"fhir:parameter ( [ fhir:value [ a fhir:{type_} ; fhir:v {literal} ] ] )"
    check(BARE, made, graph("Parameters", said))


# A code system, a code, and the class of the Coding.
CONCEPTS = [
    ("http://snomed.info/sct", "128045006", "http://snomed.info/id/128045006"),
    ("http://snomed.info/sct", "128045006:363698007=56459004", None),
    ("http://loinc.org", "29463-7", "https://loinc.org/rdf/29463-7"),
    ("http://loinc.org", "la6576-8", "https://loinc.org/rdf/LA6576-8"),
    ("https://www.nlm.nih.gov/mesh", "D014839", "http://id.nlm.nih.gov/mesh/D014839"),
    ("http://unitsofmeasure.org", "mg", None),
]


@pytest.mark.parametrize(("system", "code", "class_"), CONCEPTS)
def test_concepts(system: str, code: str, class_: str | None) -> None:
    made = resource("Basic", f'"code": {{"coding": [{{"system": "{system}", "code": "{code}"}}]}}')
    said = (
        f'fhir:system [ fhir:v "{system}"^^xsd:anyURI ] ; fhir:code [ fhir:v "{code}" ]'
        + (f" ; a <{class_}>" if class_ else "")
    )  # fmt: skip
    check(BARE, made, graph("Basic", f"fhir:code [ fhir:coding ( [ {said} ] ) ]"))


# A reference, and where it leads.
LINKS = [
    ("Patient/1", f"{BASE}/Patient/1"),
    ("http://x.org/Patient/1", "http://x.org/Patient/1"),
    ("#a", None),
    ("urn:uuid:1", None),
    ("1", None),
]


@pytest.mark.parametrize(("reference", "link"), LINKS)
def test_links(reference: str, link: str | None) -> None:
    made = resource("Basic", f'"subject": {{"reference": "{reference}"}}')
    said = f'fhir:reference [ fhir:v "{reference}" ]' + (f" ; fhir:link <{link}>" if link else "")
    check(BASED, made, graph("Basic", f"fhir:subject [ {said} ]"))


def test_a_canonical_with_a_version_is_an_iri() -> None:
    made = resource("Basic", '"meta": {"profile": ["http://x.org/p|1.0"]}')
    said = 'fhir:v "http://x.org/p|1.0"^^xsd:anyURI ; fhir:link <http://x.org/p%7C1.0>'
    check(BARE, made, graph("Basic", f"fhir:meta [ fhir:profile ( [ {said} ] ) ]"))


def test_a_choice_that_is_a_reference_has_its_class_and_its_link() -> None:
    made = resource("Basic", '"extension": [{"url": "u", "valueReference": {"reference": "Patient/1"}}]')  # fmt: skip
    value = f'[ a fhir:Reference ; fhir:link <{BASE}/Patient/1> ; fhir:reference [ fhir:v "Patient/1" ] ]'
    said = f'fhir:extension ( [ fhir:url [ fhir:v "u"^^xsd:anyURI ] ; fhir:value {value} ] )'
    check(BASED, made, graph("Basic", said))


def test_entries_are_subjects_under_their_address() -> None:
    made = resource(
        "Bundle",
        '"entry": [{"fullUrl": "http://x.org/Basic/1",'
        ' "resource": {"resourceType": "Basic", "modifierExtension": [{"url": "u"}]}}]',
    )
    entry = '[ fhir:fullUrl [ fhir:v "http://x.org/Basic/1"^^xsd:anyURI ] ; fhir:resource ( <http://x.org/Basic/1> ) ]'
    beside = f"<http://x.org/Basic/1> a fhir:_Basic ; fhir:modifierExtension ( {EXTENSION} ) ."
    check(BARE, made, graph("Bundle", f"fhir:entry ( {entry} )", beside))


def test_there_is_no_header() -> None:
    made = resource("Patient", '"id": "a"')
    expected = (
        f"{PREFIXES}<{BASE}/Patient/a> a fhir:Patient ; fhir:nodeRole fhir:treeRoot ;"
        ' fhir:id [ fhir:v "a" ] .'
    )
    check(BASED, made, expected)
    assert "@prefix loinc: <https://loinc.org/rdf/> ." in BASED.turtle(made)


# type, the inside of JSON that no graph can say, where it is
REFUSED = {
    "what was renamed since R4": ("Encounter", '"hospitalization": {}', "Encounter.hospitalization"),
    "a value of another type": ("Patient", '"active": "true"', "Patient.active"),
    "an integer64 as a number": ("Parameters", '"parameter": [{"valueInteger64": 5}]', "Parameters.parameter[0].valueInteger64"),
    "an empty array": ("Patient", '"name": []', "Patient.name"),
    "an empty object": ("Patient", '"name": [{"family": "a"}, {}]', "Patient.name[1]"),
    "null for a value": ("Patient", '"gender": null, "_gender": {"id": "a"}', "Patient.gender"),
    "null for an array": ("Patient", '"name": [{"given": null, "_given": [{"id": "a"}]}]', "Patient.name[0].given"),
    "a value among slots": ("Patient", '"name": [{"given": ["a", 5]}]', "Patient.name[0].given[1]"),
    "a resource of no type": ("Patient", '"contained": [{"id": "a"}]', "Patient.contained[0]"),
    "an order that would be lost": (
        "Patient", '"contact": [{"modifierExtension": [{"url": "u"}]}, {"gender": "male"}]', "Patient.contact[1]",
    ),
    "an order that would be lost between two": (
        "Patient",
        '"contact": [{"gender": "male"}, {"modifierExtension": [{"url": "u"}]}, {"gender": "male"}]',
        "Patient.contact[2]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_graph_can_say(case: str) -> None:
    type_, elements, expression = REFUSED[case]
    with pytest.raises(MalformedContent) as caught:
        BARE.turtle(resource(type_, elements))
    assert caught.value.issues[0].expression == expression
