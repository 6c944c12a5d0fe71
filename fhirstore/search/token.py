"""Token parameters: codes and identifiers, with or without their system (spec page search, token).

A Coding or an Identifier is stored as `system|code` and as `code`, so that both ways to ask are one equality; one
without a system as `|code` and `code`. A `|` or `\\` inside either part is escaped with `\\`, so that no value can pass
for another. An element that has no system of its own (code, boolean, id, string ...) is stored as the bare value.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from fhirstore.errors import InvalidSearch
from fhirstore.search.conditions import (
    Among,
    Coded,
    Condition,
    Either,
    Matches,
    Never,
    Not,
    Present,
    Within,
    either,
)
from fhirstore.search.escapes import split, unescape
from fhirstore.search.filter import escaped
from fhirstore.search.parameter_type import Asking, Facet, ParameterType, Target, Writer, Writing
from fhirstore.short_texts import for_short_pairs, for_short_texts

# "The implied system for boolean values" (spec page search, token).
BOOLEAN_SYSTEM = "http://hl7.org/fhir/special-values"

# Types whose values have no system of their own: one stored form.
CODES = frozenset({"code", "boolean", "id", "uri", "url", "canonical", "oid", "uuid"})
# Those that are compared without case: telephone numbers, e-mail addresses and words are no codes.
WORDS = frozenset({"string", "markdown", "ContactPoint"})
BARE = CODES | WORDS
OF_TYPE = ":of-type"
# Where the text of a token is, by the type of its element: what `:text` asks (spec page search, Modifiers).
TEXT_PATHS = {
    "CodeableConcept": (".text", ".coding.display"),
    "Coding": (".display",),
    "Identifier": (".type.text",),
    "string": ("",),
}


@for_short_texts(20_000)
def _escaped(part: str) -> str:
    if "|" in part or "\\" in part:
        return part.replace("\\", "\\\\").replace("|", "\\|")
    return part


@for_short_pairs(20_000)
def _with_system(system: str, code: str) -> str:
    return f"{_escaped(system)}|{_escaped(code)}"


def _pair(system: Any, code: Any, values: list[Any]) -> None:
    has_system = type(system) is str
    if type(code) is str:
        values.append(_with_system(system if has_system else "", code))
        values.append(_escaped(code))
    elif has_system:
        values.append(_with_system(system, ""))


def _coding(element: Any, values: list[Any]) -> None:
    if type(element) is dict:
        _pair(element.get("system"), element.get("code"), values)


def _concept(element: Any, values: list[Any]) -> None:
    if type(element) is dict:
        codings = element.get("coding")
        if type(codings) is list:
            for coding in codings:
                _coding(coding, values)


def write_identifier(element: Any, values: list[Any]) -> None:
    if type(element) is dict:
        _pair(element.get("system"), element.get("value"), values)


def _typed_identifier(element: Any, values: list[Any]) -> None:
    """`system|code|value` for each coding of the identifier's type: what `:of-type` asks."""
    if type(element) is not dict or type(value := element.get("value")) is not str:
        return
    kind = element.get("type")
    codings = kind.get("coding") if type(kind) is dict else None
    for coding in codings if type(codings) is list else ():
        if type(coding) is dict and type(code := coding.get("code")) is str:
            system = coding.get("system")
            pair = _with_system(system if type(system) is str else "", code)
            values.append(f"{pair}|{_escaped(value)}")


def _contact_point(element: Any, values: list[Any]) -> None:
    if type(element) is dict:
        _word(element.get("value"), values)


def _word(element: Any, values: list[Any]) -> None:
    if type(element) is str:
        values.append(_escaped(element.casefold()))


def _code(element: Any, values: list[Any]) -> None:
    if type(element) is str:
        values.append(_escaped(element))


def _boolean(element: Any, values: list[Any]) -> None:
    if element is True or element is False:
        values.append("true" if element else "false")


_WRITERS: dict[str, Writer] = {
    "Coding": _coding,
    "CodeableConcept": _concept,
    "Identifier": write_identifier,
    "ContactPoint": _contact_point,
    "boolean": _boolean,
    **dict.fromkeys(("string", "markdown"), _word),
    **dict.fromkeys(CODES - {"boolean"}, _code),
}


def _writer(fhir_type: str, writing: Writing) -> Writer | None:
    return _WRITERS.get(fhir_type)


def _type_writer(fhir_type: str, writing: Writing) -> Writer | None:
    return _typed_identifier if fhir_type == "Identifier" else None


def _ask_of_type(target: Target, values: Sequence[str]) -> Condition:
    wanted = []
    for value in values:
        parts = [unescape(part) for part in split(value, "|")]
        if len(parts) != 3 or not all(parts):
            said = f":of-type takes system|code|value, not {value[:80]!r}"
            raise InvalidSearch(said, code="value")
        wanted.append("|".join(map(_escaped, parts)))
    return Among(target.field + OF_TYPE, tuple(dict.fromkeys(wanted)))


