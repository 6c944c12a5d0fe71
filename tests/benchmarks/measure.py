"""Times two ways to the same end in turns, so that a machine that slows down slows both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rich.table import Table

ROUNDS = 7


@dataclass(frozen=True)
class Ratio:
    """What was measured: operations a second of the floor and of the store, and what the store is to reach of the floor."""

    name: str
    floor: float
    ours: float
    target: float

    @property
    def ratio(self) -> float:
        return self.ours / self.floor

    @property
    def met(self) -> bool:
        return self.ratio >= self.target


@dataclass(frozen=True)
class Figure:
    """A figure that has no floor. `most` says that the target is an upper bound."""

    name: str
    value: float
    unit: str
    target: float | None = None
    most: bool = False

    @property
    def met(self) -> bool:
        if self.target is None:
            return True
        return self.value <= self.target if self.most else self.value >= self.target


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turns(
    name: str,
    floor: Callable[[], Any],
    ours: Callable[[], Any],
    *,
    operations: int,
    target: float,
    rounds: int = ROUNDS,
) -> Ratio:
    """Both run `operations` a round. The best round of each counts: it is the one that was disturbed least."""
    floor(), ours()
    floors, mine = [], []
    for _ in range(rounds):
        floors.append(seconds(floor))
        mine.append(seconds(ours))
    return Ratio(name, operations / min(floors), operations / min(mine), target)


def table(results: Iterable[Ratio | Figure]) -> Table:
    made = Table("what", "floor", "fhirstore", "ratio", "to reach", "")
    for result in results:
        sign = "" if result.met else "not met"
        if isinstance(result, Ratio):
            shown = (f"{result.floor:,.0f}/s", f"{result.ours:,.0f}/s", f"{result.ratio:.2f}")
            made.add_row(result.name, *shown, f">= {result.target}", sign)
        else:
            bound = (
                ""
                if result.target is None
                else f"{'<=' if result.most else '>='} {result.target:g}"
            )
            figure = f"{result.value:,.2f}" if result.value < 100 else f"{result.value:,.0f}"
            made.add_row(result.name, "", f"{figure} {result.unit}".strip(), "", bound, sign)
    return made
