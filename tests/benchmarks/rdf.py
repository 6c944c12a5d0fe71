"""What RDF costs: graphs of about 190 triples written and read, beside rdflib on the same graphs.

`python -m tests.benchmarks.rdf`. The floor is what a user would do without this project: rdflib serializes the graph that
it has, and parses the text. It does not even make the graph of a resource, nor a resource of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import rdflib
from rich.console import Console

from fhirstore import json_text
from fhirstore.definitions import definitions
from fhirstore.rdf import Options, Projection
from tests.benchmarks.data import texts
from tests.benchmarks.measure import Figure, Ratio, in_turns, table

BASE = "http://example.org/fhir"
GRAPHS = 100
# Of how many triples a graph may be to be among those measured.
SIZES = range(140, 241)
# Graphs a second on one core, of R4.
WRITTEN, READ = 3000, 1500
RATIO = 3
# What is done with each graph.
Each = Callable[[Any], object]


@dataclass(frozen=True)
class Graphs:
    """The same graphs in the forms that the two sides need."""

    projection: Projection
    resources: list[dict[str, Any]]
    turtle: list[str]
    ntriples: list[str]

    @property
    def triples(self) -> float:
        """How many one graph has on average."""
        return sum(text.count("\n") for text in self.ntriples) / len(self.ntriples)


def graphs(most: int = GRAPHS) -> Graphs:
    """Up to `most`, out of the resources that all figures are measured with."""
    projection = Projection(definitions("4.0"), Options(base=BASE))
    found = Graphs(projection, [], [], [])
    for text in texts(20_000)[1]:
        resource = json_text.parse(text)
        ntriples = projection.ntriples(resource)
        if ntriples.count("\n") in SIZES:
            found.resources.append(resource)
            found.ntriples.append(ntriples)
            found.turtle.append(projection.turtle(resource))
            if len(found.resources) == most:
                break
    return found


def measured(of: Graphs) -> Iterator[Ratio | Figure]:
    """Each way, ours and rdflib's, in turns."""
    with_rdflib = [rdflib.Graph().parse(data=text, format="turtle") for text in of.turtle]
    ours = of.projection
    ways: list[tuple[str, list[Any], Each, list[Any], Each, int]] = [
        ("Turtle written", with_rdflib, _serialize("turtle"), of.resources, ours.turtle, WRITTEN),
        ("N-Triples written", with_rdflib, _serialize("nt"), of.resources, ours.ntriples, WRITTEN),
        ("Turtle read", of.turtle, _parse("turtle"), of.turtle, ours.from_turtle, READ),
        ("N-Triples read", of.ntriples, _parse("nt"), of.ntriples, ours.from_ntriples, READ),
    ]
    for name, floor_over, floor, over, mine, target in ways:
        ratio = in_turns(
            f"{name}, to rdflib",
            partial(_all, floor, floor_over),
            partial(_all, mine, over),
            operations=len(over),
            target=RATIO,
            rounds=4,
        )
        yield ratio
        yield Figure(f"{name}, graphs a second", ratio.ours, "graphs/s", target)


def _all(work: Each, over: list[Any]) -> None:
    for item in over:
        work(item)


def _serialize(format: str) -> Each:
    return lambda graph: graph.serialize(format=format)


def _parse(format: str) -> Each:
    return lambda text: rdflib.Graph().parse(data=text, format=format)


def report() -> None:
    over = graphs()
    console = Console(width=150)
    console.print(
        f"RDF of R4, {len(over.resources)} graphs of {over.triples:.0f} triples; the best of rounds in turns"
    )
    console.print(table(measured(over)))


if __name__ == "__main__":
    report()
