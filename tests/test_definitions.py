"""The tables of FHIR R4, the way they are loaded, and the generator that writes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fhirstore import shipped
from fhirstore.definitions import Definitions, definitions, expressions, generate
from fhirstore.definitions import source_archives as archives
from fhirstore.definitions import source_codes as codes
from fhirstore.definitions import source_search as search
from fhirstore.definitions import source_structures as structures
from fhirstore.definitions.tables import Component, Element, StructureType

CHECKOUT = Path(__file__).parents[1]
R4 = definitions("4.0")
WITHOUT_PATH = {"_text", "_content", "_query"}
# Media types and UCUM units are grammars; the third is a LOINC answer list that the packages do not expand.
OPEN_VALUE_SETS = {
    "http://hl7.org/fhir/ValueSet/mimetypes|4.0.1",
    "http://hl7.org/fhir/ValueSet/ucum-units|4.0.1",
    "http://loinc.org/vs/LL379-9|4.0.1",
}


def element(path: str) -> Element:
    owner, _, name = path.rpartition(".")
    return R4.types[owner].elements[name]


def all_elements() -> list[tuple[str, Element]]:
    return [(path, e) for path, type_ in R4.types.items() for e in type_.elements.values()]


def code_of(program: str, **environment: str) -> str:
    """What `program` prints in a fresh interpreter: nothing is loaded there yet."""
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


# What is in the tables


@pytest.mark.parametrize(
    ("kind", "concrete", "abstract"),
    [
        ("resource", 146, {"Resource", "DomainResource"}),
        ("complex", 39, {"Element", "BackboneElement"}),
        ("primitive", 20, set()),
    ],
)
def test_types_of_a_kind(kind: str, concrete: int, abstract: set[str]) -> None:
    of_kind = [t for t in R4.types.values() if t.kind == kind]
    assert {t.path for t in of_kind if t.abstract} == abstract
    assert sum(not t.abstract for t in of_kind) == concrete


def test_versions_and_resource_types() -> None:
    assert (R4.fhir_version, R4.release) == ("4.0", "4.0.1")
    assert len(R4.resource_types) == 146
    assert {"Patient", "Bundle", "Parameters"} <= R4.resource_types
    assert not {"Resource", "DomainResource", "HumanName"} & R4.resource_types


def test_unknown_version() -> None:
    with pytest.raises(ValueError, match=r"no definitions of FHIR 3\.0"):
        definitions("3.0")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Patient.id", {"types": ("id",), "max": 1, "declared_by": "Resource.id"}),
        ("HumanName.id", {"types": ("string",), "declared_by": "Element.id"}),
        ("Patient.text", {"types": ("Narrative",), "declared_by": "DomainResource.text"}),
        ("Patient.contained", {"types": ("Resource",), "max": None}),
        ("Patient.active", {"types": ("boolean",), "min": 0, "summary": True, "modifier": True}),
        (
            "Patient.gender",
            {"binding": "http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1"},
        ),
        ("Patient.maritalStatus", {"types": ("CodeableConcept",), "binding": None}),
        ("Patient.deceased", {"types": ("boolean", "dateTime"), "choice": True}),
        ("Patient.contact", {"types": ("Patient.contact",), "max": None}),
        (
            "Patient.contact.modifierExtension",
            {"declared_by": "BackboneElement.modifierExtension", "modifier": True},
        ),
        ("Patient.contact.organization", {"targets": ("Organization",)}),
        ("Observation.status", {"min": 1, "max": 1}),
        ("Observation.focus", {"types": ("Reference",), "targets": ()}),
        ("Age.value", {"types": ("decimal",), "declared_by": "Quantity.value"}),
        ("Extension.url", {"types": ("uri",), "min": 1}),
        ("Timing.repeat.bounds", {"types": ("Duration", "Range", "Period"), "choice": True}),
        ("Narrative.div", {"types": ("xhtml",)}),
        ("xhtml.extension", {"max": 0}),
        (
            "Questionnaire.item.item",
            {"types": ("Questionnaire.item",), "content_reference": True},
        ),
    ],
)
def test_element(path: str, expected: Mapping[str, Any]) -> None:
    found = element(path)
    assert {name: getattr(found, name) for name in expected} == expected


def test_elements_are_in_the_order_of_the_specification() -> None:
    names = list(R4.types["Encounter"].elements)
    assert names[:8] == [
        *("id", "meta", "implicitRules", "language"),
        *("text", "contained", "extension", "modifierExtension"),
    ]
    assert names[8:12] == ["identifier", "status", "statusHistory", "class"]


def test_every_type_an_element_names_is_in_the_tables() -> None:
    assert {t for _, e in all_elements() for t in e.types} <= set(R4.types)


def test_every_target_is_a_resource_type() -> None:
    assert {t for _, e in all_elements() for t in e.targets} <= R4.resource_types


def test_every_element_is_declared_where_it_says() -> None:
    for path, e in all_elements():
        declared = element(e.declared_by)
        owner = e.declared_by.rpartition(".")[0]
        assert declared.name == e.name
        assert owner == path or owner in R4.ancestors(path)


def test_backbones_hang_on_the_element_they_are_named_after() -> None:
    for type_ in R4.types.values():
        if type_.kind == "backbone":
            assert element(type_.path).types == (type_.path,)
            assert type_.base in {"BackboneElement", "Element"}


@pytest.mark.parametrize(
    ("path", "ancestors"),
    [
        ("Patient", ("DomainResource", "Resource")),
        ("Bundle", ("Resource",)),
        ("Age", ("Quantity", "Element")),
        ("id", ("string", "Element")),
        ("Patient.contact", ("BackboneElement", "Element")),
        ("Resource", ()),
    ],
)
def test_ancestors(path: str, ancestors: tuple[str, ...]) -> None:
    assert R4.ancestors(path) == ancestors


def test_types_is_a_mapping_of_paths() -> None:
    assert "Patient.contact" in R4.types
    assert "Patient.nothing" not in R4.types
    assert len(R4.types) == len(list(R4.types)) == 682
    with pytest.raises(KeyError):
        R4.types["Patient.nothing"]


# Codes


def test_codes_with_and_without_a_version() -> None:
    gender = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert R4.codes(gender) == frozenset({"male", "female", "other", "unknown"})
    assert R4.codes(gender + "|4.0.1") == R4.codes(gender)
    assert R4.codings(gender) == frozenset(
        ("http://hl7.org/fhir/administrative-gender", code)
        for code in ("male", "female", "other", "unknown")
    )


def test_codes_of_several_systems() -> None:
    listed = R4.codings("http://hl7.org/fhir/ValueSet/defined-types")
    assert listed is not None
    assert ("http://hl7.org/fhir/data-types", "HumanName") in listed
    assert ("http://hl7.org/fhir/resource-types", "Patient") in listed


def test_every_required_binding_has_a_finite_list_but_for_the_open_ones() -> None:
    bindings = {e.binding for _, e in all_elements() if e.binding}
    assert len(bindings) == 224
    assert {b for b in bindings if R4.codes(b) is None} == OPEN_VALUE_SETS
    assert {b for b in bindings if R4.codings(b) is None} == OPEN_VALUE_SETS


def test_an_unknown_value_set_has_no_list() -> None:
    assert R4.codes("http://example.org/ValueSet/none") is None
    assert R4.codings("http://example.org/ValueSet/none") is None


# Search parameters


def rows() -> list[dict[str, Any]]:
    file = shipped.directory("indexes") / "r4" / "search-parameters.json"
    listed: list[dict[str, Any]] = json.loads(file.read_bytes())
    return listed


def test_the_table_has_one_parameter_a_line() -> None:
    lines = (shipped.directory("indexes") / "r4" / "search-parameters.json").read_text("utf-8")
    entries = [json.loads(line.removesuffix(",")) for line in lines.splitlines()[1:-1]]
    assert len(entries) == 1375
    assert [e["url"] for e in entries] == sorted({e["url"] for e in entries})


def test_no_parameter_is_for_examples_extensions_or_genetics() -> None:
    assert not [
        row["url"]
        for row in rows()
        if "/example" in row["url"] or "-genetic" in row["url"] or "-extensions-" in row["url"]
    ]


@pytest.mark.parametrize(
    ("resource_type", "code", "expression"),
    [
        ("Patient", "_id", "Patient.id"),
        ("Patient", "_lastUpdated", "Patient.meta.lastUpdated"),
        ("Bundle", "_tag", "Bundle.meta.tag"),
        ("Patient", "_text", ""),
        ("Patient", "family", "Patient.name.family"),
        ("Observation", "code", "Observation.code"),
        ("Observation", "patient", "Observation.subject.where(resolve() is Patient)"),
        ("AllergyIntolerance", "patient", "AllergyIntolerance.patient"),
        ("DeviceRequest", "code", "(DeviceRequest.code as CodeableConcept)"),
        (
            "AllergyIntolerance",
            "code",
            "AllergyIntolerance.code | AllergyIntolerance.reaction.substance",
        ),
        ("InsurancePlan", "name", "InsurancePlan.name | InsurancePlan.alias"),
        ("Patient", "email", "Patient.telecom.where(system='email')"),
        ("Condition", "onset-age", "Condition.onset.as(Age) | Condition.onset.as(Range)"),
        (
            "Patient",
            "deceased",
            "Patient.deceased.exists() and Patient.deceased != false",
        ),
        (
            "Observation",
            "value-string",
            "(Observation.value as string) | (Observation.value as CodeableConcept).text",
        ),
        ("Observation", "combo-code-value-concept", "Observation | Observation.component"),
    ],
)
def test_expression_for_a_type(resource_type: str, code: str, expression: str) -> None:
    parameter = R4.search_parameters(resource_type)[code]
    assert parameter.expression == expression
    assert parameter.resource_type == resource_type


def test_every_parameter_starts_at_its_type() -> None:
    count = 0
    for resource_type in R4.resource_types:
        for code, parameter in R4.search_parameters(resource_type).items():
            assert parameter.code == code
            if code in WITHOUT_PATH:
                assert parameter.expression == ""
                continue
            assert parameter.expression, (resource_type, code)
            for part in expressions.alternatives(parameter.expression):
                first = part.lstrip("(").partition(".")[0]
                assert first == resource_type, (resource_type, code, part)
                count += 1
    assert count > 2500


def test_every_parameter_of_the_table_reaches_a_type() -> None:
    reached = {p.url for t in R4.resource_types for p in R4.search_parameters(t).values()}
    assert reached == {row["url"] for row in rows()}


def test_only_domain_resources_have_a_narrative_to_search() -> None:
    without = {t for t in R4.resource_types if "_text" not in R4.search_parameters(t)}
    assert without == {"Bundle", "Binary", "Parameters"}


def test_parameters_that_all_types_share() -> None:
    assert set(R4.search_parameters("Resource")) == {
        *("_content", "_id", "_lastUpdated", "_profile", "_query", "_security", "_source", "_tag"),
    }


def test_parameters_of_what_is_no_type() -> None:
    with pytest.raises(KeyError):
        R4.search_parameters("Nothing")


def test_components_are_resolved() -> None:
    parameter = R4.search_parameters("Observation")["code-value-date"]
    assert parameter.components == (
        Component("code", "token", "code"),
        Component("value-date", "date", "value.as(dateTime) | value.as(Period)"),
    )


def test_composites_are_those_with_components_of_the_same_type() -> None:
    for resource_type in R4.resource_types:
        parameters = R4.search_parameters(resource_type)
        for parameter in parameters.values():
            assert bool(parameter.components) == (parameter.type == "composite")
            assert {c.code for c in parameter.components} <= set(parameters)


def test_targets() -> None:
    parameters = R4.search_parameters("Observation")
    assert parameters["encounter"].targets == ("Encounter", "EpisodeOfCare")
    everything = parameters["focus"].targets
    assert len(everything) == 145
    assert "Parameters" not in everything


def test_description_is_that_of_the_type() -> None:
    assert R4.search_parameters("Condition")["code"].description == "Code for the condition"
    missing = [
        (t, p.code)
        for t in R4.resource_types
        for p in R4.search_parameters(t).values()
        if not p.description
    ]
    assert missing == []


def test_parameter_by_url() -> None:
    parameter = R4.parameter_by_url("http://hl7.org/fhir/SearchParameter/clinical-code")
    assert parameter is R4.search_parameters("AllergyIntolerance")["code"]
    assert R4.parameter_by_url("http://example.org/none") is None


# Compartments


def test_compartments() -> None:
    assert R4.compartments == {"Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"}
    assert R4.compartment("Patient")["Observation"] == ("subject", "performer")
    assert R4.compartment("Patient")["Patient"] == ("link",)
    assert R4.compartment("Encounter")["Encounter"] == ()
    assert "Medication" not in R4.compartment("Patient")
    with pytest.raises(KeyError):
        R4.compartment("Organization")


def test_compartments_rest_on_reference_parameters() -> None:
    for name in R4.compartments:
        for resource_type, parameter_codes in R4.compartment(name).items():
            parameters = R4.search_parameters(resource_type)
            assert {parameters[code].type for code in parameter_codes} <= {"reference"}


# Expressions

PART = st.recursive(
    st.sampled_from(["A.b", "x", "'a | b'", r"'it\'s | ('"]),
    lambda inner: st.one_of(
        st.builds("({} | {})".format, inner, inner),
        st.builds("A.where({} = {})".format, inner, inner),
        st.builds("A[{}].c".format, inner),
    ),
    max_leaves=6,
)


@given(st.lists(PART, min_size=1, max_size=5), st.sampled_from(["|", " | ", "\n|  "]))
def test_alternatives_are_what_was_joined(parts: list[str], separator: str) -> None:
    assert list(expressions.alternatives(separator.join(parts))) == parts


# Loading

OPENED = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
def shown(what):
    print(what, *sorted({p.replace("\\\\", "/").rpartition("/")[2] for p in opened if p.endswith(".json")}))
    opened.clear()
from fhirstore.definitions import definitions
r4 = definitions()
shown("made")
r4.types["Patient"].elements["name"]
shown("types")
r4.codes("http://hl7.org/fhir/ValueSet/administrative-gender")
shown("codes")
r4.search_parameters("Patient")
shown("parameters")
r4.compartment("Patient")
shown("compartment")
r4.types["Observation"], r4.codes(""), r4.search_parameters("Observation"), r4.compartments
shown("again")
"""


