"""Checks a resource against the element tables: everything that is wrong with it, at once.

What is checked (spec pages json, datatypes, terminologies, references): unknown elements, JSON types and the formats of
primitives, cardinalities, one choice of several, codes of required bindings, the types that references may lead to, and
that nothing is empty. Profiles, invariants and terminology beyond required bindings are no business of a store.

The tables of a type are compiled once into a property table; a check is then one walk over the properties that are
there. Where an element stands is only spelled out when something is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from fhirstore.definitions import Definitions, Element
from fhirstore.errors import Issue
from fhirstore.json_text import LexicalDecimal
from fhirstore.primitives import CHECKS, Check
from fhirstore.references import parse

# "off" checks only that there is a resource type, without which nothing can be stored.
Level = Literal["off", "structure"]

# A list of thousands helps nobody, and could be asked for with a small request.
MOST_ISSUES = 200

# What the store says of a resource (spec page references: contained resources SHALL NOT contain these).
_NOT_CONTAINED = ("versionId", "lastUpdated", "security")

_DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/"
# What a reference leads to by its relative URL, a search (a conditional reference) or one resource.
_RELATIVE = re.compile(
    r"([A-Za-z]+)(?:\?.+|/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?)"
)

# Where an element stands: what it stands in, its property, its position in an array.
_Place = tuple[Any, str, int]


def validate(
    resource: Mapping[str, Any], definitions: Definitions, *, level: Level = "structure"
) -> list[Issue]:
    """Every problem of `resource`, up to 200, each with severity, issue type, what is wrong and its FHIRPath."""
    type = resource.get("resourceType")
    if not isinstance(type, str) or type not in definitions.resource_types:
        said = (
            "it has no resourceType" if type is None else f"{str(type)[:80]!r} is no resource type"
        )
        return [Issue("error", "structure", said, "resourceType")]
    if level == "off":
        return []
    walk = _Walk(_tables(definitions), _contained_types(resource))
    walk.object(resource, walk.tables.of(type), (None, type, -1), is_resource=True)
    return walk.issues[:MOST_ISSUES]


@lru_cache(maxsize=8)
def _tables(definitions: Definitions) -> _Tables:
    return _Tables(definitions)


def _contained_types(resource: Mapping[str, Any]) -> dict[str, Any]:
    contained = resource.get("contained")
    found = {"": resource.get("resourceType")}
    for entry in contained if isinstance(contained, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            found[entry["id"]] = entry.get("resourceType")
    return found


@dataclass(slots=True)
class _Property:
    """What may stand at one JSON property. `check` is set for a primitive, `type` names what else it may be."""

    name: str
    element: Element
    type: str
    many: bool
    check: Check | None
    codes: frozenset[str] | None
    codings: frozenset[tuple[str, str]] | None
    targets: frozenset[str]


@dataclass(slots=True)
class _Type:
    """A type as JSON: its properties, what it must have, and its choices, each as the names that may stand for it."""

    path: str
    properties: dict[str, _Property]
    required: list[tuple[str, tuple[str, ...]]]
    choices: list[tuple[str, frozenset[str]]] = field(default_factory=list)


class _Tables:
    """The compiled types of one FHIR version."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._made: dict[str, _Type] = {}

    def of(self, path: str) -> _Type:
        return self._made.get(path) or self._made.setdefault(path, self._compile(path))

    def _compile(self, path: str) -> _Type:
        made = _Type(path, {}, [])
        for element in self.definitions.types[path].elements.values():
            names = []
            for type in element.types:
                name = element.name
                if element.choice:
                    name += type[0].upper() + type[1:]
                made.properties[name] = self._property(name, element, type)
                names.append(name)
            if element.min:
                primitives = [f"_{n}" for n in names if made.properties[n].check]
                made.required.append((element.name, (*names, *primitives)))
            if element.choice:
                made.choices.append((element.name, frozenset(names)))
        return made

    def _property(self, name: str, element: Element, type: str) -> _Property:
        structure = self.definitions.types.get(type)
        is_primitive = structure is not None and structure.kind == "primitive"
        binding = element.binding
        is_code = is_primitive and type in ("code", "string", "uri", "canonical")
        return _Property(
            name,
            element,
            type,
            element.max is None or element.max > 1,
            CHECKS[type] if is_primitive else None,
            self.definitions.codes(binding) if binding and is_code else None,
            self.definitions.codings(binding) if binding and not is_primitive else None,
            frozenset(element.targets) if type == "Reference" else frozenset(),
        )


