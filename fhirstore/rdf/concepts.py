"""The class of which a Coding is an instance, for the code systems that have an ontology in RDF (spec page rdf, Representing
Concepts)."""

from __future__ import annotations

from collections.abc import Callable

from fhirstore.rdf.iris import absolute
from fhirstore.short_texts import for_short_pairs

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
MESH = "https://www.nlm.nih.gov/mesh"

SNOMED_CLASSES = "http://snomed.info/id/"
MESH_CLASSES = "http://id.nlm.nih.gov/mesh/"
# LOINC has moved its ontology between the two releases.
LOINC_CLASSES_R4 = "http://loinc.org/rdf#"
LOINC_CLASSES_R5 = "https://loinc.org/rdf/"

# What would have a meaning of its own in a local name is escaped before anything else is.
_ESCAPES = str.maketrans({character: f"%{ord(character):x}" for character in ":;=,"})

ClassOf = Callable[[str, str], str | None]


def _class_r4(system: str, code: str) -> str | None:
    if system == SNOMED:
        return _snomed(code)
    return _loinc(LOINC_CLASSES_R4, code) if system == LOINC else None


def _class_r5(system: str, code: str) -> str | None:
    if system == SNOMED:
        return _snomed(code)
    if system == LOINC:
        return _loinc(LOINC_CLASSES_R5, code)
    return absolute(MESH_CLASSES + code.translate(_ESCAPES)) if system == MESH else None


def _snomed(code: str) -> str | None:
    """A post-coordinated expression is no single class."""
    if ":" in code or "=" in code:
        return None
    return absolute(SNOMED_CLASSES + code.translate(_ESCAPES))


def _loinc(classes: str, code: str) -> str | None:
    return absolute(classes + code.translate(_ESCAPES).upper())


# The class of a system and a code, None where there is none.
class_r4: ClassOf = for_short_pairs(20_000)(_class_r4)
class_r5: ClassOf = for_short_pairs(20_000)(_class_r5)
