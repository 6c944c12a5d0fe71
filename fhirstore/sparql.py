"""SPARQL over resources, in an Oxigraph that lives as long as the question.

Oxigraph keeps numbers and dates as values, not as text: `72.50` comes out as `72.5`. So a store of it is for questions and
is thrown away; resources are read from MongoDB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import pyoxigraph

from fhirstore.errors import BadRequest
from fhirstore.rdf import statements
from fhirstore.rdf.tokens import LABEL, LANGUAGE, LOCAL, WORD
from fhirstore.rdf.vocabulary import XSD

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
        with _refused():
            for solution in self._found:
                yield [str(getattr(term, "value", term or "")) for term in solution]

    def text(self, format: str) -> str:
        """It all: solutions in csv, tsv or json, a graph in Turtle, `true` or `false` where json is not asked for."""
        found = self._found
        if isinstance(found, pyoxigraph.QueryBoolean) and format != "json":
            return f"{str(bool(found)).lower()}\n"
        with _refused():
            if isinstance(found, pyoxigraph.QueryTriples):
                made = found.serialize(format=pyoxigraph.RdfFormat.TURTLE)
            else:
                made = found.serialize(format=_FORMATS[format])
        assert made is not None
        return made.decode()


# A number with an exponent, which FHIR has as a decimal and XML Schema only as a double. In a string quotes are escaped.
_EXPONENT = re.compile(rf'("[-+.0-9]+[eE][-+0-9]+"\^\^)<{XSD}decimal>')


def load(texts: Iterable[str], directory: str | None = None) -> pyoxigraph.Store:
    """An Oxigraph store with N-Triples, in memory or in an empty directory.

    `1e3` is a double there: as an xsd:decimal it would be no number to Oxigraph, and silently left out of sums.
    """
    store = pyoxigraph.Store(directory)
    for batch in _batches(iter(texts)):
        text = _EXPONENT.sub(rf"\1<{XSD}double>", "".join(batch))
        store.bulk_load(text.encode(), format=pyoxigraph.RdfFormat.N_TRIPLES)
    return store


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(texts, _BATCH)):
        yield batch


def ask(store: pyoxigraph.Store, query: str) -> Answer:
    """The answer to `query`, in which `fhir:`, `sct:`, `loinc:` and the like need no declaration. Raises BadRequest."""
    with _refused():
        return Answer(store.query(_prepared(query), prefixes=statements.PREFIXES))


@contextmanager
def _refused() -> Iterator[None]:
    """What Oxigraph finds wrong with a question, as it is read or as it is answered, as a BadRequest."""
    try:
        yield
    except SyntaxError as error:
        raise BadRequest(f"this is no SPARQL: {error}") from None
    except (RuntimeError, ValueError, OSError) as error:
        raise BadRequest(f"this cannot be answered: {error}") from None


# Names and the one keyword that matters, and what looks like either within strings, IRIs, comments, variables and labels.
_LONG = r"{q}{{3}}(?:\\.|[^\\])*?{q}{{3}}"
_SHORT = r"{q}(?:\\.|[^{q}\\\n])*{q}"
_STRINGS = "|".join(form.format(q=quote) for form in (_LONG, _SHORT) for quote in "\"'")
_WORDS = re.compile(
    rf'{_STRINGS}|<[^<>"{{}}|^`\\\s]*>|\#[^\n]*|[?$]\w+|{LABEL}|{LANGUAGE}'
    rf"|(?P<prefix>(?:{WORD})?:)(?P<local>{LOCAL})|(?P<word>\w+)",
    re.DOTALL,
)
_DOT = re.compile(r"(?<!\\)\.")


def _prepared(query: str) -> str:
    """Oxigraph 0.5.13 takes no name with two dots (`fhir:Observation.component.code`), as SPARQL's grammar has it, unless
    they are escaped. Raises BadRequest for SERVICE, for which it would go to another server."""

    def prepared(found: re.Match[str]) -> str:
        # Oxigraph takes `SERVICE:x` and `trueSERVICE` for it too.
        if "SERVICE" in (found["word"] or found["prefix"] or "").upper():
            raise BadRequest("SERVICE asks another server, and questions are answered here alone")
        return found["prefix"] + _DOT.sub(r"\.", found["local"]) if found["prefix"] else found[0]

    return _WORDS.sub(prepared, query)


def check(query: str) -> None:
    """Raise BadRequest for what is no query, before a graph is built for it."""
    ask(pyoxigraph.Store(), query)
