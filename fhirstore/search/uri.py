"""Uri parameters: "URIs match if they are an exact match", case and accents included (spec page search, uri).

`:below` and `:above` go by the path of a URL: a URI is below another if that, and a slash, is what it begins with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fhirstore.references import parse
from fhirstore.search.conditions import Among, Condition, Either, Matches, Within
from fhirstore.search.escapes import unescape
from fhirstore.search.filter import escaped
from fhirstore.search.parameter_type import (
    Asking,
    Facet,
    ParameterType,
    Target,
    Writer,
    Writing,
    compared,
)
from fhirstore.search.string import after, check_pattern

_TYPES = frozenset({"uri", "url", "canonical", "oid", "uuid"})


def _write(element: Any, values: list[Any]) -> None:
    if type(element) is str:
        values.append(element)


def _writer(fhir_type: str, writing: Writing) -> Writer | None:
    return _write if fhir_type in _TYPES else None


def _ask(target: Target, modifier: str | None, values: Sequence[str], asking: Asking) -> Condition:
    said = map(unescape, values)
    wanted = tuple(dict.fromkeys(uri for text in said for uri in _meant(target, text, asking)))
    if modifier == "below":
        places = tuple(place for uri in wanted for place in _below(target.field, uri))
        return Either(places)
    if modifier == "above":
        return Among(target.field, tuple(dict.fromkeys(p for uri in wanted for p in _above(uri))))
    return Among(target.field, wanted)


def _meant(target: Target, text: str, asking: Asking) -> Iterator[str]:
    """`text`, and for a canonical that is relative what it is on this server: `_profile=StructureDefinition/lipid` "refers [to]
    a local profile on the same server" (spec page search, Parameters for all resources)."""
    yield text
    if "canonical" in target.fhir_types:
        reference = parse(text, (), asking.resource_types)
        if reference.kind == "local":
            yield from (f"{base.rstrip('/')}/{text}" for base in asking.base_urls)


def _below(field: str, uri: str) -> tuple[Condition, ...]:
    """`uri` itself, and what goes on behind it with a slash: `http://acme.org/fhir/` and all that is in there."""
    base = uri.rstrip("/")
    # "0" follows "/".
    return Among(field, (uri,)), Within(field, at_least=f"{base}/", less_than=f"{base}0")


def _above(uri: str) -> list[str]:
    """`uri` itself and what it is below of, with and without a slash at the end; not the scheme, which is no place."""
    found = [uri]
    scheme, mark, path = uri.partition("://")
    parts = path.rstrip("/").split("/") if mark else []
    for length in range(len(parts), 0, -1):
        place = f"{scheme}://{'/'.join(parts[:length])}"
        found += [place, f"{place}/"] if length < len(parts) else [place]
    return found


def _compare(target: Target, operator: str, value: str, asking: Asking) -> Condition:
    """What `_filter` asks of a URI: what it asks of a string, but for the folding."""
    if operator in ("co", "ew"):
        check_pattern(value)
        return Matches(target.field, escaped(value) + ("$" if operator == "ew" else ""))
    if operator == "sw":
        return Within(target.field, at_least=value, less_than=after(value))
    return compared(target.field, operator, value)


TYPE = ParameterType(
    "uri",
    (Facet("", _writer, lambda fhir_type: True),),
    _ask,
    modifiers=frozenset({"above", "below"}),
    operators=("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le"),
    compare=_compare,
)
