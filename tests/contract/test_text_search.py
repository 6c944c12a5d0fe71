"""What `_text` and `_content` find (spec page search, Text Search Parameters)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fhirstore.errors import InvalidSearch
from tests.contract.conftest import holding


def condition(id: str, narrative: str, **more: Any) -> dict[str, Any]:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{narrative}</div>'
    made = {"resourceType": "Condition", "id": id, "text": {"status": "generated", "div": div}}
    return made | {"subject": {"reference": "Patient/1"}} | more


RESOURCES: list[dict[str, Any]] = [
    condition("c1", "<p>Bone <b>metastases</b>, found in 2019.</p>", note=[{"text": "See the liver\nand \"spleen\""}]),
    condition("c2", "Metastases of the&#32;Liver&#8212;several"),
    condition("c3", "Liver cirrhosis. Ménière?", code={"text": "Morbus Ménière", "coding": [{"system": "http://loinc.org"}]}),
    condition("c4", "A bone, liverwurst and <i title='metastases'>no more</i>"),
    {"resourceType": "Condition", "id": "c5", "subject": {"reference": "Patient/1"}, "recorder": {"display": "No Narrative"}},
]  # fmt: skip

# What is asked of Condition, the ids of what is found.
CASES: list[tuple[str, str]] = [
    ("_text=bone", "c1 c4"),
    ("_text=BONE", "c1 c4"),
    ("_text=(bone OR liver) and metastases", "c1 c2"),
    ("_text=bone OR liver and metastases", "c1 c2 c4"),
    ("_text=liver metastases", "c2"),
    ("_text=metastases,cirrhosis", "c1 c2 c3"),
    ("_text=liver&_text=metastases", "c2"),
    ('_text="bone metastases"', "c1"),
    ('_text="metastases bone"', ""),
    ('_text="the liver several"', "c2"),
    ("_text=liver*", "c2 c3 c4"),
    ('_text="of the liv*"', "c2"),
    ("_text=bone NOT metastases", "c4"),
    ("_text=bone -metastases", "c4"),
    ("_text=not bone", "c2 c3 c5"),
    ("_text=meniere", "c3"),
    ("_text=Ménière", "c3"),
    ("_text=2019", "c1"),
    ("_text=title", ""),
    ("_text=div", ""),
    ("_text=spleen", ""),
    ("_text:missing=true", "c5"),
    ("_text=liver&_id=c2,c3", "c2 c3"),
    ("_text=$where", ""),
    ("_content=spleen", "c1"),
    ("_content=SPLEEN", "c1"),
    ("_content=see", "c1"),
    ("_content=liver", "c1 c2 c3"),
    ('_content="the liver"', "c1 c2"),
    ("_content=narrative", "c5"),
    ("_content=narr*", "c5"),
    ("_content=display", ""),
    ("_content=coding", ""),
    ("_content=loinc", "c3"),
    ("_content=Ménière", "c3"),
    ("_content=spleen OR narrative", "c1 c5"),
    ("_content=liver -spleen", "c2 c3"),
    ("_content=wurst", ""),
    (r"_content=\\x", ""),
]  # fmt: skip
REFUSED: list[tuple[str, str]] = [
    ("_text=(bone", "value"),
    ("_text=bone)", "value"),
    ("_text=bone OR", "value"),
    ("_text=AND bone", "value"),
    ("_text=.*", "value"),
    (r"_content=\x", "value"),
    ("_text=" + "(" * 30 + "x" + ")" * 30, "too-costly"),
    ("_text=" + "x " * 200, "too-costly"),
    ("_content=" + "x" * 200, "too-long"),
    ("_text:exact=x", "not-supported"),
    ("_content:missing=true", "not-supported"),
    ("_sort=_text", "not-supported"),
    ("_filter=_text eq x", "not-supported"),
]


@pytest.fixture(scope="module")
def filled(kind: str, server: str) -> Iterator[Any]:
    with holding(kind, server, RESOURCES) as store:
        store.update(condition("gone", "bone liver"))
        store.delete("Condition", "gone")
        yield store


@pytest.mark.parametrize(("query", "expected"), CASES)
def test_finds(filled: Any, query: str, expected: str) -> None:
    found = filled.search("Condition", query)
    assert sorted(match.id for match in found.matches) == expected.split()


@pytest.mark.parametrize(("query", "code"), REFUSED)
def test_refuses(filled: Any, query: str, code: str) -> None:
    with pytest.raises(InvalidSearch) as caught:
        filled.search("Condition", query)
    assert [issue.code for issue in caught.value.issues] == [code]


def test_the_words_have_an_index(filled: Any, kind: str) -> None:
    if kind == "mongomock":
        pytest.skip("mongomock does not explain")
    (question,) = filled.explain("Condition", "_text=bone").questions
    assert question.indexes == ("search._text",)
