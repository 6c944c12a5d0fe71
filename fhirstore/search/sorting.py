"""What a search parameter sorts by (spec page search, Sorting).

A string is sorted by its folded form, a date by its start, a quantity by its value as written; where one parameter
holds several values, by the first in the direction asked for. A Range has no value to sort by. A token is sorted by
its code. Where an array holds forms with a system beside the bare code, no range of strings tells the codes from the
others: the server cannot order by it, and the searcher compares all matches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fhirstore.errors import InvalidSearch
from fhirstore.search.layout import Kept
from fhirstore.search.order import SortKey
from fhirstore.search.parameter_types import TYPES

# Elements whose tokens are stored as the bare code.
_BARE_TOKENS = frozenset({"code", "boolean", "string", "id", "uri", "canonical", "oid", "uuid"})


def sort_key(code: str, kept: Mapping[str, Kept], *, descending: bool) -> SortKey:
    """The key for `_sort` by the parameter `code`. Raises InvalidSearch where it has no order."""
    entry = kept[code]
    type = TYPES[entry.parameter.type]
    if entry.kind in ("none", "all_of") or type.sort_path is None:
        raise InvalidSearch(
            f"{code} gives no order: it is a {entry.parameter.type} parameter",
            code="not-supported",
            expression="_sort",
        )
    if entry.kind == "any_of":
        return _joint_key(
            code, [sort_key(part, kept, descending=descending) for part in entry.parts]
        )
    assert entry.field is not None
    path = f".{type.sort_path}" if type.sort_path else ""
    low = f"{entry.only_type}/" if entry.only_type else None
    return SortKey(
        code,
        (entry.field + path,),
        descending=descending,
        many=entry.many,
        low=low,
        high=None if low is None else f"{entry.only_type}0",
        counts=_counting(entry),
    )


def _joint_key(code: str, keys: list[SortKey]) -> SortKey:
    counts = next((key.counts for key in keys if key.counts), None)
    fields = tuple(field for key in keys for field in key.fields)
    return SortKey(code, fields, descending=keys[0].descending, many=True, counts=counts)


def _counting(entry: Kept) -> Callable[[Any], bool] | None:
    """What tells the values that count from the others of the same field, None where all do."""
    if _has_systems(entry):
        return _is_bare_code
    if entry.parameter.type == "number" and "Range" in entry.fhir_types:
        return _is_number
    return None


def _is_number(value: Any) -> bool:
    return not isinstance(value, Mapping)


def _has_systems(entry: Kept) -> bool:
    return entry.parameter.type == "token" and not entry.fhir_types <= _BARE_TOKENS


def _is_bare_code(token: str) -> bool:
    """Whether `token` is the form without a system: it has no separator but escaped ones."""
    return "|" not in token or "|" not in token.replace("\\\\", "").replace("\\|", "")
