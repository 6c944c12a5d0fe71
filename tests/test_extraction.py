"""Search values: what is stored of which element, in a shape that the definitions alone decide, and of anything at all.

The tables say what is stored, type of parameter by type of parameter. Over HL7's examples the one walk over a resource
finds what a walk along each branch finds. Nothing that JSON can say makes an extraction fail, or gives what could not
be stored.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirstore import json_text
from fhirstore.definitions import definitions
from fhirstore.fhirpath import Truth
from fhirstore.ports.codec import OPTIONS
from fhirstore.primitives import FAR_FUTURE, FAR_PAST
from fhirstore.references import Reader
from fhirstore.search.extraction import Extractor
from fhirstore.search.layout import Kept, layout, writer
from fhirstore.search.parameter_type import Writing
from fhirstore.search.parameter_types import TYPES
from tests.any_json import any_json, names_in, places, with_other
from tests.conftest import EXAMPLES
from tests.walker import walk

R4 = definitions("4.0")
BASES = ("http://me/fhir", "https://me2/")
EXTRACTORS = {type: Extractor(type, R4, BASES) for type in R4.resource_types}
UCUM = "http://unitsofmeasure.org"


def extract(resource: Any) -> dict[str, Any]:
    return EXTRACTORS[resource["resourceType"]].extract(resource)


def spelled(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def day(year: int, month: int = 1, day: int = 1, *time: int) -> datetime:
    return datetime(year, month, day, *time, tzinfo=UTC)


Case = tuple[str, dict[str, Any], dict[str, Any]]

TOKENS: list[Case] = [
    ("Observation", {"status": "final"}, {"status": "final"}),
    ("Practitioner", {"active": True}, {"active": "true"}),
    ("Practitioner", {"active": False}, {"active": "false"}),
    (
        "Observation",
        {"code": {"coding": [{"system": "http://s", "code": "C"}], "text": "none of this"}},
        {"code": ["http://s|C", "C"]},
    ),
    # without a system, without a code, with neither
    ("Observation", {"code": {"coding": [{"code": "c"}]}}, {"code": ["|c", "c"]}),
    ("Observation", {"code": {"coding": [{"system": "http://s"}]}}, {"code": ["http://s|"]}),
    ("Observation", {"code": {"coding": [{"display": "x"}], "text": "x"}}, {}),
    # no value can pass for another
    ("Observation", {"code": {"coding": [{"code": "a|b"}]}}, {"code": ["|a\\|b", "a\\|b"]}),
    (
        "Observation",
        {"code": {"coding": [{"system": "a|b\\", "code": "\\|"}]}},
        {"code": ["a\\|b\\\\|\\\\\\|", "\\\\\\|"]},
    ),
    # each once
    (
        "Observation",
        {"code": {"coding": [{"system": "s", "code": "c"}, {"system": "t", "code": "c"}]}},
        {"code": ["s|c", "c", "t|c"]},
    ),
    (
        "Observation",
        {"identifier": [{"system": "s", "value": "V"}, {"value": "W"}, {"use": "old"}]},
        {"identifier": ["s|V", "V", "|W", "W"]},
    ),
    ("Observation", {"meta": {"tag": [{"system": "s", "code": "t"}]}}, {"_tag": ["s|t", "t"]}),
    ("Observation", {"meta": {"security": [{"code": "R"}]}}, {"_security": ["|R", "R"]}),
    # words are compared without case, codes are not
    (
        "Practitioner",
        {"telecom": [{"system": "email", "value": "A@B.ch"}, {"system": "fax", "value": "+41 X"}]},
        {"telecom": ["a@b.ch", "+41 x"], "email": ["a@b.ch"]},
    ),
    (
        "Practitioner",
        {"telecom": [{"system": "phone", "value": "1"}, {"value": "2"}, {"system": "phone"}]},
        {"telecom": ["1", "2"], "phone": ["1"]},
    ),
    ("Group", {"characteristic": [{"valueBoolean": True}]}, {"value": ["true"]}),
    # the one that is always there
    ("Patient", {}, {"deceased": "false"}),
    ("Patient", {"deceasedBoolean": False}, {"deceased": "false"}),
    ("Patient", {"deceasedBoolean": True}, {"deceased": "true"}),
    (
        "Patient",
        {"deceasedDateTime": "2020"},
        {"deceased": "true", "death-date": {"start": day(2020), "end": day(2021), "long": True}},
    ),
    ("Patient", {"_deceasedBoolean": {"extension": []}}, {"deceased": "false"}),
]

STRINGS: list[Case] = [
    (
        "Practitioner",
        {"name": [{"family": "Müller-Lüdenscheidt", "given": ["Zoë", "Q."], "use": "usual"}]},
        {
            "family": ["muller ludenscheidt"],
            "family:exact": ["Müller-Lüdenscheidt"],
            "given": ["zoe", "q"],
            "given:exact": ["Zoë", "Q."],
            "name": ["muller ludenscheidt", "zoe", "q"],
            "name:exact": ["Müller-Lüdenscheidt", "Zoë", "Q."],
        },
    ),
    (
        "Practitioner",
        {"name": [{"text": "O’Neill,\tSTRASSE  ﬁ ﾊ", "prefix": ["Dr."], "suffix": ["III"]}]},
        {
            "name": ["dr", "iii", "oneill strasse fi ハ"],
            "name:exact": ["Dr.", "III", "O’Neill,\tSTRASSE  ﬁ ﾊ"],
        },
    ),
    (
        "Location",
        {"address": {"line": ["1 Rue"], "city": "Zürich", "use": "home", "country": "CH"}},
        {
            "address": ["1 rue", "zurich", "ch"],
            "address:exact": ["1 Rue", "Zürich", "CH"],
            "address-city": "zurich",
            "address-city:exact": "Zürich",
            "address-country": "ch",
            "address-country:exact": "CH",
            "address-use": "home",
        },
    ),
    (
        "Location",
        {"name": "A", "alias": ["a", "B"]},
        {"name": ["a", "b"], "name:exact": ["A", "a", "B"]},
    ),
    (
        "Observation",
        {"valueString": "Ja!"},
        {"value-string": ["ja"], "value-string:exact": ["Ja!"]},
    ),
    (
        "Observation",
        {"valueCodeableConcept": {"text": "Ja!"}},
        {"value-string": ["ja"], "value-string:exact": ["Ja!"]},
    ),
    # of punctuation alone, nothing is left but the original
    ("Library", {"title": "?"}, {"title": "", "title:exact": "?"}),
]

REFERENCES: list[Case] = [
    ("Observation", {"subject": {"reference": "Device/1"}}, {"subject": "Device/1"}),
    ("Observation", {"subject": {"reference": "Patient/1/_history/2"}}, {"subject": "Patient/1"}),
    ("Observation", {"subject": {"reference": "http://me/fhir/Group/1"}}, {"subject": "Group/1"}),
    ("Observation", {"subject": {"reference": "https://me2/Group/1"}}, {"subject": "Group/1"}),
    (
        "Observation",
        {"subject": {"reference": "http://me/Group/1/_history/2"}},
        {"subject": "http://me/Group/1"},
    ),
    ("Observation", {"subject": {"reference": "urn:uuid:1"}}, {"subject": "urn:uuid:1"}),
    ("Observation", {"subject": {"reference": "#p"}}, {}),
    ("Observation", {"subject": {"identifier": {"value": "1"}, "display": "x"}}, {}),
    (
        "Observation",
        {
            "performer": [
                {"reference": "Patient/1"},
                {"reference": "#p"},
                {"reference": "Patient/1"},
            ]
        },
        {"performer": ["Patient/1"]},
    ),
    # canonicals, with and without their version
    (
        "PlanDefinition",
        {"library": ["http://l|1", "http://l", "#l", "urn:oid:1|2|3"]},
        {"depends-on": ["http://l", "http://l|1", "urn:oid:1", "urn:oid:1|2|3"]},
    ),
    (
        "PlanDefinition",
        {
            "relatedArtifact": [
                {"type": "successor", "resource": "http://s"},
                {"type": "depends-on", "resource": "http://d|2"},
                {"type": "citation", "resource": "http://c"},
                {"resource": "http://n"},
            ]
        },
        {"successor": ["http://s"], "depends-on": ["http://d", "http://d|2"]},
    ),
    ("Observation", {"meta": {"profile": ["http://p"]}}, {"_profile": ["http://p"]}),
    (
        "Observation",
        {"meta": {"profile": ["http://p|1.0"]}},
        {"_profile": ["http://p", "http://p|1.0"]},
    ),
    # a resource where a reference might stand
    (
        "Bundle",
        {
            "entry": [
                {"resource": {"resourceType": "Composition", "id": "c"}},
                {"resource": {"resourceType": "Patient", "id": "p"}},
            ]
        },
        {"composition": "Composition/c"},
    ),
    (
        "Bundle",
        {"entry": [{"resource": {"resourceType": "MessageHeader", "id": "m"}}]},
        {"message": "MessageHeader/m"},
    ),
    ("Bundle", {"entry": [{"resource": {"resourceType": "Patient", "id": "p"}}]}, {}),
    ("Bundle", {"entry": [{"resource": {"resourceType": "Composition"}}]}, {}),
    # the first entry, and not the first that has one
    ("Bundle", {"entry": [{}, {"resource": {"resourceType": "Composition", "id": "c"}}]}, {}),
]

DATES: list[Case] = [
    (
        "Person",
        {"birthDate": "1974"},
        {"birthdate": {"start": day(1974), "end": day(1975), "long": True}},
    ),
    (
        "Person",
        {"birthDate": "1974-12"},
        {"birthdate": {"start": day(1974, 12), "end": day(1975), "long": True}},
    ),
    (
        "Person",
        {"birthDate": "2020-02-29"},
        {"birthdate": {"start": day(2020, 2, 29), "end": day(2020, 3)}},
    ),
    ("Person", {"birthDate": "2021-02-29"}, {}),
    (
        "Observation",
        {"effectiveDateTime": "2020-01-01T00:30:00+01:00"},
        {"date": {"start": day(2019, 12, 31, 23, 30), "end": day(2019, 12, 31, 23, 30, 1)}},
    ),
    (
        "Observation",
        {"effectiveInstant": "2020-01-01T00:00:00.1239Z"},
        {
            "date": {
                "start": day(2020, 1, 1, 0, 0, 0, 123000),
                "end": day(2020, 1, 1, 0, 0, 0, 124000),
            }
        },
    ),
    # an instant is one moment, a dateTime as long as its precision says
    (
        "Observation",
        {"effectiveInstant": "2020-01-01T00:00:00Z"},
        {"date": {"start": day(2020), "end": day(2020, 1, 1, 0, 0, 0, 1000)}},
    ),
    (
        "Observation",
        {"effectivePeriod": {"start": "2020-02", "end": "2020-03-01"}},
        {"date": {"start": day(2020, 2), "end": day(2020, 3, 2), "long": True}},
    ),
    (
        "Observation",
        {"effectivePeriod": {"start": "2020-02"}},
        {"date": {"start": day(2020, 2), "end": FAR_FUTURE, "long": True}},
    ),
    (
        "Observation",
        {"effectivePeriod": {"end": "2020-02"}},
        {"date": {"start": FAR_PAST, "end": day(2020, 3), "long": True}},
    ),
    ("Observation", {"effectivePeriod": {"id": "x"}}, {}),
    # a Timing from its first to its last moment
    (
        "Observation",
        {"effectiveTiming": {"event": ["2020", "2018-01-01"], "repeat": {"count": 1}}},
        {"date": {"start": day(2018), "end": day(2021), "long": True}},
    ),
    (
        "Observation",
        {"effectiveTiming": {"event": ["2020"], "repeat": {"boundsPeriod": {"start": "2019"}}}},
        {"date": {"start": day(2019), "end": FAR_FUTURE, "long": True}},
    ),
    ("Observation", {"effectiveTiming": {"repeat": {"boundsRange": {}}, "code": {}}}, {}),
]

NUMBERS: list[Case] = [
    ("MolecularSequence", {"referenceSeq": {"windowStart": 7}}, {"window-start": Decimal(7)}),
    (
        "RiskAssessment",
        {"prediction": [{"probabilityDecimal": Decimal("0.10")}, {"probabilityDecimal": 0}]},
        {"probability": [Decimal("0.10"), Decimal(0)]},
    ),
    (
        "RiskAssessment",
        {"prediction": [{"probabilityRange": {"low": {"value": 1}, "high": {"value": 2}}}]},
        {"probability": [{"low": Decimal(1), "high": Decimal(2), "range": True}]},
    ),
    (
        "RiskAssessment",
        {"prediction": [{"probabilityRange": {"high": {"value": 2}}}, {"probabilityRange": {}}]},
        {"probability": [{"high": Decimal(2), "range": True}]},
    ),
    (
        "RiskAssessment",
        {"prediction": [{"probabilityRange": {"low": {"value": True}}}]},
        {},
    ),
]

GRAM = {"system": UCUM, "code": "mg", "unit": "Milligramm"}
QUANTITIES: list[Case] = [
    (
        "Observation",
        {"valueQuantity": {"value": Decimal("5400.0"), **GRAM}},
        {
            "value-quantity": {
                "value": Decimal("5400.0"),
                "code": "mg",
                "unit": "Milligramm",
                "canonical": {"value": Decimal("5.4000"), "unit": "g"},
            }
        },
    ),
    (
        "Observation",
        {"valueQuantity": {"value": 37, "system": UCUM, "code": "Cel"}},
        {
            "value-quantity": {
                "value": Decimal(37),
                "code": "Cel",
                "canonical": {"value": Decimal("310.15"), "unit": "K"},
            }
        },
    ),
    # no unit of UCUM, no base units
    (
        "Observation",
        {"valueQuantity": {"value": 1, "system": "http://mine", "code": "mg", "unit": "m"}},
        {
            "value-quantity": {
                "value": Decimal(1),
                "system": "http://mine",
                "code": "mg",
                "unit": "m",
            }
        },
    ),
    (
        "Observation",
        {"valueQuantity": {"value": 1, "system": UCUM, "code": "puffs", "unit": "p"}},
        {"value-quantity": {"value": Decimal(1), "system": UCUM, "code": "puffs", "unit": "p"}},
    ),
    (
        "Observation",
        {"valueQuantity": {"value": 1, "comparator": "<"}},
        {"value-quantity": {"value": Decimal(1)}},
    ),
    ("Observation", {"valueQuantity": GRAM}, {}),
    ("Observation", {"valueSampledData": {"origin": {"value": 1}, "data": "1 2"}}, {}),
    (
        "Condition",
        {"onsetAge": {"value": 1, "system": UCUM, "code": "wk"}},
        {
            "onset-age": {
                "value": Decimal(1),
                "code": "wk",
                "canonical": {"value": Decimal(604800), "unit": "s"},
            }
        },
    ),
    (
        "Condition",
        {"onsetRange": {"low": {"value": 1, "system": UCUM, "code": "wk"}, "high": {"value": 2}}},
        {
            "onset-age": {
                "low": Decimal(1),
                "high": Decimal(2),
                "range": True,
                "code": "wk",
                "canonical": {"low": Decimal(604800), "high": Decimal(1209600), "unit": "s"},
            }
        },
    ),
    (
        "Condition",
        {"onsetRange": {"high": {"value": 2, "unit": "years"}}},
        {"onset-age": {"high": Decimal(2), "range": True, "unit": "years"}},
    ),
    ("Condition", {"onsetRange": {"low": {"unit": "years"}}}, {}),
    (
        "Invoice",
        {"totalGross": {"value": Decimal("1.50"), "currency": "CHF"}, "totalNet": {"value": 2}},
        {
            "totalgross": {
                "value": Decimal("1.50"),
                "system": "urn:iso:std:iso:4217",
                "code": "CHF",
            },
            "totalnet": {"value": Decimal(2)},
        },
    ),
]

CODE = {"coding": [{"code": "a"}]}
CODED = ["|a", "a"]
OTHERS: list[Case] = [
    ("ValueSet", {"url": "HTTP://x/É|1"}, {"url": "HTTP://x/É|1"}),
    ("Observation", {"meta": {"source": "http://s#1"}}, {"_source": "http://s#1"}),
    # composites: within one element, where it has all parts
    (
        "Observation",
        {
            "component": [
                {"code": CODE, "valueQuantity": {"value": 1}},
                {"code": {"coding": [{"code": "b"}]}},
                {"valueQuantity": {"value": 2}},
            ]
        },
        {
            "component-code": [*CODED, "|b", "b"],
            "component-value-quantity": [{"value": Decimal(1)}, {"value": Decimal(2)}],
            "component-code-value-quantity": [
                {"component-code": CODED, "component-value-quantity": {"value": Decimal(1)}}
            ],
        },
    ),
    # of the resource itself, its parts are enough
    (
        "Observation",
        {"code": CODE, "valueQuantity": {"value": 1}},
        {"code": CODED, "value-quantity": {"value": Decimal(1)}},
    ),
    # a part that stands at the resource
    (
        "MolecularSequence",
        {"referenceSeq": {"chromosome": CODE}, "variant": [{"start": 1, "end": 2}, {"start": 3}]},
        {
            "chromosome": CODED,
            "variant-start": [Decimal(1), Decimal(3)],
            "variant-end": [Decimal(2)],
            "chromosome-variant-coordinate": [
                {"chromosome": CODED, "variant-start": Decimal(1), "variant-end": Decimal(2)}
            ],
        },
    ),
    (
        "Group",
        {"characteristic": [{"code": CODE, "valueBoolean": True}, {"valueCodeableConcept": CODE}]},
        {
            "characteristic": CODED,
            "value": ["true", *CODED],
            "characteristic-value": [{"characteristic": CODED, "value": ["true"]}],
        },
    ),
    # places
    (
        "Location",
        {"position": {"longitude": Decimal("7.5"), "latitude": -47}},
        {"near": {"type": "Point", "coordinates": [7.5, -47.0]}},
    ),
    ("Location", {"position": {"longitude": 7}}, {}),
    ("Location", {"position": {"longitude": 181, "latitude": 0}}, {}),
    ("Location", {"position": {"longitude": 0, "latitude": Decimal("-90.1")}}, {}),
    ("Location", {"position": {"longitude": 10**400, "latitude": 0}}, {}),
    ("Location", {"position": {"longitude": 0, "latitude": Decimal("1E+5999")}}, {}),
    ("Location", {"position": {"longitude": True, "latitude": 0}}, {}),
]


@pytest.mark.parametrize(
    ("type", "elements", "expected"),
    [*TOKENS, *STRINGS, *REFERENCES, *DATES, *NUMBERS, *QUANTITIES, *OTHERS],
)
def test_what_is_stored(type: str, elements: dict[str, Any], expected: dict[str, Any]) -> None:
    found = extract({"resourceType": type, **elements})
    assert found == expected
    assert spelled(found) == spelled(expected), "1.0 is not 1"


def test_nothing_but_the_type_is_stored_in_the_order_of_the_parameters() -> None:
    found = extract(
        {"resourceType": "Observation", "status": "final", "code": CODE, "id": "o", "text": {}}
    )
    assert found == {"code": CODED, "status": "final"}


@pytest.mark.parametrize("times", [1, 50])
def test_each_value_is_kept_once_in_the_order_in_which_they_stand(times: int) -> None:
    """Few are compared with each other, of many keys are made."""
    quantities = [
        {"value": Decimal(value), "system": UCUM, "code": code}
        for value, code in (("2", "kg"), ("1", "g"), ("2", "kg"), ("2", "g"), ("2.0", "kg"))
    ]
    found = extract(
        {
            "resourceType": "Observation",
            "component": [{"valueQuantity": one} for one in quantities * times],
        }
    )["component-value-quantity"]
    assert [(x["value"], x["code"]) for x in found] == [(2, "kg"), (1, "g"), (2, "g")]


# Where it is kept

KINDS: list[tuple[str, str, str, str | None, bool, str | None, tuple[str, ...]]] = [
    ("Observation", "code", "own", "search.code", True, None, ()),
    ("Observation", "status", "own", "search.status", False, None, ()),
    ("Observation", "subject", "own", "search.subject", False, None, ()),
    ("Observation", "patient", "narrowed", "search.subject", False, "Patient", ()),
    ("Observation", "performer", "own", "search.performer", True, None, ()),
    ("Appointment", "practitioner", "narrowed", "search.actor", True, "Practitioner", ()),
    ("Patient", "phonetic", "narrowed", "search.name", True, None, ()),
    ("Patient", "name", "own", "search.name", True, None, ()),
    ("Patient", "birthdate", "own", "search.birthdate", False, None, ()),
    ("Patient", "deceased", "own", "search.deceased", False, None, ()),
    ("Observation", "combo-code", "any_of", None, False, None, ("code", "component-code")),
    ("Observation", "code-value-quantity", "all_of", None, False, None, ("code", "value-quantity")),
    (
        "Observation", "combo-code-value-quantity", "any_of", None, False, None,
        ("code-value-quantity", "component-code-value-quantity"),
    ),
    (
        "Observation", "component-code-value-quantity", "own",
        "search.component-code-value-quantity", True, None, (),
    ),
    ("Observation", "_tag", "own", "search._tag", True, None, ()),
    ("Observation", "_id", "none", None, False, None, ()),
    ("Observation", "_lastUpdated", "none", None, False, None, ()),
    ("Observation", "_content", "none", None, False, None, ()),
    ("Location", "near", "own", "search.near", False, None, ()),
    # a canonical is stored in two forms
    ("ConceptMap", "source-uri", "own", "search.source-uri", True, None, ()),
]  # fmt: skip


@pytest.mark.parametrize(("type", "code", "kind", "field", "many", "only", "parts"), KINDS)
def test_where_a_parameter_is_kept(
    type: str,
    code: str,
    kind: str,
    field: str | None,
    many: bool,
    only: str | None,
    parts: tuple[str, ...],
) -> None:
    kept = layout(type, R4)[code]
    assert (kept.kind, kept.field, kept.many, kept.only_type) == (kind, field, many, only)
    assert kept.parts == parts


@pytest.mark.parametrize(
    ("type", "code", "components"),
    [
        (
            "DocumentReference",
            "relationship",
            [("relatesto", "reference", False, ("DocumentReference",)), ("relation", "token", False, ())],
        ),
        (
            "Observation",
            "component-code-value-quantity",
            [("component-code", "token", True, ()), ("component-value-quantity", "quantity", False, ())],
        ),
    ],
)  # fmt: skip
def test_what_a_composite_is_made_of(
    type: str, code: str, components: list[tuple[str, str, bool, tuple[str, ...]]]
) -> None:
    found = layout(type, R4)[code].components
    assert [
        (part.field, part.parameter.type, part.many, part.parameter.targets) for part in found
    ] == components


def test_only_what_stands_elsewhere_or_has_no_path_is_not_kept() -> None:
    none = {
        code
        for type in R4.resource_types
        for code, kept in layout(type, R4).items()
        if kept.kind == "none"
    }
    assert none == {"_id", "_lastUpdated", "_content", "_query"}


def test_what_is_shared_leads_to_what_is_kept() -> None:
    for type in R4.resource_types:
        kept = layout(type, R4)
        fields = {
            parameter.field: parameter for parameter in kept.values() if parameter.kind == "own"
        }
        for parameter in kept.values():
            if parameter.kind == "narrowed":
                wide = fields[parameter.field]
                assert wide.parameter.type == parameter.parameter.type
                assert wide.many == parameter.many
                assert parameter.fhir_types <= wide.fhir_types
            for part in parameter.parts:
                assert kept[part].kind in ("own", "narrowed", "all_of"), part


# Over all examples


def expected_values(kept: Kept, resource: Any, suffix: str) -> list[Any]:
    """What the branches of a parameter lead to one by one, written."""
    assert not isinstance(kept.branches, Truth)
    values: list[Any] = []
    for branch in kept.branches:
        write = writer(
            kept.parameter.type, branch.fhir_type, suffix, Writing(Reader(BASES, R4).read)
        )
        for element in walk(resource, resource, branch):
            if write is not None:
                write(element, values)
    return values


def composed_values(kept: Kept, resource: Any) -> list[dict[str, Any]]:
    assert not isinstance(kept.branches, Truth)
    found = []
    for branch in kept.branches:
        for element in walk(resource, resource, branch):
            made: dict[str, list[Any]] = {}
            for part in kept.composed:
                type = part.target.parameter.type
                for facet in TYPES[type].facets:
                    types = part.target.fhir_types
                    if not any(
                        writer(type, t, facet.suffix, Writing(Reader(BASES, R4).read))
                        for t in types
                    ):
                        continue
                    values = made.setdefault(part.target.field + facet.suffix, [])
                    for way in part.branches:
                        write = writer(
                            type, way.fhir_type, facet.suffix, Writing(Reader(BASES, R4).read)
                        )
                        for below in walk(element, resource, way):
                            if write is not None:
                                write(below, values)
            if all(made[part.target.field] for part in kept.composed):
                found.append(made)
    return found


def as_lists(entry: dict[str, Any]) -> dict[str, list[Any]]:
    """An entry of a composite with each part as an array, whatever its shape."""
    return {name: part if type(part) is list else [part] for name, part in entry.items()}


def same(some: list[Any], others: list[Any]) -> bool:
    """Whether the first has each value of the second once, and no other; equal numbers are one value."""
    once = [value for n, value in enumerate(others) if value not in others[:n]]
    return len(some) == len(once) and all(value in some for value in once)


def test_one_walk_finds_what_each_branch_finds_in_the_shape_that_is_laid_down() -> None:
    files = sorted(EXAMPLES.glob("*-*.json"))
    if not files:
        pytest.skip("HL7's examples are not here: `make examples` fetches them")
    seen: dict[tuple[str, bool], int] = {}
    for file in files:
        resource = json_text.parse(file.read_bytes())
        found = extract(resource)
        for code, kept in layout(resource["resourceType"], R4).items():
            if kept.kind != "own":
                assert code not in found, "what is shared is not kept twice"
            elif isinstance(kept.branches, Truth):
                assert found.pop(code) in ("true", "false")
            elif kept.composed:
                expected = composed_values(kept, resource)
                assert same([as_lists(entry) for entry in found.pop(code, [])], expected)
            else:
                for facet in TYPES[kept.parameter.type].facets:
                    field = code + facet.suffix
                    expected = expected_values(kept, resource, facet.suffix)
                    assert (field in found) is bool(expected), (file.name, field)
                    if field in found:
                        stored = found.pop(field)
                        assert (type(stored) is list) is kept.many, (file.name, field)
                        assert same(stored if kept.many else [stored], expected)
                        of_type = (kept.parameter.type, kept.many)
                        seen[of_type] = seen.get(of_type, 0) + 1
        assert found == {}, "nothing is stored that no parameter asks for"
    assert len(seen) >= 13, f"each type of parameter was there, single and many: {seen}"


# Anything

SEEDS: list[dict[str, Any]] = [
    {"resourceType": type, **elements}
    for type, elements, _ in (
        *TOKENS,
        *STRINGS,
        *REFERENCES,
        *DATES,
        *NUMBERS,
        *QUANTITIES,
        *OTHERS,
    )
    if elements
]
anything = any_json(names_in(*SEEDS))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([(seed, path) for seed in SEEDS for path in places(seed)]), anything)
def test_no_value_makes_it_fail_and_all_it_gives_can_be_stored(place: Any, value: Any) -> None:
    resource = with_other(*place, value)
    resource["resourceType"] = place[0]["resourceType"]
    found = extract(resource)
    kept = layout(resource["resourceType"], R4)
    for field, stored in found.items():
        assert (type(stored) is list) is kept[field.partition(":")[0]].many
    assert bson.encode(found, codec_options=OPTIONS)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(R4.resource_types)), st.data())
def test_no_resource_makes_it_fail(type: str, data: st.DataObject) -> None:
    structure = R4.types[type]
    names = [
        name + (kind[0].upper() + kind[1:]) * element.choice
        for name, element in structure.elements.items()
        for kind in element.types
    ]
    resource = data.draw(st.dictionaries(st.sampled_from(names), any_json(names), max_size=4))
    found = extract({**resource, "resourceType": type})
    assert set(found) <= {f"{code}{end}" for code in layout(type, R4) for end in ("", ":exact")}