def test_files_are_read_when_first_asked_for_and_once() -> None:
    assert code_of(OPENED).splitlines() == [
        "made",
        "types elements.json",
        "codes codes.json",
        "parameters search-parameters.json",
        "compartment compartments.json",
        "again",
    ]


FIRST_USE = """
import time
from fhirstore.definitions import definitions
start = time.process_time()
definitions("4.0").search_parameters("Observation")
print(time.process_time() - start)
"""


def test_first_use_is_cheap() -> None:
    # 7 ms where it was written: the limit is for slow and busy machines.
    assert min(float(code_of(FIRST_USE)) for _ in range(2)) < 0.150


def test_threads_share_what_is_loaded() -> None:
    fresh = Definitions("4.0", "4.0.1", "r4")

    def ask(_: int) -> tuple[int, int, int]:
        return (
            id(fresh.types["Patient"]),
            id(fresh.search_parameters("Patient")),
            id(fresh.codes("http://hl7.org/fhir/ValueSet/administrative-gender")),
        )

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(64)))) == 1
    assert definitions() is definitions("4.0")


def test_what_is_handed_out_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        R4.types["Patient"].elements["name"] = element("Patient.id")  # type: ignore[index]
    with pytest.raises(TypeError):
        del R4.search_parameters("Patient")["name"]  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        R4.compartment("Patient")["Patient"] = ()  # type: ignore[index]


