"""Says in words and figures how a search is answered: its questions to the server, and the index that serves each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhirstore.search.order import Phase
from fhirstore.search.plan import Plan


@dataclass(frozen=True, slots=True)
class Counted:
    """A condition in words, and how many resources meet it alone: "340", or "10,000 or more"."""

    words: str
    alone: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question to the server: its filter and sort, and what the server's explain said of it.

    `indexes` are the names of the indexes it would use, () where it reads the whole collection or does not tell.
    `examined` counts the documents that it looked at, `returned` those that it gave; None where the server does not tell.
    `only` is the field whose predicate alone the figures are of, where the server cannot explain several together.
    """

    filter: dict[str, Any]
    sort: list[tuple[str, int]]
    indexes: tuple[str, ...]
    examined: int | None
    returned: int | None
    only: str | None = None

    @property
    def scans(self) -> bool:
        """Whether no index serves it."""
        return not self.indexes


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a search is answered. `str()` of it is for a person.

    `looked_up` says in words what other resources are asked first, `conditions` what is then asked of this type, the
    most selective first, and `matches` how many meet all of it.
    """

    type: str
    parameters: tuple[tuple[str, str], ...]
    order: tuple[str, ...]
    by_default: bool
    questions: tuple[Question, ...]
    compares_all: bool
    looked_up: tuple[str, ...] = ()
    conditions: tuple[Counted, ...] = ()
    matches: str = ""

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        asked = "&".join(f"{name}={value}" for name, value in self.parameters)
        yield f"{self.type}?{asked}"
        for said in self.looked_up:
            yield f"looked up first: {said}"
        for counted in self.conditions:
            yield f"matched: {counted.words}: {counted.alone} alone"
        yield f"together: {self.matches}"
        chosen = " (the cheapest here: none was asked for)" if self.by_default else ""
        yield f"in the order of {', '.join(self.order)}{chosen}"
        if self.compares_all:
            yield "the sort values of all matches are read: no index gives this order"
        for number, question in enumerate(self.questions, 1):
            served = f"index {', '.join(question.indexes)}" if question.indexes else "no index"
            seen = _seen(question)
            yield f"{number}. {question.filter} sorted by {dict(question.sort)}: {served}{seen}"


def _seen(question: Question) -> str:
    if question.examined is None:
        return ""
    seen = f", {question.examined:,} documents examined"
    if question.only is not None:
        return f"{seen} for {question.only} alone: this server explains one predicate"
    if question.returned:
        seen += (
            f" for {question.returned:,} results, {question.examined / question.returned:.1f} each"
        )
    return seen


def explain(
    plan: Plan,
    asked: Sequence[Phase],
    outputs: Sequence[tuple[Mapping[str, Any], str | None]],
    *,
    looked_up: Sequence[str] = (),
    conditions: Sequence[Counted] = (),
    matches: str = "",
) -> Explanation:
    """Put together a plan and the server's explain output for each question that is asked for it, with the field that it is
    of where it is of one alone."""
    questions = (
        Question(
            plan.filter(phase.conditions),
            phase.sort,
            indexes_in(output),
            _statistic(output, "totalDocsExamined"),
            _statistic(output, "nReturned"),
            only,
        )
        for phase, (output, only) in zip(asked, outputs, strict=True)
    )
    return Explanation(
        plan.query.type,
        plan.query.parameters,
        plan.order_in_words(),
        plan.by_default,
        tuple(questions),
        not plan.order.ordered,
        tuple(looked_up),
        tuple(conditions),
        matches,
    )


def indexes_in(output: Any) -> tuple[str, ...]:
    """The names of the indexes that the server says it uses, each once."""
    return tuple(dict.fromkeys(_indexes(output)))


def _indexes(output: Any) -> Iterator[str]:
    """The names of indexes in the winning plan, however the server nests it (shards, slot-based engine)."""
    if isinstance(output, Mapping):
        if isinstance(output.get("indexName"), str):
            yield output["indexName"]
        elif output.get("stage") in ("IDHACK", "EXPRESS_IXSCAN"):
            yield "_id_"
        for name, part in output.items():
            if name not in ("rejectedPlans", "allPlansExecution", "command"):
                yield from _indexes(part)
    elif isinstance(output, list):
        for part in output:
            yield from _indexes(part)


def examined(output: Mapping[str, Any]) -> tuple[int, int]:
    """How many documents the server looked at, and how many it gave; 0 where it does not tell."""
    return _statistic(output, "totalDocsExamined") or 0, _statistic(output, "nReturned") or 0


def _statistic(output: Mapping[str, Any], name: str) -> int | None:
    stats = output.get("executionStats")
    if not isinstance(stats, Mapping):
        return None
    found = stats.get(name)
    return int(found) if isinstance(found, int | float) else None
