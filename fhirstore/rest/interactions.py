"""The interactions of FHIR's HTTP interface: each turns one request into one call of the store, and its result into an answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from fhirstore import json_text
from fhirstore.definitions import Definitions, definitions
from fhirstore.errors import (
    BadRequest,
    FhirError,
    Issue,
    NotFound,
    NotImplementedByStore,
    PreconditionFailed,
    Unavailable,
)
from fhirstore.primitives import date_range, instant_text
from fhirstore.rest import bundles, headers, ignored, outcomes, queries, responses
from fhirstore.rest.addresses import Kind
from fhirstore.rest.capability_statement import Statements
from fhirstore.rest.request import Request
from fhirstore.rest.responses import Response
from fhirstore.search.subsetting import SUMMARIES, Subset, element_names, subset_of
from fhirstore.versions import HistoryPage, Version

if TYPE_CHECKING:
    from fhirstore.async_store import AsyncStore

# A date with a prefix (spec page search, Prefixes).
_PREFIX = re.compile("(?:eq|ne|gt|lt|ge|le|sa|eb|ap)[0-9]")

Interaction = Callable[["AsyncStore", Request], Awaitable[Response]]

# reading ----------------------------------------------------------------------------------------


async def read(store: AsyncStore, request: Request) -> Response:
    subset = _take_subset(request)
    request.refuse_others()
    version = await store.read(*_instance(request))
    _check_preconditions(request, version)
    if _has_it_already(request, version):
        return Response(304, "", responses.version_headers(version))
    return responses.of_version(request, _part(version, subset))


async def vread(store: AsyncStore, request: Request) -> Response:
    subset = _take_subset(request)
    request.refuse_others()
    type, id = _instance(request)
    assert request.address.version is not None
    number = headers.version_number(request.address.version)
    if number is None:
        raise NotFound(f"there is no version {request.address.version[:80]!r} of {type}/{id}")
    version = await store.vread(type, id, number)
    _check_preconditions(request, version)
    if _has_it_already(request, version):
        return Response(304, "", responses.version_headers(version))
    return responses.of_version(request, _part(version, subset))


def _take_subset(request: Request) -> Subset:
    """What `_elements` and `_summary` ask of a resource that is read (spec page http, read)."""
    elements, request.pairs = queries.take(request.pairs, "_elements")
    summary, request.pairs = queries.take(request.pairs, "_summary")
    type = request.address.type
    assert type is not None
    names = element_names(elements or "", type, definitions(request.versions[0]))
    if summary == "count":
        said = "_summary=count is not supported with a read; it is with a search"
        raise NotImplementedByStore(said, expression="_summary")
    if summary is not None and summary not in SUMMARIES:
        said = f"_summary is true, text, data or false here, not {summary[:40]!r}"
        raise BadRequest(said, code="value", expression="_summary")
    return subset_of(names, summary)


def _part(version: Version, subset: Subset) -> Version:
    if subset.is_whole:
        return version
    part = subset.of(version.resource, definitions(version.fhir_version))
    return replace(version, json=json_text.dump(part))


def _check_preconditions(request: Request, version: Version) -> None:
    """Raise PreconditionFailed for a read of another state than its client has seen (RFC 9110, 13.2.2)."""
    tags, since = request.header(b"if-match"), request.header(b"if-unmodified-since")
    if tags is not None:
        if not headers.names(tags, str(version.version)):
            said = f"If-Match does not name the version, which is {version.version}"
            raise PreconditionFailed(said, expression="If-Match")
    elif since is not None and headers.changed_since(since, version.last_updated):
        said = f"the version is of {instant_text(version.last_updated)}, after If-Unmodified-Since"
        raise PreconditionFailed(said, expression="If-Unmodified-Since")


def _has_it_already(request: Request, version: Version) -> bool:
    """Whether a conditional read may be answered 304. The entity tag decides where it stands (RFC 9110, 13.2.2)."""
    tags, since = request.header(b"if-none-match"), request.header(b"if-modified-since")
    if tags is not None:
        return headers.names(tags, str(version.version))
    return since is not None and headers.unchanged_since(since, version.last_updated)


async def history(store: AsyncStore, request: Request) -> Response:
    address = request.address
    pairs = request.pairs
    since, pairs = queries.take(pairs, "_since")
    at, pairs = queries.take(pairs, "_at")
    count, pairs = queries.take(pairs, "_count")
    token, pairs = queries.take(pairs, "_page")
    _refuse_list(pairs)
    request.pairs = pairs
    request.refuse_others()
    number = queries.whole_number("_count", count)
    page = await store.history(
        address.type,
        address.id,
        since=None if since is None else _period("_since", since)[0],
        at=None if at is None else _period("_at", at),
        count=1 if number == 0 else number,
        page=token,
    )
    if number == 0:
        # As of a search: a page may not have more than was asked for (spec page http, history), and all that is left is
        # the total, where it is known.
        page = HistoryPage([], total=page.total)
    used = [("_since", since), ("_at", at), ("_count", count)]
    parameters = [(name, value) for name, value in used if value is not None]
    path = "/".join(filter(None, (address.type, address.id, "_history")))
    return Response(200, bundles.history(request, path, page, parameters, token))


def _refuse_list(pairs: queries.Pairs) -> None:
    if any(name == "_list" and value for name, value in pairs):
        raise NotImplementedByStore("_list is not supported yet", expression="_list")


def _period(name: str, value: str) -> tuple[datetime, datetime]:
    """The half-open period that a date says. A `+` that was not percent-encoded has become a space on the way."""
    if _PREFIX.match(value):
        said = f"prefixes ({value[:2]}) are not supported with {name}"
        raise NotImplementedByStore(said, expression=name)
    try:
        return date_range(value.replace(" ", "+"))
    except ValueError:
        raise BadRequest(
            f"{name} takes a date, as 2020-01-31T08:00:00Z, not {value[:80]!r}",
            code="value",
            expression=name,
        ) from None


# writing ----------------------------------------------------------------------------------------


async def create(store: AsyncStore, request: Request) -> Response:
    request.refuse_others()
    content = await request.content()

    async def write(content: ignored.Sent) -> Version:
        return await store.create(content, resource_type=request.address.type)

    return _written(request, await ignored.written(write, content, with_id=False), 201)


async def update(store: AsyncStore, request: Request) -> Response:
    request.refuse_others()
    type, id = _instance(request)
    if_match = _if_match(request)
    content = await request.content()

    async def write(content: ignored.Sent) -> Version:
        return await store.update(content, resource_type=type, id=id, if_match=if_match)

    version = await ignored.written(write, content, with_id=True)
    return _written(request, version, 201 if version.outcome == "created" else 200)


async def delete(store: AsyncStore, request: Request) -> Response:
    request.refuse_others()
    type, id = _instance(request)
    deleted = await store.delete(type, id, if_match=_if_match(request))
    # An ETag lets a client bring the resource back to life without losing another's update (spec page http, delete).
    tags = [] if deleted is None else [(b"etag", deleted.etag.encode())]
    if request.preferences.returns != "OperationOutcome":
        return Response(204, "", tags)
    said = f"{type}/{id} was not there" if deleted is None else f"{type}/{id} was deleted"
    return Response(200, _outcome(request, said), tags)


def _written(request: Request, version: Version, status: int) -> Response:
    """The answer to a create or an update, with as much content as the client prefers (Managing Return Content)."""
    returns = request.preferences.returns or "representation"
    if returns == "representation":
        made = responses.of_version(request, version, status)
    else:
        body = "" if returns == "minimal" else _said(request, version)
        made = Response(status, body, responses.version_headers(version))
    made.is_of_write = True
    if status == 201:
        made.headers.append((b"location", responses.version_url(request, version)))
    if request.preferences.returns is not None:
        made.headers.append((b"preference-applied", f"return={returns}".encode()))
    return made


def _said(request: Request, version: Version) -> str:
    said = f"{version.type}/{version.id} is {version.outcome}; its version is {version.version}"
    return _outcome(request, said)


def _outcome(request: Request, said: str) -> str:
    return outcomes.text(request, [Issue("information", "informational", said)])


def _if_match(request: Request) -> int | None:
    given = request.header(b"if-match")
    return None if given is None else headers.if_match(given)


# searching --------------------------------------------------------------------------------------


async def search(store: AsyncStore, request: Request) -> Response:
    """Of a type, of a compartment, or with neither of all types."""
    address = request.address
    type, compartment, path = address.type, None, address.type or ""
    if address.within is not None:
        type = None if address.within == "*" else address.within
        compartment = f"{address.type}/{address.id}"
        path = f"{compartment}/{address.within}"
    token = next((value for name, value in request.pairs if name == "_page" and value), None)
    page = await store.search(
        type, request.pairs, handling=request.handling, compartment=compartment
    )
    return Response(200, bundles.searchset(request, path, page, token))


async def search_by_post(store: AsyncStore, request: Request) -> Response:
    """As by GET: a parameter means the same in the address and in the form (spec page http, search)."""
    request.negotiate([*request.query(), *await request.form()])
    return await search(store, request)


# the service itself -----------------------------------------------------------------------------


def capabilities(first: Statements) -> Interaction:
    statements = first

    async def answer(store: AsyncStore, request: Request) -> Response:
        mode, pairs = queries.take(request.pairs, "mode")
        summary, request.pairs = queries.take(pairs, "_summary")
        request.refuse_others()
        # A statement is the answer to `mode=terminology` too, as the page allows: there are no terminology services.
        if mode not in (None, "full", "normative", "terminology"):
            raise BadRequest(f"the mode {mode[:80]!r} is none", code="value", expression="mode")
        if summary not in (None, "true", "false"):
            raise NotImplementedByStore("_summary is true or false here", expression="_summary")
        nonlocal statements
        known = await _searched(store)
        if known is not None and not statements.are_of(known):
            statements = first if first.are_of(known) else first.of(known)
        text, etag = statements.text(
            request.base_url, normative=mode == "normative", summary=summary == "true"
        )
        tags = [(b"etag", etag.encode())]
        seen = request.header(b"if-none-match")
        if seen is not None and headers.names(seen, etag[3:-1]):
            return Response(304, "", tags)
        return Response(200, text, tags)

    return answer


async def _searched(store: AsyncStore) -> Definitions | None:
    """What can be searched by now; None where the database cannot be asked, which a statement does not wait for."""
    try:
        return (await store.parts()).definitions
    except Unavailable:
        return None


def _instance(request: Request) -> tuple[str, str]:
    type, id = request.address.type, request.address.id
    assert type is not None
    assert id is not None
    return type, id


# Which method does what at which kind of address; HEAD is GET without its content, OPTIONS lists these.
ANSWERED: Mapping[Kind, Mapping[str, Interaction]] = {
    "type": {"GET": search, "POST": create},
    "search": {"POST": search_by_post},
    "system": {"GET": search},
    "search-all": {"POST": search_by_post},
    "compartment": {"GET": search},
    "search-compartment": {"POST": search_by_post},
    "instance": {"GET": read, "PUT": update, "DELETE": delete},
    "history": {"GET": history},
    "version": {"GET": vread},
}

_CONDITIONAL = "conditional {} (by search parameters) is not supported"
# Servers that do not support conditional create, update and delete, batches or transactions "SHOULD return an HTTP 400
# error" (spec page http); all else is 501.
_BAD_REQUEST: frozenset[tuple[Kind, str]] = frozenset(
    {("system", "POST"), ("system", "DELETE"), ("type", "PUT"), ("type", "DELETE")}
)
# What FHIR defines and the store does not do: (kind of address, method) to the words for it.
NOT_YET: Mapping[tuple[Kind, str], str] = {
    ("system", "POST"): "batches and transactions are not supported",
    ("system", "DELETE"): _CONDITIONAL.format("delete"),
    ("type", "PUT"): _CONDITIONAL.format("update"),
    ("type", "DELETE"): _CONDITIONAL.format("delete"),
    ("type", "PATCH"): _CONDITIONAL.format("patch"),
    ("instance", "PATCH"): "patch is not supported; update with If-Match is",
}


_READ_CONDITIONS = ("If-Match", "If-Unmodified-Since")
_WRITE_CONDITIONS = (*_READ_CONDITIONS, "If-None-Match", "If-None-Exist")
# The conditions that are heeded; `If-None-Match` and `If-Modified-Since` of a GET may be passed over (spec page http,
# Conditional Read).
_HEEDED: Mapping[tuple[Kind, str], tuple[str, ...]] = {
    ("instance", "GET"): _READ_CONDITIONS,
    ("version", "GET"): _READ_CONDITIONS,
    ("instance", "PUT"): ("If-Match",),
    ("instance", "DELETE"): ("If-Match",),
}


def refuse_conditions(request: Request) -> None:
    """Refuse a condition that is not heeded: it would let through what its client wanted stopped. Raises
    NotImplementedByStore, and BadRequest for a conditional create."""
    method = "GET" if request.method == "HEAD" else request.method
    heeded = _HEEDED.get((request.address.kind, method), ())
    for name in _READ_CONDITIONS if method == "GET" else _WRITE_CONDITIONS:
        if name not in heeded and name.lower().encode() in request.headers:
            instead = "; If-Match is" if "If-Match" in heeded else ""
            said = f"{name} is not supported with this {method}{instead}"
            if name == "If-None-Exist":
                raise BadRequest(said, code="not-supported", expression=name)
            raise NotImplementedByStore(said, expression=name)


def refusal(request: Request) -> FhirError | None:
    """The error for what FHIR defines at this address and the store does not do, if it is that."""
    kind, method = request.address.kind, request.method
    if kind == "operation":
        return NotImplementedByStore("operations ($...) are not supported")
    if kind == "type" and not request.scope["query_string"]:
        return None
    asked = (kind, "GET" if method == "HEAD" else method)
    said = NOT_YET.get(asked)
    if said is None:
        return None
    if asked in _BAD_REQUEST:
        return BadRequest(said, code="not-supported")
    return NotImplementedByStore(said)