def test_shipped_directory_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "fhirstore")
    with pytest.raises(FileNotFoundError, match="without its 'migrations' directory"):
        shipped.directory("migrations")


def test_shipped_directory_of_a_wheel_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "fhirstore"
    (tmp_path / "indexes").mkdir()
    monkeypatch.setattr(shipped, "_PACKAGE", package)
    assert shipped.directory("indexes") == tmp_path / "indexes"
    (package / "_shipped" / "indexes").mkdir(parents=True)
    assert shipped.directory("indexes") == package / "_shipped" / "indexes"


# The generator

needs_packages = pytest.mark.skipif(
    not all(
        archive.path.exists()
        for archive in (
            archives.CORE,
            archives.EXPANSIONS,
            archives.CORE_R5,
            archives.EXPANSIONS_R5,
            archives.EXTENSIONS_R5,
        )
    ),
    reason="the packages are not in .cache: run python -m fhirstore.definitions.generate",
)


@needs_packages
@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_committed_tables_are_what_the_packages_give(seed: str) -> None:
    program = "from fhirstore.definitions import generate as g; print(g.stale(g.source_archives.CHECKOUT))"
    assert code_of(program, PYTHONHASHSEED=seed).strip() == "[]"


def test_check_names_the_tables_that_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "tables", lambda: {Path("a/one.json"): "1\n", Path("two"): "2\n"})
    monkeypatch.setattr(archives, "CHECKOUT", tmp_path)
    run = CliRunner().invoke
    assert run(generate.main, ["--check"]).exit_code == 1
    assert run(generate.main).exit_code == 0
    assert (tmp_path / "a/one.json").read_text() == "1\n"
    assert run(generate.main, ["--check"]).exit_code == 0
    (tmp_path / "two").write_text("2 \n")
    result = run(generate.main, ["--check"])
    assert result.exit_code == 1
    assert result.output == "Error: not what the packages give: two\n"


