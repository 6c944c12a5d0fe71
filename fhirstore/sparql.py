"""SPARQL over resources, in an Oxigraph that lives as long as the question.

Oxigraph keeps numbers and dates as values, not as text: `72.50` comes out as `72.5`. So a store of it is for questions and
is thrown away; resources are read from MongoDB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

import pyoxigraph

from fhirstore.errors import BadRequest
from fhirstore.rdf import statements

# Each load makes an index of its own to be merged; the text of so many resources has some megabytes.
_BATCH = 1000

_FORMATS = {
    "csv": pyoxigraph.QueryResultsFormat.CSV,
    "json": pyoxigraph.QueryResultsFormat.JSON,
    "tsv": pyoxigraph.QueryResultsFormat.TSV,
}


class Answer:
    """What a query found: solutions, a graph, or yes or no. To be read once."""

    def __init__(
        self, found: pyoxigraph.QuerySolutions | pyoxigraph.QueryBoolean | pyoxigraph.QueryTriples
    ) -> None:
        self._found = found
        self.variables: list[str] = []
        if isinstance(found, pyoxigraph.QuerySolutions):
            self.variables = [variable.value for variable in found.variables]

    def rows(self) -> Iterator[list[str]]:
        """The values of each solution in the order of the variables; "" for what it leaves open."""
        assert isinstance(self._found, pyoxigraph.QuerySolutions)
        for solution in self._found:
            yield [str(getattr(term, "value", term or "")) for term in solution]

    def text(self, format: str) -> str:
        """It all: solutions in csv, tsv or json, a graph in Turtle, `true` or `false` where json is not asked for."""
        found = self._found
        if isinstance(found, pyoxigraph.QueryTriples):
            made = found.serialize(format=pyoxigraph.RdfFormat.TURTLE)
        elif isinstance(found, pyoxigraph.QueryBoolean) and format != "json":
            return f"{str(bool(found)).lower()}\n"
        else:
            made = found.serialize(format=_FORMATS[format])
        assert made is not None
        return made.decode()


def load(texts: Iterable[str], directory: str | None = None) -> pyoxigraph.Store:
    """An Oxigraph store with N-Triples, in memory or in an empty directory."""
    store = pyoxigraph.Store(directory)
    for batch in _batches(iter(texts)):
        store.bulk_load("".join(batch).encode(), format=pyoxigraph.RdfFormat.N_TRIPLES)
    return store


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(texts, _BATCH)):
        yield batch


def ask(store: pyoxigraph.Store, query: str) -> Answer:
    """The answer to `query`, in which `fhir:`, `sct:`, `loinc:` and the like need no declaration. Raises BadRequest."""
    try:
        return Answer(store.query(_with_dots_escaped(query), prefixes=statements.PREFIXES))
    except SyntaxError as error:
        raise BadRequest(f"this is no SPARQL: {error}") from None


# Names, and what looks like names within strings, IRIs and comments.
_LONG = r"{q}{{3}}(?:\\.|[^\\])*?{q}{{3}}"
_SHORT = r"{q}(?:\\.|[^{q}\\\n])*{q}"
_STRINGS = "|".join(form.format(q=quote) for form in (_LONG, _SHORT) for quote in "\"'")
_NAME = re.compile(
    rf'{_STRINGS}|<[^<>"{{}}|^`\\\s]*>|\#[^\n]*|(?P<name>[A-Za-z][\w\-]*:\w(?:[\w\-]|\.(?=\w))*)',
    re.DOTALL,
)


def _with_dots_escaped(query: str) -> str:
    """Oxigraph 0.5.13 takes no name with two dots (`fhir:Observation.component.code`), as SPARQL's grammar has it, unless
    they are escaped."""

    def escaped(found: re.Match[str]) -> str:
        return found[0].replace(".", "\\.") if found["name"] else found[0]

    return _NAME.sub(escaped, query)


def check(query: str) -> None:
    """Raise BadRequest for what is no query, before a graph is built for it."""
    ask(pyoxigraph.Store(), query)
