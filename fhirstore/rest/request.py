"""One request: its address, its parameters, and what its headers want, each worked out when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

from starlette.types import Receive, Scope

from fhirstore.base_addresses import is_host, is_path, slashed
from fhirstore.errors import (
    BadRequest,
    FhirError,
    NotAcceptable,
    NotImplementedByStore,
    UnsupportedMediaType,
)
from fhirstore.rest import content, headers, media_types, queries, turtle
from fhirstore.rest.addresses import Address
from fhirstore.rest.headers import Handling, Preferences
from fhirstore.rest.settings import RestSettings

_UNSUPPORTED_SUBSETS = ("_summary", "_elements")
# As much of the name of a parameter as an issue says.
_LONGEST_NAME = 200


class Request:
    """What the facade knows of a request. `pairs` are the parameters of its address, less `_format` and `_pretty`."""

    __slots__ = (
        "_base_url", "_given", "_preferences", "address", "content_type", "correlated", "headers", "id", "links_keep", "method",
        "pairs", "pretty", "receive", "scope", "settings", "versions",
    )  # fmt: skip

    def __init__(
        self, scope: Scope, receive: Receive, settings: RestSettings, versions: tuple[str, ...]
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.settings = settings
        self.versions = versions
        self.method: str = scope["method"]
        self.headers = _merged(scope["headers"])
        self.id, self.correlated = headers.request_ids(
            self.headers.get(b"x-request-id"), self.headers.get(b"x-correlation-id")
        )
        self.address = Address("system")
        self.content_type = media_types.content_type(media_types.FHIR_JSON)
        self.pretty = False
        self.pairs: queries.Pairs = []
        # What a link on a page carries on, so that the next page comes in the form of this one.
        self.links_keep: queries.Pairs = []
        self._given: queries.Pairs = []
        self._preferences: Preferences | None = None
        self._base_url: str | None = None

    def header(self, name: bytes) -> str | None:
        """The value of a header; of one that stands more than once, all of them with commas between."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    # form

    def negotiate(self, pairs: queries.Pairs) -> None:
        """Take the parameters, and settle the form of the answer. Raises NotAcceptable, BadRequest.

        A search by POST does it again, with those of its content.
        """
        self.links_keep = []
        self._given = pairs
        asked, pairs = queries.take(pairs, "_format") if pairs else (None, pairs)
        pretty, pairs = queries.take(pairs, "_pretty") if pairs else (None, pairs)
        self.pairs = pairs
        with self._natively():
            self._negotiate_format(asked)
        self.pretty = queries.flag("_pretty", pretty)
        if self.pretty:
            self.links_keep.append(("_pretty", "true"))

    def _negotiate_format(self, asked: str | None) -> None:
        accept = self.header(b"accept")
        if asked is not None:
            self.content_type = media_types.requested_format(asked, self.versions)
            self.links_keep.append(("_format", "ttl" if self.wants_turtle else "json"))
        elif accept:
            self.content_type = media_types.negotiate(accept, self.versions)

    def negotiate_for_error(self) -> None:
        """Settle the form for what failed before it was asked for. What is wrong with that as well has no say."""
        with suppress(FhirError):
            self.negotiate(self.query())

    @property
    def wants_turtle(self) -> bool:
        return media_types.is_turtle(self.content_type)

    def query(self) -> queries.Pairs:
        """The parameters of the address. Raises BadRequest."""
        encoded: bytes = self.scope["query_string"]
        return queries.parse(encoded) if encoded else []

    @property
    def preferences(self) -> Preferences:
        if self._preferences is None:
            self._preferences = headers.preferences(self.header(b"prefer") or "")
        return self._preferences

    @property
    def handling(self) -> Handling:
        """What becomes of search parameters that are not known: as the client prefers, else as the deployment has it."""
        return self.preferences.handling or self.settings.handling

    def refuse_others(self) -> None:
        """Refuse the parameters that are left over, those that say something (spec page search, Handling Errors).

        Whatever handling is preferred: that is for searches, and a condition that is passed over lets a write through.
        A subset that was asked for and not given would be taken for one. Raises NotImplementedByStore, BadRequest.
        """
        for name, value in self.pairs:
            if not value or (name, value) == ("_summary", "false"):
                continue
            if name in _UNSUPPORTED_SUBSETS:
                raise NotImplementedByStore(f"{name} is not supported here", expression=name)
            raise BadRequest(
                f"the parameter {name[:80]!r} means nothing here",
                code="not-supported",
                expression=name[:_LONGEST_NAME],
            )

    def has(self, name: str) -> bool:
        """Whether a header or a parameter of this name stands in the request. Issues cut the names of parameters."""
        if any(given[:_LONGEST_NAME] == name for given, _ in self._given):
            return True
        return name.isascii() and name.lower().encode() in self.headers

    # content

    async def content(self) -> bytes | str:
        """The content as JSON, whether it is that or Turtle. Raises UnsupportedMediaType, TooLarge, MalformedContent, and
        NotImplementedByStore for what goes with the native content of a Binary."""
        with self._natively():
            form = media_types.check_content(
                self.header(b"content-type"), self.header(b"accept") or "", self.versions
            )
        if self._is_binary and b"x-security-context" in self.headers:
            said = "X-Security-Context is not supported yet; Binary.securityContext is"
            raise NotImplementedByStore(said, expression="X-Security-Context")
        sent = await content.read(self.receive, self.headers, self.settings.body_limit)
        if form == media_types.FHIR_TURTLE:
            return await turtle.to_json(sent, self.base_url, self.versions[0])
        return sent

    async def form(self) -> queries.Pairs:
        """The parameters in the content of a search by POST. Raises UnsupportedMediaType, TooLarge, BadRequest."""
        media_types.check_form(self.header(b"content-type"))
        sent = await content.read(self.receive, self.headers, self.settings.body_limit)
        return queries.parse(sent) if sent else []

    @property
    def _is_binary(self) -> bool:
        return self.address.type == "Binary" and self.address.within is None

    @contextmanager
    def _natively(self) -> Iterator[None]:
        """Name what is missing where a media type is refused that a Binary may have (spec page binary)."""
        try:
            yield
        except (NotAcceptable, UnsupportedMediaType) as error:
            if not self._is_binary:
                raise
            (issue,) = error.issues
            said = f"native binary content is not supported yet: {issue.diagnostics}"
            raise type(error)(said, expression=issue.expression) from None

    # addresses

    @property
    def base_url(self) -> str:
        """The service base URL, as this client sees it: what links start with."""
        assert self._base_url is not None
        return self._base_url

    def settle_base_url(self) -> None:
        """Work out the base URL. Raises BadRequest for a Host that is none."""
        self._base_url = self.settings.base_url or self._base_url_of_request()

    def _base_url_of_request(self) -> str:
        scheme: str = self.scope.get("scheme", "http")
        host = self.header(b"host")
        prefix: str = self.scope.get("root_path", "")
        if self.settings.trust_forwarded:
            scheme = (self._forwarded(b"x-forwarded-proto") or scheme).lower()
            host = self._forwarded(b"x-forwarded-host") or host
            prefix = slashed(self._forwarded(b"x-forwarded-prefix") or "") + prefix
        if host is None:
            host = _address_of_server(self.scope.get("server"))
        if not is_host(host) or scheme not in ("http", "https"):
            raise BadRequest(f"{scheme[:10]}://{host[:80]} is no address", expression="Host")
        if not is_path(prefix):
            prefix = quote(prefix)
        return f"{scheme}://{host}{prefix}{self.settings.base_path}"

    def _forwarded(self, name: bytes) -> str | None:
        """What the proxy nearest to the client said: it stands first."""
        value = self.header(name)
        return None if value is None else value.partition(",")[0].strip()

    def link(self, path: str, pairs: queries.Pairs) -> str:
        return f"{self.base_url}/{path}{queries.encode([*pairs, *self.links_keep])}"


def _merged(given: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    made = dict(given)
    if len(made) != len(given):
        made = {}
        for name, value in given:
            made[name] = b"%b, %b" % (made[name], value) if name in made else value
    return made


def _address_of_server(server: Any) -> str:
    if not server or server[1] is None:
        return "localhost"
    host = f"[{server[0]}]" if ":" in server[0] else server[0]
    return f"{host}:{server[1]}"