def test_an_archive_with_another_digest_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "CACHE", tmp_path)
    archives.CORE.path.write_bytes(b"something else")
    with pytest.raises(archives.ArchiveError, match="is pinned"):
        archives.CORE.fetch()


def test_a_package_that_cannot_be_fetched_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "CACHE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        archives.ArchiveError, match=r"cannot fetch hl7\.fhir\.r4\.examples 4\.0\.1"
    ):
        archives.EXAMPLES.fetch()


def bound_to(url: str) -> dict[str, StructureType]:
    return {
        "T": StructureType("T", "complex", None, {"e": Element("e", 0, 1, ("code",), binding=url)})
    }


def value_set(url: str, *contains: dict[str, Any], said: str | None = None) -> dict[str, Any]:
    extension = (
        [{"url": f"http://hl7.org/fhir/StructureDefinition/valueset-{said}"}] if said else []
    )
    return {"url": url, "expansion": {"contains": list(contains), "extension": extension}}


A = {"system": "s", "code": "a"}
B = {"system": "s", "code": "b"}
GROUP = {"system": "s", "code": "g", "abstract": True, "contains": [B]}


@pytest.mark.parametrize(
    ("expansions", "expected"),
    [
        ([value_set("v", B, A)], {"v": {"s": ["a", "b"]}}),
        ([value_set("v", A), value_set("v", A)], {"v": {"s": ["a"]}}),
        ([value_set("v", A, GROUP)], {"v": {"s": ["a", "b"]}}),
        ([value_set("v", A, said="toocostly")], {}),
        ([value_set("v", A, said="unclosed")], {}),
        ([value_set("v")], {}),
        ([value_set("other", A)], {}),
    ],
)
def test_codes_of_an_expansion(expansions: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    assert codes.required_codes(bound_to("v|4.0.1"), expansions) == expected


def test_expansions_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="two expansions of v differ"):
        codes.required_codes(bound_to("v"), [value_set("v", A), value_set("v", B)])


def test_a_type_must_begin_with_what_it_inherits() -> None:
    first, second = Element("a", 0, 1, ("A",)), Element("b", 0, 1, ("A",))
    base = StructureType("A", "complex", None, {"a": first})
    derived = StructureType("B", "complex", "A", {"b": second, "a": first})
    with pytest.raises(ValueError, match="B does not begin with the elements of A"):
        structures.rows({"A": base, "B": derived})


def test_targets_of_all_types_are_one_word() -> None:
    source = {
        "resourceType": "SearchParameter",
        "url": "u",
        "code": "c",
        "type": "reference",
        "base": ["Patient"],
        "description": "d",
        "target": ["Patient", "Group"],
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"}
        ],
    }
    some = search.search_parameters([source], frozenset({"Patient", "Group", "Device"}))
    all_of_them = search.search_parameters([source], frozenset({"Patient", "Group", "Parameters"}))
    assert some[0]["targets"] == ["Group", "Patient"]
    assert all_of_them[0]["targets"] == ["Resource"]
