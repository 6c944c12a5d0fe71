"""What a deployment decides about the facade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fhirstore import base_addresses

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class RestSettings:
    """`base_path` is where the service lives on its host, `/fhir`; "" for the root. It and `base_url` are brought into that
    form, a slash before a path and none behind it; ValueError for what is no address.

    `base_url` is the service base URL that links and Location headers start with, `base_path` included. None takes it
    from the request: from its Host, or, only where `trust_forwarded` says that a proxy of ours sets them, from
    X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-Prefix. A client could set all of these.

    `body_limit` counts the bytes of a request's content, as sent and again after inflation; `address_limit` those of
    path and query. `handling` is what becomes of unknown search parameters where the client states no preference. FHIR
    lets a server choose (spec page search, Handling Errors); a result that is wider than what was asked for is the more
    dangerous answer.

    `gzip_minimum` is the size in bytes from which a response is compressed for a client that accepts it, None for
    never. `cors_origins` lists the origins whose scripts may call, `("*",)` for any, () for none.
    """

    base_path: str = "/fhir"
    base_url: str | None = None
    trust_forwarded: bool = False
    body_limit: int = 16 * MEBIBYTE
    address_limit: int = 16 * 1024
    handling: Literal["strict", "lenient"] = "strict"
    gzip_minimum: int | None = 1024
    cors_origins: tuple[str, ...] = ()
    cors_credentials: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_path", base_addresses.base_path(self.base_path))
        if self.base_url is not None:
            object.__setattr__(self, "base_url", base_addresses.base_url(self.base_url))
