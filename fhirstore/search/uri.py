"""Uri parameters: "URIs match if they are an exact match", case and accents included (spec page search, uri).

`:below` and `:above` go by the path of a URL: a URI is below another if that, and a slash, is what it begins with.

Some point at canonicals: `_profile`, which the page calls a reference parameter and the definitions a uri. Those are kept
and compared as reference parameters do, with their version and without.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fhirstore.references import parse
from fhirstore.search.conditions import All, Among, Condition, Either, Matches, Not, Within, either
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
from fhirstore.search.reference import versions, write_canonical
from fhirstore.search.string import after, check_pattern

_TYPES = frozenset({"uri", "url", "oid", "uuid"})


def _write(element: Any, values: list[Any]) -> None:
    if type(element) is str:
        values.append(element)


def _writer(fhir_type: str, writing: Writing) -> Writer | None:
    if fhir_type == "canonical":
        return write_canonical
    return _write if fhir_type in _TYPES else None


def _ask(target: Target, modifier: str | None, values: Sequence[str], asking: Asking) -> Condition:
    said = map(unescape, values)
    wanted = tuple(dict.fromkeys(uri for text in said for uri in _meant(target, text, asking)))
    if modifier == "below":
        places = [place for uri in wanted for place in _below(target, uri)]
        return either([*dict.fromkeys(places)])
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


def _below(target: Target, uri: str) -> Iterator[Condition]:
    """`uri` itself, and what goes on behind it with a slash: `http://acme.org/fhir/` and all that is in there. Of a canonical
    with a version, the versions below that."""
    if "canonical" in target.fhir_types and "|" in uri:
        yield from versions(target.field, uri)
        return
    base = uri.rstrip("/")
    if not uri.endswith("/"):
        yield Among(target.field, (uri,))
    # "0" follows "/".
    yield Within(target.field, at_least=f"{base}/", less_than=f"{base}0")


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
    if operator == "ne" and "canonical" in target.fhir_types:
        return _unequal(target.field, value)
    return compared(target.field, operator, value)


def _unequal(field: str, canonical: str) -> Condition:
    """That some canonical is another one, its two stored forms being one value."""
    url, bar, _ = canonical.partition("|")
    # "}" follows "|".
    others = [Within(field, less_than=url), Within(field, at_least=f"{url}}}")]
    # Between the URL and its first version: what goes on with a slash, say.
    others.append(Within(field, more_than=url, less_than=f"{url}|"))
    if bar:
        others.append(Within(field, at_least=f"{url}|", less_than=canonical))
        others.append(Within(field, more_than=canonical, less_than=f"{url}}}"))
        without_version = All((Among(field, (url,)), Not(Among(field, (canonical,)))))
        return Either((*others, without_version))
    return Either(tuple(others))


TYPE = ParameterType(
    "uri",
    (Facet("", _writer, lambda fhir_type: fhir_type != "canonical"),),
    _ask,
    modifiers=frozenset({"above", "below"}),
    operators=("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le"),
    compare=_compare,
)
