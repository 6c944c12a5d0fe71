"""What HL7's publisher has made of R5 resources, in the four forms it has had: written as the newest, read from all."""

from __future__ import annotations

import pyoxigraph
import pytest
import rdflib
from rdflib.compare import isomorphic

from fhirstore.definitions import definitions
from fhirstore.errors import MalformedContent
from tests.rdf.pairs import R5, Pair, pairs, projection, same
from tests.rdf.tree_hash import Triple, of_ntriples, of_turtle, tree_hash, triples

pytestmark = pytest.mark.skipif(
    not R5.exists(), reason="the published pairs are not beside the checkout"
)
DEFINITIONS = definitions("5.0")
FORMS = {"r5a": 117, "r5b": 225, "r5c": 31, "r5d": 22}
_DIV, _VALUE = "<http://hl7.org/fhir/div>", "<http://hl7.org/fhir/v>"


# The oldest form says no type where there is a value. Of extensions that are not HL7's it has to be known otherwise.
CHOICE_TYPES = {
    "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-knowledgeCapability": "code",
    "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-knowledgeRepresentationLevel": "code",
    "http://hl7.org/fhir/tools/StructureDefinition/ig-internal-dependency": "code",
    "http://hl7.org/fhir/tools/StructureDefinition/implementationguide-dependency-comment": "markdown",
    "http://hl7.org/fhir/tools/StructureDefinition/resource-information": "string",
    "name": "string",
    "fixed": "uri",
}
NOT_READ = {
    "r5a/StructureDefinition-MedicationOverview": "ElementDefinition.fixed[x] is a uri in all pairs but this, and a code here",
}


def published(pair: Pair) -> frozenset[str]:
    """The graph that was published, but for two things.

    A narrative is a literal in r5b, and a node with a value in what is written here. And the IRI `<url|version>` is none:
    strict parsers refuse it, so that here it is written with `%7C`.
    """
    found: list[Triple] = []
    for subject, predicate, object_ in triples(
        pair.turtle, pyoxigraph.RdfFormat.TURTLE, lenient=True
    ):
        if object_.startswith("<"):
            found.append((subject, predicate, object_.replace("|", "%7C")))
        elif predicate == _DIV and object_.startswith('"'):
            node = f"_:div{len(found)}"
            found += [(subject, predicate, node), (node, _VALUE, object_)]
        else:
            found.append((subject, predicate, object_))
    return tree_hash(found)


def graph_is_as_published(pair: Pair) -> bool:
    written = projection(pair, DEFINITIONS)
    turtle, ntriples = written.turtle(pair.resource), written.ntriples(pair.resource)
    found = of_turtle(turtle)
    assert of_ntriples(ntriples) == found, pair.name
    return found == published(pair)


def reads_as_its_json(pair: Pair) -> bool:
    reading = projection(pair, DEFINITIONS, choice_types=CHOICE_TYPES)
    assert same(reading.from_turtle(reading.turtle(pair.resource)), pair.resource), pair.name
    assert same(reading.from_ntriples(reading.ntriples(pair.resource)), pair.resource), pair.name
    return same(reading.from_turtle(pair.turtle), pair.resource) and same(
        reading.from_ntriples(as_ntriples(pair)), pair.resource
    )


def as_ntriples(pair: Pair) -> str:
    """The published graph as N-Triples, every list cell by cell."""
    parsed = pyoxigraph.parse(pair.turtle, format=pyoxigraph.RdfFormat.TURTLE, lenient=True)
    return pyoxigraph.serialize(parsed, format=pyoxigraph.RdfFormat.N_TRIPLES).decode()


def refused(pair: Pair) -> bool:
    try:
        return not reads_as_its_json(pair)
    except MalformedContent as error:
        assert error.issues[0].expression  # noqa: PT017 - either way is right
        return True


@pytest.mark.parametrize(("form", "count"), FORMS.items())
def test_there_are_pairs(form: str, count: int) -> None:
    assert len(pairs(R5, form)) == count


def test_the_comparison_tells_graphs_apart() -> None:
    pair = next(p for p in pairs(R5, "r5d") if p.name == "r5d/Patient-example")
    assert graph_is_as_published(pair)
    changed = Pair(pair.name, pair.json, pair.turtle.replace("1980-01-01", "1980-01-02"))
    assert changed != pair
    assert not graph_is_as_published(changed)
    assert not reads_as_its_json(changed)


def sample(form: str) -> list[Pair]:
    """One of each type of resource, the smallest."""
    small = sorted(pairs(R5, form), key=lambda pair: len(pair.turtle), reverse=True)
    return list({pair.resource["resourceType"]: pair for pair in small}.values())


def test_the_newest_form_is_written_as_published() -> None:
    assert all(graph_is_as_published(pair) for pair in pairs(R5, "r5d"))


def test_the_newest_form_is_read_as_its_json() -> None:
    assert all(reads_as_its_json(pair) for pair in pairs(R5, "r5d"))


def test_a_sample_is_written_as_published() -> None:
    assert all(graph_is_as_published(pair) for pair in sample("r5b"))


@pytest.mark.parametrize("form", FORMS)
def test_a_sample_is_read_as_its_json(form: str) -> None:
    differ = {pair.name for pair in sample(form) if refused(pair)}
    assert differ <= set(NOT_READ)


@pytest.mark.long
def test_all_are_written_as_published() -> None:
    assert all(graph_is_as_published(pair) for pair in pairs(R5, "r5b"))


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
def test_all_are_read_as_their_json(form: str) -> None:
    differ = {pair.name for pair in pairs(R5, form) if refused(pair)}
    assert differ == {name for name in NOT_READ if name.startswith(form)}


def test_rdflib_says_the_same_of_a_sample() -> None:
    small = [pair for pair in pairs(R5, "r5d") if len(pair.turtle) < 6_000]
    assert len(small) > 10
    for pair in small:
        written = projection(pair, DEFINITIONS).turtle(pair.resource)
        ours, theirs = (
            rdflib.Graph().parse(data=text, format="turtle") for text in (written, pair.turtle)
        )
        assert isomorphic(ours, theirs), pair.name
