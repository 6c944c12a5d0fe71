"""R4, read: what other toolkits may write for the same graph, and what no resource is."""

from __future__ import annotations

import pytest

from fhirstore.definitions import definitions
from fhirstore.errors import MalformedContent
from fhirstore.rdf import Options, Projection
from tests.rdf.cases import PREFIXES, graph, resource
from tests.rdf.pairs import same

DEFINITIONS = definitions("4.0")
R4 = Projection(DEFINITIONS)
ROOT = "fhir:nodeRole fhir:treeRoot"


def read(text: str) -> dict[str, object]:
    return R4.from_turtle(text)


# What is said of a Patient, and the inside of its JSON.
TAKEN = {
    "the elements in another order, and JSON in theirs": (
        'fhir:Patient.active [ fhir:value true ] ; fhir:Resource.id [ fhir:value "a" ]',
        '"id": "a", "active": true',
    ),
    "positions in another order": (
        'fhir:Patient.name [ fhir:index 1 ; fhir:HumanName.family [ fhir:value "b" ] ],'
        ' [ fhir:HumanName.family [ fhir:value "a" ] ; fhir:index 0 ]',
        '"name": [{"family": "a"}, {"family": "b"}]',
    ),
    "one without a position": (
        'fhir:Patient.name [ fhir:HumanName.family [ fhir:value "a" ] ]',
        '"name": [{"family": "a"}]',
    ),
    "a position as a string of digits": (
        'fhir:Patient.name [ fhir:index "0"^^xsd:integer ; fhir:HumanName.family [ fhir:value "a" ] ]',
        '"name": [{"family": "a"}]',
    ),
    "labelled nodes, described later": (
        "fhir:Patient.maritalStatus _:m . _:m fhir:CodeableConcept.text _:t . "
        '_:t fhir:value "x" . <http://x> a <http://y>',
        '"maritalStatus": {"text": "x"}',
    ),
    "the same triple twice": (
        'fhir:Patient.gender _:g, _:g . _:g fhir:value "male", "male"',
        '"gender": "male"',
    ),
    "classes that anybody has added": (
        'a <http://example.org/Person> ; fhir:Patient.maritalStatus [ a <http://example.org/Status> ;'
        ' fhir:CodeableConcept.text [ fhir:value "x" ; a xsd:string ] ]',
        '"maritalStatus": {"text": "x"}',
    ),
    "concepts that anybody has added": (
        'fhir:Patient.managingOrganization [ fhir:concept <http://y> ; fhir:Reference.display [ fhir:value "x" ] ]',
        '"managingOrganization": {"display": "x"}',
    ),
    "a link without a reference": (
        'fhir:Patient.managingOrganization [ fhir:Reference.display [ fhir:value "x" ] ; fhir:link <http://x/Group/1> ]',
        '"managingOrganization": {"reference": "http://x/Group/1", "display": "x"}',
    ),
    "nothing but a link": (
        "fhir:Patient.managingOrganization [ fhir:link <urn:uuid:1> ]",
        '"managingOrganization": {"reference": "urn:uuid:1"}',
    ),
    "a link that somebody made for another place": (
        'fhir:Patient.managingOrganization [ fhir:link <http://y/z/Group/1>, <http://local/groups#1> ;'
        ' fhir:Reference.reference [ fhir:value "Group/1/_history/2" ] ]',
        '"managingOrganization": {"reference": "Group/1/_history/2"}',
    ),
    "values in other quotes": (
        "fhir:Patient.gender [ fhir:value 'male' ] ; fhir:Resource.id [ fhir:value '''a''' ] ;"
        ' fhir:Resource.language [ fhir:value """de""" ]',
        '"id": "a", "language": "de", "gender": "male"',
    ),
    "a string by its datatype": ('fhir:Patient.gender [ fhir:value "male"^^xsd:string ]', '"gender": "male"'),
    "a boolean by its other name": (
        'fhir:Patient.active [ fhir:value "1"^^xsd:boolean ]', '"active": true',
    ),
    "a date": ('fhir:Patient.birthDate [ fhir:value "1970-03"^^xsd:gYearMonth ]', '"birthDate": "1970-03"'),
    "a date as a string": ('fhir:Patient.birthDate [ fhir:value "1970-03" ]', '"birthDate": "1970-03"'),
    "a uri by its datatype": (
        'fhir:Resource.implicitRules [ fhir:value "http://x"^^xsd:anyURI ]', '"implicitRules": "http://x"',
    ),
    "an escaped text": (
        'fhir:Resource.language [ fhir:value "\\t\\b\\n\\r\\f\\"\\\'\\\\n\\u00e9\\U0001F642" ]',
        '"language": "\\t\\b\\n\\r\\f\\"\'\\\\n\u00e9\U0001f642"',
    ),
    "a text of several lines": (
        'fhir:Resource.language [ fhir:value """a "quoted"\nword""" ]', '"language": "a \\"quoted\\"\\nword"',
    ),
    "a text that looks like Turtle": (
        'fhir:Resource.language [ fhir:value "] . # <x> fhir:y [ _:z \'" ]', '"language": "] . # <x> fhir:y [ _:z \'"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_taken(case: str) -> None:
    statements, elements = TAKEN[case]
    found, expected = read(graph("Patient", statements)), resource("Patient", elements)
    assert same(found, expected)
    assert list(found) == list(expected)


# A number in Turtle, and in JSON.
NUMBERS = [
    ('"185"^^xsd:decimal', "185"),
    ('"185.00"^^xsd:decimal', "185.00"),
    ('"1.0e3"^^xsd:decimal', "1.0e3"),
    ('"1E-24"^^xsd:double', "1E-24"),
    ("185", "185"),
    ("185.00", "185.00"),
    ("1.0e3", "1.0e3"),
    ("-.5", "-0.5"),
    ("+1.5", "1.5"),
    ("007", "7"),
    ("000.0", "0.0"),
    ("1.e3", "1e3"),
    ('"1."^^xsd:decimal', "1"),
    ('"-0"^^xsd:decimal', "-0"),
    ('"5"^^xsd:positiveInteger', "5"),
    ('"12345678901234567890.123456789"^^xsd:decimal', "12345678901234567890.123456789"),
]


@pytest.mark.parametrize(("turtle", "json"), NUMBERS)
def test_numbers(turtle: str, json: str) -> None:
    said = f"fhir:Observation.valueQuantity [ fhir:Quantity.value [ fhir:value {turtle} ] ]"
    expected = resource("Observation", f'"valueQuantity": {{"value": {json}}}')
    assert same(read(graph("Observation", said)), expected)


# Not the resource: other forms of the document


def test_prefixes_and_bases_of_either_form() -> None:
    for text in (
        "PREFIX f: <http://hl7.org/fhir/> BASE <http://x/fhir/> <Patient/1> a f:Patient; f:nodeRole f:treeRoot.",
        "@base <http://hl7.org/fhir/> . @prefix : <> . [] a :Patient ; :nodeRole :treeRoot .",
        "@prefix a: <http://x/> . @prefix a: <http://hl7.org/fhir/> . [ a a:Patient ; a:nodeRole a:treeRoot ] .",
        "<> a <http://hl7.org/fhir/Patient>;;<http://hl7.org/fhir/nodeRole> <http://hl7.org/fhir/treeRoot>;.",
        "# a comment\n[]a<http://hl7.org/fhir/Patient>;<http://hl7.org/fhir/nodeRole><http://hl7.org/fhir/treeRoot>.#",
    ):
        assert read(text) == {"resourceType": "Patient"}
        assert read("\ufeff" + text) == {"resourceType": "Patient"}


def test_bytes_are_utf8() -> None:
    text = graph("Patient", 'fhir:Resource.language [ fhir:value "é" ]')
    assert R4.from_turtle(text.encode()) == {"resourceType": "Patient", "language": "é"}
    for take in (R4.from_turtle, R4.from_ntriples):
        with pytest.raises(MalformedContent, match="UTF-8"):
            take(text.encode("latin-1"))


def test_relative_entries_are_found_below_the_base() -> None:
    text = PREFIXES + (
        "<Bundle/b> a fhir:Bundle ; fhir:nodeRole fhir:treeRoot ; fhir:Bundle.entry"
        " [ fhir:index 0 ; fhir:Bundle.entry.resource <../fhir/Device/1> ] . <http://x/fhir/Device/1> a fhir:Device ."
    )
    based = Projection(DEFINITIONS, Options(base="http://x/fhir/"))
    assert based.from_turtle(text)["entry"] == [{"resource": {"resourceType": "Device"}}]
    with pytest.raises(MalformedContent, match="nothing is said"):
        read(text)


def test_a_link_below_the_base_is_a_relative_reference() -> None:
    based = Projection(DEFINITIONS, Options(base="http://x/fhir/"))
    for link, reference in (
        ("http://x/fhir/Organization/1", "Organization/1"),
        ("http://x/other/Organization/1", "http://x/other/Organization/1"),
        ("http://x/fhir/1", "http://x/fhir/1"),
    ):
        found = based.from_turtle(
            graph("Patient", f"fhir:Patient.managingOrganization [ fhir:link <{link}> ]")
        )
        assert found["managingOrganization"] == {"reference": reference}
        assert link in based.turtle(found)


def test_a_node_says_the_id_or_none() -> None:
    said = f'a fhir:Patient ; {ROOT} ; fhir:Resource.id [ fhir:value "1" ] .'
    for iri in ("http://x/Patient/1", "http://x/Patient/1/_history/2", "urn:uuid:1", "http://x"):
        assert read(f"{PREFIXES}<{iri}> {said}")["id"] == "1"
    assert "id" not in read(f"{PREFIXES}<http://x/Patient/1> a fhir:Patient ; {ROOT} .")


# What no resource is: the document, what is said, where.
REFUSED = {
    "nothing": ("", "no node", None),
    "no tree root": ("[] a fhir:Patient .", "no node", None),
    "another role": ("[] a fhir:Patient ; fhir:nodeRole fhir:leaf .", "no node", None),
    "a role as a text": ('[] a fhir:Patient ; fhir:nodeRole "treeRoot" .', "no node", None),
    "two tree roots": (f"[] a fhir:Patient ; {ROOT} . [] a fhir:Patient ; {ROOT} .", "2 nodes", None),
    "two tree roots with names": (
        f"<http://x> a fhir:Patient ; {ROOT} . _:b a fhir:Patient ; {ROOT} .", "2 nodes .* http://x and _:b", None,
    ),
    "a tree root in another": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:DomainResource.contained [ a fhir:Patient ; {ROOT} ; fhir:index 0 ] .",
        "2 nodes", None,
    ),
    "a resource without a type": (f"[] {ROOT} .", "without a type", None),
    "a resource of an unknown type": (f"[] a fhir:Nothing ; {ROOT} .", "without a type", None),
    "a resource of a type of another vocabulary": (f"[] a <http://x/Patient> ; {ROOT} .", "without a type", None),
    "a resource of an abstract type": (f"[] a fhir:DomainResource ; {ROOT} .", "without a type", None),
    "a resource of two types": (f"[] a fhir:Patient, fhir:Device ; {ROOT} .", "several types", None),
    "a blank contained resource": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:DomainResource.contained [ fhir:index 0 ] .",
        "without a type", "Patient.contained[0]",
    ),
    "an empty contained resource": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:DomainResource.contained [] .", "without a type", "Patient.contained[0]",
    ),
    "a contained resource that is a text": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:DomainResource.contained "x" .', "blank node", "Patient.contained",
    ),
    "an entry that is not there": (
        f"[] a fhir:Bundle ; {ROOT} ; fhir:Bundle.entry [ fhir:index 0 ; fhir:Bundle.entry.resource <http://x> ] .",
        "of <http://x> nothing is said", "Bundle.entry[0].resource",
    ),
    "an entry that is the bundle": (
        f"<http://b> a fhir:Bundle ; {ROOT} ; fhir:Bundle.entry"
        " [ fhir:index 0 ; fhir:Bundle.entry.resource <http://b> ] .",
        "within itself", "Bundle.entry[0].resource",
    ),
    "an unknown predicate": (f"[] a fhir:Patient ; {ROOT} ; fhir:x [] .", "no element <http://hl7.org/fhir/x>", "Patient"),
    "a predicate of another type": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Device.status [ fhir:value "x" ] .', "no element", "Patient",
    ),
    "a predicate of another vocabulary": (
        f'[] a fhir:Patient ; {ROOT} ; <http://x/y> "x" .', "no element <http://x/y>", "Patient",
    ),
    "an unknown predicate below": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.name [ fhir:index 0 ; fhir:HumanName.x [ fhir:value "x" ] ] .',
        "no element", "Patient.name[0]",
    ),
    "a value of what has none": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.maritalStatus [ fhir:value "x" ] .', "no element",
        "Patient.maritalStatus",
    ),
    "a value without a node": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.gender "male" .', "blank node", "Patient.gender",
    ),
    "an IRI for a node": (f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.gender <male> .", "blank node", "Patient.gender"),
    "an IRI for a value": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.gender [ fhir:value <male> ] .", "value is expected",
        "Patient.gender",
    ),
    "a list for a node": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.gender ( [ fhir:value "male" ] ) .', "blank node", "Patient.gender",
    ),
    "a node for a value": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.gender [ fhir:value [] ] .", "value is expected", "Patient.gender",
    ),
    "two values": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.gender [ fhir:value "a", "b" ] .', "more than once",
        "Patient.gender",
    ),
    "two where one can be": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.gender [ fhir:value "a" ], [ fhir:value "a" ] .', "more than once",
        "Patient.gender",
    ),
    "an empty node": (f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.gender [] .", "never empty", "Patient.gender"),
    "an empty complex node": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.name [ fhir:index 0 ] .", "never empty", "Patient.name[0]",
    ),
    "two at one position": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.name [ fhir:index 0 ], [ fhir:index 0 ] .", "two stand",
        "Patient.name",
    ),
    "a position left out": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.name [ fhir:index 0 ], [ fhir:index 2 ] .", r"are \[0, 2\]",
        "Patient.name",
    ),
    "not from the first position on": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.name [ fhir:index 1 ] .", r"are \[1\]", "Patient.name",
    ),
    "one of two without a position": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.name [ fhir:index 0 ], [] .", "no fhir:index", "Patient.name",
    ),
    "a position that is none": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.name [ fhir:index -1 ] .", "'-1' is no fhir:index", "Patient.name",
    ),
    "a position beyond all": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.name [ fhir:index 99999999999999999999 ] .", "is no fhir:index",
        "Patient.name",
    ),
    "two positions": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.name [ fhir:index 0, 1 ] .", "more than once", "Patient.name",
    ),
    "a primitive's node in two places": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.gender _:c ; fhir:Resource.language _:c . _:c fhir:value "x" .',
        "two places", "Patient.language",
    ),
    "a link to a text": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.managingOrganization [ fhir:link "Organization/1" ;'
        ' fhir:Reference.display [ fhir:value "x" ] ] .',
        "no element <http://hl7.org/fhir/link>", "Patient.managingOrganization",
    ),
    "several links and no reference": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.managingOrganization [ fhir:link <http://x>, <http://y> ] .",
        "several fhir:link", "Patient.managingOrganization",
    ),
    "a link to another resource than the reference": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.managingOrganization [ fhir:link <http://x/Organization/2> ;"
        ' fhir:Reference.reference [ fhir:value "Organization/1" ] ] .',
        "to another resource", "Patient.managingOrganization",
    ),
    "a node that is another resource": (
        f'<http://x/Patient/2> a fhir:Patient ; {ROOT} ; fhir:Resource.id [ fhir:value "1" ] .',
        "it is '1', and the node <http://x/Patient/2>", "Patient.id",
    ),
    "an element of a node that hangs nowhere": (
        f'[] a fhir:Patient ; {ROOT} . _:n fhir:Patient.birthDate [ fhir:value "1970" ] .',
        "leads to _:n, of which <http://hl7.org/fhir/Patient.birthDate>", None,
    ),
    "an element of another subject": (
        f'[] a fhir:Patient ; {ROOT} . <http://x> a fhir:Patient ; fhir:Patient.birthDate [ fhir:value "1970" ] .',
        "leads to http://x,", None,
    ),
    "an element of nothing with a name": (
        f'[] a fhir:Patient ; {ROOT} . [] fhir:Patient.birthDate [ fhir:value "1970" ] .', "leads to a blank node", None,
    ),
    "a value that hangs nowhere": (
        f'[] a fhir:Patient ; {ROOT} . [ fhir:value "1970" ] .', "leads to a blank node", None,
    ),
    "a node in itself": (
        f"[] a fhir:Questionnaire ; {ROOT} ; fhir:Questionnaire.item _:i ."
        " _:i fhir:index 0 ; fhir:Questionnaire.item.item _:i .",
        "within itself", "Questionnaire.item[0].item[0]",
    ),
    "two nodes in each other": (
        f"[] a fhir:Questionnaire ; {ROOT} ; fhir:Questionnaire.item _:i . _:i fhir:Questionnaire.item.item _:j ."
        " _:j fhir:Questionnaire.item.item _:i .",
        "within itself", "Questionnaire.item[0].item[0].item[0]",
    ),
    "a node in two places": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.maritalStatus _:c ; fhir:Patient.communication [ fhir:index 0 ;'
        ' fhir:Patient.communication.language _:c ] . _:c fhir:CodeableConcept.text [ fhir:value "x" ] .',
        "two places", "Patient.communication[0].language",
    ),
    "the root in itself": (
        f"_:r a fhir:Patient ; {ROOT} ; fhir:DomainResource.contained _:r .", "within itself", "Patient.contained[0]",
    ),
    "a boolean that is none": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.active [ fhir:value "yes"^^xsd:boolean ] .', "no boolean",
        "Patient.active",
    ),
    "a boolean as a text": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.active [ fhir:value "true" ] .', "no boolean", "Patient.active",
    ),
    "a number for a text": (
        f"[] a fhir:Patient ; {ROOT} ; fhir:Patient.gender [ fhir:value 1 ] .", "no text", "Patient.gender",
    ),
    "a text in a language": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.gender [ fhir:value "male"@en ] .', "no text", "Patient.gender",
    ),
    "a date with the datatype of a time": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:Patient.birthDate [ fhir:value "1970"^^xsd:time ] .', "no text",
        "Patient.birthDate",
    ),
    "a fraction for an integer": (
        f"[] a fhir:Observation ; {ROOT} ; fhir:Observation.valueInteger [ fhir:value 1.5 ] .", "no integer",
        "Observation.valueInteger",
    ),
    "an integer that is none": (
        f'[] a fhir:Observation ; {ROOT} ; fhir:Observation.valueInteger [ fhir:value "x"^^xsd:integer ] .',
        "no integer", "Observation.valueInteger",
    ),
    "an infinite number": (
        f"[] a fhir:Observation ; {ROOT} ; fhir:Observation.valueQuantity"
        ' [ fhir:Quantity.value [ fhir:value "INF"^^xsd:double ] ] .',
        "no decimal", "Observation.valueQuantity.value",
    ),
    "a number beyond all bounds": (
        f"[] a fhir:Observation ; {ROOT} ; fhir:Observation.valueQuantity"
        " [ fhir:Quantity.value [ fhir:value 1e99999999999999999999 ] ] .",
        "no decimal", "Observation.valueQuantity.value",
    ),
    "a number with more digits than Python takes": (
        f"[] a fhir:Observation ; {ROOT} ; fhir:Observation.valueQuantity"
        f" [ fhir:Quantity.value [ fhir:value {'9' * 10_000} ] ] .",
        "no decimal", "Observation.valueQuantity.value",
    ),
    "a narrative on a node": (
        f'[] a fhir:Patient ; {ROOT} ; fhir:DomainResource.text [ fhir:Narrative.div [ fhir:value "<div/>" ] ] .',
        "value is expected", "Patient.text.div",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_resource_is(case: str) -> None:
    text, why, expression = REFUSED[case]
    with pytest.raises(MalformedContent, match=why) as caught:
        read(PREFIXES + text)
    (issue,) = caught.value.issues
    assert issue.expression == expression
    assert issue.code == "structure"
    assert len(issue.diagnostics) < 300


def test_nesting_has_an_end() -> None:
    """Of a document that is nested 100,000 deep, in any bracket, nothing is left but a word that it is."""
    deep = 100_000
    item = "fhir:Questionnaire.item"
    for inside in (
        f"{item} [ " + f"{item}.item [ " * deep + "]" * deep + "]",
        f"{item} " + "(" * deep + ")" * deep,
        f"{item} " + f"[ {item} ( " * deep + ") ]" * deep,
    ):
        with pytest.raises(MalformedContent) as caught:
            read(graph("Questionnaire", inside))
        assert len(caught.value.issues[0].diagnostics) < 300


def test_a_graph_that_would_unfold_without_end_is_refused_at_once() -> None:
    """Each level leads twice to the next: thirty lines, and a thousand million items."""
    levels = (
        f"_:n{n} fhir:Questionnaire.item.item _:a{n}, _:b{n} ."
        f" _:a{n} fhir:index 0 ; fhir:Questionnaire.item.item _:n{n + 1} ."
        f" _:b{n} fhir:index 1 ; fhir:Questionnaire.item.item _:n{n + 1} ."
        for n in range(30)
    )
    text = graph("Questionnaire", "fhir:Questionnaire.item _:n0", " ".join(levels))
    with pytest.raises(MalformedContent):
        read(text)
