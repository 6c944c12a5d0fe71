"""Responses: status, headers and text, and how they go out."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass, field, replace

from starlette.types import Send

from fhirstore import json_text
from fhirstore.errors import FhirError, NotAcceptable
from fhirstore.rest import outcomes, turtle
from fhirstore.rest.headers import accepts_gzip, http_date
from fhirstore.rest.media_types import FHIR_JSON, content_type
from fhirstore.rest.request import Request
from fhirstore.versions import Version

Headers = list[tuple[bytes, bytes]]

# Level 1 makes Patient and Bundle JSON a fifth as long, at a third of the time of level 6.
_LEVEL = 1
# From here on compression takes more than some milliseconds, in which one event loop would answer nobody else.
_LONG = 256 * 1024
# What an answer depends on besides its address; and a cache asks again each time, for health data goes stale unseen.
_ALWAYS: Headers = [
    (b"vary", b"Accept, Accept-Encoding, Prefer"),
    (b"cache-control", b"private, no-cache"),
]


@dataclass(slots=True)
class Response:
    """What is answered. `body` is compact JSON text, "" for none; Turtle where `is_turtle`.

    `is_of_write` where the answer tells of what is written by now: no error may take its place.
    """

    status: int
    body: str = ""
    headers: Headers = field(default_factory=list)
    is_turtle: bool = False
    is_of_write: bool = False

    async def in_the_form_of(self, request: Request) -> Response:
        """The same in the format that `request` negotiated. Raises NotAcceptable where Turtle cannot say it.

        The OperationOutcome of an error has no address, and the error may be that of the service base. What is written
        and cannot be said in Turtle is answered in JSON: after an error the client would write it again.
        """
        if not (self.body and request.wants_turtle) or self.is_turtle:
            return self
        base = request.base_url if self.status < 400 else None
        try:
            text = await turtle.from_json(self.body, base, request.versions[0])
        except NotAcceptable:
            if not self.is_of_write:
                raise
            request.content_type = content_type(FHIR_JSON)
            return self
        return replace(self, body=text, is_turtle=True)

    async def send(self, request: Request, send: Send) -> None:
        """Send it to the client of `request`."""
        body, headers = await self._content(request)
        headers += self.headers
        headers += request.correlated
        headers += _ALWAYS
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if request.method == "HEAD" else body}
        )

    async def _content(self, request: Request) -> tuple[bytes, Headers]:
        if not self.body:
            return b"", [] if self.status in (204, 304) else [(b"content-length", b"0")]
        is_pretty = request.pretty and not self.is_turtle
        body = (json_text.pretty(self.body) if is_pretty else self.body).encode()
        headers: Headers = [(b"content-type", request.content_type)]
        least = request.settings.gzip_minimum
        if least is not None and len(body) >= least:
            wanted = request.headers.get(b"accept-encoding")
            if wanted and accepts_gzip(wanted):
                body = await _gzip(body)
                headers.append((b"content-encoding", b"gzip"))
        headers.append((b"content-length", b"%d" % len(body)))
        return body, headers


async def _gzip(body: bytes) -> bytes:
    if len(body) < _LONG:
        return zlib.compress(body, _LEVEL, wbits=31)
    return await asyncio.to_thread(zlib.compress, body, _LEVEL, wbits=31)


def of_version(request: Request, version: Version, status: int = 200) -> Response:
    """The response that one version is: its JSON text as it is stored, its ETag, its date and its address."""
    assert version.json is not None
    made = Response(status, version.json, version_headers(version))
    made.headers.append((b"content-location", version_url(request, version)))
    return made


def version_headers(version: Version) -> Headers:
    """ETag and Last-Modified (spec page http, Resource Metadata and Versioning)."""
    return [
        (b"etag", version.etag.encode()),
        (b"last-modified", http_date(version.last_updated)),
    ]


def version_url(request: Request, version: Version) -> bytes:
    return f"{request.base_url}/{version.type}/{version.id}/_history/{version.version}".encode()


def of_error(request: Request, error: FhirError) -> Response:
    """The OperationOutcome of an error, with the headers that help a client on."""
    made = Response(error.status, outcomes.of_error(request, error))
    if error.status == 503:
        made.headers.append((b"retry-after", b"1"))
    elif error.status == 413:
        # The rest of the content stays unread, so nothing that follows on this connection could be understood.
        made.headers.append((b"connection", b"close"))
    elif error.status == 415:
        made.headers.append((b"accept-encoding", b"gzip"))
    return made
