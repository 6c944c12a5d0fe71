"""Bundles of search results and histories, put together from the stored JSON text: nothing is parsed to be dumped again."""

from __future__ import annotations

import json
from uuid import uuid4

from fhirstore.errors import Issue
from fhirstore.primitives import instant_text
from fhirstore.rest import outcomes
from fhirstore.rest.queries import Pairs
from fhirstore.rest.request import Request
from fhirstore.versions import HistoryPage, SearchPage, Version


def searchset(request: Request, path: str, page: SearchPage, token: str | None) -> str:
    """The Bundle of one page of a search (spec page search, Server Conformance).

    `path` is what was searched, below the base; `token` that of the page itself.
    """
    base = _quoted(f"{request.base_url}/")[:-1]
    entries = [
        f'{{"fullUrl":{base}{found.type}/{found.id}","resource":{found.json},"search":{{"mode":"{mode}"}}}}'
        for mode, versions in (("match", page.matches), ("include", page.included))
        for found in versions
    ]
    if page.issues:
        entries.append(_outcome_entry(request, page.issues))
    links = _links(request, path, page.parameters, token, page.next)
    return _bundle("searchset", page.total, links, entries)


def _outcome_entry(request: Request, issues: list[Issue]) -> str:
    """What was left out of a search, as the entry that says so: `search.mode` is `outcome` (spec page http, search)."""
    outcome = outcomes.text(request, issues, of_search=True)
    return f'{{"fullUrl":"urn:uuid:{uuid4()}","resource":{outcome},"search":{{"mode":"outcome"}}}}'


def history(
    request: Request, path: str, page: HistoryPage, parameters: Pairs, token: str | None
) -> str:
    """The Bundle of one page of a history (spec page http, history)."""
    base = _quoted(f"{request.base_url}/")[:-1]
    entries = [_history_entry(base, version) for version in page.entries]
    links = _links(request, path, parameters, token, page.next)
    return _bundle("history", page.total, links, entries)


def _history_entry(base: str, version: Version) -> str:
    address = f"{version.type}/{version.id}"
    resource = "" if version.json is None else f'"resource":{version.json},'
    url = version.type if version.method == "POST" else address
    instant = instant_text(version.last_updated)
    return (
        f'{{"fullUrl":{base}{address}",{resource}'
        f'"request":{{"method":"{version.method}","url":"{url}"}},'
        f'"response":{{"status":"{_status(version)}","etag":"W/\\"{version.version}\\"",'
        f'"lastModified":"{instant}"}}}}'
    )


def _status(version: Version) -> str:
    """What the interaction was answered with. Whether an update brought back what was deleted is not kept, and is called 200."""
    if version.method == "DELETE":
        return "204"
    return "201" if version.version == 1 or version.method == "POST" else "200"


def _links(
    request: Request, path: str, parameters: Pairs, token: str | None, following: str | None
) -> str:
    """Self and next. A page token is one more parameter, so that the next page is the same search, further on."""
    this = parameters if token is None else [*parameters, ("_page", token)]
    made = [_link("self", request.link(path, this))]
    if following is not None:
        made.append(_link("next", request.link(path, [*parameters, ("_page", following)])))
    return ",".join(made)


def _link(relation: str, url: str) -> str:
    return f'{{"relation":"{relation}","url":{_quoted(url)}}}'


def _bundle(type: str, total: int | None, links: str, entries: list[str]) -> str:
    """FHIR's JSON has no empty arrays: a Bundle without entries has no `entry`."""
    counted = "" if total is None else f'"total":{total},'
    listed = f',"entry":[{",".join(entries)}]' if entries else ""
    return f'{{"resourceType":"Bundle","type":"{type}",{counted}"link":[{links}]{listed}}}'


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
