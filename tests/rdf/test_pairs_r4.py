"""What HL7 has published for R4, graph by graph: written as it was, and read as its JSON."""

from __future__ import annotations

import pytest
import rdflib
from rdflib.compare import isomorphic

from fhirstore.definitions import definitions
from fhirstore.errors import MalformedContent
from tests.rdf.pairs import R4, Pair, pairs, projection, same
from tests.rdf.tree_hash import of_ntriples, of_turtle

pytestmark = pytest.mark.skipif(
    not R4.exists(), reason="the published pairs are not beside the checkout"
)
DEFINITIONS = definitions("4.0")

# The graphs that are not as published, and why.
WRITTEN_OTHERWISE = {
    "bundle-references": "two entries have one fullUrl; published as one subject, which nobody could take apart again",
}
NOT_READ = {
    "bundle-references": "two resources were published as one subject, with two of each element",
}


def graph_is_as_published(pair: Pair) -> bool:
    written = projection(pair, DEFINITIONS)
    turtle, ntriples = written.turtle(pair.resource), written.ntriples(pair.resource)
    found = of_turtle(turtle)
    assert of_ntriples(ntriples) == found, pair.name
    return found == of_turtle(pair.turtle, lenient=True)


def reads_as_its_json(pair: Pair) -> bool:
    reading = projection(pair, DEFINITIONS)
    assert same(reading.from_turtle(reading.turtle(pair.resource)), pair.resource), pair.name
    assert same(reading.from_ntriples(reading.ntriples(pair.resource)), pair.resource), pair.name
    try:
        return same(reading.from_turtle(pair.turtle), pair.resource)
    except MalformedContent:
        return False


def sample(every: int) -> list[Pair]:
    """Each pair that is an exception, and one of `every` others."""
    found = pairs(R4)
    odd = [pair for pair in found if pair.name in WRITTEN_OTHERWISE | NOT_READ]
    return odd + [pair for pair in found[::every] if pair not in odd]


def test_there_are_pairs_and_the_comparison_tells_graphs_apart() -> None:
    assert len(pairs(R4)) == 380
    pair = next(pair for pair in pairs(R4) if pair.name == "observation-example")
    assert graph_is_as_published(pair)
    changed = Pair(pair.name, pair.json, pair.turtle.replace('"185"', '"185.0"'))
    assert changed != pair
    assert not graph_is_as_published(changed)
    assert not reads_as_its_json(changed)


def test_a_sample_is_written_as_published() -> None:
    differ = {pair.name for pair in sample(2) if not graph_is_as_published(pair)}
    assert differ == set(WRITTEN_OTHERWISE)


def test_a_sample_is_read_as_its_json() -> None:
    differ = {pair.name for pair in sample(2) if not reads_as_its_json(pair)}
    assert differ == set(NOT_READ)


@pytest.mark.long
def test_all_are_written_as_published() -> None:
    differ = {pair.name for pair in pairs(R4) if not graph_is_as_published(pair)}
    assert differ == set(WRITTEN_OTHERWISE)


@pytest.mark.long
def test_all_are_read_as_their_json() -> None:
    differ = {pair.name for pair in pairs(R4) if not reads_as_its_json(pair)}
    assert differ == set(NOT_READ)


def both_say(pair: Pair) -> tuple[bool, bool]:
    """Whether rdflib and the tree hash say that a graph is as published."""
    written = projection(pair, DEFINITIONS).turtle(pair.resource)
    ours, published = (
        rdflib.Graph().parse(data=text, format="turtle") for text in (written, pair.turtle)
    )
    return isomorphic(ours, published), graph_is_as_published(pair)


def test_rdflib_says_the_same_of_a_sample() -> None:
    small = [pair for pair in sample(20) if len(pair.turtle) < 15_000]
    verdicts = {pair.name: both_say(pair) for pair in small}
    assert len(verdicts) > 10
    assert {name for name, (theirs, ours) in verdicts.items() if theirs != ours} == set()
    assert not both_say(next(p for p in pairs(R4) if p.name == "bundle-references"))[0]
