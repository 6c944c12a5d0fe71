"""What a release of FHIR decides about its RDF, in one place: how it is walked, read and abbreviated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from fhirstore.definitions import Definitions
from fhirstore.rdf import concepts
from fhirstore.rdf.plans import Form, Plans
from fhirstore.rdf.reading import Reading
from fhirstore.rdf.reading_plans import ReadingPlans
from fhirstore.rdf.reading_r4 import R4Reading
from fhirstore.rdf.reading_r5 import R5Reading
from fhirstore.rdf.vocabulary import FHIR, OWL, RDF, XSD
from fhirstore.rdf.walk import Walk
from fhirstore.rdf.walk_r4 import R4Form, R4Walk
from fhirstore.rdf.walk_r5 import R5Form, R5Walk

_SHORT = {"fhir": FHIR, "owl": OWL, "rdf": RDF, "xsd": XSD, "sct": concepts.SNOMED_CLASSES}


@dataclass(frozen=True, slots=True)
class Release:
    """`prefixes` are the short names that its Turtle declares."""

    plans: Plans
    reading_plans: ReadingPlans
    walk: type[Walk]
    reading: type[Reading]
    prefixes: Mapping[str, str]


@lru_cache(maxsize=8)
def release(definitions: Definitions) -> Release:
    """The RDF of one FHIR release. Its plans are made once and shared."""
    form: Form
    walk: type[Walk]
    reading: type[Reading]
    if definitions.fhir_version == "5.0":
        form, walk, reading, loinc = R5Form(), R5Walk, R5Reading, concepts.LOINC_CLASSES_R5
    else:
        form, walk, reading, loinc = R4Form(), R4Walk, R4Reading, concepts.LOINC_CLASSES_R4
    return Release(
        Plans(definitions, form),
        ReadingPlans(definitions, form),
        walk,
        reading,
        MappingProxyType(_SHORT | {"loinc": loinc}),
    )