class _Walk:
    """One walk over one resource."""

    def __init__(self, tables: _Tables, contained: dict[str, Any]) -> None:
        self.tables = tables
        self.issues: list[Issue] = []
        self._contained = contained
        self._contained_ids: set[str] = set()

    # objects ------------------------------------------------------------------------------------

    def object(
        self,
        value: Any,
        type: _Type,
        place: _Place,
        *,
        is_resource: bool = False,
        has_value: bool = False,
    ) -> None:
        """Check an object. `has_value`: it accompanies a primitive that is there, and then may have an id alone (ele-1)."""
        if value.__class__ is not dict:
            self._wrong("structure", f"an object is expected, not {_said(value)}", place)
            return
        if not value or (len(value) == 1 and "id" in value and not (is_resource or has_value)):
            self._wrong("structure", "an object has at least one element with content", place)
            return
        properties = type.properties
        for key, below in value.items():
            found = properties.get(key)
            if found is None:
                self._other(key, below, value, type, place, is_resource)
            elif found.many:
                self._array(below, found, value, (place, key, -1))
            elif found.check is not None:
                if not found.check(below) or (found.codes is not None and below not in found.codes):
                    self._primitive(below, found, (place, key, -1))
            else:
                self._complex(below, found, (place, key, -1))
        for name, names in type.required:
            if not any(n in value for n in names):
                self._wrong("required", f"{name} is required", (place, name, -1))
        for name, choice in type.choices:
            present = {bare for key in value if (bare := key.removeprefix("_")) in choice}
            if len(present) > 1:
                said = f"only one of {name}[x] may be there, not {', '.join(sorted(present))}"
                self._wrong("structure", said, (place, name, -1))

    def _other(
        self,
        key: str,
        below: Any,
        value: dict[str, Any],
        type: _Type,
        place: _Place,
        is_resource: bool,
    ) -> None:
        """A property that is no element: the type of a resource, what accompanies a primitive, or a mistake."""
        if key == "resourceType" and is_resource:
            return
        found = type.properties.get(key[1:]) if key.startswith("_") else None
        at = (place, key, -1)
        if found is None or found.check is None:
            self._wrong("structure", f"{type.path} has no element {key[:80]!r}", at)
        elif found.many:
            self._companions(below, value.get(found.name), at)
        else:
            self._companion(below, at, has_value=value.get(found.name) is not None)

    def _array(self, below: Any, found: _Property, value: dict[str, Any], place: _Place) -> None:
        if below.__class__ is not list:
            self._wrong("structure", f"an array is expected, not {_said(below)}", place)
            return
        if not below:
            self._wrong("structure", "an array is not empty", place)
        most = found.element.max
        if most is not None and len(below) > most:
            self._wrong("structure", f"at most {most} may be there, not {len(below)}", place)
        before, key, _ = place
        if found.check is None:
            for position, entry in enumerate(below):
                self._complex(entry, found, (before, key, position))
            return
        companions = value.get(f"_{key}")
        for position, entry in enumerate(below):
            if entry is None and _stands(companions, position):
                continue
            if not found.check(entry) or (found.codes is not None and entry not in found.codes):
                self._primitive(entry, found, (before, key, position))

    def _complex(self, below: Any, found: _Property, place: _Place) -> None:
        if found.type == "Resource":
            self._resource(below, found, place)
            return
        self.object(below, self.tables.of(found.type), place)
        if below.__class__ is dict:
            if found.codings is not None:
                self._binding(below, found, place)
            if found.type == "Reference":
                self._reference(below, found, place)

    def _resource(self, below: Any, found: _Property, place: _Place) -> None:
        type = below.get("resourceType") if isinstance(below, dict) else None
        if not isinstance(type, str) or type not in self.tables.definitions.resource_types:
            said = "a resource with its resourceType is expected"
            self._wrong("structure", said, place)
            return
        if found.name == "contained":
            if "contained" in below:
                said = "a contained resource contains none"
                self._wrong("structure", said, (place, "contained", -1))
            self._inside(below, place)
            self.object(below, self.tables.of(type), place, is_resource=True)
            return
        # Another resource, with contained ones of its own.
        inner = _Walk(self.tables, _contained_types(below))
        inner.issues = self.issues
        inner.object(below, self.tables.of(type), place, is_resource=True)

    def _inside(self, below: dict[str, Any], place: _Place) -> None:
        """What holds for contained resources alone."""
        id, meta = below.get("id"), below.get("meta")
        if isinstance(id, str):
            if id in self._contained_ids:
                said = f"there is another contained resource with the id {id[:80]!r}"
                self._wrong("structure", said, (place, "id", -1))
            self._contained_ids.add(id)
        if isinstance(meta, dict):
            for name in _NOT_CONTAINED:
                if name in meta or f"_{name}" in meta:
                    said = f"a contained resource has no meta.{name}"
                    self._wrong("structure", said, ((place, "meta", -1), name, -1))

    # primitives ---------------------------------------------------------------------------------

    def _primitive(self, value: Any, found: _Property, place: _Place) -> None:
        """Say what is wrong with a primitive that is."""
        assert found.check is not None
        if value is None:
            self._wrong("structure", "null stands only in an array, beside an extension", place)
        elif isinstance(value, dict | list):
            self._wrong("structure", f"a {found.type} is expected, not {_said(value)}", place)
        elif found.check(value):
            said = f"{_said(value)} is not in the required value set {found.element.binding}"
            self._wrong("code-invalid", said, place)
        else:
            self._wrong("value", f"{_said(value)} is no {found.type}", place)

    def _companion(self, below: Any, place: _Place, *, has_value: bool) -> None:
        self.object(below, self.tables.of("Element"), place, has_value=has_value)

    def _companions(self, below: Any, values: Any, place: _Place) -> None:
        if not isinstance(below, list) or not below:
            self._wrong("structure", "an array that is not empty is expected", place)
            return
        if isinstance(values, list) and len(values) != len(below):
            self._wrong("structure", "both arrays of a primitive are of one length", place)
        before, key, _ = place
        for position, entry in enumerate(below):
            at = (before, key, position)
            if entry is None:
                if not _stands(values, position):
                    self._wrong("structure", "null stands beside a value", at)
            else:
                self._companion(entry, at, has_value=_stands(values, position))

    # meaning ------------------------------------------------------------------------------------

    def _binding(self, below: dict[str, Any], found: _Property, place: _Place) -> None:
        """A required binding: one of the codings is in the value set (spec page terminologies)."""
        assert found.codings is not None
        codings = below.get("coding") if found.type == "CodeableConcept" else [below]
        if not isinstance(codings, list):
            return
        said = [c for c in codings if isinstance(c, dict) and "code" in c]
        if said and not any(
            (c.get("system"), c.get("code")) in found.codings for c in said if _is_plain(c)
        ):
            shown = f"{said[0].get('system')}|{said[0].get('code')}"[:120]
            text = f"{shown!r} is not in the required value set {found.element.binding}"
            self._wrong("code-invalid", text, place)

    def _reference(self, below: dict[str, Any], found: _Property, place: _Place) -> None:
        text, targets, said_type = below.get("reference"), found.targets, below.get("type")
        types = self.tables.definitions.resource_types
        type = said_type.removeprefix(_DEFINITIONS) if isinstance(said_type, str) else None
        leads_to = self._leads_to(text, place) if isinstance(text, str) else None
        if leads_to is not None:
            if type in types and type != leads_to:
                said = f"the type {type} and a reference to {leads_to} contradict each other"
                self._wrong("value", said, (place, "type", -1))
            type = leads_to
        if targets and type in types and type not in targets:
            said = f"a reference to {type} stands where one to {' or '.join(sorted(targets))} may stand"
            self._wrong("value", said, place)

    def _leads_to(self, text: str, place: _Place) -> str | None:
        """The type of what a literal reference leads to, None where it does not say it (any URL may be one)."""
        types = self.tables.definitions.resource_types
        reference = parse(text, (), types)
        if reference.kind == "contained":
            if text[1:] not in self._contained:
                said = f"there is no contained resource {text[:80]!r}"
                self._wrong("not-found", said, (place, "reference", -1))
            type = self._contained.get(text[1:])
            return type if isinstance(type, str) else None
        if reference.type is None and (match := _RELATIVE.fullmatch(text)):
            if match[1] not in types:
                said = f"{match[1][:80]!r} is no resource type"
                self._wrong("value", said, (place, "reference", -1))
                return None
            return match[1]
        return reference.type

    def _wrong(self, code: str, said: str, place: _Place) -> None:
        if len(self.issues) < MOST_ISSUES:
            self.issues.append(Issue("error", code, said, _spelled(place)))


def _is_plain(coding: dict[str, Any]) -> bool:
    return isinstance(coding.get("code"), str) and isinstance(coding.get("system"), str | None)


def _stands(values: Any, position: int) -> bool:
    """Whether the other array of a primitive has something at `position`."""
    return isinstance(values, list) and position < len(values) and values[position] is not None


def _spelled(place: _Place) -> str:
    parts: list[str] = []
    at: Any = place
    while at is not None:
        at, key, position = at
        parts.append(key if position < 0 else f"{key}[{position}]")
    return ".".join(reversed(parts))


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value[:80])
    # `1E0` is told as it was sent, where Python would write `1`.
    return (value.text if isinstance(value, LexicalDecimal) else str(value))[:80]
