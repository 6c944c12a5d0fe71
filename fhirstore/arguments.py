"""What an application hands to a store, checked before anything is done with it: so that a mistake is said as one, and
neither ignored nor found far below in words of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from fhirstore.documents import Content
from fhirstore.errors import BadRequest, InvalidSearch, MalformedContent
from fhirstore.search.query_string import Pairs, Query

if TYPE_CHECKING:
    from fhirstore.search.query import Handling
    from fhirstore.validation import Level

T = TypeVar("T")


def content(given: Content) -> Content:
    """Raises MalformedContent for what no resource can be read from."""
    if isinstance(given, str | bytes | bytearray | Mapping):
        return given
    raise MalformedContent(f"a resource is JSON text, bytes or a mapping, not {_kind(given)}")


def text(name: str, given: str) -> str:
    """Raises BadRequest for what is no text."""
    if isinstance(given, str):
        return given
    raise BadRequest(f"{name} is text, not {_kind(given)}", code="value", expression=name)


def text_or_none(name: str, given: str | None) -> str | None:
    return None if given is None else text(name, given)


def texts(name: str, given: Sequence[str]) -> Sequence[str]:
    """Raises BadRequest for a single text as well: its letters would be taken for several."""
    if isinstance(given, str | bytes):
        raise BadRequest(f"{name} is a list of texts, not one", code="value", expression=name)
    return [text(name, one) for one in given]


def number_or_none(name: str, given: int | None, *, least: int) -> int | None:
    """Raises BadRequest for what is no number, or less than `least`."""
    if given is None or (type(given) is int and given >= least):
        return given
    said = f"{name} is a whole number from {least}, not {given!r}"
    raise BadRequest(said[:200], code="value", expression=name)


def version(given: str | int) -> str | int:
    """A version's id as it is written, or its number."""
    return given if type(given) is int else text("version", given)  # type: ignore[arg-type]


def instant_or_none(name: str, given: datetime | None) -> datetime | None:
    """Raises BadRequest for what is no instant. A time without a zone is none, and each guess at it is wrong somewhere."""
    if given is None:
        return None
    if not isinstance(given, datetime):
        raise BadRequest(f"{name} is a datetime, not {_kind(given)}", code="value", expression=name)
    if given.utcoffset() is None:
        said = f"{name} is a datetime with a time zone, as datetime.now(UTC); {given} has none"
        raise BadRequest(said, code="value", expression=name)
    return given


def moment_or_none(given: datetime | str | None) -> datetime | str | None:
    """What `as_of` may be: an instant, or text, which the search reads."""
    if isinstance(given, str):
        if not given.strip():
            raise InvalidSearch("as_of is now or an instant, and empty", code="value")
        return given
    return instant_or_none("as_of", given)


def period_or_none(
    name: str, given: datetime | tuple[datetime, datetime] | None
) -> datetime | tuple[datetime, datetime] | None:
    """An instant, or the two that bound a period."""
    if not isinstance(given, tuple | list):
        return instant_or_none(name, given)
    if len(given) != 2 or None in given:
        raise BadRequest(f"{name} is an instant or two", code="value", expression=name)
    for one in given:
        instant_or_none(name, one)
    return given[0], given[1]


def query(given: Query) -> str | Pairs:
    """A query string as it is, anything else as pairs. Raises InvalidSearch for what is no query."""
    if isinstance(given, str):
        return given
    if isinstance(given, Mapping):
        return [pair for name, value in given.items() for pair in _pairs(name, value)]
    if not isinstance(given, Sequence) or isinstance(given, bytes):
        raise InvalidSearch(f"a query is text, pairs or a mapping, not {_kind(given)}")
    return [_pair(one) for one in given]


def _pairs(name: Any, value: Any) -> list[tuple[str, str]]:
    """A parameter that stands once, or for each of several values."""
    values = value if isinstance(value, list | tuple) else (value,)
    return [_pair((name, one)) for one in values]


def _pair(given: Any) -> tuple[str, str]:
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != 2:
        raise InvalidSearch(f"a query has pairs of a name and a value, not {given!r}"[:200])
    name, value = given
    if isinstance(name, str) and isinstance(value, str):
        return name, value
    raise InvalidSearch(f"name and value of a parameter are text, not {name!r} and {value!r}"[:200])


def handling(given: Handling) -> Handling:
    """Raises BadRequest for another word."""
    return _one_of("handling", given, ("strict", "lenient"), BadRequest)


def validation(given: Level) -> Level:
    """Raises ValueError for another word."""
    return _one_of("validation", given, ("structure", "off"), ValueError)


def _one_of(name: str, given: T, known: tuple[str, ...], error: type[Exception]) -> T:
    if given in known:
        return given
    raise error(f"{name} is {' or '.join(map(repr, known))}, not {given!r}"[:200])


def _kind(given: object) -> str:
    return "None" if given is None else f"of type {type(given).__name__}"
