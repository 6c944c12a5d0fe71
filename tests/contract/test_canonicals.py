"""Canonicals lead to resources by URL and version: in chains, reverse chains, and what is included (spec page references)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import zstandard

from fhirstore import json_text
from fhirstore.errors import InvalidSearch
from fhirstore.search.canonical import names
from tests.contract.conftest import dropped, holding, open_store


def library(id: str, version: str | None, **more: Any) -> dict[str, Any]:
    made = {
        "resourceType": "Library",
        "id": id,
        "url": "http://x/LB",
        "status": "draft",
        "type": {"text": "x"},
        "name": id,
    }
    return made | ({} if version is None else {"version": version}) | more  # fmt: skip


def plan(id: str, *libraries: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "PlanDefinition", "id": id, "status": "draft"}
    return made | ({"library": [*libraries]} if libraries else {}) | more


def response(id: str, questionnaire: str, status: str = "completed") -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": id,
        "status": status,
        "questionnaire": questionnaire,
    }


def questionnaire(id: str, version: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Questionnaire",
        "id": id,
        "url": "http://x/Q",
        "version": version,
        "status": "draft",
    } | more


RESOURCES: list[dict[str, Any]] = [
    library("beta", "1.0-Beta"),
    library("small", "1.0-beta"),
    library("two", "2|b"),
    library("plain", None, url="http://x/plain"),
    plan("pb", "http://x/LB|1.0-Beta"),
    plan("p2", "http://x/LB|2|b"),
    plan("any", "http://x/LB"),
    plan("pp", "http://x/plain"),
    # What it depends on is another version than the one it cites.
    plan("cites", "http://x/LB|3", relatedArtifact=[{"type": "citation", "resource": "http://x/LB|1.0-Beta"}]),
    questionnaire("q1", "1", title="One"),
    questionnaire("q2", "2"),
    plan("asks", url="http://x/asks", action=[{"definitionCanonical": "http://x/Q|1"}]),
    plan("part", relatedArtifact=[{"type": "depends-on", "resource": "http://x/asks"}]),
    response("r1", "http://x/Q|1"),
    response("r2", "http://x/Q|2", "amended"),
    response("r0", "http://x/Q", "stopped"),
    response("r9", "http://x/Q|9", "completed"),
    # The URL of a code system is kept as another parameter's.
    {"resourceType": "CodeSystem", "id": "cs", "url": "http://x/cs", "status": "draft", "content": "complete", "name": "Codes"},
    {"resourceType": "CodeSystem", "id": "sup", "status": "draft", "content": "supplement", "supplements": "http://x/cs"},
    # URIs that a search parameter takes for canonicals.
    {"resourceType": "ValueSet", "id": "vs", "url": "http://x/vs", "status": "draft", "name": "Set", "version": "1"},
    *(
        {"resourceType": "ConceptMap", "id": id, "status": "draft", name: value}
        for id, name, value in (("uri", "sourceUri", "http://x/vs"), ("canonical", "sourceCanonical", "http://x/vs|1"),
                                ("version", "sourceUri", "http://x/vs|1"), ("other", "sourceCanonical", "http://x/vs|2"))
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(kind: str, server: str) -> Iterator[Any]:
    with holding(kind, server, RESOURCES) as store:
        yield store


# Type, query, the ids of the matches.
FOUND = [
    # A version is compared as it is written.
    ("PlanDefinition", "depends-on:Library.name=beta", "any pb"),
    ("PlanDefinition", "depends-on:Library.name=small", "any"),
    ("PlanDefinition", "depends-on:Library.name=two", "any p2"),
    ("PlanDefinition", "depends-on:Library.name=plain", "pp"),
    ("CodeSystem", "supplements:CodeSystem.name=codes", "sup"),
    # the other way round
    ("Questionnaire", "_has:QuestionnaireResponse:questionnaire:status=completed", "q1"),
    ("Questionnaire", "_has:QuestionnaireResponse:questionnaire:status=amended", "q2"),
    ("Questionnaire", "_has:QuestionnaireResponse:questionnaire:status=stopped", "q1 q2"),
    ("Questionnaire", "_has:QuestionnaireResponse:questionnaire:status=stopped&_id=q2", "q2"),
    ("Questionnaire", "_has:QuestionnaireResponse:questionnaire:status:not=stopped", "q1 q2"),
    ("Questionnaire", "_has:QuestionnaireResponse:questionnaire:status=in-progress", ""),
    ("Questionnaire", "_has:PlanDefinition:definition:_has:PlanDefinition:depends-on:_id=part", "q1"),
    ("QuestionnaireResponse", "questionnaire._has:PlanDefinition:definition:status=draft", "r0 r1"),
    ("PlanDefinition", "definition:Questionnaire._has:QuestionnaireResponse:questionnaire:status=completed", "asks"),
    ("Library", "_has:PlanDefinition:depends-on:_id=pb", "beta"),
    ("Library", "_has:PlanDefinition:depends-on:_id=cites", ""),
    ("Library", "_has:PlanDefinition:depends-on:_id=pp", "plain"),
    ("CodeSystem", "_has:CodeSystem:supplements:status=draft", "cs"),
    ("ConceptMap", "source-uri:ValueSet.name=set", "canonical uri version"),
    ("ValueSet", "_has:ConceptMap:source-uri:_id=uri", "vs"),
    ("ValueSet", "_has:ConceptMap:source-uri:_id=other", ""),
]  # fmt: skip


@pytest.mark.parametrize(("type", "query", "expected"), FOUND)
def test_chains(filled: Any, type: str, query: str, expected: str) -> None:
    assert sorted(match.id for match in filled.search(type, query).matches) == expected.split()


# Type, query, what is included.
INCLUDED = [
    ("PlanDefinition", "_id=pb&_include=PlanDefinition:depends-on", "Library/beta"),
    ("PlanDefinition", "_id=p2&_include=PlanDefinition:depends-on:Library", "Library/two"),
    ("PlanDefinition", "_id=p2&_include=PlanDefinition:depends-on:Measure", ""),
    ("PlanDefinition", "_id=any&_include=PlanDefinition:depends-on", "Library/beta Library/small Library/two"),
    ("PlanDefinition", "_id=cites&_include=PlanDefinition:depends-on", ""),
    ("PlanDefinition", "_id=pb&_include=PlanDefinition:*", "Library/beta"),
    ("PlanDefinition", "_id=pb&_include=*", "Library/beta"),
    ("CodeSystem", "_id=sup&_include=CodeSystem:supplements", "CodeSystem/cs"),
    ("PlanDefinition", "_id=part&_include:iterate=*", "PlanDefinition/asks Questionnaire/q1"),
    # what says them
    ("Library", "_id=beta&_revinclude=PlanDefinition:depends-on", "PlanDefinition/any PlanDefinition/pb"),
    ("Library", "_id=beta&_revinclude=PlanDefinition:*", "PlanDefinition/any PlanDefinition/pb"),
    ("Library", "_id=beta&_revinclude=*", "PlanDefinition/any PlanDefinition/pb"),
    ("Library", "_id=small&_revinclude=*", "PlanDefinition/any"),
    ("Questionnaire", "_id=q1&_revinclude=QuestionnaireResponse:questionnaire",
     "QuestionnaireResponse/r0 QuestionnaireResponse/r1"),
    ("Questionnaire", "_id=q1&_revinclude=QuestionnaireResponse:questionnaire:Questionnaire",
     "QuestionnaireResponse/r0 QuestionnaireResponse/r1"),
    ("Questionnaire", "_id=q1&_revinclude=*", "PlanDefinition/asks QuestionnaireResponse/r0 QuestionnaireResponse/r1"),
    ("Questionnaire", "_id=q1&_revinclude:iterate=*",
     "PlanDefinition/asks PlanDefinition/part QuestionnaireResponse/r0 QuestionnaireResponse/r1"),
    ("CodeSystem", "_id=cs&_revinclude=CodeSystem:supplements", "CodeSystem/sup"),
    ("ConceptMap", "_include=ConceptMap:source-uri", "ValueSet/vs"),
    ("ConceptMap", "_id=uri&_include=*", "ValueSet/vs"),
    ("ConceptMap", "_id=version&_include=*", "ValueSet/vs"),
    ("ConceptMap", "_id=other&_include=*", ""),
    ("ValueSet", "_revinclude=ConceptMap:source-uri", "ConceptMap/canonical ConceptMap/uri ConceptMap/version"),
    ("ValueSet", "_revinclude=*", "ConceptMap/canonical ConceptMap/uri ConceptMap/version"),
]  # fmt: skip


@pytest.mark.parametrize(("type", "query", "expected"), INCLUDED)
def test_includes(filled: Any, type: str, query: str, expected: str) -> None:
    found = [f"{version.type}/{version.id}" for version in filled.search(type, query).included]
    assert sorted(found) == expected.split()


def test_what_has_no_url_is_led_to_by_no_canonical(filled: Any) -> None:
    with pytest.raises(InvalidSearch) as caught:
        filled.search("Patient", "_has:PlanDefinition:depends-on:status=draft")
    assert caught.value.issues[0].code == "not-supported"
    assert "refers by canonical URL" in caught.value.issues[0].diagnostics


PROFILES = [
    ("_profile=StructureDefinition/lipid", "both local other relative"),
    ("_profile=http://my/fhir/StructureDefinition/lipid", "both local"),
    ("_profile=https://other/fhir/StructureDefinition/lipid", "both other"),
    ("_profile=StructureDefinition/none", ""),
    ("_profile=lipid", ""),
    ("_profile=Foo/lipid", ""),
    ("_profile:below=StructureDefinition/lipid", "both local other relative"),
]


@pytest.fixture(scope="module")
def profiled(kind: str, server: str) -> Iterator[Any]:
    my, other = "http://my/fhir", "https://other/fhir/"
    said = {
        "local": [f"{my}/StructureDefinition/lipid"],
        "other": [f"{other}StructureDefinition/lipid"],
        "both": [f"{my}/StructureDefinition/lipid", f"{other}StructureDefinition/lipid"],
        "relative": ["StructureDefinition/lipid"],
        "elsewhere": ["http://elsewhere/fhir/StructureDefinition/lipid", f"{my}/Foo/lipid"],
    }
    with ExitStack() as stack:
        name = dropped(server, stack)
        store = open_store(kind, server, name, stack, base_urls=[my, other])
        for id, profile in said.items():
            store.update({"resourceType": "Patient", "id": id, "meta": {"profile": profile}})
        yield store


@pytest.mark.parametrize(("query", "expected"), PROFILES)
def test_a_relative_profile_is_one_of_this_server(profiled: Any, query: str, expected: str) -> None:
    assert (
        sorted(match.id for match in profiled.search("Patient", query).matches) == expected.split()
    )


def test_a_resource_without_native_form_is_named_by_its_text() -> None:
    """The form of what is too large for the database otherwise."""
    text = json_text.dump({"resourceType": "Library", "url": "http://x/LB", "version": "1.0-Beta"})
    compressed = zstandard.ZstdCompressor().compress(text.encode())
    document = {"search": {"url": "http://x/LB"}, "json_zstd": compressed}
    assert names(document, "search.url") == ["http://x/LB", "http://x/LB|1.0-Beta"]
