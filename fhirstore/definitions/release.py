"""One FHIR release: its tables, read from the shipped files when first asked for.

Each table is parsed once, and the objects for a type are made when that type is first asked for. Two threads may
both make them; `setdefault` lets one win, so that every caller gets the same object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import msgspec

from fhirstore import shipped
from fhirstore.definitions.expressions import for_type
from fhirstore.definitions.tables import Component, Element, Kind, SearchParameter, StructureType

_HERE = Path(__file__).parent


class _ElementRow(msgspec.Struct):
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


class _TypeRow(msgspec.Struct):
    kind: Kind
    base: str | None
    elements: list[_ElementRow]
    abstract: bool = False


class ComponentRow(msgspec.Struct, frozen=True):
    """A part of a composite: the parameter that it is by its URL, and its path within an element."""

    definition: str
    expression: str


class ParameterRow(msgspec.Struct, frozen=True):
    """A search parameter as it is defined, for all its bases at once."""

    url: str
    code: str
    type: str
    bases: tuple[str, ...]
    description: str | dict[str, str]
    expression: str = ""
    targets: tuple[str, ...] = ()
    components: tuple[ComponentRow, ...] = ()


class _Types(Mapping[str, StructureType]):
    """The types by path. Reading the rows takes milliseconds; making all 682 types would take more."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._made: dict[str, StructureType] = {}

    @property
    def _rows(self) -> Mapping[str, _TypeRow]:
        return self._definitions._type_rows

    def __getitem__(self, path: str) -> StructureType:
        made = self._made.get(path)
        return made or self._made.setdefault(path, self._make(path, self._rows[path]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, path: object) -> bool:
        return path in self._rows

    def _make(self, path: str, row: _TypeRow) -> StructureType:
        elements = dict(self[row.base].elements) if row.base else {}
        elements.update((entry.name, _element(entry, path)) for entry in row.elements)
        return StructureType(path, row.kind, row.base, MappingProxyType(elements), row.abstract)


def _element(row: _ElementRow, owner: str) -> Element:
    return Element(
        name=row.name,
        min=row.min,
        max=row.max,
        types=row.types,
        choice=row.choice,
        content_reference=row.content_reference,
        targets=row.targets,
        binding=row.binding,
        summary=row.summary,
        modifier=row.modifier,
        declared_by=row.declared_by or f"{owner}.{row.name}",
    )


class Definitions:
    """What one FHIR release defines. Get it from `fhirstore.definitions.definitions()`, which shares it.

    `fhir_version` is the release as a media type names it ("4.0"), `release` in full ("4.0.1"). Safe to share
    between threads; everything it hands out is immutable. `types` has every resource, datatype, primitive ("string")
    and inline backbone ("Patient.contact") by path. `custom` has the URLs of search parameters that are not the release's
    own (`extended`).
    """

    def __init__(self, fhir_version: str, release: str, folder: str) -> None:
        self.fhir_version = fhir_version
        self.release = release
        self.types: Mapping[str, StructureType] = _Types(self)
        self._folder = folder
        self._parameters: dict[str, Mapping[str, SearchParameter]] = {}
        self._codings: dict[str, frozenset[tuple[str, str]]] = {}
        self._codes: dict[str, frozenset[str]] = {}
        self.custom: frozenset[str] = frozenset()
        self._building: Mapping[tuple[str, str], ParameterRow] = {}

    # Structures

    @cached_property
    def _type_rows(self) -> dict[str, _TypeRow]:
        content = (_HERE / self._folder / "elements.json").read_bytes()
        return msgspec.json.decode(content, type=dict[str, _TypeRow])

    @cached_property
    def resource_types(self) -> frozenset[str]:
        """The types that a resource can have: without the abstract `Resource` and `DomainResource`."""
        rows = self._type_rows.items()
        return frozenset(p for p, row in rows if row.kind == "resource" and not row.abstract)

    def ancestors(self, path: str) -> tuple[str, ...]:
        """What the type inherits from, nearest first: ("DomainResource", "Resource"). Raises KeyError."""
        found: list[str] = []
        while (base := self._type_rows[path].base) is not None:
            found.append(base)
            path = base
        return tuple(found)

    @cached_property
    def extension_types(self) -> Mapping[str, str]:
        """URL to the type of the value, for HL7's extensions whose value is always of one primitive type. Only R5 has them."""
        file = _HERE / self._folder / "extensions.json"
        if not file.exists():
            return MappingProxyType({})
        return MappingProxyType(msgspec.json.decode(file.read_bytes(), type=dict[str, str]))

    # Codes

    @cached_property
    def _code_rows(self) -> dict[str, dict[str, tuple[str, ...]]]:
        content = (_HERE / self._folder / "codes.json").read_bytes()
        return msgspec.json.decode(content, type=dict[str, dict[str, tuple[str, ...]]])

    def codings(self, value_set_url: str) -> frozenset[tuple[str, str]] | None:
        """The (system, code) pairs of a value set that a required binding names, with or without `|version`.

        None where there is no finite list (media types, UCUM units) and for any other value set.
        """
        url = value_set_url.partition("|")[0]
        if url not in self._code_rows:
            return None
        made = self._codings.get(url)
        return made or self._codings.setdefault(
            url, frozenset((s, c) for s, codes in self._code_rows[url].items() for c in codes)
        )

    def codes(self, value_set_url: str) -> frozenset[str] | None:
        """The codes alone, for an element of type `code`, whose system the binding implies. As `codings`."""
        url = value_set_url.partition("|")[0]
        if url not in self._code_rows:
            return None
        made = self._codes.get(url)
        return made or self._codes.setdefault(
            url, frozenset(code for codes in self._code_rows[url].values() for code in codes)
        )

    # Search parameters

    @cached_property
    def _parameter_rows(self) -> dict[str, ParameterRow]:
        file = shipped.directory("indexes") / self._folder / "search-parameters.json"
        rows = msgspec.json.decode(file.read_bytes(), type=list[ParameterRow])
        return {row.url: row for row in rows}

    @cached_property
    def _parameters_by_base(self) -> dict[str, list[ParameterRow]]:
        by_base: dict[str, list[ParameterRow]] = {}
        for row in self._parameter_rows.values():
            for base in row.bases:
                by_base.setdefault(base, []).append(row)
        return by_base

    def search_parameters(self, resource_type: str) -> Mapping[str, SearchParameter]:
        """The parameters of a type by code, in order of code, with those it inherits (`_id`, `_tag`, `_text`).

        `"Resource"` gives the parameters that every type has. Raises KeyError for what is no type at all.
        """
        made = self._parameters.get(resource_type)
        return made or self._parameters.setdefault(
            resource_type, self._parameters_of(resource_type)
        )

    def _parameters_of(self, resource_type: str) -> Mapping[str, SearchParameter]:
        ancestors = self.ancestors(resource_type)
        found = {
            row.code: self._parameter(row, resource_type, ancestors)
            for base in (*reversed(ancestors), resource_type)
            for row in self._parameters_by_base.get(base, ())
        }
        return MappingProxyType(dict(sorted(found.items())))

    def _parameter(
        self, row: ParameterRow, resource_type: str, ancestors: tuple[str, ...]
    ) -> SearchParameter:
        return SearchParameter(
            code=row.code,
            type=row.type,
            resource_type=resource_type,
            url=row.url,
            expression=for_type(row.expression, resource_type, ancestors),
            targets=self._targets(row),
            components=self._components(row),
            description=_description(row, resource_type),
            bases=row.bases,
        )

    def _targets(self, row: ParameterRow) -> tuple[str, ...]:
        if row.targets == ("Resource",):
            return self._addressable_types
        return row.targets

    @cached_property
    def _addressable_types(self) -> tuple[str, ...]:
        # What `Reference(Any)` may lead to: Parameters has no endpoint, hence no address (spec page parameters).
        return tuple(sorted(self.resource_types - {"Parameters"}))

    def _components(self, row: ParameterRow) -> tuple[Component, ...]:
        meant = [self._parameter_rows[part.definition] for part in row.components]
        return tuple(
            Component(parameter.code, parameter.type, part.expression)
            for parameter, part in zip(meant, row.components, strict=True)
        )

    def extended(
        self, rows: Iterable[ParameterRow], building: Iterable[ParameterRow] = ()
    ) -> Definitions:
        """These definitions with more search parameters (`custom`). Those that are `building` are not among them yet."""
        made = copy(self)
        custom = {row.url: row for row in rows}
        made.__dict__.pop("_parameters_by_base", None)
        made.__dict__["_parameter_rows"] = {**self._parameter_rows, **custom}
        made._parameters = {}
        made.custom = self.custom | custom.keys()
        made._building = {(base, row.code): row for row in building for base in row.bases}
        return made

    def is_building(self, resource_type: str, code: str) -> bool:
        """Whether the values of a parameter that `resource_type` will have are being built."""
        return any(
            (base, code) in self._building
            for base in (resource_type, *self.ancestors(resource_type))
        )

    def parameter_by_url(self, url: str) -> SearchParameter | None:
        """The parameter with this canonical URL as it applies to the first of its `bases`, or None."""
        row = self._parameter_rows.get(url)
        return None if row is None else self.search_parameters(row.bases[0])[row.code]

    # Compartments

    @cached_property
    def _compartments(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        file = shipped.directory("indexes") / self._folder / "compartments.json"
        rows = msgspec.json.decode(file.read_bytes(), type=dict[str, dict[str, tuple[str, ...]]])
        return {name: MappingProxyType(_without_self(types)) for name, types in rows.items()}

    @property
    def compartments(self) -> frozenset[str]:
        """The names of the compartments, which are resource types: "Patient", "Encounter" ..."""
        return frozenset(self._compartments)

    def compartment(self, name: str) -> Mapping[str, tuple[str, ...]]:
        """Resource type to the codes of the parameters that put a resource into the compartment `name`.

        A resource is in its own compartment besides; a type that is in it only so (Encounter in "Encounter") has
        no codes here. Raises KeyError for a name that is no compartment.
        """
        return self._compartments[name]


def _description(row: ParameterRow, resource_type: str) -> str:
    if isinstance(row.description, str):
        return row.description
    return row.description.get(resource_type, "")


def _without_self(types: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The definitions write `{def}`, which is no parameter, for "the resource that defines the compartment"."""
    return {name: tuple(c for c in codes if c != "{def}") for name, codes in types.items()}
