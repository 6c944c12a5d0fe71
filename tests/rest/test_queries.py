"""Parameters of an address and of a form."""

from __future__ import annotations

import pytest

from fhirstore.errors import BadRequest
from fhirstore.rest.queries import encode, flag, parse, take, whole_number

TEXTS = [
    (b"", []),
    (b"name=a&name=b", [("name", "a"), ("name", "b")]),
    (b"name=a+b%20c", [("name", "a b c")]),
    (b"name=&flag", [("name", ""), ("flag", "")]),
    (b"code=http%3A%2F%2Floinc.org%7C1", [("code", "http://loinc.org|1")]),
    (b"name=%C3%A9", [("name", "é")]),
    ("name=é".encode(), [("name", "é")]),
    (b"name%3Aexact=a%26b", [("name:exact", "a&b")]),
]


@pytest.mark.parametrize(("text", "pairs"), TEXTS)
def test_pairs(text: bytes, pairs: list[tuple[str, str]]) -> None:
    assert parse(text) == pairs


@pytest.mark.parametrize("text", [b"name=%zz", b"name=%", b"name=%e9", b"name=\xe9"])
def test_what_is_no_text(text: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(text)


def test_as_many_parameters_as_a_search_can_mean() -> None:
    assert len(parse(b"&".join([b"a=1"] * 1000))) == 1000
    with pytest.raises(BadRequest, match="more than 1000"):
        parse(b"&".join([b"a=1"] * 1001))


@pytest.mark.parametrize(
    "pairs",
    [
        [("name", "a b&c=d"), ("code", "http://loinc.org|8867-4")],
        [("date", "ge2020-01-01T00:00:00+01:00"), ("_count", "2")],
        [("name:exact", "é\\,"), ("name", "")],
    ],
)
def test_a_link_says_the_same_again(pairs: list[tuple[str, str]]) -> None:
    assert parse(encode(pairs).removeprefix("?").encode()) == pairs


def test_a_link_stays_legible() -> None:
    assert encode([("subject", "Patient/1,Patient/2")]) == "?subject=Patient/1,Patient/2"
    assert encode([]) == ""


def test_a_control_parameter_stands_once() -> None:
    assert take([("a", "1"), ("b", "2")], "a") == ("1", [("b", "2")])
    assert take([("b", "2")], "a") == (None, [("b", "2")])
    assert take([("a", "")], "a") == (None, [])
    assert take([("a", ""), ("a", "1"), ("a", "")], "a") == ("1", [])
    with pytest.raises(BadRequest):
        take([("a", "1"), ("a", "1")], "a")


def test_numbers_and_flags() -> None:
    assert whole_number("_count", "20") == 20
    assert whole_number("_count", None) is None
    for wrong in ("-1", "1.5", "x", "٣", "1" * 10):
        with pytest.raises(BadRequest):
            whole_number("_count", wrong)
    assert [flag("_pretty", value) for value in ("true", "false", None)] == [True, False, False]
    with pytest.raises(BadRequest):
        flag("_pretty", "yes")
