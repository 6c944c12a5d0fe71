"""The expressions of search parameters: all of R4 compile, and lead to what another engine, `fhirpathpy`, finds as well.

Both read HL7's examples. The other engine cannot follow references, so that the text of a reference decides for both
what `.where(resolve() is T)` lets through; and its `as` takes single values only, so that it is asked for `ofType`,
which is meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.engine.nodes import FP_Type, TypeInfo
from fhirpathpy.models import models
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirstore.definitions import SearchParameter, definitions
from fhirstore.fhirpath import Branch, NotSupported, Truth, branches, parse
from tests.conftest import EXAMPLES
from tests.walker import leads_to, walk

R4 = definitions("4.0")


def compiled(expression: str, context: str, resource_type: str | None = None) -> list[Branch]:
    found = branches(parse(expression), context, resource_type or context, R4)
    assert not isinstance(found, Truth)
    return found


def spelled(branch: Branch) -> str:
    """A branch in short: `*` is an array, `[0]` the first of it, `(a=b)` a condition; then the type, and what narrows it."""
    steps = [
        step.key
        + "*" * step.many
        + "[0]" * step.first
        + "".join(f"({name}={value})" for name, value in step.where)
        for step in branch.steps
    ]
    start = "%resource." if branch.at_root else ""
    only = f" to {branch.only_type}" if branch.only_type else ""
    return f"{start}{'.'.join(steps)}: {branch.fhir_type}{only}"


# Compiling

EXPRESSIONS: list[tuple[str, str, list[str]]] = [
    ("Patient", "Patient.birthDate", ["birthDate: date"]),
    ("Patient", "birthDate", ["birthDate: date"]),
    ("Patient", "%resource.birthDate", ["birthDate: date"]),
    ("Patient", "Patient.name.given", ["name*.given*: string"]),
    ("Patient", " Patient . name\n.given ", ["name*.given*: string"]),
    ("Patient", "Patient.id", ["id: id"]),
    ("Patient", "Patient.meta.tag", ["meta.tag*: Coding"]),
    ("Patient", "Patient", [": Patient"]),
    ("Patient", "(Patient.name)", ["name*: HumanName"]),
    # what is there twice is there once
    ("Patient", "Patient.name | Patient.name", ["name*: HumanName"]),
    ("Patient", "Patient.name | Patient.birthDate", ["name*: HumanName", "birthDate: date"]),
    ("Patient", "(Patient.name | Patient.contact.name).family", [
        "name*.family: string", "contact*.name.family: string"]),
    # a choice is all of its types, a cast one of them
    ("Patient", "Patient.deceased", ["deceasedBoolean: boolean", "deceasedDateTime: dateTime"]),
    ("Patient", "Patient.deceased as dateTime", ["deceasedDateTime: dateTime"]),
    ("Patient", "(Patient.deceased as dateTime)", ["deceasedDateTime: dateTime"]),
    ("Patient", "Patient.deceased.as(dateTime)", ["deceasedDateTime: dateTime"]),
    ("Patient", "Patient.deceased.ofType(dateTime)", ["deceasedDateTime: dateTime"]),
    ("Patient", "Patient.deceased as Quantity", []),
    ("Patient", "Patient.birthDate as date", ["birthDate: date"]),
    ("Observation", "(Observation.value as CodeableConcept).text", ["valueCodeableConcept.text: string"]),
    ("Observation", "Observation.value.as(Quantity) | Observation.value.as(SampledData)", [
        "valueQuantity: Quantity", "valueSampledData: SampledData"]),
    # only those of a choice that have the element go on
    ("Observation", "Observation.value.code", [
        "valueQuantity.code: code"]),
    # canonical derives from uri
    ("ConceptMap", "(ConceptMap.source as uri)", ["sourceUri: uri", "sourceCanonical: canonical"]),
    ("ConceptMap", "(ConceptMap.source as canonical)", ["sourceCanonical: canonical"]),
    # conditions
    ("Patient", "Patient.telecom.where(system='email')", ["telecom*(system=email): ContactPoint"]),
    ("Patient", "Patient.telecom.where(system = 'email').value", ["telecom*(system=email).value: string"]),
    ("Patient", "Patient.telecom.where(system='phone').where(use='home')", [
        "telecom*(system=phone)(use=home): ContactPoint"]),
    ("Account", "Account.subject.where(resolve() is Patient)", ["subject*: Reference to Patient"]),
    ("PlanDefinition", "PlanDefinition.library.where(resolve() is Library)", ["library*: canonical to Library"]),
    # what is no reference leads nowhere
    ("PlanDefinition", "PlanDefinition.subject.where(resolve() is Group)", ["subjectReference: Reference to Group"]),
    # the first
    ("Bundle", "Bundle.entry[0].resource", ["entry*[0].resource: Resource"]),
    ("Patient", "Patient.name.first().given", ["name*[0].given*: string"]),
    ("Patient", "Patient.extension('urn:x').value.ofType(boolean)", ["extension*(url=urn:x).valueBoolean: boolean"]),
    # what an element contains again, and backbones
    ("Questionnaire", "Questionnaire.item.item.code", ["item*.item*.code*: Coding"]),
    ("Provenance", "Provenance.entity.agent.who", ["entity*.agent*.who: Reference"]),
]  # fmt: skip


@pytest.mark.parametrize(("context", "expression", "expected"), EXPRESSIONS)
def test_an_expression_is_branches(context: str, expression: str, expected: list[str]) -> None:
    assert [spelled(branch) for branch in compiled(expression, context)] == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("code", ["code: CodeableConcept"]),
        ("value.as(Quantity)", ["valueQuantity: Quantity"]),
        ("Observation.component.code", ["%resource.component*.code: CodeableConcept"]),
        ("%resource.code", ["%resource.code: CodeableConcept"]),
        ("Observation.status", ["%resource.status: code"]),
    ],
)
def test_a_component_begins_at_its_element_or_at_the_resource(
    expression: str, expected: list[str]
) -> None:
    found = compiled(expression, "Observation.component", "Observation")
    assert [spelled(branch) for branch in found] == expected


@pytest.mark.parametrize(
    ("type", "expression", "many"),
    [
        ("Patient", "Patient.birthDate", False),
        ("Patient", "Patient.maritalStatus.text", False),
        ("Patient", "Patient.name", True),
        ("Patient", "Patient.name.family", True),
        ("Patient", "Patient.name[0]", False),
        ("Patient", "Patient.name[0].family", False),
        ("Patient", "Patient.name[0].given", True),
        ("Patient", "Patient.telecom.where(system='email')", True),
    ],
)
def test_a_branch_knows_whether_it_leads_to_several(type: str, expression: str, many: bool) -> None:
    (branch,) = compiled(expression, type)
    assert branch.many is many


def test_a_branch_knows_its_element_and_its_value_set() -> None:
    (gender,) = compiled("Patient.gender", "Patient")
    boolean, date_time = compiled("Patient.deceased", "Patient")
    assert gender.element == "Patient.gender"
    assert gender.binding == "http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1"
    assert boolean.element == date_time.element == "Patient.deceased"
    assert boolean.binding is None


@pytest.mark.parametrize(("word", "unlike"), [("false", False), ("true", True)])
def test_the_one_truth(word: str, unlike: bool) -> None:
    expression = f"Patient.deceased.exists() and Patient.deceased != {word}"
    found = branches(parse(expression), "Patient", "Patient", R4)
    assert isinstance(found, Truth)
    assert found.unlike is unlike
    assert [spelled(b) for b in found.branches] == [
        "deceasedBoolean: boolean",
        "deceasedDateTime: dateTime",
    ]


REFUSED = [
    # no expression
    "", " ", ".", "(", ")", "Patient.", "Patient..name", "Patient.name |", "| Patient.name", "(Patient.name", "Patient.name)",
    "Patient.name Patient.name", "Patient.name[", "Patient.name[]", "Patient.name[0", "'Patient'", "1", "Patient.name + 1",
    "Patient.name.where", "Patient.name as", "Patient.name.as(", "Patient.name.as()", "\u00e4", "Patient.n\u00e4me",
    # FHIRPath, and not what parameters are written in
    "Patient.name[1]", "Patient.name.given[0]", "Patient.name.where(use = 'usual').first()", "Patient.extension(1)",
    "Patient.name.where(use = given)", "Patient.name.where(use != 'home')",
    "Patient.name.where(use = 1)", "Patient.name.where(given.exists())", "Patient.name.exists()", "Patient.name.count() > 1",
    "Patient.name.where(resolve() as Patient)", "Patient.name.where(resolve().name)", "Patient.active = true",
    "Patient.active and Patient.active", "Patient.active.exists() and Patient.active != 'x'",
    "Patient.active.exists() and Patient.deceased != false", "Patient.active.exists() and Patient.active = false",
    "(Patient.active.exists() and Patient.active != false).x",
    "Patient.name | Patient.active.exists() and Patient.active != false",
    "Patient.where(active = 'true')", "Patient[0]",
    # what the tables have not
    "Patient.nickname", "Patient.name.nickname", "Observation.code", "Foo.bar", "nickname", "%other.name", "Patient.birthDate.x",
    "Patient.deceasedBoolean", "Patient.name.nickname.where(a = 'b')",
]  # fmt: skip


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_not_compiled_is_refused(expression: str) -> None:
    with pytest.raises(NotSupported, match=r"\w"):
        branches(parse(expression), "Patient", "Patient", R4)


WORDS = [
    "Patient", "name", "deceased", "active", "telecom", "where", "resolve", "exists", "as", "is", "and", "ofType", "date",
    "%resource", "'email'", "system", "0", "1", "true", "false", "!=", "(", ")", ".", "|", "=", "[", "]", "'", "\\", " ", "+",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=14).map("".join) | st.text())
def test_any_text_is_compiled_or_refused(text: str) -> None:
    try:
        found = branches(parse(text), "Patient", "Patient", R4)
    except NotSupported:
        return
    assert isinstance(found, list | Truth)


# All parameters

PARAMETERS = [
    parameter
    for type in sorted(R4.resource_types)
    for parameter in R4.search_parameters(type).values()
    if parameter.expression
]


def test_all_parameters_of_all_types_lead_somewhere() -> None:
    assert len(PARAMETERS) > 2500
    for parameter in PARAMETERS:
        type = parameter.resource_type
        found = branches(parse(parameter.expression), type, type, R4)
        bases = found.branches if isinstance(found, Truth) else found
        assert bases, parameter
        for component in parameter.components:
            for base in bases:
                assert compiled(component.expression, base.fhir_type, type), component


# The oracle


_LEADS = re.compile(r"\.where\(resolve\(\) is (\w+)\)")
_AS = re.compile(r"\((\S+) as (\w+)\)")
Oracle = Callable[[Any, Any], list[Any]]


def oracle(expression: str, base: str | None = None) -> Oracle:
    """What the other engine makes of an expression, which begins at an element of type `base` or at a resource."""
    TypeInfo.model = models["r4"]  # else its `ofType` knows of no type that derives from another
    (only,) = set(_LEADS.findall(expression)) or {None}
    asked = _AS.sub(r"\1.ofType(\2)", _LEADS.sub("", expression)).replace(".as(", ".ofType(")
    evaluate = fhirpathpy.compile(asked, models["r4"])

    def run(start: Any, resource: Any) -> list[Any]:
        if base is None:
            found = evaluate(start, {"resource": resource})
        else:
            at = {"base": base, "expression": asked}
            found = fhirpathpy.evaluate(start, at, {"resource": resource}, models["r4"])
        texts = [str(value) if isinstance(value, FP_Type) else value for value in found]
        return [value for value in texts if only is None or leads_to(value, only)]

    return run


def said(values: Any) -> set[str]:
    """Values to compare. What has an extension alone is left out, since the other engine leaves it out."""
    return {
        json.dumps(value, sort_keys=True, default=str)
        for value in values
        if not (isinstance(value, dict) and list(value) == ["extension"])
    }


class Comparison:
    """Compares the two engines, and remembers what they have found."""

    def __init__(self) -> None:
        self.compared: set[tuple[str, str]] = set()
        self.differing: set[tuple[str, str]] = set()
        self._compiled: dict[str, tuple[list[Branch] | Truth, Oracle]] = {}

    def resource(self, resource: dict[str, Any]) -> None:
        type = resource["resourceType"]
        for parameter in R4.search_parameters(type).values():
            if parameter.expression:
                found = self._compare(parameter.expression, type, None, resource, resource)
                self._note(parameter, type, *found)
                self._components(parameter, type, resource)

    def _components(self, parameter: SearchParameter, type: str, resource: dict[str, Any]) -> None:
        if not parameter.components:
            return
        for base in compiled(parameter.expression, type):
            for element in walk(resource, resource, base):
                for part in parameter.components:
                    found = self._compare(part.expression, type, base, element, resource)
                    self._note(parameter, f"{type} {part.code}", *found)

    def _compare(
        self, expression: str, type: str, base: Branch | None, start: Any, resource: Any
    ) -> tuple[set[str], set[str]]:
        context = base.fhir_type if base else type
        key = f"{type} {context} {expression}"
        if key not in self._compiled:
            made = branches(parse(expression), context, type, R4)
            path = context if base and base.steps else None
            self._compiled[key] = (made, oracle(expression, path))
        ours, theirs = self._compiled[key]
        if isinstance(ours, Truth):
            found = [value for b in ours.branches for value in walk(start, resource, b)]
            return said([any(value is not ours.unlike for value in found)]), said(
                theirs(start, resource)
            )
        found = [value for branch in ours for value in walk(start, resource, branch)]
        return said(found), said(theirs(start, resource))

    def _note(
        self, parameter: SearchParameter, place: str, ours: set[str], theirs: set[str]
    ) -> None:
        key = (place, parameter.code)
        if ours or theirs:
            self.compared.add(key)
        if ours != theirs:
            self.differing.add(key)


# One of each kind of expression, so that it is seen that the examples have values for it.
NEEDED = {
    ("Bundle", "composition"),
    ("ConceptMap", "source-uri"),
    ("Encounter", "practitioner"),
    ("Observation", "combo-value-quantity"),
    ("Observation component-code", "component-code-value-quantity"),
    ("Observation value-quantity", "code-value-quantity"),
    ("MolecularSequence chromosome", "chromosome-window-coordinate"),
    ("Patient", "deceased"),
    ("Patient", "phone"),
    ("ValueSet", "_lastUpdated"),
}


def test_what_the_branches_lead_to_is_what_another_engine_finds() -> None:
    files = sorted(EXAMPLES.glob("*-*.json"))
    if not files:
        pytest.skip("HL7's examples are not here: `make examples` fetches them")
    comparison = Comparison()
    for file in files:
        comparison.resource(json.loads(file.read_bytes(), parse_float=Decimal))
    assert len(comparison.compared) > 1500
    assert comparison.compared >= NEEDED
    assert comparison.differing == set()


def test_a_component_that_begins_at_the_resource_is_what_another_engine_finds() -> None:
    comparison = Comparison()
    comparison.resource(
        {
            "resourceType": "MolecularSequence",
            "referenceSeq": {"chromosome": {"text": "21"}},
            "variant": [{"start": 1, "end": 2}],
        }
    )
    assert ("MolecularSequence chromosome", "chromosome-variant-coordinate") in comparison.compared
    assert comparison.differing == set()


PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "meta": {"tag": [{"code": "a"}, {"code": "b"}]},
    "name": [{"given": ["A", "B"]}, {"family": "C", "given": ["D"]}],
    "contact": [{"name": {"family": "E"}}],
    "telecom": [
        {"system": "email", "value": "F"},
        {"system": "phone", "use": "home", "value": "G"},
    ],
    "birthDate": "1974-12",
    "deceasedDateTime": "2020-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    "expression",
    [text for type, text, _ in EXPRESSIONS if type == "Patient" and text != "birthDate"],
)
def test_both_engines_agree_beyond_the_parameters(expression: str) -> None:
    found = [v for b in compiled(expression, "Patient") for v in walk(PATIENT, PATIENT, b)]
    theirs = oracle(expression)(PATIENT, PATIENT)
    assert said(found) == said(theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Patient.name.given", "Patient.name[0].given"),
        ("Patient.name", "Patient.contact.name"),
        ("Patient.deceased", "Patient.deceased as boolean"),
        ("Patient.telecom.where(system='phone')", "Patient.telecom.where(system='email')"),
    ],
)
def test_a_comparison_sees_differences(ours: str, theirs: str) -> None:
    found = [v for b in compiled(ours, "Patient") for v in walk(PATIENT, PATIENT, b)]
    assert said(found) != said(oracle(theirs)(PATIENT, PATIENT))
