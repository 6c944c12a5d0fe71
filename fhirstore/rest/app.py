"""The ASGI application: where a request comes in, and where every error becomes an OperationOutcome."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from fhirstore.definitions import definitions
from fhirstore.errors import AddressTooLong, FhirError, MethodNotAllowed, NotFound
from fhirstore.rest import addresses, responses
from fhirstore.rest.capability_statement import UNADDRESSED, Statements
from fhirstore.rest.content import ClientGone
from fhirstore.rest.interactions import (
    ANSWERED,
    Interaction,
    capabilities,
    refusal,
    refuse_conditions,
)
from fhirstore.rest.request import Request
from fhirstore.rest.responses import Response
from fhirstore.rest.settings import RestSettings

if TYPE_CHECKING:
    from fhirstore.async_store import AsyncStore

log = logging.getLogger("fhirstore.rest")

_FHIR_VERSION = "4.0"
_READABLE_BY_SCRIPTS = (
    "Content-Location", "ETag", "Last-Modified", "Location", "X-Correlation-Id", "X-Request-Id",
)  # fmt: skip


def create_app(store: AsyncStore, settings: RestSettings | None = None) -> Starlette:
    """The facade over `store` as an application, to be served or mounted in another.

    The caller keeps the store and closes it. One route takes everything: a table of routes would be matched in turn,
    and FHIR's addresses are told apart by their first segments.
    """
    settings = settings or RestSettings()
    app = Starlette(middleware=_middleware(settings))
    app.router.redirect_slashes = False
    app.router.default = Facade(store, settings)
    return app


def _middleware(settings: RestSettings) -> list[Middleware]:
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_credentials=settings.cors_credentials,
            allow_methods=("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"),
            allow_headers=("*",),
            expose_headers=_READABLE_BY_SCRIPTS,
        )
    ]


class Facade:
    """The ASGI application proper."""

    def __init__(self, store: AsyncStore, settings: RestSettings) -> None:
        self._store = store
        self._settings = settings
        known = definitions(_FHIR_VERSION)
        self._types = known.resource_types - UNADDRESSED
        self._versions = (known.fhir_version, known.release)
        statements = Statements(
            known, cors=bool(settings.cors_origins), since=datetime.now(UTC).date()
        )
        self._answered = {**ANSWERED, "metadata": {"GET": capabilities(statements)}}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        request = Request(scope, receive, self._settings, self._versions)
        try:
            response = await self._respond(request)
        except ClientGone:
            return
        await response.send(request, send)

    async def _respond(self, request: Request) -> Response:
        response = await self._attempt(request)
        return await response.in_the_form_of(request)

    async def _attempt(self, request: Request) -> Response:
        """What is answered; an error as JSON yet."""
        try:
            return await self._answer(request)
        except MethodNotAllowed as error:
            response = responses.of_error(request, error)
            response.headers.append((b"allow", self._allowed(request)))
            return response
        except FhirError as error:
            if error.status not in (500, 503):
                return responses.of_error(request, error)
            log.warning("request %s: %s", request.id, error)
            return responses.of_error(request, _undisclosed(error, request))
        except ClientGone:
            raise
        except Exception:
            log.exception("request %s failed", request.id)
            return responses.of_error(request, _undisclosed(FhirError(), request))

    async def _answer(self, request: Request) -> Response:
        try:
            request.address = addresses.parse(self._path(request), self._types)
            interaction = self._interaction(request)
        except FhirError:
            request.negotiate_for_error()
            raise
        if interaction is None:
            return Response(204, "", [(b"allow", self._allowed(request))])
        request.negotiate(request.query())
        # A Host that is none has to be refused before anything is written, not when its answer is put together.
        request.settle_base_url()
        refuse_conditions(request)
        response = await interaction(self._store, request)
        return await response.in_the_form_of(request)

    def _path(self, request: Request) -> bytes:
        """The path below the service base. Raises NotFound for one that is not below it, and AddressTooLong."""
        scope = request.scope
        path = scope.get("raw_path") or quote(scope["path"]).encode()
        limit = self._settings.address_limit
        if len(path) + len(scope["query_string"]) > limit:
            hint = "; POST to _search takes parameters as content" if len(path) <= limit else ""
            raise AddressTooLong(f"an address may have up to {limit} bytes here{hint}")
        prefix = (scope.get("root_path", "") + self._settings.base_path).encode()
        below: bytes = path[len(prefix) :]
        if not path.startswith(prefix) or below[:1] not in (b"", b"/"):
            raise NotFound(f"the FHIR service is at {self._settings.base_path or '/'}")
        return below

    def _interaction(self, request: Request) -> Interaction | None:
        """What answers, or None for OPTIONS. Raises MethodNotAllowed, NotImplementedByStore."""
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return None
        interaction = self._answered.get(request.address.kind, {}).get(method)
        if interaction is None:
            raise refusal(request) or MethodNotAllowed(
                f"{method[:20]} is no method of this address; {self._allowed(request).decode()} are"
            )
        return interaction

    def _allowed(self, request: Request) -> bytes:
        methods = set(self._answered.get(request.address.kind, {}))
        if "GET" in methods:
            methods.add("HEAD")
        return ", ".join(sorted(methods | {"OPTIONS"})).encode()


def _undisclosed(error: FhirError, request: Request) -> FhirError:
    """The same failure without its words, which may quote health data or the database's address: those are for the log alone."""
    what = "the database cannot serve this now" if error.status == 503 else "an internal error"
    said = f"{what}; the service's log has it under {request.id}"
    return type(error)(said, code=error.issues[0].code)
