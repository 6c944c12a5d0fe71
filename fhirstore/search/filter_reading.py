"""A `_filter` expression becomes criteria: its names resolved for one type, and each operator held to what its parameter's
type knows (spec page search_filter, Operators).
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirstore.definitions import Definitions, SearchParameter
from fhirstore.errors import InvalidSearch
from fhirstore.search import chaining
from fhirstore.search.criteria import MOST_HOPS, Asked, Combined, Criterion
from fhirstore.search.filter_expression import Expression, Logic, Step, Test
from fhirstore.search.parameter_types import TYPES
from fhirstore.search.text import CONTENT, TEXT

NAME = "_filter"
# The page's Additional Parameters, as far as R4 has parameters for their children: the composite that keeps the
# children of one element together, and the code of each child.
_GROUPS = {
    ("DocumentReference", "relatesTo"): ("relationship", {"code": "relation", "target": "relatesto"}),
    ("Group", "characteristic"): ("characteristic-value", {"code": "characteristic", "value": "value"}),
}  # fmt: skip
_PRESENT = "pr"
# "Predefined and can be used in place of their associated full namespace."
_NAMESPACES = {
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "ucum": "http://unitsofmeasure.org",
}


def filter_of(text: str, expression: Expression, type: str, definitions: Definitions) -> Combined:
    """What the `_filter` written as `text` asks of resources of `type`. Raises InvalidSearch."""
    return Combined("and", (_asked(expression, type, definitions, 0),), text=text)


def _asked(expression: Expression, type: str, definitions: Definitions, hops: int) -> Asked:
    if isinstance(expression, Logic):
        parts = tuple(_asked(part, type, definitions, hops) for part in expression.parts)
        return Combined(expression.how, parts)
    return _test(expression, expression.path, type, definitions, hops)


def _test(
    test: Test, path: Sequence[Step], type: str, definitions: Definitions, hops: int
) -> Asked:
    step, rest = path[0], path[1:]
    if not rest:
        if step.filter is not None:
            raise InvalidSearch(f"behind {step.name}[...] stands .name", code="value")
        return _leaf(test, chaining.named(type, step.name, definitions))
    if (type, step.name) in _GROUPS:
        return _one_element(test, step, rest, type, definitions)
    if hops == MOST_HOPS:
        raise InvalidSearch(f"more than {MOST_HOPS} links in one path", code="too-costly")
    parameter, end = chaining.link(type, step.name, rest[0].name, definitions)
    there = _test(test, rest, end, definitions, hops + 1)
    if step.filter is not None:
        there = Combined("and", (_asked(step.filter, end, definitions, hops + 1), there))
    return Criterion(NAME, parameter, None, (), there, end)


def _leaf(test: Test, parameter: SearchParameter) -> Criterion:
    operators = (*TYPES[parameter.type].operators, _PRESENT)
    if (
        test.operator not in operators
        or parameter.type == "special"
        or parameter.code in (TEXT, CONTENT)
    ):
        raise InvalidSearch(
            f"{test.operator} cannot be asked of {parameter.code}, a {parameter.type} parameter; "
            f"it takes {', '.join(operators)}",
            code="not-supported",
        )
    value = _with_namespace(test.value, parameter.type)
    return Criterion(NAME, parameter, None, (value,), operator=test.operator)


def _with_namespace(value: str, type: str) -> str:
    """`loinc|8480-6` and `5.4|ucum|mg` with the whole name of the system."""
    parts = value.split("|")
    at = {"token": 0, "quantity": 1}.get(type)
    if at is not None and len(parts) > at + 1:
        parts[at] = _NAMESPACES.get(parts[at], parts[at])
    return "|".join(parts)


def _one_element(
    test: Test, step: Step, rest: Sequence[Step], type: str, definitions: Definitions
) -> Combined:
    """`relatesTo[code eq replaces].target re X`: both of one and the same element."""
    code, children = _GROUPS[type, step.name]
    if step.filter is None:
        raise InvalidSearch(f"{step.name} needs a filter in brackets", code="value")
    composite = chaining.named(type, code, definitions)

    def child(one: Test) -> Criterion:
        if len(one.path) != 1 or one.path[0].name not in children:
            said = f"{step.name} has {', '.join(children)}, one at a time"
            raise InvalidSearch(said, code="not-supported")
        named = chaining.named(type, children[one.path[0].name], definitions)
        made = _leaf(one, named)
        if made.operator == _PRESENT:
            raise InvalidSearch(
                f"pr cannot be asked of the parts of {step.name}", code="not-supported"
            )
        return made

    def read(expression: Expression) -> Asked:
        if isinstance(expression, Logic):
            return Combined(expression.how, tuple(read(part) for part in expression.parts))
        return child(expression)

    parts = (read(step.filter), child(Test(tuple(rest), test.operator, test.value)))
    return Combined("element", parts, composite)
