"""rdflib graphs of what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fhirstore import selection
from fhirstore.opened import Opened
from fhirstore.rdf import Options, Projection

if TYPE_CHECKING:
    import rdflib

# Where the resources of a store stand that has not been told its address.
DEFAULT_BASE = "http://localhost/fhir"


async def graph(opened: Opened, address: str, options: Options | None) -> rdflib.Graph:
    """See `AsyncStore.graph`."""
    import rdflib

    from fhirstore.rdf.rdflib_sink import GraphSink
    from fhirstore.rdf.statements import PREFIXES

    projection = Projection(opened.definitions, options or Options(base=_base(opened)))
    made = rdflib.Graph()
    for prefix, namespace in PREFIXES.items():
        made.bind(prefix, namespace)
    sink = GraphSink(made, projection.value_predicate)
    async for version in selection.versions(opened, selection.parse(address)):
        projection.write(version.resource, sink)
    return made


def _base(opened: Opened) -> str:
    known = opened.repository.pipeline.base_urls
    return known[0] if known else DEFAULT_BASE
