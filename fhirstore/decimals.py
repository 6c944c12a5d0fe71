"""Whole numbers that are decimals by their element: `3` in a Quantity, which JSON does not tell from an integer.

As `Decimal` they are Decimal128 in the native form, like their neighbours `3.5`: a column is of one type, and a sum of it
is exact. Their JSON text is the same.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

from fhirstore.definitions import Definitions
from fhirstore.links import properties_with


def make_decimal(resource: dict[str, Any], definitions: Definitions) -> None:
    """Make each integer that stands for a decimal a `Decimal`, in place: a copy would cost more than the walk."""
    _walker(definitions).resource(resource)


@lru_cache(maxsize=64)
def _walker(definitions: Definitions) -> _Walker:
    return _Walker(definitions)


class _Walker:
    """Walks resources along the elements that are or have decimals."""

    def __init__(self, definitions: Definitions) -> None:
        self._types = definitions.types
        self._resource_types = definitions.resource_types
        self._properties: dict[str, dict[str, str]] = {}

    def resource(self, value: dict[str, Any]) -> None:
        type_ = value.get("resourceType")
        if type(type_) is str and type_ in self._resource_types:
            self._object(value, type_)

    def _object(self, value: dict[str, Any], type_: str) -> None:
        properties = self._properties.get(type_) or self._properties_of(type_)
        for key, below in value.items():
            kind = properties.get(key)
            if kind is None:
                continue
            if kind == "decimal":
                value[key] = _decimal(below)
            elif type(below) is list:
                for entry in below:
                    self._below(entry, kind)
            else:
                self._below(below, kind)

    def _below(self, value: Any, kind: str) -> None:
        if type(value) is dict:
            if kind == "Resource":
                self.resource(value)
            else:
                self._object(value, kind)

    def _properties_of(self, type_: str) -> dict[str, str]:
        made = properties_with(type_, "decimal", self._types)
        self._properties[type_] = made
        return made


def _decimal(value: Any) -> Any:
    if type(value) is list:
        return [_decimal(entry) for entry in value]
    return Decimal(value) if type(value) is int else value
