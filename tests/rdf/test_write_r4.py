"""R4, rule by rule: a small resource, and the graph that it is (spec page rdf)."""

from __future__ import annotations

from typing import Any

import pytest

from fhirstore import json_text
from fhirstore.definitions import definitions
from fhirstore.errors import BadRequest, MalformedContent
from fhirstore.rdf import Options, Projection
from tests.rdf.cases import BASE, PREFIXES, graph, resource
from tests.rdf.pairs import same
from tests.rdf.tree_hash import of_ntriples, of_turtle

DEFINITIONS = definitions("4.0")
BARE = Projection(DEFINITIONS, Options(header=False))
BASED = Projection(DEFINITIONS, Options(base=BASE, header=False))


def check(projection: Projection, made: dict[str, Any], expected: str) -> None:
    turtle, ntriples = projection.turtle(made), projection.ntriples(made)
    assert of_turtle(turtle) == of_turtle(expected), turtle
    assert of_ntriples(ntriples) == of_turtle(expected), ntriples
    for read in (projection.from_turtle(turtle), projection.from_ntriples(ntriples)):
        assert same(read, made)
        assert next(iter(read)) == "resourceType"


# type, the inside of its JSON, what is said of its node
ELEMENTS = {
    "nothing at all": ("Patient", "", ""),
    "declared by Resource": ("Patient", '"language": "de"', 'fhir:Resource.language [ fhir:value "de" ]'),
    "declared by DomainResource": (
        "Patient",
        '"extension": [{"url": "http://x", "valueCode": "a"}]',
        'fhir:DomainResource.extension [ fhir:index 0 ; fhir:Extension.url [ fhir:value "http://x" ] ;'
        ' fhir:Extension.valueCode [ fhir:value "a" ] ]',
    ),
    "declared by Element": (
        "Patient",
        '"contact": [{"id": "c", "gender": "male"}]',
        'fhir:Patient.contact [ fhir:index 0 ; fhir:Element.id [ fhir:value "c" ] ;'
        ' fhir:Patient.contact.gender [ fhir:value "male" ] ]',
    ),
    "declared by BackboneElement": (
        "Patient",
        '"contact": [{"modifierExtension": [{"url": "u"}]}]',
        "fhir:Patient.contact [ fhir:index 0 ; fhir:BackboneElement.modifierExtension"
        ' [ fhir:index 0 ; fhir:Extension.url [ fhir:value "u" ] ] ]',
    ),
    "declared by the type that a type is based on": (
        "Encounter",
        '"length": {"value": 30, "unit": "min"}',
        'fhir:Encounter.length [ fhir:Quantity.value [ fhir:value "30"^^xsd:decimal ] ;'
        ' fhir:Quantity.unit [ fhir:value "min" ] ]',
    ),
    "a backbone by its whole path": (
        "Observation",
        '"referenceRange": [{"low": {"value": 1}}]',
        "fhir:Observation.referenceRange [ fhir:index 0 ; fhir:Observation.referenceRange.low"
        ' [ fhir:Quantity.value [ fhir:value "1"^^xsd:decimal ] ] ]',
    ),
    "a content reference": (
        "Questionnaire",
        '"item": [{"linkId": "1", "item": [{"linkId": "2"}]}]',
        'fhir:Questionnaire.item [ fhir:index 0 ; fhir:Questionnaire.item.linkId [ fhir:value "1" ] ;'
        " fhir:Questionnaire.item.item [ fhir:index 0 ;"
        ' fhir:Questionnaire.item.linkId [ fhir:value "2" ] ] ]',
    ),
    "a choice of a primitive": (
        "Patient",
        '"deceasedBoolean": true',
        'fhir:Patient.deceasedBoolean [ fhir:value "true"^^xsd:boolean ]',
    ),
    "a choice of a complex type has no class": (
        "Observation",
        '"valueQuantity": {"value": 185}',
        'fhir:Observation.valueQuantity [ fhir:Quantity.value [ fhir:value "185"^^xsd:decimal ] ]',
    ),
    "an element that is called like a resource's type": (
        "ExampleScenario",
        '"instance": [{"resourceId": "a", "resourceType": "Patient"}]',
        'fhir:ExampleScenario.instance [ fhir:index 0 ; fhir:ExampleScenario.instance.resourceId [ fhir:value "a" ] ;'
        ' fhir:ExampleScenario.instance.resourceType [ fhir:value "Patient" ] ]',
    ),
    "a narrative": (
        "Patient",
        '"text": {"status": "generated", "div": "<div>\\"a\\"\\n\\\\</div>"}',
        'fhir:DomainResource.text [ fhir:Narrative.status [ fhir:value "generated" ] ;'
        ' fhir:Narrative.div "<div>\\"a\\"\\n\\\\</div>" ]',
    ),
    "positions, of one and of several": (
        "Patient",
        '"name": [{"given": ["a"]}, {"given": ["b", "c"]}]',
        'fhir:Patient.name [ fhir:index 0 ; fhir:HumanName.given [ fhir:index 0 ; fhir:value "a" ] ],'
        ' [ fhir:index 1 ; fhir:HumanName.given [ fhir:index 0 ; fhir:value "b" ],'
        ' [ fhir:index 1 ; fhir:value "c" ] ]',
    ),
    "an extension of a primitive": (
        "Patient",
        '"birthDate": "1970", "_birthDate": {"id": "b", "extension": [{"url": "u"}]}',
        'fhir:Patient.birthDate [ fhir:value "1970"^^xsd:gYear ; fhir:Element.id [ fhir:value "b" ] ;'
        ' fhir:Element.extension [ fhir:index 0 ; fhir:Extension.url [ fhir:value "u" ] ] ]',
    ),
    "an extension in place of a value": (
        "Patient",
        '"_birthDate": {"extension": [{"url": "u"}]}',
        "fhir:Patient.birthDate [ fhir:Element.extension"
        ' [ fhir:index 0 ; fhir:Extension.url [ fhir:value "u" ] ] ]',
    ),
    "extensions of some items": (
        "HumanName",
        '"given": ["a", null, "c"], "_given": [null, {"id": "x"}, {"id": "y"}]',
        'fhir:HumanName.given [ fhir:index 0 ; fhir:value "a" ],'
        ' [ fhir:index 1 ; fhir:Element.id [ fhir:value "x" ] ],'
        ' [ fhir:index 2 ; fhir:value "c" ; fhir:Element.id [ fhir:value "y" ] ]',
    ),
    "extensions of items without values": (
        "HumanName",
        '"_given": [{"id": "x"}, null]',
        'fhir:HumanName.given [ fhir:index 0 ; fhir:Element.id [ fhir:value "x" ] ], [ fhir:index 1 ]',
    ),
    "a slot without anything": (
        "HumanName",
        '"given": ["a", null]',
        'fhir:HumanName.given [ fhir:index 0 ; fhir:value "a" ], [ fhir:index 1 ]',
    ),
    "a contained resource": (
        "Patient",
        '"contained": [{"resourceType": "Device", "id": "d"}]',
        'fhir:DomainResource.contained [ fhir:index 0 ; a fhir:Device ; fhir:Resource.id [ fhir:value "d" ] ]',
    ),
    "a resource as a parameter": (
        "Parameters",
        '"parameter": [{"name": "n", "resource": {"resourceType": "Device"}}]',
        'fhir:Parameters.parameter [ fhir:index 0 ; fhir:Parameters.parameter.name [ fhir:value "n" ] ;'
        " fhir:Parameters.parameter.resource [ a fhir:Device ] ]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ELEMENTS)
def test_elements(case: str) -> None:
    type_, elements, statements = ELEMENTS[case]
    made, expected = resource(type_, elements), graph(type_, statements)
    if type_ == "HumanName":
        made = resource("Patient", f'"name": [{{{elements}}}]')
        expected = graph("Patient", f"fhir:Patient.name [ fhir:index 0 ; {statements} ]")
    check(BARE, made, expected)


# FHIR type, a JSON value, its literal
LITERALS = [
    ("Boolean", "true", '"true"^^xsd:boolean'),
    ("Boolean", "false", '"false"^^xsd:boolean'),
    ("Integer", "-5", '"-5"^^xsd:integer'),
    ("UnsignedInt", "0", '"0"^^xsd:nonNegativeInteger'),
    ("PositiveInt", "7", '"7"^^xsd:positiveInteger'),
    ("Decimal", "185", '"185"^^xsd:decimal'),
    ("Decimal", "185.00", '"185.00"^^xsd:decimal'),
    ("Decimal", "-0.0", '"-0.0"^^xsd:decimal'),
    ("Decimal", "-0", '"-0"^^xsd:decimal'),
    ("Decimal", "1.0e3", '"1.0e3"^^xsd:decimal'),
    ("Decimal", "1E-24", '"1E-24"^^xsd:decimal'),
    ("Decimal", "0.1234567890123456789012345", '"0.1234567890123456789012345"^^xsd:decimal'),
    ("Base64Binary", '"AAEC"', '"AAEC"^^xsd:base64Binary'),
    ("Time", '"10:30:00"', '"10:30:00"^^xsd:time'),
    ("Instant", '"2015-02-07T13:28:17.239+02:00"', '"2015-02-07T13:28:17.239+02:00"^^xsd:dateTime'),
    ("Date", '"2015"', '"2015"^^xsd:gYear'),
    ("Date", '"2015-02"', '"2015-02"^^xsd:gYearMonth'),
    ("Date", '"2015-02-07"', '"2015-02-07"^^xsd:date'),
    ("DateTime", '"2015"', '"2015"^^xsd:gYear'),
    ("DateTime", '"2015-02"', '"2015-02"^^xsd:gYearMonth'),
    ("DateTime", '"2015-02-07"', '"2015-02-07"^^xsd:date'),
    ("DateTime", '"2015-02-07T13:28:17Z"', '"2015-02-07T13:28:17Z"^^xsd:dateTime'),
    ("DateTime", '"2015-02-07T13:28:17-05:00"', '"2015-02-07T13:28:17-05:00"^^xsd:dateTime'),
    ("String", '"a\\tb\\u0001\\u007f é 漢 🙂"', '"a\\tb\\u0001\\u007F é 漢 🙂"'),
    ("Code", '"a"', '"a"'),
    ("Id", '"a"', '"a"'),
    ("Markdown", '"*a*"', '"*a*"'),
    ("Uri", '"urn:x:y"', '"urn:x:y"'),
    ("Url", '"http://x"', '"http://x"'),
    ("Oid", '"urn:oid:1.2"', '"urn:oid:1.2"'),
    ("Uuid", '"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"', '"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"'),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "value", "literal"), LITERALS)
def test_literals(type_: str, value: str, literal: str) -> None:
    made = resource("Basic", f'"extension": [{{"url": "u", "value{type_}": {value}}}]')
    said = (
        'fhir:DomainResource.extension [ fhir:index 0 ; fhir:Extension.url [ fhir:value "u" ] ;'
        f" fhir:Extension.value{type_} [ fhir:value {literal} ] ]"
    )
    check(BARE, made, graph("Basic", said))


# a reference, where it leads below the base
LINKS = [
    ("Patient/1", f"{BASE}/Patient/1"),
    ("Patient/1/_history/2", f"{BASE}/Patient/1/_history/2"),
    ("http://other.org/Patient/1", "http://other.org/Patient/1"),
    ("https://other.org/Patient/1", "https://other.org/Patient/1"),
    ("http://other.org/a|1", "http://other.org/a%7C1"),
    ("http://other.org/a b", "http://other.org/a%20b"),
    ("#contained", None),
    ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", None),
    ("bare", None),
]


@pytest.mark.parametrize(("reference", "link"), LINKS)
def test_links_of_references(reference: str, link: str | None) -> None:
    made = resource("Basic", f'"subject": {{"reference": "{reference}"}}')
    said = f'fhir:Reference.reference [ fhir:value "{reference}" ]'
    linked = said + (f" ; fhir:link <{link}>" if link else "")
    check(BASED, made, graph("Basic", f"fhir:Basic.subject [ {linked} ]"))
    silent = Projection(DEFINITIONS, Options(base=BASE, header=False, links=False))
    check(silent, made, graph("Basic", f"fhir:Basic.subject [ {said} ]"))


@pytest.mark.parametrize(("reference", "link"), LINKS)
def test_links_of_canonicals(reference: str, link: str | None) -> None:
    made = resource("Basic", f'"meta": {{"profile": ["{reference}"]}}')
    said = f'fhir:index 0 ; fhir:value "{reference}"'
    said += f" ; fhir:link <{link}>" if link else ""
    check(BASED, made, graph("Basic", f"fhir:Resource.meta [ fhir:Meta.profile [ {said} ] ]"))


def test_without_a_base_relative_references_lead_nowhere() -> None:
    made = resource("Basic", '"subject": {"reference": "Patient/1"}')
    said = 'fhir:Basic.subject [ fhir:Reference.reference [ fhir:value "Patient/1" ] ]'
    check(BARE, made, graph("Basic", said))


def test_a_uri_is_no_link() -> None:
    made = resource("Basic", '"implicitRules": "http://example.org/rules"')
    said = 'fhir:Resource.implicitRules [ fhir:value "http://example.org/rules" ]'
    check(BASED, made, graph("Basic", said))


def test_what_hl7_publishes_is_known_by_its_address_to_be_of_a_type() -> None:
    """Once, however many lead there, and not for the resource itself."""
    made = resource(
        "Basic",
        '"id": "b", "subject": {"reference": "Patient/1"}, "author": {"reference": "Patient/1"},'
        ' "extension": [{"url": "u", "valueReference": {"reference": "Basic/b"}}]',
    )
    projection = Projection(DEFINITIONS, Options(base="http://hl7.org/fhir/", header=False))
    turtle = projection.turtle(made)
    assert turtle.count("a fhir:Patient") == 1
    assert turtle.count("a fhir:Basic") == 1
    assert same(projection.from_turtle(turtle), made)
    assert "a fhir:Patient" not in BASED.turtle(made)


# system, code, class
CONCEPTS = [
    ("http://snomed.info/sct", "27113001", "http://snomed.info/id/27113001"),
    ("http://snomed.info/sct", "128045006:363698007=56459004", None),
    ("http://snomed.info/sct", "a;b,c", "http://snomed.info/id/a%3bb%2cc"),
    ("http://snomed.info/sct", "a b", "http://snomed.info/id/a%20b"),
    ("http://loinc.org", "29463-7", "http://loinc.org/rdf#29463-7"),
    ("http://loinc.org", "la6683-2", "http://loinc.org/rdf#LA6683-2"),
    ("https://www.nlm.nih.gov/mesh", "D000001", None),
    ("http://other.org", "a", None),
]


@pytest.mark.parametrize(("system", "code", "class_"), CONCEPTS)
def test_classes_of_codings(system: str, code: str, class_: str | None) -> None:
    made = resource("Basic", f'"code": {{"coding": [{{"system": "{system}", "code": "{code}"}}]}}')
    said = (
        f'fhir:index 0 ; fhir:Coding.system [ fhir:value "{system}" ] ;'
        f' fhir:Coding.code [ fhir:value "{code}" ]'
    )
    classed = said + (f" ; a <{class_}>" if class_ else "")
    whole = "fhir:Basic.code [ fhir:CodeableConcept.coding [ {} ] ]"
    check(BARE, made, graph("Basic", whole.format(classed)))
    silent = Projection(DEFINITIONS, Options(header=False, concepts=False))
    check(silent, made, graph("Basic", whole.format(said)))


def test_a_coding_without_a_system_or_a_code_has_no_class() -> None:
    for half in ('"system": "http://loinc.org"', '"code": "29463-7"'):
        made = resource("Basic", f'"code": {{"coding": [{{{half}}}]}}')
        assert "loinc:" not in BARE.turtle(made).partition("[]")[2]


def test_the_header_of_an_ontology() -> None:
    made = resource("Basic", '"id": "b"')
    said = 'fhir:nodeRole fhir:treeRoot ; fhir:Resource.id [ fhir:value "b" ] .'
    header = "a owl:Ontology ; owl:imports <http://hl7.org/fhir/fhir.ttl>"
    blank = f"{PREFIXES}[] a fhir:Basic ; {said} [] {header} ."
    elsewhere = f"{PREFIXES}<{BASE}/Basic/b> a fhir:Basic ; {said} <{BASE}/Basic/b.ttl> {header} ."
    at_hl7 = (
        f"{PREFIXES}<http://hl7.org/fhir/Basic/b> a fhir:Basic ; {said}"
        f" <http://hl7.org/fhir/Basic/b.ttl> {header} ;"
        " owl:versionIRI <http://build.fhir.org/Basic/b.ttl> ."
    )
    bases = {None: blank, BASE: elsewhere, BASE + "/": elsewhere, "http://hl7.org/fhir": at_hl7}
    for base, expected in bases.items():
        check(Projection(DEFINITIONS, Options(base=base)), made, expected)


# Bundles


def test_an_entry_under_the_iri_of_the_header_is_inline() -> None:
    iri = f"{BASE}/Bundle/b.ttl"
    entry = f'{{"fullUrl": "{iri}", "resource": {{"resourceType": "Basic"}}}}'
    made = resource("Bundle", f'"id": "b", "entry": [{entry}]')
    projection = Projection(DEFINITIONS, Options(base=BASE))
    assert same(projection.from_turtle(projection.turtle(made)), made)
    assert f"<{iri}> a fhir:Basic" in BASED.turtle(made)


def entry(full_url: str | None, id: str) -> str:
    said = f'"fullUrl": "{full_url}", ' if full_url is not None else ""
    return f'{{{said}"resource": {{"resourceType": "Device", "id": "{id}"}}}}'


def test_an_entry_with_a_full_url_is_a_subject_of_its_own() -> None:
    made = resource("Bundle", f'"entry": [{entry("http://x.org/Device/1", "1")}]')
    said = (
        'fhir:Bundle.entry [ fhir:index 0 ; fhir:Bundle.entry.fullUrl [ fhir:value "http://x.org/Device/1" ] ;'
        " fhir:Bundle.entry.resource <http://x.org/Device/1> ]"
    )
    beside = '<http://x.org/Device/1> a fhir:Device ; fhir:Resource.id [ fhir:value "1" ] .'
    check(BARE, made, graph("Bundle", said, beside))


@pytest.mark.parametrize("full_url", [None, "Device/1", "", "http://[x"])
def test_an_entry_without_an_absolute_full_url_is_inline(full_url: str | None) -> None:
    made = resource("Bundle", f'"entry": [{entry(full_url, "1")}]')
    said = (
        f'fhir:Bundle.entry.fullUrl [ fhir:value "{full_url}" ] ; ' if full_url is not None else ""
    )
    inline = '[ a fhir:Device ; fhir:Resource.id [ fhir:value "1" ] ]'
    whole = f"fhir:Bundle.entry [ fhir:index 0 ; {said} fhir:Bundle.entry.resource {inline} ]"
    check(BARE, made, graph("Bundle", whole))


def test_entries_of_one_full_url_stay_apart() -> None:
    entries = [entry("http://x.org/Device/1", id) for id in "123"]
    made = resource("Bundle", f'"entry": [{", ".join(entries)}]')
    turtle = BARE.turtle(made)
    assert turtle.count("<http://x.org/Device/1>") == 2
    assert turtle.count("a fhir:Device") == 3
    assert same(BARE.from_turtle(turtle), made)
    assert same(BARE.from_ntriples(BARE.ntriples(made)), made)


def test_an_entry_with_the_address_of_the_bundle_is_inline() -> None:
    made = resource("Bundle", f'"id": "b", "entry": [{entry(f"{BASE}/Bundle/b", "1")}]')
    assert same(BASED.from_turtle(BASED.turtle(made)), made)


def test_bundles_in_bundles() -> None:
    inner = '{"resourceType": "Bundle", "entry": [' + entry("http://x.org/Device/1", "1") + "]}"
    made = resource(
        "Bundle",
        f'"entry": [{{"fullUrl": "urn:uuid:b", "resource": {inner}}}, {{"resource": {inner}}}]',
    )
    assert same(BARE.from_turtle(BARE.turtle(made)), made)
    assert same(BARE.from_ntriples(BARE.ntriples(made)), made)


# What no graph can say

REFUSED = {
    "no resource": ("[]", None),
    "no type": ("{}", None),
    "no such type": ('{"resourceType": "Nothing"}', "Nothing"),
    "an abstract type": ('{"resourceType": "DomainResource"}', "DomainResource"),
    "no such element": ('{"resourceType": "Patient", "nmae": []}', "Patient.nmae"),
    "no such choice": ('{"resourceType": "Patient", "deceasedString": "x"}', "Patient.deceasedString"),
    "a choice without its type": ('{"resourceType": "Patient", "deceased": true}', "Patient.deceased"),
    "no such element below": (
        '{"resourceType": "Patient", "contact": [{"name": {}}, {"name": {"given": ["a"], "x": 1}}]}',
        "Patient.contact[0].name",
    ),
    "deep inside": (
        '{"resourceType": "Patient", "contact": [{"gender": "male"}, {"name": {"given": ["a"], "x": 1}}]}',
        "Patient.contact[1].name.x",
    ),
    "one where several can be": ('{"resourceType": "Patient", "name": {"family": "x"}}', "Patient.name"),
    "several where one can be": ('{"resourceType": "Patient", "gender": ["male"]}', "Patient.gender"),
    "a value where an object is": ('{"resourceType": "Patient", "maritalStatus": "x"}', "Patient.maritalStatus"),
    "an object where a value is": ('{"resourceType": "Patient", "gender": {}}', "Patient.gender"),
    "an empty array": ('{"resourceType": "Patient", "name": []}', "Patient.name"),
    "an empty array of values": ('{"resourceType": "Patient", "name": [{"given": []}]}', "Patient.name[0].given"),
    "an empty object": ('{"resourceType": "Patient", "name": [{}]}', "Patient.name[0]"),
    "an empty other half": ('{"resourceType": "Patient", "_gender": {}}', "Patient.gender"),
    "null": ('{"resourceType": "Patient", "gender": null}', "Patient.gender"),
    "null with another half": (
        '{"resourceType": "Patient", "gender": null, "_gender": {"id": "x"}}', "Patient.gender",
    ),
    "null for an object": ('{"resourceType": "Patient", "name": [null]}', "Patient.name[0]"),
    "null for an array": ('{"resourceType": "Patient", "name": null}', "Patient.name"),
    "null for an array with another half": (
        '{"resourceType": "Patient", "name": [{"given": null, "_given": [{"id": "x"}]}]}', "Patient.name[0].given",
    ),
    "null for a resource": ('{"resourceType": "Patient", "contained": [null]}', "Patient.contained[0]"),
    "text for a boolean": ('{"resourceType": "Patient", "active": "true"}', "Patient.active"),
    "a number for a boolean": ('{"resourceType": "Patient", "active": 1}', "Patient.active"),
    "a number for a text": ('{"resourceType": "Patient", "gender": 1}', "Patient.gender"),
    "text for a number": (
        '{"resourceType": "Observation", "valueQuantity": {"value": "185"}}', "Observation.valueQuantity.value",
    ),
    "a boolean for a number": (
        '{"resourceType": "Observation", "valueQuantity": {"value": true}}', "Observation.valueQuantity.value",
    ),
    "a fraction for an integer": ('{"resourceType": "Observation", "valueInteger": 1.0}', "Observation.valueInteger"),
    "a boolean for an integer": ('{"resourceType": "Observation", "valueInteger": true}', "Observation.valueInteger"),
    "an item of another type": (
        '{"resourceType": "Patient", "name": [{"given": ["a", 2]}]}', "Patient.name[0].given[1]",
    ),
    "within an extension of a value": (
        '{"resourceType": "Patient", "birthDate": "1970", "_birthDate": {"extension": [{"url": "u", "x": 1}]}}',
        "Patient.birthDate.extension[0].x",
    ),
    "within an extension of an item": (
        '{"resourceType": "Patient", "name": [{"_given": [null, {"x": 1}]}]}', "Patient.name[0].given[1].x",
    ),
    "within an entry of its own": (
        '{"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:a", "resource": '
        '{"resourceType": "Patient", "name": [{"x": 1}]}}]}',
        "Bundle.entry[0].resource.name[0].x",
    ),
    "an entry of no type": (
        '{"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:a", "resource": {}}]}', "Bundle.entry[0].resource",
    ),
    "an id of a narrative": (
        '{"resourceType": "Patient", "text": {"div": "<div/>", "_div": {"id": "x"}}}', "Patient.text.div",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_graph_can_say(case: str) -> None:
    text, expression = REFUSED[case]
    for projection in (BARE, BASED):
        with pytest.raises(MalformedContent) as caught:
            projection.turtle(json_text.parse(text.encode()))
        (issue,) = caught.value.issues
        assert issue.expression == expression
        assert issue.diagnostics


def test_nesting_has_an_end() -> None:
    made: dict[str, Any] = {"linkId": "x"}
    for _ in range(89):
        made = {"linkId": "x", "item": [made]}
    whole = {"resourceType": "Questionnaire", "item": [made]}
    with pytest.raises(MalformedContent, match="nested deeper"):
        BARE.turtle(whole)
    shallower = {"resourceType": "Questionnaire", "item": made["item"]}
    assert same(BARE.from_turtle(BARE.turtle(shallower)), shallower)


def test_a_base_has_to_be_absolute() -> None:
    for base in (
        "fhir",
        "",
        "http://[x",
        "http://x/?a",
        "http://x/#a",
        "http://x/a b",
        "http://x/<",
    ):
        with pytest.raises(BadRequest, match="no absolute IRI"):
            Projection(DEFINITIONS, Options(base=base))


def test_a_float_of_an_application_is_written_as_it_prints() -> None:
    made = {"resourceType": "Observation", "valueQuantity": {"value": 1.5}}
    assert '"1.5"^^xsd:decimal' in BARE.turtle(made)
    with pytest.raises(MalformedContent):
        BARE.turtle({"resourceType": "Observation", "valueQuantity": {"value": float("nan")}})


def test_turtle_is_laid_out_for_a_reader() -> None:
    made = resource("Patient", '"id": "p", "name": [{"given": ["a"]}], "active": true')
    assert BASED.turtle(made).partition("\n\n")[2] == (
        f"<{BASE}/Patient/p> a fhir:Patient ;\n"
        "  fhir:nodeRole fhir:treeRoot ;\n"
        '  fhir:Resource.id [ fhir:value "p" ] ;\n'
        "  fhir:Patient.name [\n"
        "    fhir:index 0 ;\n"
        '    fhir:HumanName.given [ fhir:index 0 ; fhir:value "a" ] ] ;\n'
        '  fhir:Patient.active [ fhir:value "true"^^xsd:boolean ] .\n'
    )
