"""Arbitrary JSON values, of words that a FHIR resource may have: for tests that nothing makes a walk over resources fail."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

WORDS = [
    "Patient", "Device", "Element", "Patient/1", "http://x/Patient/1/_history/2", "#", "#d", "#x", "http://x|1|2",
    "2021", "2021-02-29", "0000", "9999-12-31T23:59:60.9999-14:00", "final", "http://unitsofmeasure.org", "mg", "|", "\\",
]  # fmt: skip
_text = st.text(max_size=4)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(-(10**20), 10**20)
    | st.sampled_from([10**400, Decimal("9.9E+5999"), Decimal("1E-6000"), Decimal("-0")])
    | _text
    | st.sampled_from(WORDS)
)


def any_json(names: Collection[str]) -> st.SearchStrategy[Any]:
    """Values of every JSON type, nested; the properties of objects are `names`, and others now and then."""
    keys = st.sampled_from([*sorted(names), "", "_", "resourceType"]) | _text
    return st.recursive(
        _scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    )


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where in `value` something other than null stands, the whole left out."""
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in below:
        if inner is not None:
            yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def names_in(*values: Any) -> set[str]:
    """The names of all properties in `values`."""
    return {key for value in values for path in places(value) for key in path if type(key) is str}


def with_other(value: Any, path: Path, other: Any) -> Any:
    """A copy of `value` with `other` at `path`."""
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = other
    return changed
