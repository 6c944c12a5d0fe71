"""The graph of R4, read: the order of what repeats is said by `fhir:index`."""

from __future__ import annotations

from fhirstore.rdf.graph import Term
from fhirstore.rdf.misfit import Misfit
from fhirstore.rdf.reading import Object, Reading
from fhirstore.rdf.reading_plans import ReadingStep
from fhirstore.rdf.vocabulary import FHIR

_VALUE = FHIR + "value"
_INDEX = FHIR + "index"


class R4Reading(Reading):
    value_predicate = _VALUE
    links = (FHIR + "link",)
    beside = Reading.beside.union(links, {_INDEX})
    beside_values = beside | {_VALUE}

    def _xhtml(self, step: ReadingStep, objects: list[Term], out: Object) -> None:
        out[step.name] = step.value(self._literal(objects))

    def _ordered(self, objects: list[Term]) -> list[Term]:
        """By their positions, which leave none out (spec page rdf, Representing Repeating Elements).

        One alone needs no position: another toolkit may have left it out, and there is only one order it can have.
        """
        if len(objects) == 1 and type(objects[0]) is dict and _INDEX not in objects[0]:
            return objects
        placed: dict[int, Term] = {}
        for node in objects:
            position = self._position(node)
            if placed.setdefault(position, node) is not node:
                raise Misfit(f"two stand at the fhir:index {position}")
        found = [placed[position] for position in sorted(placed)]
        if max(placed) != len(found) - 1:
            raise Misfit(f"the fhir:index of {len(found)} are {sorted(placed)[:20]}")
        return found

    def _position(self, node: Term) -> int:
        if type(node) is not dict:
            raise Misfit("a blank node is expected")
        if _INDEX not in node:
            raise Misfit("one of several that has no fhir:index")
        text, _ = self._literal(node[_INDEX])
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise Misfit(f"{text[:40]!r} is no fhir:index")
        return int(text)
