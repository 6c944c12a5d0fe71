"""Content of a request: its limit, as it comes in and again when it is inflated."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence

import pytest
from starlette.types import Message

from fhirstore.errors import MalformedContent, TooLarge, UnsupportedMediaType
from fhirstore.rest.content import ClientGone, inflate, read


class Sent:
    """The messages of one request; counts those that were fetched."""

    def __init__(self, chunks: Sequence[bytes], *, complete: bool = True) -> None:
        self.fetched = 0
        self._messages: list[Message] = [
            {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
        ]
        if complete:
            self._messages[-1]["more_body"] = False
        self._messages.append({"type": "http.disconnect"})

    async def receive(self) -> Message:
        self.fetched += 1
        return self._messages[self.fetched - 1]


def content(sent: Sent, limit: int = 100, **headers: str) -> bytes:
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return asyncio.run(read(sent.receive, given, limit))


def test_chunks_are_put_together() -> None:
    assert content(Sent([b"a", b"", b"b" * 99])) == b"a" + b"b" * 99
    assert content(Sent([b""])) == b""


def test_no_more_than_the_limit_is_read() -> None:
    sent = Sent([b"a" * 60, b"a" * 41, b"a"])
    with pytest.raises(TooLarge):
        content(sent)
    assert sent.fetched == 2


@pytest.mark.parametrize("announced", ["101", "9" * 30])
def test_what_is_announced_too_large_is_not_read(announced: str) -> None:
    sent = Sent([b"a"])
    with pytest.raises(TooLarge):
        content(sent, content_length=announced)
    assert sent.fetched == 0


def test_gzip_is_inflated() -> None:
    text = b"a" * 100
    assert content(Sent([gzip.compress(text)]), content_encoding="gzip") == text
    halves = gzip.compress(text[:50]) + gzip.compress(text[50:])
    assert content(Sent([halves[:9], halves[9:]]), content_encoding="X-GZIP") == text


def test_the_limit_holds_for_what_is_inflated() -> None:
    for packed in (gzip.compress(b"a" * 101), gzip.compress(b"a" * 60) + gzip.compress(b"a" * 41)):
        with pytest.raises(TooLarge):
            content(Sent([packed]), content_encoding="gzip")
    with pytest.raises(TooLarge):
        inflate(gzip.compress(bytes(50_000_000)), 1000)


@pytest.mark.parametrize(
    "packed",
    [b"{}", b"", gzip.compress(b"{}")[:-1], gzip.compress(b"{}") + b"x", gzip.compress(b"") * 17],
    ids=["no gzip", "nothing", "cut off", "more behind it", "too many members"],
)
def test_what_is_no_gzip(packed: bytes) -> None:
    with pytest.raises(MalformedContent):
        inflate(packed, 1000)


def test_other_encodings_are_refused() -> None:
    assert content(Sent([b"a"]), content_encoding="identity") == b"a"
    with pytest.raises(UnsupportedMediaType):
        content(Sent([b"a"]), content_encoding="br")


def test_a_client_that_hangs_up() -> None:
    with pytest.raises(ClientGone):
        content(Sent([b"a"], complete=False))
