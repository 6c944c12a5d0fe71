"""Streams what a selection finds to a file of RDF: a page of resources is held, and of each the text once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TextIO

from fhirstore import selection
from fhirstore.errors import BadRequest, MalformedContent
from fhirstore.graphs import DEFAULT_BASE, projection_of
from fhirstore.opened import Opened
from fhirstore.rdf import Options, statements
from fhirstore.store import Store, each, finish
from fhirstore.versions import Version

Format = Literal["ntriples", "nquads", "turtle"]


@dataclass(slots=True)
class Progress:
    """`total` None where it is not known."""

    total: int | None = None
    written: int = 0
    left_out: int = 0


Say = Callable[[Progress], None]


class Export:
    """What is to be written, and how.

    In N-Quads each version is a graph of its own, named by its address; so only there may `history` ask for all of them.
    `refused` is told of each version that no graph can say, which is left out.
    """

    def __init__(
        self,
        store: Store,
        address: str,
        options: Options | None = None,
        *,
        format: Format = "ntriples",
        history: bool = False,
        refused: Callable[[Version, MalformedContent], None] = lambda version, error: None,
    ) -> None:
        """Raises BadRequest for a base that is none, and what does not go together."""
        if history and format != "nquads":
            raise BadRequest("versions of one resource are told apart in N-Quads only")
        self._opened: Opened = store.parts()
        self._selection = selection.of_whole(address)
        self._projection = projection_of(self._opened, options)
        self._base = self._projection.options.said_base or DEFAULT_BASE
        self._format = format
        self._history = history
        self._refused = refused

    def write(self, out: TextIO, say: Say = lambda progress: None) -> Progress:
        """Write it all to `out`. Raises NotFound, Gone, InvalidSearch, Unavailable."""
        progress = Progress()
        for text in self.texts(say, progress):
            out.write(text)
        return progress

    def texts(
        self, say: Say = lambda progress: None, progress: Progress | None = None
    ) -> Iterator[str]:
        """The text of a version after the other; together they are one file."""
        progress = progress or Progress()
        progress.total = finish(selection.size(self._opened, self._selection, self._history))
        say(progress)
        for version in each(self._versions()):
            try:
                text = self._text(version, progress.written)
            except MalformedContent as error:
                progress.left_out += 1
                self._refused(version, error)
            else:
                progress.written += 1
                yield text
            say(progress)

    def _versions(self) -> AsyncIterator[Version]:
        if self._history:
            return selection.history(self._opened, self._selection)
        return selection.versions(self._opened, self._selection)

    def _text(self, version: Version, number: int) -> str:
        if self._format == "ntriples":
            return statements.ntriples(self._projection, version.resource, number)
        if self._format == "nquads":
            name = statements.graph_name(self._base, version.type, version.id, version.version)
            return statements.nquads(self._projection, version.resource, number, name)
        text = self._projection.turtle(version.resource)
        return text if number == 0 else statements.without_prefixes(text)
