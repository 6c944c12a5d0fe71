"""What the store returns: versions of resources, and pages of them.

A `Version` keeps the stored JSON text. The native form is parsed only when somebody asks for it, so that a
facade which passes bytes on never pays for a parse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from fhirstore import json_text
from fhirstore.errors import Issue

Outcome = Literal["created", "updated", "unchanged", "deleted", "read"]


@dataclass(frozen=True)
class Version:
    """One version of one resource.

    `json` is the resource exactly as a read answers it, or None for a deletion. `last_updated` is in UTC, to the
    millisecond. `outcome` says what the call that returned it did. `method` is POST, PUT or DELETE: what
    made this version.
    """

    type: str
    id: str
    version: int
    last_updated: datetime
    json: str | None
    method: str = "PUT"
    fhir_version: str = "4.0"
    outcome: Outcome = "read"

    @property
    def deleted(self) -> bool:
        return self.json is None

    @property
    def etag(self) -> str:
        """The weak entity tag of this version: `W/"3"` (spec page http, versioning)."""
        return f'W/"{self.version}"'

    @cached_property
    def resource(self) -> dict[str, Any]:
        """The resource as Python values; decimals are `decimal.Decimal` with their digits kept.

        Raises ValueError for a deletion, which has no resource.
        """
        if self.json is None:
            raise ValueError(f"{self.type}/{self.id} version {self.version} is a deletion")
        parsed: dict[str, Any] = json_text.parse(self.json.encode())
        return parsed


@dataclass(frozen=True)
class HistoryPage:
    """One page of a history, newest first. `total` counts all versions where that costs nothing: of one resource, whole.

    `next` is the opaque token of the page that follows, or None at the end.
    """

    entries: list[Version]
    next: str | None = None
    total: int | None = None


@dataclass
class SearchPage:
    """One page of search results.

    `included` came along with the matches (`_include`, `_revinclude`). `parameters` are the (name, value) pairs that
    were really used, in order: what a self link must say (spec page search, Server Conformance). `issues` holds what
    was dropped under lenient handling.
    """

    matches: list[Version]
    total: int | None = None
    next: str | None = None
    parameters: list[tuple[str, str]] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    summary: str | None = None
    included: list[Version] = field(default_factory=list)
