"""The clock and the ids of every port."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

_NANOSECONDS = 1_000_000


def now() -> datetime:
    """The present instant, UTC, cut to the milliseconds that MongoDB keeps."""
    instant = datetime.now(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def new_id() -> str:
    """A UUID of version 7 (RFC 9562): 36 characters of FHIR's id alphabet, in the order of time.

    The 12 bits after the milliseconds hold a fraction of the millisecond (section 6.2, method 3), so that ids which one
    process makes in a row ascend nearly always and inserts touch one end of the `_id` index.
    """
    milliseconds, rest = divmod(time.time_ns(), _NANOSECONDS)
    fraction = rest * 4096 // _NANOSECONDS
    chance = int.from_bytes(os.urandom(8), "big") >> 2
    value = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | chance
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
