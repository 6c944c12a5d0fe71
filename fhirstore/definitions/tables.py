"""The shapes of the definition tables: what the rest of the code knows of a FHIR release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["resource", "complex", "backbone", "primitive"]


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type, inherited ones included.

    `name` is without `[x]`. `types` are paths in the same tables: a datatype (`HumanName`, `dateTime`), an inline
    backbone (`Patient.contact`), `Resource` for contained resources; a content reference is already resolved to
    the path it names (`Questionnaire.item`) and says so with `content_reference`. `max` None means unbounded.
    `targets` are the resource types a Reference or canonical may lead to, () for any. `binding` is the URL of a
    required value set, else None. `declared_by` is the path on which the element was first declared
    (`DomainResource.text`): the RDF predicate.
    """

    name: str
    min: int
    max: int | None
    types: tuple[str, ...]
    choice: bool = False
    content_reference: bool = False
    targets: tuple[str, ...] = ()
    binding: str | None = None
    summary: bool = False
    modifier: bool = False
    declared_by: str = ""


@dataclass(frozen=True, slots=True)
class StructureType:
    """A resource, a datatype, a primitive or an inline backbone, with its elements in their order."""

    path: str
    kind: Kind
    base: str | None
    elements: Mapping[str, Element]
    abstract: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a composite: the code of the parameter it means, and its path from the composite's own."""

    code: str
    type: str
    expression: str


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A search parameter as it applies to one resource type.

    `expression` holds only the alternatives that apply to `resource_type`; it is "" for the three parameters that no
    path defines (`_text`, `_content`, `_query`). `targets` are the types a reference may lead to, () where the
    definition names none. `bases` are the types that the definition lists, `Resource` and `DomainResource` among them.
    """

    code: str
    type: str
    resource_type: str
    url: str
    expression: str
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    description: str = ""
    bases: tuple[str, ...] = ()
