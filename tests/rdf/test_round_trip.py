"""Any resource becomes a graph that strict parsers read and that is the same resource again, or an error: nothing between."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import pyoxigraph
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirstore import json_text
from fhirstore.definitions import definitions
from fhirstore.errors import MalformedContent
from fhirstore.rdf import Options, Projection
from tests.any_json import any_json, names_in, places, with_other
from tests.conftest import EXAMPLES
from tests.rdf.pairs import same
from tests.rdf.tree_hash import of_ntriples, of_turtle

DEFINITIONS = definitions("4.0")
PROJECTIONS = [
    Projection(DEFINITIONS, Options(base="http://hl7.org/fhir")),
    Projection(DEFINITIONS, Options(base="https://clinic.example/r4/", header=False)),
    Projection(DEFINITIONS, Options(concepts=False, links=False)),
]
PROJECTIONS_R5 = [
    Projection(definitions("5.0"), Options(base="https://clinic.example/r5")),
    Projection(definitions("5.0"), Options(concepts=False, links=False)),
]
NO_EXAMPLES = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="HL7's examples are not here: make examples"
)


@cache
def examples(smaller_than: int = 1 << 30) -> list[Path]:
    return [
        path
        for path in sorted(EXAMPLES.glob("*.json"))
        if path.name != "package.json" and path.stat().st_size < smaller_than
    ]


def filled(value: Any) -> Any:
    """The two halves of a primitive array at one length, and without a half that says nothing: the same to FHIR, and the
    form in which they are read (spec page json)."""
    if isinstance(value, list):
        return [filled(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {name: filled(inner) for name, inner in value.items()}
    for shadow in [name for name in out if name.startswith("_")]:
        halves = {
            name: out[name] for name in (shadow[1:], shadow) if isinstance(out.get(name), list)
        }
        length = max(map(len, halves.values()), default=0)
        for name, half in halves.items():
            out[name] = half + [None] * (length - len(half))
            if len(halves) == 2 and not any(item is not None for item in half):
                del out[name]
    return out


def comes_back(projection: Projection, resource: dict[str, Any]) -> bool:
    turtle, ntriples = projection.turtle(resource), projection.ntriples(resource)
    assert of_turtle(turtle) == of_ntriples(ntriples)
    return same(projection.from_turtle(turtle), filled(resource)) and same(
        projection.from_ntriples(ntriples), filled(resource)
    )


@NO_EXAMPLES
def test_a_sample_of_the_examples_comes_back() -> None:
    chosen = examples(smaller_than=50_000)[::40]
    assert len(chosen) > 100
    for number, path in enumerate(chosen):
        resource = json_text.parse(path.read_bytes())
        assert comes_back(PROJECTIONS[number % 3], resource), path.name


@NO_EXAMPLES
@pytest.mark.long
def test_all_examples_come_back() -> None:
    count = 0
    for path in examples():
        resource = json_text.parse(path.read_bytes())
        assert comes_back(PROJECTIONS[0], resource), path.name
        count += 1
    assert count == 5306


SMALL: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "p",
        "meta": {"profile": ["http://x.org/p|1"], "lastUpdated": "2015-02-07T13:28:17Z"},
        "text": {"status": "generated", "div": "<div>a</div>"},
        "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}],
        "name": [{"given": ["a", None], "_given": [None, {"id": "b"}], "period": {"start": "2015"}}],
        "birthDate": "1970-01",
        "_birthDate": {"extension": [{"url": "http://x", "valueInteger": 5}]},
        "multipleBirthBoolean": False,
        "managingOrganization": {"reference": "#o"},
        "generalPractitioner": [{"reference": "Practitioner/1", "display": "x"}],
    },
    {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "a-7"}, {"system": "http://snomed.info/sct", "code": "1"}]},
        "valueQuantity": {"value": 185, "comparator": "<"},
        "component": [{"code": {"text": "x"}, "valueSampledData": {"origin": {"value": 0}, "period": 1, "dimensions": 1}}],
    },
    {
        "resourceType": "Bundle",
        "type": "collection",
        "total": 2,
        "entry": [
            {"fullUrl": "http://x.org/Basic/1", "resource": {"resourceType": "Basic", "id": "1", "code": {"text": "x"}}},
            {
                "fullUrl": "urn:uuid:1",
                "resource": {"resourceType": "Parameters", "parameter": [{"name": "x", "valueOid": "urn:oid:1"}]},
            },
            {
                "resource": {"resourceType": "Binary", "contentType": "x", "data": "AA=="},
                "request": {"method": "PUT", "url": "x"},
            },
        ],
    },
]  # fmt: skip
SMALL_R5: list[dict[str, Any]] = [
    SMALL[0],
    {
        "resourceType": "Observation",
        "modifierExtension": [{"url": "u", "valueInteger64": "5"}],
        "code": {"coding": [{"system": "https://www.nlm.nih.gov/mesh", "code": "D014839"}]},
        "effectiveInstant": "2015-02-07T13:28:17Z",
        "valueQuantity": {"value": 185, "comparator": "<"},
        "component": [
            {"code": {"text": "x"}, "valueSampledData": {"origin": {"value": 0}, "interval": 1, "dimensions": 1}},
            {"modifierExtension": [{"url": "u", "valueCode": "x"}], "_valueString": {"id": "a"}},
        ],
    },
    {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "http://x.org/Basic/1", "resource": {"resourceType": "Basic", "id": "1", "code": {"text": "x"}}},
            {
                "fullUrl": "urn:uuid:1",
                "resource": {
                    "resourceType": "Parameters",
                    "parameter": [{"name": "x", "resource": {"resourceType": "Binary", "data": "AA=="}}],
                },
            },
            {"resource": {"resourceType": "Basic"}, "response": {"outcome": {"resourceType": "OperationOutcome"}}},
        ],
        "issues": {"resourceType": "OperationOutcome", "issue": [{"code": "x"}]},
    },
]  # fmt: skip
# A projection, a resource of its release, and a place in it.
CASES = [
    (projection, resource, path)
    for projections, small in ((PROJECTIONS, SMALL), (PROJECTIONS_R5, SMALL_R5))
    for projection in projections
    for resource in small
    for path in places(resource)
]


def test_the_small_resources_come_back_as_they_are() -> None:
    assert all(comes_back(projection, small) for projection in PROJECTIONS for small in SMALL)
    assert all(comes_back(projection, small) for projection in PROJECTIONS_R5 for small in SMALL_R5)


def comes_back_or_is_refused(projection: Projection, resource: Any) -> None:
    try:
        turtle, ntriples = projection.turtle(resource), projection.ntriples(resource)
    except MalformedContent as error:
        assert error.issues[0].diagnostics  # noqa: PT017 - either way is right
        return
    list(pyoxigraph.parse(turtle, format=pyoxigraph.RdfFormat.TURTLE))
    list(pyoxigraph.parse(ntriples, format=pyoxigraph.RdfFormat.N_TRIPLES))
    assert same(projection.from_turtle(turtle), filled(resource))
    assert same(projection.from_ntriples(ntriples), filled(resource))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CASES), any_json(names_in(*SMALL, *SMALL_R5)))
def test_with_anything_at_any_place(case: Any, other: Any) -> None:
    projection, resource, path = case
    comes_back_or_is_refused(projection, with_other(resource, path, other))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CASES), st.text())
def test_with_any_text_at_any_place(case: Any, text: str) -> None:
    projection, resource, path = case
    comes_back_or_is_refused(projection, with_other(resource, path, text))


@NO_EXAMPLES
@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(PROJECTIONS))
def test_examples_with_a_part_of_another_in_them(
    chance: random.Random, projection: Projection
) -> None:
    small = examples(smaller_than=5_000)
    one, other = (json_text.parse(path.read_bytes()) for path in chance.sample(small, 2))
    part = other
    for key in chance.choice(list(places(other))):
        part = part[key]
    comes_back_or_is_refused(projection, with_other(one, chance.choice(list(places(one))), part))
