"""JSON text: what is parsed and written again is the same text, every digit of it; what is no JSON, or loses data, is refused."""

from __future__ import annotations

import copy
import json
import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirstore import json_text
from fhirstore.errors import MalformedContent
from tests.conftest import EXAMPLES

# Numbers

DIGITS: list[tuple[str, Any]] = [
    ("0", 0),
    ("-1", -1),
    ("1" * 400, int("1" * 400)),
    ("1.0", Decimal("1.0")),
    ("1.50", Decimal("1.50")),
    ("-0", Decimal("-0")),
    ("-0.0", Decimal("-0.0")),
    ("0e5", Decimal("0e5")),
    ("1e2", Decimal(100)),
    ("1E2", Decimal(100)),
    ("1e+2", Decimal(100)),
    ("1E+02", Decimal(100)),
    ("1.20e-7", Decimal("0.000000120")),
    ("0.0000001", Decimal("0.0000001")),
    ("0." + "123456789" * 20, Decimal("0." + "123456789" * 20)),
    ("1e6000", Decimal("1e6000")),
    ("-9.99e-6000", Decimal("-9.99e-6000")),
]


@pytest.mark.parametrize(("text", "value"), DIGITS, ids=lambda value: str(value)[:20])
def test_a_number_keeps_its_digits(text: str, value: Any) -> None:
    for outer in ("%s", "[%s]", '{"a":%s,"b":[%s]}'):
        written = outer.replace("%s", text)
        assert json_text.dump(json_text.parse(written.encode())) == written
    parsed = json_text.parse(text.encode())
    assert parsed == value
    assert type(parsed) is int or isinstance(parsed, Decimal), "never a float"


@pytest.mark.parametrize("text", ["1e2", "-0", "1.0"])
def test_a_copied_number_keeps_its_digits(text: str) -> None:
    value = json_text.parse(text.encode())
    for made in (copy.copy(value), copy.deepcopy([value])[0], pickle.loads(pickle.dumps(value))):
        assert json_text.dump(made) == text


@pytest.mark.parametrize("text", ["1", "-0", '{"a":"\ufeff"}'])
def test_a_byte_order_mark_is_passed_over(text: str) -> None:
    value = json_text.parse(f"\ufeff{text}".encode())
    assert json_text.dump(value) == text


# What is refused

REFUSED: list[tuple[str | bytes, str]] = [
    # not one JSON value
    ("", "not well-formed"),
    (" ", "not well-formed"),
    ("{", "not well-formed"),
    ("[1,]", "not well-formed"),
    ("[1 2]", "not well-formed"),
    ('{"a" 1}', "not well-formed"),
    ("{a:1}", "not well-formed"),
    ("{'a':1}", "not well-formed"),
    ('{"a":1,}', "not well-formed"),
    ('{"a":1}{}', "not well-formed"),
    ("1 x", "not well-formed"),
    ("// x\n1", "not well-formed"),
    ("\ufeff\ufeff1", "not well-formed"),
    ("1\ufeff", "not well-formed"),
    ("\u00a01", "not well-formed"),
    ("tru", "not well-formed"),
    ("None", "not well-formed"),
    # numbers that are none
    ("01", "not well-formed"),
    ("1.", "not well-formed"),
    (".5", "not well-formed"),
    ("+1", "not well-formed"),
    ("1e", "not well-formed"),
    ("0x1", "not well-formed"),
    ("NaN", "not well-formed"),
    ("-Infinity", "not well-formed"),
    ("[-0,NaN]", "not well-formed"),
    # numbers that cannot be stored
    ("1e6001", "outside the range"),
    ("1e-6001", "outside the range"),
    ("[-0,1e6001]", "outside the range"),
    ("9" * 6002 + ".0", "outside the range"),
    ("1e99999999999999999999", "outside the range"),
    ("-1e-99999999999999999999", "outside the range"),
    ("1" * 5000, "not well-formed"),
    # texts that are none
    ('"\n"', "not well-formed"),
    ('"\\x"', "not well-formed"),
    ('"\\ud83d"', "not well-formed"),
    ('"\\udc00\\ud800"', "not well-formed"),
    (b'"\xff"', "not well-formed"),
    (b'"\xc3"', "not well-formed"),
    (b'"\xed\xa0\x80"', "not well-formed"),
    (b"\x00", "not well-formed"),
    # a property twice
    ('{"a":1,"a":1}', "'a' stands more than once"),
    ('{"a":1,"\\u0061":2}', "'a' stands more than once"),
    ('[{"b":{"":1,"c":2,"":3}}]', "'' stands more than once"),
    (' { "a" : 1.0 , "a" : 1.0 } ', "'a' stands more than once"),
    # too deep
    ("[" * 91 + "]" * 91, "deeper than 90"),
    ('{"a":' * 91 + "1" + "}" * 91, "deeper than 90"),
    ("[" * 100_000 + "]" * 100_000, "deeper than 90"),
    ("[-0," + "[" * 100_000 + "]" * 100_000 + "]", "deeper than 90"),
    ('["[",' + "[" * 90 + "]" * 90 + "]", "deeper than 90"),
    ("[" * 100_000, "(deeper than 90|not well-formed)"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=lambda value: str(value)[:20])
def test_what_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(MalformedContent, match=said):
        json_text.parse(text.encode() if isinstance(text, str) else text)


def test_a_property_that_stands_twice_is_named() -> None:
    with pytest.raises(MalformedContent) as refused:
        json_text.parse(b'{"x":{"a":1,"b":2,"b":3}}')
    assert refused.value.issues[0].expression == "b"


TAKEN = [
    "[" * 90 + "]" * 90,
    '{"a":' * 90 + "1" + "}" * 90,
    '["[",' + "[" * 89 + "]" * 89 + "]",
    '{"a":"' + "[" * 200 + '"}',
    '{"[[":"]]","{":"}"}',
    "[" + ",".join(["[1]"] * 1000) + "]",
    '{"a":1,"A":1}',
    '[{"a":1},{"a":1}]',
    '{"a":{"a":{"a":1}}}',
    '{"a":"-0"}',
    '"-0"',
    '["\u00e9","\U0001f600","\u2028"]',
    '{"":""}',
    "null",
    "true",
]


@pytest.mark.parametrize("text", TAKEN, ids=lambda text: text[:20])
def test_what_is_taken_comes_out_as_it_was(text: str) -> None:
    assert json_text.dump(json_text.parse(text.encode())) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (' { "a" : [ 1.0 ,\n-0 ] } ', '{"a":[1.0,-0]}'),
        ('"\\u00e9\\/\\ud83d\\ude00"', '"é/😀"'),
        ('"\\u0041\\n\\"\\\\"', '"A\\n\\"\\\\"'),
        ('{"a":1,"b":"\\u0061"}', '{"a":1,"b":"a"}'),
    ],
)
def test_white_space_and_needless_escapes_go(text: str, written: str) -> None:
    assert json_text.dump(json_text.parse(text.encode())) == written


