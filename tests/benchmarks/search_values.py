"""What the searches of the benchmark ask for: picked from the data, so that as much is found at any size of it.

Then four times the data tells what the indexes cost, and not how long it takes to read four times as many results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pymongo.database import Database

from fhirstore.search.order import values_at

Document = dict[str, Any]


class Values:
    """Values of the stored documents by how many documents have them."""

    def __init__(self, database: Database[Document]) -> None:
        self.database = database
        self._counted: dict[tuple[str, str], Counter[Any]] = {}

    def of_size(self, type: str, field: str, size: int, *, holding: str = "") -> Any:
        """The value of `field` that the number of documents nearest to `size` have. `holding`: only values with that in them."""
        return self.of_sizes(type, field, size, 1, holding=holding)[0]

    def of_sizes(
        self, type: str, field: str, size: int, many: int, *, holding: str = ""
    ) -> list[Any]:
        """The `many` values that are nearest to `size`. Raises LookupError where there is none."""
        counts = self._counts(type, field)
        near = sorted(
            (abs(count - size), value) for value, count in counts.items() if holding in value
        )
        if not near:
            raise LookupError(f"no {type} has {field}")
        return [value for _, value in near[:many]]

    def prefix_of_size(self, type: str, field: str, size: int) -> str:
        """The beginning, of three letters at least, that values of the number of documents nearest to `size` share."""
        prefixes: Counter[str] = Counter()
        for document in self._documents(type, field):
            values = values_at(document, field)
            prefixes.update({value[:end] for value in values for end in range(3, len(value) + 1)})
        if not prefixes:
            raise LookupError(f"no {type} has {field}")
        return min(prefixes, key=lambda prefix: (abs(prefixes[prefix] - size), prefix))

    def ordered(self, type: str, field: str, having: Document | None = None) -> list[Any]:
        """All values of `field`, one each document, in order. Raises LookupError where there is none."""
        found = [values_at(document, field) for document in self._documents(type, field, having)]
        values = [values[0] for values in found if values]
        if not values:
            raise LookupError(f"no {type} has {field}")
        return sorted(values, key=_as_number)

    def _counts(self, type: str, field: str) -> Counter[Any]:
        if (type, field) not in self._counted:
            self._counted[type, field] = Counter(
                value
                for document in self._documents(type, field)
                for value in values_at(document, field)
            )
        return self._counted[type, field]

    def _documents(
        self, type: str, field: str, having: Document | None = None
    ) -> Iterator[Document]:
        yield from self.database[type].find(having or {}, {field: 1})


def _as_number(value: Any) -> Any:
    return value.to_decimal() if hasattr(value, "to_decimal") else value
