"""Page tokens: where a page ended, signed.

A page is found again by the sort key of its last entry, not by a number to skip: page 1,000 costs what page 2 costs,
and a write elsewhere cannot shift an entry past a page's edge. A token holds that key and is bound, by an HMAC under a
secret of the database, to the query it was made for: a changed token, or one used with another query, is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from fhirstore.errors import InvalidPageToken

_SIGNATURE_BYTES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def issue(values: Sequence[Any], bound_to: str, secret: bytes) -> str:
    """A token for the page after `values` (JSON values, dates and decimals) of the query `bound_to`."""
    payload = msgspec.json.encode([_tagged(value) for value in values])
    signed = _signature(payload, bound_to, secret) + payload
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def redeem(token: str, bound_to: str, secret: bytes) -> list[Any]:
    """The values that `token` was issued for. Raises InvalidPageToken."""
    try:
        signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refused() from None
    signature, payload = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(payload, bound_to, secret)):
        raise _refused()
    return [_untagged(value) for value in msgspec.json.decode(payload)]


def to_milliseconds(instant: datetime) -> int:
    """An instant as a token has it: milliseconds since 1970."""
    return (instant - _EPOCH) // _MILLISECOND


def from_milliseconds(number: int) -> datetime:
    """The instant that `to_milliseconds` gave."""
    return _EPOCH + number * _MILLISECOND


def _refused() -> InvalidPageToken:
    return InvalidPageToken(
        "the page token was not issued by this store for this query", expression="_page"
    )


def _signature(payload: bytes, bound_to: str, secret: bytes) -> bytes:
    message = hashlib.sha256(bound_to.encode("utf-8", "surrogatepass")).digest() + payload
    return hmac.new(secret, message, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _tagged(value: Any) -> Any:
    """Dates and decimals come back as what they were, not as strings."""
    if isinstance(value, datetime):
        return {"date": to_milliseconds(value)}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    return value


def _untagged(value: Any) -> Any:
    if isinstance(value, dict):
        if "date" in value:
            return from_milliseconds(value["date"])
        return Decimal(value["decimal"])
    return value
