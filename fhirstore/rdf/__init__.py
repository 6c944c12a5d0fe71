"""FHIR resources as RDF graphs and back, in Turtle and N-Triples (spec page rdf)."""

from fhirstore.rdf.options import Options
from fhirstore.rdf.projection import Projection
from fhirstore.rdf.vocabulary import MEDIA_TYPE

__all__ = ["MEDIA_TYPE", "Options", "Projection"]
