"""rdflib graphs of what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fhirstore import selection
from fhirstore.errors import MalformedContent
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

    projection = projection_of(opened, options)
    made = rdflib.Graph()
    for prefix, namespace in PREFIXES.items():
        made.bind(prefix, namespace)
    sink = GraphSink(made, projection.value_predicate)
    async for version in selection.versions(opened, selection.of_whole(address)):
        try:
            projection.write(version.resource, sink)
        except MalformedContent as error:
            (issue,) = error.issues
            which = f"{version.type}/{version.id}/_history/{version.version}"
            said = f"no graph can say {which}: {issue.diagnostics}"
            raise MalformedContent(said, expression=issue.expression) from None
    return made


def projection_of(opened: Opened, options: Options | None) -> Projection:
    """By `options`, below the address of the store where they say no base. Raises BadRequest for a base that is none."""
    known = opened.repository.pipeline.base_urls
    base = known[0] if known else DEFAULT_BASE
    return Projection(opened.definitions, (options or Options()).below(base))
