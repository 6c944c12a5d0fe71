"""The search-parameter types by name."""

from __future__ import annotations

from collections.abc import Mapping

from fhirstore.search import (
    composite,
    date,
    number,
    quantity,
    reference,
    special,
    string,
    text,
    token,
    uri,
)
from fhirstore.search.parameter_type import ParameterType

TYPES: Mapping[str, ParameterType] = {
    module.TYPE.name: module.TYPE
    for module in (composite, date, number, quantity, reference, special, string, text, token, uri)
}
