"""What a query asks, with its names resolved: the criteria that `query` reads and `plan` turns into conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fhirstore.definitions import SearchParameter

# Each hop is a search of its own.
MOST_HOPS = 6


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter: a match meets every criterion of a query, by one of its `values`.

    `name` is as the client wrote it, modifier included. The values are the comma's alternatives, still escaped. With an
    `operator` of `_filter` there is one value, as it is meant.

    With `through` it is a hop: `parameter` is then the reference that it goes along, and the values are in the
    criterion at the other end, of which `through_type` is the type. Along `parameter` of this type for a chain, of the
    other for `_has` (`reverse`).
    """

    name: str
    parameter: SearchParameter
    modifier: str | None
    values: tuple[str, ...]
    through: Asked | None = None
    through_type: str = ""
    reverse: bool = False
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class Combined:
    """Several criteria as one, as `_filter` joins them.

    `how`: all of the `parts` are met ("and"), one of them ("or"), or the only one is not ("not"); or all by one and the
    same element of the composite `parameter` ("element"). `text` is what the client wrote, "" inside another.
    """

    how: Literal["and", "or", "not", "element"]
    parts: tuple[Asked, ...]
    parameter: SearchParameter | None = None
    text: str = ""

    @property
    def name(self) -> str:
        return "_filter"


Asked = Criterion | Combined


def as_written(asked: Asked) -> tuple[str, tuple[str, ...]]:
    """The name and values of a criterion as the client wrote them: what it differs by from others."""
    if isinstance(asked, Combined):
        return asked.name, (asked.text,)
    if asked.through is None:
        return asked.name, asked.values
    return asked.name, as_written(asked.through)[1]
