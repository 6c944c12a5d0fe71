"""Reference parameters: where a Reference or a canonical leads (spec page search, reference).

A Reference is stored as `Type/id`, one that is not of this store as the absolute URL; its version is not compared. A
canonical is stored as `url`, and as `url|version` besides where it has one, so that it is found either way. A contained
resource has no address, hence no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from fhirstore.errors import InvalidSearch
from fhirstore.references import parse
from fhirstore.search.conditions import (
    Among,
    Condition,
    Either,
    Kin,
    Never,
    Within,
)
from fhirstore.search.escapes import unescape
from fhirstore.search.parameter_type import Asking, Facet, ParameterType, Target, Writer, Writing

CANONICALS = frozenset({"canonical", "uri", "url"})
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


def write_canonical(element: Any, values: list[Any]) -> None:
    """The URL of a canonical, and that with the version where it says one."""
    if type(element) is str and not element.startswith("#"):
        url, bar, _ = element.partition("|")
        if url:
            values.append(url)
        if bar:
            values.append(element)


def _resource(element: Any, values: list[Any]) -> None:
    """A resource that stands where a reference might (`Bundle.composition`)."""
    if type(element) is dict:
        type_, id = element.get("resourceType"), element.get("id")
        if type(type_) is str and type(id) is str:
            values.append(f"{type_}/{id}")


def _writer(fhir_type: str, writing: Writing) -> Writer | None:
    if fhir_type in CANONICALS:
        return write_canonical
    if fhir_type == "Resource":
        return _resource
    if fhir_type != "Reference":
        return None
    read = writing.read_reference

    def write(element: Any, values: list[Any]) -> None:
        if type(element) is dict and type(text := element.get("reference")) is str:
            key = read(text).key
            if key:
                values.append(key)

    return write


def _ask(target: Target, modifier: str | None, values: Sequence[str], asking: Asking) -> Condition:
    if modifier in ("above", "below"):
        return _in_hierarchy(target, modifier, values, asking)
    found = [key for value in values for key in _keys(target, modifier, unescape(value), asking)]
    return Among(target.field, tuple(dict.fromkeys(found))) if found else Never()


def _in_hierarchy(
    target: Target, relation: str, values: Sequence[str], asking: Asking
) -> Condition:
    """References along `partOf`, canonicals along their versions (spec page search, Searching Hierarchies and versions)."""
    if target.fhir_types & CANONICALS:
        if relation == "above":
            raise InvalidSearch("a canonical takes :below, not :above", code="not-supported")
        found = [part for value in values for part in versions(target.field, unescape(value))]
        return Either(tuple(found))
    keys = [key for value in values for key in _keys(target, None, unescape(value), asking)]
    return Kin(target.field, relation, tuple(dict.fromkeys(keys))) if keys else Never()


def versions(field: str, canonical: str) -> Iterator[Condition]:
    """All versions of a canonical; with a version, that and what goes on behind it with a dot: 1 has 1.0 and 1.1 in it."""
    yield Among(field, (canonical,))
    if "|" in canonical:
        # "/" follows ".".
        yield Within(field, at_least=f"{canonical}.", less_than=f"{canonical}/")


def _keys(target: Target, modifier: str | None, text: str, asking: Asking) -> list[str]:
    """The stored forms that `text` may mean."""
    types = _types(target, modifier)
    if _ID.fullmatch(text):
        ids = [f"{type}/{text}" for type in types]
        return [*ids, text] if target.fhir_types & CANONICALS and not modifier else ids
    # What a resource refers to need not be of a type that the definition allows: the address alone says what is asked.
    reference = parse(text, asking.base_urls, asking.resource_types)
    if modifier and reference.type not in (None, modifier):
        raise InvalidSearch(f"{text[:80]!r} is no {modifier}", code="value")
    if target.only_type and reference.type not in (None, *types):
        return []
    keys = [reference.key] if reference.key else []
    # A canonical below the store's own base is kept as it stands.
    return [*keys, text] if target.fhir_types & CANONICALS and not modifier else keys


def _types(target: Target, modifier: str | None) -> Sequence[str]:
    """The types that an id alone may be of."""
    if modifier:
        return () if target.only_type not in (None, modifier) else (modifier,)
    return (target.only_type,) if target.only_type else target.parameter.targets


def _compare(target: Target, operator: str, value: str, asking: Asking) -> Condition:
    """What `_filter` asks: `re` alone."""
    return _ask(target, None, (value,), asking)


TYPE = ParameterType(
    "reference",
    (Facet("", _writer, lambda fhir_type: fhir_type not in CANONICALS),),
    _ask,
    # `identifier` is asked of `links`, by the plan.
    modifiers=frozenset({"identifier", "above", "below"}),
    operators=("re",),
    compare=_compare,
)
