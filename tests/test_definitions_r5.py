"""The tables of R5: its types and its codes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fhirstore.definitions import definitions

R5 = definitions("5.0")


@pytest.mark.parametrize(
    ("kind", "concrete", "abstract"),
    [
        (
            "resource",
            158,
            {"Resource", "DomainResource", "CanonicalResource", "MetadataResource"},
        ),
        (
            "complex",
            42,
            {"Base", "Element", "DataType", "BackboneElement", "BackboneType", "PrimitiveType"},
        ),
        ("primitive", 21, set()),
    ],
)
def test_types_of_a_kind(kind: str, concrete: int, abstract: set[str]) -> None:
    of_kind = [type_ for type_ in R5.types.values() if type_.kind == kind]
    assert {type_.path for type_ in of_kind if type_.abstract} == abstract
    assert sum(not type_.abstract for type_ in of_kind) == concrete


def test_version_and_resource_types() -> None:
    assert (R5.fhir_version, R5.release) == ("5.0", "5.0.0")
    assert len(R5.resource_types) == 158
    assert {"Patient", "ActorDefinition"} <= R5.resource_types
    assert not {"Media", "CanonicalResource"} & R5.resource_types


@pytest.mark.parametrize(
    ("path", "types"),
    [
        ("Patient.id", ("id",)),
        ("HumanName.id", ("string",)),
        ("Extension.url", ("uri",)),
        ("Patient.deceased", ("boolean", "dateTime")),
        ("Bundle.issues", ("Resource",)),
        ("Bundle.entry.link", ("Bundle.link",)),
        ("Encounter.reason", ("Encounter.reason",)),
        ("Encounter.reason.use", ("CodeableConcept",)),
        ("Group.characteristic.value", ("CodeableConcept", "boolean", "Quantity", "Range", "Reference")),
        ("PlanDefinition.action.action", ("PlanDefinition.action",)),
        ("Attachment.size", ("integer64",)),
        ("Quantity.comparator", ("code",)),
        ("Distance.value", ("decimal",)),
    ],
)  # fmt: skip
def test_types_of_an_element(path: str, types: tuple[str, ...]) -> None:
    owner, _, name = path.rpartition(".")
    assert R5.types[owner].elements[name].types == types


def test_the_types_of_all_elements_are_there() -> None:
    named = {
        name
        for type_ in R5.types.values()
        for element in type_.elements.values()
        for name in element.types
    }
    assert {name for name in named if name not in R5.types} == set()


def test_codes() -> None:
    binding = R5.types["Patient"].elements["gender"].binding
    assert binding == "http://hl7.org/fhir/ValueSet/administrative-gender|5.0.0"
    assert R5.codes(binding) == {"male", "female", "other", "unknown"}
    required = {
        element.binding
        for type_ in R5.types.values()
        for element in type_.elements.values()
        if element.binding
    }
    open_ones = {url for url in required if R5.codes(url) is None}
    assert open_ones == {
        "http://hl7.org/fhir/ValueSet/all-languages|5.0.0",
        "http://hl7.org/fhir/ValueSet/color-codes|5.0.0",
        "http://hl7.org/fhir/ValueSet/mimetypes|5.0.0",
        "http://hl7.org/fhir/ValueSet/ucum-units|5.0.0",
        "http://loinc.org/LL2938-0/|5.0.0",
    }


def test_r4_alone_does_not_read_the_tables_of_r5() -> None:
    program = (
        "from fhirstore.definitions import definitions as d; r5 = d('5.0'); d('4.0').resource_types;"
        "print('_type_rows' in vars(r5))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert run.stdout.strip() == b"False"


def test_types_of_extensions() -> None:
    types = R5.extension_types
    assert types["http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"] == "url"
    assert (
        types["http://hl7.org/fhir/StructureDefinition/elementdefinition-bindingName"] == "string"
    )
    # Of several types, of a complex one, without a value.
    for name in ("allergyintolerance-abatement", "patient-birthPlace", "patient-nationality"):
        assert f"http://hl7.org/fhir/StructureDefinition/{name}" not in types
    assert {R5.types[type_].kind for type_ in types.values()} == {"primitive"}
    assert not definitions("4.0").extension_types
