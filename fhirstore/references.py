"""What a literal reference says: a resource of this store, one elsewhere, a contained one, or no resource's address at
all.

Spec page references: relative `Type/id[/_history/version]`, the same below a base URL, `#id`, or any other URL. An
absolute one below one of the store's own base URLs means the same as its relative form (spec page search, reference).
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from fhirstore.definitions import Definitions
from fhirstore.short_texts import for_short_texts

Kind = Literal["local", "external", "contained", "other"]

_ADDRESS = re.compile(
    r"(?:(?P<base>https?://[^\s?#]+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A literal reference. `type`, `id` and `version` are None where it names none; `url` is the reference as written.

    `kind`: "local" is a resource of this store, "external" one below another base URL, "contained" begins with `#`,
    "other" is any other URL (`urn:uuid:...`).
    """

    kind: Kind
    url: str
    type: str | None = None
    id: str | None = None
    version: str | None = None

    @property
    def key(self) -> str | None:
        """What a search compares: `Type/id`, or the URL without its version; None for a contained resource."""
        if self.kind == "local":
            return f"{self.type}/{self.id}"
        if self.kind == "contained":
            return None
        return self.url.partition("/_history/")[0]


def parse(text: str, base_urls: tuple[str, ...], resource_types: Container[str]) -> Reference:
    """What `text` says, for a store known under `base_urls`."""
    if text.startswith("#"):
        return Reference("contained", text)
    match = _ADDRESS.fullmatch(text)
    if match is None or match["type"] not in resource_types:
        return Reference("other", text)
    base, type, id, version = match.groups()
    kind: Kind = "local" if base is None or base in _trimmed(base_urls) else "external"
    return Reference(kind, text, type, id, version)


@lru_cache(maxsize=64)
def _trimmed(base_urls: tuple[str, ...]) -> frozenset[str]:
    return frozenset(url.rstrip("/") for url in base_urls)


class Reader:
    """Reads references for one store; what was read lately is remembered, for a bundle says the same ones over and over."""

    def __init__(self, base_urls: tuple[str, ...], definitions: Definitions) -> None:
        types = definitions.resource_types

        @for_short_texts(20_000)
        def read(text: str) -> Reference:
            return parse(text, base_urls, types)

        self.read = read