# Laws

numbers = st.from_regex(
    r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
texts = st.text(max_size=6)


def _object(pairs: list[tuple[str, str]]) -> str:
    named = {json.dumps(name, ensure_ascii=False): value for name, value in pairs}
    return "{" + ",".join(f"{name}:{value}" for name, value in named.items()) + "}"


compact = st.recursive(
    st.sampled_from(["null", "true", "false"])
    | numbers
    | texts.map(lambda text: json.dumps(text, ensure_ascii=False)),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(st.tuples(texts, inner), max_size=4).map(_object)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(compact)
def test_compact_text_comes_out_as_it_was(text: str) -> None:
    value = json_text.parse(text.encode())
    assert json_text.parse(json_text.dump(value).encode()) == value
    assert json.loads(json_text.dump(value), parse_float=str) == json.loads(text, parse_float=str)
    if "\\" not in text:
        assert json_text.dump(value) == text


@settings(deadline=None)
@given(compact, st.text(" \t\r\n", max_size=3))
def test_white_space_changes_nothing(text: str, space: str) -> None:
    written = json_text.dump(json_text.parse(text.encode()))
    for spaced in (json_text.pretty(text), f"{space}{text}{space}"):
        assert json_text.dump(json_text.parse(spaced.encode())) == written


def test_pretty_text_is_indented_by_two_spaces() -> None:
    assert json_text.pretty('{"a":[1.0,{"b":[]}]}') == (
        '{\n  "a": [\n    1.0,\n    {\n      "b": []\n    }\n  ]\n}'
    )


@settings(deadline=None)
@given(compact, compact, texts, texts)
def test_a_property_that_stands_twice_is_found_wherever_it_is(
    one: str, other: str, name: str, beside: str
) -> None:
    key, escaped = json.dumps(name, ensure_ascii=False), json.dumps(name)
    text = f'[{one},{{{key}:{other},"{len(beside)}":1}},{{{key}:{one}, {escaped} : {other}}}]'
    with pytest.raises(MalformedContent, match="more than once"):
        json_text.parse(text.encode())


@settings(deadline=None)
@given(compact)
def test_sorted_text_does_not_depend_on_the_order_of_properties(text: str) -> None:
    value = json_text.parse(text.encode())

    def turned(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: turned(part[name]) for name in reversed(part)}
        return [turned(entry) for entry in part] if isinstance(part, list) else part

    assert json_text.dump_sorted(turned(value)) == json_text.dump_sorted(value)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a":1,"b":2}', '{"b":2,"a":1}', True),
        ('{"a":1.0}', '{"a":1.00}', False),
        ('{"a":1e2}', '{"a":100}', False),
        ("[1,2]", "[2,1]", False),
        ('{"a":null}', "{}", False),
    ],
)
def test_sorted_text_tells_apart(one: str, other: str, same: bool) -> None:
    a, b = (json_text.dump_sorted(json_text.parse(text.encode())) for text in (one, other))
    assert (a == b) is same


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40) | st.text('{}[]",:\\u0123eE+-.ntf \n', max_size=30).map(str.encode))
def test_any_bytes_are_parsed_or_refused(content: bytes) -> None:
    try:
        value = json_text.parse(content)
    except MalformedContent:
        return
    assert json_text.parse(json_text.dump(value).encode()) == value
    json.loads(content.decode())


def test_the_examples_come_out_as_they_were() -> None:
    files = sorted(EXAMPLES.glob("*-*.json"))[::10]
    if not files:
        pytest.skip("HL7's examples are not here: `make examples` fetches them")
    for file in files:
        content = file.read_bytes()
        written = json_text.dump(json_text.parse(content))
        assert json_text.parse(written.encode()) == json_text.parse(content)
        assert json.loads(written, parse_float=str) == json.loads(content, parse_float=str)


@pytest.mark.parametrize("text", [rb'"\ud800"', rb'{"a":"\uDBFFx"}', rb'{"a":"x\ud800", "b":1}'])
def test_half_of_a_character_is_said(text: bytes) -> None:
    with pytest.raises(MalformedContent, match=r"\\u.... is half of a character"):
        json_text.parse(text)
