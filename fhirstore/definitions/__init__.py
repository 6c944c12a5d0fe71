"""The definitions of a FHIR release, as compact tables, loaded when first asked for."""

from __future__ import annotations

from threading import Lock

from fhirstore.definitions.release import ComponentRow, Definitions, ParameterRow
from fhirstore.definitions.tables import Component, Element, Kind, SearchParameter, StructureType

__all__ = [
    "Component",
    "ComponentRow",
    "Definitions",
    "Element",
    "Kind",
    "ParameterRow",
    "SearchParameter",
    "StructureType",
    "definitions",
]

# FHIR version as a media type names it: the full release, and the folder of its tables.
# R5 has types and codes only: for RDF and validation, not for search.
_RELEASES = {"4.0": ("4.0.1", "r4"), "5.0": ("5.0.0", "r5")}
_made: dict[str, Definitions] = {}
_making = Lock()


def definitions(fhir_version: str = "4.0") -> Definitions:
    """The definitions of a FHIR version, the same object each time. Reads no file before it is asked something.

    Raises ValueError for a version that has no tables.
    """
    if fhir_version not in _RELEASES:
        known = ", ".join(_RELEASES)
        raise ValueError(f"no definitions of FHIR {fhir_version}; there are those of {known}")
    with _making:
        if fhir_version not in _made:
            _made[fhir_version] = Definitions(fhir_version, *_RELEASES[fhir_version])
        return _made[fhir_version]
