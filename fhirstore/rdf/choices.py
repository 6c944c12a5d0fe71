"""Which type `[x]` takes in an R5 graph: what the class of its node says, else what can only be meant."""

from __future__ import annotations

from collections.abc import Iterable

from fhirstore.rdf.graph import Edges, Literal, Term
from fhirstore.rdf.misfit import Misfit
from fhirstore.rdf.vocabulary import FHIR, RDF_TYPE, XSD

_DATES = ("date", "dateTime")
# What has a value and no class in the oldest form: which types the datatype of the value stands for.
_TYPES = {
    XSD + datatype: types
    for datatype, types in {
        "string": ("string", "code", "id", "markdown"),
        "anyURI": ("uri", "url", "canonical", "oid", "uuid"),
        "gYear": _DATES,
        "gYearMonth": _DATES,
        "date": _DATES,
        "dateTime": ("dateTime", "instant"),
        "boolean": ("boolean",),
        "integer": ("integer",),
        "long": ("integer64",),
        "nonNegativeInteger": ("unsignedInt",),
        "positiveInteger": ("positiveInt",),
        "decimal": ("decimal",),
        "double": ("decimal",),
        "base64Binary": ("base64Binary",),
        "time": ("time",),
    }.items()
}


def types_of(node: Edges, allowed: Iterable[str], value_predicate: str) -> list[str]:
    """The types of `allowed` that `node` has by its classes, else those that it could have by its value."""
    return _named(node, allowed) or _possible(node, allowed, value_predicate)


def only(types: list[str]) -> str:
    """The one of `types`. Raises Misfit where there is none, or are several."""
    if len(types) == 1:
        return types[0]
    if not types:
        raise Misfit("no class says which type it has")
    raise Misfit(f"its type is one of {', '.join(types)}, and no class says which")


def _named(node: Edges, allowed: Iterable[str]) -> list[str]:
    """By its classes. One form wrote `fhir:Boolean` where the type is called `boolean`."""
    names = {
        name[:1].upper() + name[1:]
        for iri in node.get(RDF_TYPE, ())
        if type(iri) is str and (name := iri.removeprefix(FHIR)) is not iri
    }
    return [type_ for type_ in allowed if type_[0].upper() + type_[1:] in names]


def _possible(node: Edges, allowed: Iterable[str], value_predicate: str) -> list[str]:
    value = first(node, value_predicate)
    if not isinstance(value, tuple):
        return []
    types = _TYPES.get(value[1], ())
    return [type_ for type_ in allowed if type_ in types and _fits(type_, node, value)]


def first(node: Edges, predicate: str) -> Term | None:
    """What is said under `predicate`, where it is one thing."""
    objects = node.get(predicate, ())
    return objects[0] if len(objects) == 1 else None


def text(node: Term | None, value_predicate: str) -> str | None:
    """The text of a primitive's node."""
    value = first(node, value_predicate) if isinstance(node, dict) else None
    return value[0] if isinstance(value, tuple) else None


def _fits(type_: str, node: Edges, value: Literal) -> bool:
    said = value[0]
    if type_ in ("oid", "uuid"):
        return said.startswith(f"urn:{type_}:")
    has_link = FHIR + "link" in node
    if type_ == "canonical":
        return has_link or not said.startswith("http")
    # Only a canonical has a link.
    return not has_link
