"""What the headers of a request ask for: preferences, entity tags, dates, ids (spec page http)."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Literal, NamedTuple, cast

from fhirstore.errors import BadRequest, NotImplementedByStore, PreconditionFailed

Returns = Literal["minimal", "representation", "OperationOutcome"]
Handling = Literal["strict", "lenient"]

_RETURNS = {value.lower(): value for value in ("minimal", "representation", "OperationOutcome")}
_TAG = re.compile(r'(?:W/)?"([^"]*)"')
_ONE_TAG = re.compile(r'(?:W/)?"([A-Za-z0-9\-.]{1,64})"')
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_BARE_TAG = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_REQUEST_ID = re.compile(r"[!-~]{1,128}")
_NO_QUALITY = re.compile(rb"\s*q\s*=\s*0(?:\.0*)?\s*")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


class Preferences(NamedTuple):
    """What `Prefer` asks for (spec pages http, Managing Return Content; search, Handling Errors)."""

    returns: Returns | None = None
    handling: Handling | None = None


@lru_cache(maxsize=256)
def preferences(text: str) -> Preferences:
    """The preferences in the value of a Prefer header. What is not known is passed over, as RFC 7240 has it.

    FHIR clients part them by `;` as often as by the comma of RFC 7240. Of one that stands twice the first counts.
    """
    found: dict[str, str] = {}
    for entry in re.split("[,;]", text):
        name, _, value = entry.partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"').lower())
    returns = _RETURNS.get(found.get("return", ""))
    handling = found.get("handling")
    return Preferences(
        cast("Returns | None", returns),
        cast("Handling | None", handling if handling in ("strict", "lenient") else None),
    )


def version_number(id: str) -> int | None:
    """The number of the version with this id, None where no version can have it: `1` is one, and `01` no other name for it."""
    return int(id) if _VERSION.fullmatch(id) else None


def if_match(text: str) -> int:
    """The version that `If-Match` names for a write: `W/"3"`, or `"3"`.

    Raises BadRequest for what is not one entity tag, NotImplementedByStore for `*`, and PreconditionFailed for a tag that
    no version of this store has.
    """
    if text.strip() == "*":
        raise NotImplementedByStore(
            "If-Match: * is not supported with a write; the ETag of a version is",
            expression="If-Match",
        )
    tag = _ONE_TAG.fullmatch(text.strip())
    if tag is None:
        raise BadRequest(
            f'If-Match takes the ETag of one version, as W/"3", not {text[:80]!r}',
            code="value",
            expression="If-Match",
        )
    version = version_number(tag[1])
    if version is None:
        raise PreconditionFailed(f"no version has the ETag {text[:80]!r}", expression="If-Match")
    return version


def names(text: str, version: str) -> bool:
    """Whether the `If-None-Match` or the `If-Match` of a read names `version`, or says `*`.

    A version without its quotes is understood too, for there are clients that send it so (fhirpy).
    """
    text = text.strip()
    return (
        text == "*"
        or version in _TAG.findall(text)
        or bool(_BARE_TAG.fullmatch(text) and text == version)
    )


def unchanged_since(text: str, instant: datetime) -> bool:
    """Whether `instant`, to the second, is not after the date of `If-Modified-Since`. A date that is none says nothing."""
    since = _date(text)
    return since is not None and instant.replace(microsecond=0) <= since


def changed_since(text: str, instant: datetime) -> bool:
    """Whether `instant`, to the second, is after the date of `If-Unmodified-Since`. A date that is none says nothing."""
    since = _date(text)
    return since is not None and instant.replace(microsecond=0) > since


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


def http_date(instant: datetime) -> bytes:
    """`instant`, in UTC, as the date of a header: `Sun, 06 Nov 1994 08:49:37 GMT`."""
    day, month = _DAYS[instant.weekday()], _MONTHS[instant.month - 1]
    return f"{day}, {instant.day:02d} {month} {instant.year:04d} {instant:%H:%M:%S} GMT".encode()


@lru_cache(maxsize=256)
def accepts_gzip(text: bytes) -> bool:
    """Whether the value of an Accept-Encoding header takes gzip."""
    accepted: dict[bytes, bool] = {}
    for entry in text.lower().split(b","):
        name, _, parameter = entry.partition(b";")
        accepted[name.strip()] = _NO_QUALITY.fullmatch(parameter) is None
    return accepted.get(b"gzip", accepted.get(b"x-gzip", accepted.get(b"*", False)))


def request_ids(
    given: bytes | None, correlation: bytes | None
) -> tuple[str, list[tuple[bytes, bytes]]]:
    """The id of a request, and the headers that say it (spec page http, Custom Headers).

    The client's own is taken where it is 1 to 128 printable characters; else the store makes one, and answers with
    the client's as X-Correlation-Id. An X-Correlation-Id is handed back as it came.
    """
    if given is not None and _REQUEST_ID.fullmatch(given.decode("latin-1")):
        id = given
    else:
        id = secrets.token_hex(8).encode()
        correlation = correlation or given
    made = [(b"x-request-id", id)]
    if correlation:
        made.append((b"x-correlation-id", correlation))
    return id.decode("latin-1"), made
