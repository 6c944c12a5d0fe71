"""Resources for which MongoDB's 16 MB are too small as a document that holds text and native form both.

Their text is kept compressed (`json_zstd`), and where even then the native form does not fit, that is left out: a read
needs the text alone. FHIR's own definitions as one Bundle, 30 MB of JSON, are kept so in 4 MB.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import zstandard

# Below this, text and native form together are far from 16 MB whatever the native form makes of the text.
SURELY_SMALL = 2_000_000

# 16 MB, less what a write adds around a document and what a copy in the history has more.
_ROOM = 16 * 1024 * 1024 - 64 * 1024

_INT32 = range(-(2**31), 2**31)


def fit(document: dict[str, Any]) -> dict[str, Any]:
    """`document`, in a form that fits. What is too large in any form is left to the server to refuse."""
    if bson_size(document) <= _ROOM:
        return document
    small = dict(document)
    small["json_zstd"] = zstandard.ZstdCompressor().compress(small.pop("json").encode())
    if bson_size(small) > _ROOM:
        del small["resource"]
    return small


def is_surely_small(document: Mapping[str, Any], more: str) -> bool:
    """Whether `document` is far from the limit even with another text in it."""
    text: str | None = document.get("json")
    return text is not None and len(text) + len(more) < SURELY_SMALL


def has_room(document: Mapping[str, Any], more: str) -> bool:
    """Whether another text fits into `document`."""
    return is_surely_small(document, more) or bson_size(document) + bson_size(more) <= _ROOM


def text_of(document: Mapping[str, Any]) -> str | None:
    """The JSON text that a document holds in either form; None for a deletion."""
    text: str | None = document.get("json")
    if text is None and (compressed := document.get("json_zstd")) is not None:
        return zstandard.ZstdDecompressor().decompress(compressed).decode()
    return text


def bson_size(value: Any) -> int:
    """How many bytes a value takes as BSON (https://bsonspec.org), without its own name and type."""
    if isinstance(value, str):
        return 5 + len(value.encode())
    if isinstance(value, Mapping):
        return 5 + sum(2 + len(name.encode()) + bson_size(inner) for name, inner in value.items())
    if isinstance(value, list):
        names = sum(2 + len(str(position)) for position in range(len(value)))
        return 5 + names + sum(map(bson_size, value))
    if value is None:
        return 0
    if isinstance(value, bool):
        return 1
    if isinstance(value, Decimal):
        return 16
    if isinstance(value, bytes):
        return 5 + len(value)
    if isinstance(value, int):
        return 4 if value in _INT32 else 8
    assert isinstance(value, float | datetime)
    return 8
