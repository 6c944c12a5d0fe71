"""What a document meets that meets a criterion of a query: the one place where criteria become conditions.

`layout` says where a parameter is kept, and the parameter's type what is asked there. A chain or `_has` is a condition
with the conditions of the other type in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from fhirstore.definitions import Definitions, SearchParameter
from fhirstore.errors import InvalidSearch
from fhirstore.search import composite, last_updated, text
from fhirstore.search.conditions import (
    All,
    Among,
    Condition,
    Contained,
    Either,
    Element,
    Leads,
    LeadsByUrl,
    LedTo,
    Matches,
    Never,
    Not,
    Present,
    Within,
    either,
)
from fhirstore.search.criteria import Asked, Combined, Criterion
from fhirstore.search.escapes import unescape
from fhirstore.search.inclusion import paths, typed_paths
from fhirstore.search.layout import Kept, layout
from fhirstore.search.parameter_type import Asking, Target
from fhirstore.search.parameter_types import TYPES
from fhirstore.search.reference import CANONICALS
from fhirstore.search.string import unaccented_pattern
from fhirstore.search.token import TEXT_PATHS

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def condition_of(
    criterion: Asked,
    type: str,
    kept: Mapping[str, Kept],
    definitions: Definitions,
    asking: Asking,
) -> Condition:
    """What a document meets that meets `criterion`."""
    if isinstance(criterion, Combined):
        return _combined(criterion, type, kept, definitions, asking)
    if criterion.through is not None:
        return _hop(criterion, criterion.through, type, kept, definitions, asking)
    if criterion.operator is not None:
        return _compared(criterion, criterion.operator, kept, asking)
    if criterion.modifier == "missing":
        return _missing(criterion, kept)
    if criterion.modifier == "identifier":
        return _by_identifier(criterion, type, definitions, asking)
    if criterion.modifier == "text":
        return _by_text(criterion, type, definitions)
    modifier = None if criterion.modifier == "not" else criterion.modifier
    met = _asked(criterion.parameter, modifier, criterion.values, kept, asking)
    return Not(met) if criterion.modifier == "not" else met


def _combined(
    criterion: Combined,
    type: str,
    kept: Mapping[str, Kept],
    definitions: Definitions,
    asking: Asking,
) -> Condition:
    """Criteria that `_filter` joins."""
    if criterion.how == "element":
        assert criterion.parameter is not None
        target = _target(kept[criterion.parameter.code])
        return Element(target.field, _joined(criterion, _within(target, asking)))
    return _joined(criterion, lambda part: condition_of(part, type, kept, definitions, asking))


def _joined(criterion: Combined, condition_of: Callable[[Asked], Condition]) -> Condition:
    made = tuple(condition_of(part) for part in criterion.parts)
    if criterion.how == "not":
        return Not(made[0])
    return either(made) if criterion.how == "or" else All(made)


def _within(composite: Target, asking: Asking) -> Callable[[Asked], Condition]:
    """How the criteria are met that ask of the parts of one element of a composite."""
    targets = {component.parameter.code: component for component in composite.components}

    def condition_of(asked: Asked) -> Condition:
        if isinstance(asked, Combined):
            return _joined(asked, condition_of)
        assert asked.operator is not None
        target = targets[asked.parameter.code]
        compare = TYPES[asked.parameter.type].compare
        if asked.operator == "ni":
            return Not(compare(target, "in", asked.values[0], asking))
        return compare(target, asked.operator, asked.values[0], asking)

    return condition_of


def _compared(
    criterion: Criterion, operator: str, kept: Mapping[str, Kept], asking: Asking
) -> Condition:
    """`parameter operator value` of `_filter`."""
    if operator == "pr":
        return _missing(replace(criterion, name="pr"), kept, wanted="true")
    if operator == "ni":
        # "None of the concepts", of all the parameter's parts.
        return Not(_comparison(criterion.parameter, "in", criterion.values[0], kept, asking))
    return _comparison(criterion.parameter, operator, criterion.values[0], kept, asking)


def _comparison(
    parameter: SearchParameter, operator: str, value: str, kept: Mapping[str, Kept], asking: Asking
) -> Condition:
    if parameter.code == "_lastUpdated":
        return last_updated.compare(operator, value, asking.now)
    if parameter.code == "_id":
        target = Target(parameter, "_id", False, frozenset({"id"}))
    else:
        entry = kept[parameter.code]
        if entry.kind == "any_of":
            parts = (kept[code].parameter for code in entry.parts)
            return either(tuple(_comparison(part, operator, value, kept, asking) for part in parts))
        target = _target(entry)
    return TYPES[parameter.type].compare(target, operator, value, asking)


def _by_identifier(
    criterion: Criterion, type: str, definitions: Definitions, asking: Asking
) -> Condition:
    """The identifier that a reference says itself; it stands in `links`, beside the place of the reference."""
    places = tuple(paths(type, criterion.parameter.code, definitions))
    token = Target(criterion.parameter, "identifier", True, frozenset({"Identifier"}))
    said = TYPES["token"].ask(token, None, criterion.values, asking)
    return Element("links", All((said, Among("path", places))))


def _by_text(criterion: Criterion, type: str, definitions: Definitions) -> Condition:
    """The beginning of what is written beside a code. It is asked of the native form, for no index would be worth its size."""
    found = [
        Matches(
            f"resource.{path}{rest}", f"^{unaccented_pattern(unescape(value))}", ignore_case=True
        )
        for value in criterion.values
        for path, fhir_type in typed_paths(type, criterion.parameter.code, definitions)
        for rest in TEXT_PATHS.get(fhir_type, ())
    ]
    return either(tuple(found))


def _hop(
    criterion: Criterion,
    through: Asked,
    type: str,
    kept: Mapping[str, Kept],
    definitions: Definitions,
    asking: Asking,
) -> Condition:
    """A criterion at the other end of a reference, which has to be met there first."""
    other = layout(criterion.through_type, definitions)
    met = condition_of(through, criterion.through_type, other, definitions, asking)
    code = criterion.parameter.code
    if criterion.reverse:
        fields = [_target(entry).field for entry in _reference_entries(other[code], other)]
        return either(tuple(LedTo(criterion.through_type, field, type, (met,)) for field in fields))
    end = criterion.through_type
    by = tuple(sorted(paths(type, code, definitions)))
    ways: list[Condition] = []
    for entry in _reference_entries(kept[code], kept):
        field = _target(entry).field
        if entry.fhir_types - CANONICALS:
            ways.append(Leads(field, end, (met,)))
        if entry.fhir_types & CANONICALS and "url" in definitions.search_parameters(end):
            ways.append(LeadsByUrl(field, by, end, (met,)))
    return Either((*ways, Contained(end, by, (met,))))


def _reference_entries(entry: Kept, kept: Mapping[str, Kept]) -> list[Kept]:
    """Where the values of a reference parameter are kept: in several fields, where it is what others are together."""
    if entry.kind == "any_of":
        return [one for part in entry.parts for one in _reference_entries(kept[part], kept)]
    return [entry]


def _asked(
    parameter: SearchParameter,
    modifier: str | None,
    values: tuple[str, ...],
    kept: Mapping[str, Kept],
    asking: Asking,
) -> Condition:
    if parameter.code == "_id":
        return _ids(values)
    if parameter.code == "_lastUpdated":
        return last_updated.ask(values, asking.now)
    if parameter.code == text.CONTENT:
        return text.content(values)
    entry = kept[parameter.code]
    parts = [kept[code].parameter for code in entry.parts]
    if entry.kind == "any_of":
        if modifier == "not-in":
            # Of several fields together: none of their values is in it.
            return Not(_asked(parameter, "in", values, kept, asking))
        return Either(tuple(_asked(part, modifier, values, kept, asking) for part in parts))
    if entry.kind == "all_of":
        return either(tuple(_all_parts(parameter, value, parts, kept, asking) for value in values))
    return TYPES[entry.parameter.type].ask(_target(entry), modifier, values, asking)


def _target(entry: Kept) -> Target:
    if entry.field is None:
        raise InvalidSearch(
            f"searching by {entry.parameter.code} is not supported", code="not-supported"
        )
    return Target(
        entry.parameter,
        entry.field,
        entry.many,
        entry.fhir_types,
        entry.only_type,
        entry.systems,
        entry.components,
    )


def _ids(values: tuple[str, ...]) -> Condition:
    """`_id` is compared as it stands; what can be no id is the id of nothing."""
    possible = tuple(dict.fromkeys(value for value in values if _ID.fullmatch(value)))
    return Among("_id", possible) if possible else Never()


def _all_parts(
    parameter: SearchParameter,
    value: str,
    parts: list[SearchParameter],
    kept: Mapping[str, Kept],
    asking: Asking,
) -> Condition:
    """A composite over the resource itself: each part is asked by itself, for there is one combination only."""
    asked = composite.parts(parameter.code, [part.code for part in parts], value)
    return All(
        tuple(
            _asked(part, None, (text,), kept, asking)
            for part, text in zip(parts, asked, strict=True)
        )
    )


def _missing(criterion: Criterion, kept: Mapping[str, Kept], wanted: str = "false") -> Condition:
    """`:missing`, or the other way round `pr`: `wanted` is the value that asks for resources that have a value."""
    if criterion.values not in (("true",), ("false",)):
        raise InvalidSearch(f"{criterion.name} is true or false", code="value")
    present = _present(criterion.parameter, kept)
    return present if criterion.values == (wanted,) else Not(present)


def _present(parameter: SearchParameter, kept: Mapping[str, Kept]) -> Condition:
    """That the parameter has a value."""
    if parameter.code in ("_id", "_lastUpdated"):
        return All(())
    entry = kept[parameter.code]
    if entry.kind == "any_of":
        return Either(tuple(_present(kept[code].parameter, kept) for code in entry.parts))
    field = _target(entry).field
    if entry.only_type is not None:
        return Within(field, at_least=f"{entry.only_type}/", less_than=f"{entry.only_type}0")
    return Present(field)
