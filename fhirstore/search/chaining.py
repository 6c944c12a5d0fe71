"""What a name in a query leads to: the parameter, the modifiers it takes, and the type at the other end of a link.

A chain goes along references of the searched type (`subject:Patient.name`), a reverse chain along those of another
(`_has:Observation:patient:code`). Whatever does not exist is raised as InvalidSearch with the code "not-supported": the
caller says whether that is an error or a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from fhirstore.definitions import Definitions, SearchParameter
from fhirstore.errors import InvalidSearch
from fhirstore.search.canonical import leaves, url_field
from fhirstore.search.layout import layout
from fhirstore.search.parameter_types import TYPES
from fhirstore.search.reference import CANONICALS
from fhirstore.search.text import CONTENT, TEXT
from fhirstore.search.token import TEXT_PATHS

# `_id` is asked as it stands (there is no system, spec page search); `_lastUpdated` is always there as one instant.
# What they lead to is no resource of its own, but lies within (spec page search, Chaining: "composition.patient").
_NESTED = frozenset({("Bundle", "composition"), ("Bundle", "message")})
_OWN_MODIFIERS: dict[str, frozenset[str]] = {
    "_id": frozenset({"missing", "not"}),
    "_lastUpdated": frozenset({"missing"}),
    TEXT: frozenset({"missing"}),
    CONTENT: frozenset(),
}
# Communication is part of anything, which is no hierarchy.
_ANYTHING = 20


class UnsupportedModifier(InvalidSearch):
    """400, also where leniency is asked for: "Server SHALL reject" (spec page search, Modifiers)."""

    code = "not-supported"


def named(type: str, code: str, definitions: Definitions) -> SearchParameter:
    """The parameter `code` of `type`. Raises InvalidSearch."""
    known = definitions.search_parameters(type)
    if code not in known:
        raise unknown(type, code, known, definitions)
    return known[code]


def unknown(type: str, code: str, names: Iterable[str], definitions: Definitions) -> InvalidSearch:
    """The error for a parameter that there is not, with the one that may have been meant."""
    if definitions.is_building(type, code):
        said = f"the values of {code} are being built for what {type} resources there are: ask again later"
        return _unsupported(said)
    close = get_close_matches(code[:80], [*names], n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return _unsupported(f"{type} has no search parameter {code[:80]!r}{hint}")


def check_modifier(
    type: str, parameter: SearchParameter, modifier: str, definitions: Definitions
) -> None:
    """Raise UnsupportedModifier for a modifier that `parameter` of `type` does not take."""
    if _takes(type, parameter, modifier, definitions):
        return
    if parameter.type == "reference" and modifier in definitions.resource_types:
        targets = ", ".join(parameter.targets)
        said = f"{parameter.code} does not refer to {modifier}; it refers to {targets}"
        raise UnsupportedModifier(said)
    raise UnsupportedModifier(
        f"the modifier :{modifier[:80]} is not supported for {parameter.code}, a {parameter.type} parameter"
    )


def link(type: str, step: str, rest: str, definitions: Definitions) -> tuple[SearchParameter, str]:
    """The reference parameter that `step` (`subject`, `subject:Patient`) goes along, and the type that it leads to.

    `rest` is the name of what is asked there: where no type is named, it tells the only one that has it.
    """
    code, _, target = step.partition(":")
    parameter = named(type, code, definitions)
    if parameter.type != "reference":
        raise _unsupported(f"{code} is a {parameter.type} parameter, and leads nowhere")
    if (type, code) in _NESTED:
        raise _unsupported(
            f"to chain into the first entry of a bundle ({code}) is not supported yet"
        )
    if not target:
        return parameter, _only_end(type, parameter, rest, definitions)
    if target not in definitions.resource_types:
        raise UnsupportedModifier(f"{target[:80]!r} is not a resource type")
    check_modifier(type, parameter, target, definitions)
    return parameter, target


def reverse_link(type: str, other: str, code: str, definitions: Definitions) -> SearchParameter:
    """The reference parameter `code` of `other`, along which it refers to `type`."""
    if other not in definitions.resource_types:
        raise _unsupported(f"{other[:80]!r} is not a resource type")
    parameter = definitions.search_parameters(other).get(code)
    if parameter is None or parameter.type != "reference":
        raise _unsupported(f"{other} has no reference parameter {code[:80]!r}")
    if parameter.targets and type not in parameter.targets:
        raise _unsupported(f"{other}.{code} does not refer to {type}")
    kept = layout(other, definitions)
    by_url = all(leaf.fhir_types <= CANONICALS for leaf in leaves(kept[code], kept))
    if by_url and url_field(type, definitions) is None:
        raise _unsupported(f"{other}.{code} refers by canonical URL, and {type} has none")
    return parameter


def parent(type: str, definitions: Definitions) -> SearchParameter | None:
    """The parameter of the reference by which resources of `type` say what they are part of, where that is a hierarchy."""
    for code in ("partof", "part-of"):
        parameter = definitions.search_parameters(type).get(code)
        if parameter and type in parameter.targets and len(parameter.targets) < _ANYTHING:
            return parameter
    return None


def _only_end(type: str, parameter: SearchParameter, rest: str, definitions: Definitions) -> str:
    wanted = re.split(r"[:.\[]", rest, maxsplit=1)[0]
    targets = layout(type, definitions)[parameter.code].leads_to
    having = [
        target
        for target in targets
        if wanted == "_has" or wanted in definitions.search_parameters(target)
    ]
    if len(having) == 1:
        return having[0]
    if not having:
        shown = ", ".join(targets)
        raise _unsupported(f"none of {shown} has a search parameter {wanted[:80]!r}")
    shown = ", ".join(f"{parameter.code}:{target}.{wanted[:80]}" for target in having[:10])
    raise _unsupported(f"{parameter.code} leads to several types: say which, as {shown}")


def _takes(type: str, parameter: SearchParameter, modifier: str, definitions: Definitions) -> bool:
    if parameter.code in _OWN_MODIFIERS:
        return modifier in _OWN_MODIFIERS[parameter.code]
    if modifier == "missing":
        return parameter.type not in ("composite", "special")
    if modifier == "not":
        return parameter.type == "token"
    if modifier in ("text", "of-type") and parameter.type == "token":
        having = TEXT_PATHS.keys() if modifier == "text" else {"Identifier"}
        return bool(layout(type, definitions)[parameter.code].fhir_types & having)
    if parameter.type == "reference" and modifier in definitions.resource_types:
        return not parameter.targets or modifier in parameter.targets
    if parameter.type == "reference" and modifier in ("above", "below"):
        kept = layout(type, definitions)[parameter.code]
        return bool(kept.fhir_types & CANONICALS) or any(
            parent(target, definitions) for target in kept.leads_to
        )
    return modifier in TYPES[parameter.type].modifiers


def _unsupported(why: str) -> InvalidSearch:
    return InvalidSearch(why, code="not-supported")
