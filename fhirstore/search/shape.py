"""The shape of a search: which parameters and fields it asks, and never for which values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fhirstore.search.conditions import All, Among, Condition, Either, Element, Within
from fhirstore.search.plan import Plan


@dataclass(frozen=True, slots=True)
class Shape:
    """`asked` are the names of the parameters as they are written, with modifiers and chains. `equal` and `ranges` are the
    fields that an index could serve, `sort` those that the order asked for goes by, "-" before them where downwards.
    """

    type: str
    asked: tuple[str, ...]
    equal: tuple[str, ...]
    ranges: tuple[str, ...]
    sort: tuple[str, ...]

    @property
    def key(self) -> str:
        """One text for all searches of this shape."""
        order = f" sorted by {', '.join(self.sort)}" if self.sort else ""
        return f"{self.type}?{'&'.join(self.asked)}{order}"


def shape_of(plan: Plan) -> Shape:
    """The shape of a search whose hops are settled."""
    equal: dict[str, None] = {}
    ranges: dict[str, None] = {}
    for condition in plan.conditions:
        for field, is_equality in _fields(condition, ""):
            (equal if is_equality else ranges)[field] = None
    keys = () if plan.by_default else plan.order.keys
    return Shape(
        plan.query.type,
        tuple(sorted({criterion.name for criterion in plan.query.criteria})),
        tuple(sorted(equal)),
        tuple(sorted(field for field in ranges if field not in equal)),
        tuple(f"{'-' if key.descending else ''}{key.field}" for key in keys),
    )


def _fields(condition: Condition, path: str) -> Iterator[tuple[str, bool]]:
    """The fields of which a condition asks for certain values, or for bounds."""
    if isinstance(condition, All):
        for part in condition.conditions:
            yield from _fields(part, path)
    elif isinstance(condition, Either):
        # Whatever the alternatives are, an index on one of them is no help by itself.
        for part in condition.conditions:
            yield from ((field, False) for field, _ in _fields(part, path))
    elif isinstance(condition, Element):
        yield from _fields(condition.condition, f"{path}{condition.field}.")
    elif isinstance(condition, Among | Within):
        yield f"{path}{condition.field}", isinstance(condition, Among)