def _ask(target: Target, modifier: str | None, values: Sequence[str], asking: Asking) -> Condition:
    if modifier == "of-type":
        return _ask_of_type(target, values)
    if modifier == "below" and target.fhir_types <= {"code"} and all("/" in v for v in values):
        return _media_types(target.field, values)
    if modifier in ("in", "not-in", "above", "below"):
        relation = modifier.removeprefix("not-")
        parameter, types, systems = target.parameter, target.fhir_types, target.systems
        coded = Coded(target.field, relation, tuple(values), parameter, types, systems, asking.name)
        return Not(coded) if modifier == "not-in" else coded
    equal: list[str] = []
    others: list[Condition] = []
    for value in values:
        parts = split(value, "|")
        _check(target, parts, value)
        if len(parts) == 1:
            equal += _code_forms(target, unescape(parts[0]))
        elif len(parts) == 2:
            system, code = map(unescape, parts)
            if code:
                equal += _pair_forms(target, system, code)
            else:
                others.append(_any_code(target, system, value))
        else:
            raise InvalidSearch(f"a token is system|code, not {value[:80]!r}", code="value")
    if equal:
        others.insert(0, Among(target.field, tuple(dict.fromkeys(equal))))
    others = [condition for condition in others if condition != Never()]
    if not others:
        return Never()
    return either(others)


# "The presence of the pipe symbol SHALL NOT be used - only the [parameter]=[code] form is allowed" (spec page search, token);
# further down it names the system of boolean values all the same.
_WITHOUT_SYSTEM = frozenset({"ContactPoint", "uri", "boolean"})


def _check(target: Target, parts: Sequence[str], value: str) -> None:
    """Raise InvalidSearch for what no element that the parameter points at can be: it would find nothing, in silence."""
    of_booleans = target.fhir_types == {"boolean"}
    if of_booleans and len(parts) == 2 and unescape(parts[0]) == BOOLEAN_SYSTEM:
        parts = parts[1:]
    if len(parts) > 1 and target.fhir_types and target.fhir_types <= _WITHOUT_SYSTEM:
        said = f"{target.parameter.code} takes a value without system and |, not {value[:80]!r}"
        raise InvalidSearch(said, code="value")
    if of_booleans and parts[0] not in ("true", "false"):
        said = f"{target.parameter.code} is true or false, not {value[:80]!r}"
        raise InvalidSearch(said, code="value")


def _code_forms(target: Target, code: str) -> list[str]:
    """The stored forms that a bare code may have: as it stands, and folded where words are kept as well."""
    forms = [_escaped(code)] if target.fhir_types - WORDS else []
    if target.fhir_types & WORDS:
        forms.append(_escaped(code.casefold()))
    return forms


def _pair_forms(target: Target, system: str, code: str) -> list[str]:
    """`system|code`. Where only bare values are kept, the system has to be the one that the element implies."""
    if not target.fhir_types <= BARE:
        return [_with_system(system, code)]
    if system and system not in target.systems:
        return []
    return _code_forms(target, code)


def _any_code(target: Target, system: str, value: str) -> Condition:
    """`system|`: any code of a system."""
    if not system:
        raise InvalidSearch(f"{value!r} names neither a system nor a code", code="value")
    if target.fhir_types <= BARE:
        return Within(target.field, at_least="") if system in target.systems else Never()
    prefix = _escaped(system)
    # "}" follows "|".
    return Within(target.field, at_least=f"{prefix}|", less_than=f"{prefix}}}")


def _media_types(field: str, values: Sequence[str]) -> Condition:
    """`contenttype:below=text/xml`, with any parameters behind a semicolon (spec page search, Modifiers of tokens)."""
    asked: list[Condition] = [Among(field, tuple(map(_escaped, map(unescape, values))))]
    # "<" follows ";".
    asked += [
        Within(field, at_least=f"{base};", less_than=f"{base}<")
        for base in map(_escaped, map(unescape, values))
    ]
    return Either(tuple(asked))


# `ss`: "the value subsumes a concept in the set".
_RELATIONS = {"in": "in", "ss": "below", "sb": "above"}
# A parenthesis for each character, in which some servers go no deeper than 250.
_LONGEST_UNEQUAL = 100


def _compare(target: Target, operator: str, value: str, asking: Asking) -> Condition:
    """What `_filter` asks: a token, another one, or one that a ValueSet or CodeSystem says."""
    if operator == "ne":
        return _unequal(target, value, asking)
    return _ask(target, _RELATIONS.get(operator), (value,), asking)


def _unequal(target: Target, value: str, asking: Asking) -> Condition:
    """That some coding is another one."""
    met = _ask(target, None, (value,), asking)
    if isinstance(met, Never):
        return Present(target.field)
    if not isinstance(met, Among):
        raise InvalidSearch(f"ne takes a code, not {value[:80]!r}", code="value")
    code = _escaped(unescape(split(value, "|")[-1]))
    if not (target.fhir_types <= BARE or "|" in value):
        return Matches(target.field, rf"^([^|\\]|\\[\s\S])*\|{_unequal_pattern(code)}")
    # Any value before, between or behind the stored forms of this one.
    edges = [None, *sorted({*met.values, code}), None]
    return Either(
        tuple(Within(target.field, more_than=low, less_than=high) for low, high in pairwise(edges))
    )


def _unequal_pattern(text: str) -> str:
    """A pattern for all texts but `text`, the ways to differ spelled out: not every server's patterns look ahead."""
    if len(text) > _LONGEST_UNEQUAL:
        said = f"ne takes a code of at most {_LONGEST_UNEQUAL} characters"
        raise InvalidSearch(said, code="too-long")
    pattern = r"[\s\S]+$"
    for character in map(escaped, reversed(text)):
        pattern = rf"($|[^{character}][\s\S]*$|{character}{pattern})"
    return pattern


def _is_single(fhir_type: str) -> bool:
    return fhir_type in BARE


TYPE = ParameterType(
    "token",
    (Facet("", _writer, _is_single), Facet(OF_TYPE, _type_writer, _is_single)),
    _ask,
    modifiers=frozenset({"of-type", "in", "not-in", "above", "below"}),
    operators=("eq", "ne", "in", "ni", "ss", "sb"),
    compare=_compare,
)
