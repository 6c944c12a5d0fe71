"""The content of a request, within its limit: as it comes in, and again once it is inflated."""

from __future__ import annotations

import zlib

from starlette.types import Receive

from fhirstore.errors import MalformedContent, TooLarge, UnsupportedMediaType

# gzip allows several members one after the other; each costs a copy of what follows it.
_MOST_MEMBERS = 16
_GZIP = 31  # zlib's name for "with a gzip header"


class ClientGone(Exception):
    """The client hung up before its request was complete: there is nobody to answer."""


async def read(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    """The content, inflated. Raises TooLarge, UnsupportedMediaType, MalformedContent, ClientGone.

    What a client announces is believed only where it is too much; what arrives is counted.
    """
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    if encoding not in (b"", b"identity", b"gzip", b"x-gzip"):
        raise UnsupportedMediaType(
            f"the encoding {encoding.decode('latin-1')[:40]!r} is not supported; gzip is",
            expression="Content-Encoding",
        )
    announced = headers.get(b"content-length", b"0")
    if len(announced) > 18 or (announced.isdigit() and int(announced) > limit):
        raise _too_large(limit)
    content = await _receive_all(receive, limit)
    return inflate(content, limit) if encoding in (b"gzip", b"x-gzip") else content


async def _receive_all(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunk if len(chunks) == 1 else b"".join(chunks)


def inflate(content: bytes, limit: int) -> bytes:
    """What gzip's `content` says, up to `limit` bytes. Raises TooLarge, MalformedContent."""
    parts: list[bytes] = []
    room = limit
    for _ in range(_MOST_MEMBERS):
        member = zlib.decompressobj(wbits=_GZIP)
        try:
            parts.append(member.decompress(content, room + 1))
        except zlib.error:
            raise MalformedContent("the content is not gzip, as its encoding says") from None
        room -= len(parts[-1])
        if room < 0:
            raise _too_large(limit)
        if not member.eof:
            raise MalformedContent("the gzip content is cut off")
        content = member.unused_data
        if not content:
            return b"".join(parts)
    raise MalformedContent(f"the gzip content has more than {_MOST_MEMBERS} members")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the content of a request may have up to {limit} bytes here, inflated")
