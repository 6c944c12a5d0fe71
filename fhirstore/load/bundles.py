"""From a JSON document to the resources in it, each with what its bundle says about it.

A bundle is split before its resources are parsed: so one that is not well-formed costs itself and not its bundle,
and each keeps the text it came with.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import msgspec

from fhirstore import json_text
from fhirstore.documents import check_id
from fhirstore.errors import InvalidId, MalformedContent, NotImplementedByStore
from fhirstore.load.criteria import Criteria, criteria

# Ids that are made from content, for resources that come without any.
_NAMESPACE = UUID("0f0c2f9e-3a57-4be0-a1a0-6a3c6d2b6f0e")
_URN_UUID = "urn:uuid:"


class _Request(msgspec.Struct):
    method: str = ""
    url: str = ""
    if_none_exist: str | None = msgspec.field(name="ifNoneExist", default=None)


class _Search(msgspec.Struct):
    mode: str | None = None


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw()
    full_url: str | None = msgspec.field(name="fullUrl", default=None)
    request: _Request | None = None
    search: _Search | None = None


class _Head(msgspec.Struct):
    type_name: str | None = msgspec.field(name="resourceType", default=None)


class _Bundle(msgspec.Struct):
    type: str = ""
    entry: list[_Entry] = msgspec.field(default_factory=list)


_head = msgspec.json.Decoder(_Head)
_bundle = msgspec.json.Decoder(_Bundle)


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource as it was found. `number` is its place in its bundle, None outside of one."""

    text: bytes
    number: int | None = None
    full_url: str | None = None
    method: str = ""
    url: str = ""
    if_none_exist: str | None = None


def split(content: bytes) -> list[Entry]:
    """The entries of a bundle, or the one resource that `content` is.

    Entries without a resource are left out where a bundle may have such (answers, requests to read), as are the
    outcomes that accompany a search. Raises MalformedContent, and NotImplementedByStore for a bundle of histories.
    """
    if b"Bundle" not in content or not _is_bundle(content):
        return [Entry(content)]
    try:
        bundle = _bundle.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedContent(f"not a bundle: {error}", expression="Bundle") from None
    if bundle.type == "history":
        raise NotImplementedByStore("a load takes current resources, not histories")
    found = (_entry(number, entry) for number, entry in enumerate(bundle.entry))
    return [entry for entry in found if entry is not None]


def _is_bundle(content: bytes) -> bool:
    """Whether it is one; what is no JSON is not, and the parse that follows says why."""
    try:
        return _head.decode(content).type_name == "Bundle"
    except (msgspec.DecodeError, RecursionError):
        return False


def _entry(number: int, entry: _Entry) -> Entry | None:
    request = entry.request or _Request()
    is_outcome = entry.search is not None and entry.search.mode == "outcome"
    if is_outcome or (not bytes(entry.resource) and request.method in ("", "GET", "HEAD")):
        return None
    text = bytes(entry.resource)
    return Entry(text, number, entry.full_url, request.method, request.url, request.if_none_exist)


@dataclass(slots=True)
class Identity:
    """Under which type and id a resource is to be stored; `id` is "" where it came without any.

    With a `condition` the resource that meets it decides: there is one already (`replaces` says whether it is replaced,
    else it stays as it is), or this one is new.
    """

    type: str
    id: str = ""
    condition: Criteria | None = None
    replaces: bool = False


def identity(entry: Entry, resource: dict[str, Any], resource_types: Container[str]) -> Identity:
    """What the entry and the resource say. Raises MalformedContent, InvalidId, InvalidSearch, NotImplementedByStore."""
    type = resource.get("resourceType")
    if not isinstance(type, str) or type not in resource_types:
        raise MalformedContent(f"{str(type)[:80]!r} is no resource type", expression="resourceType")
    if entry.method not in ("", "POST", "PUT"):
        raise NotImplementedByStore(f"a load creates and updates; it does not {entry.method[:20]}")
    own = resource.get("id", "")
    if not isinstance(own, str):
        raise InvalidId("an id is a string", expression=f"{type}.id")
    if entry.method == "PUT":
        made = _put(entry.url, type, own)
    elif entry.if_none_exist is not None:
        query = entry.if_none_exist
        made = Identity(type, own, criteria(type, query.rpartition("?")[2]))
    else:
        made = Identity(type, own)
    made.id = made.id or _id_in(entry.full_url or "", type)
    if made.id:
        check_id(made.id)
    return made


def _put(url: str, type: str, own: str) -> Identity:
    """The identity in the address of an update: `Patient/1` or `Patient?identifier=a|b`, absolute or relative."""
    address, _, query = url.partition("?")
    *_, named, id = ("/" + address).split("/") if not query else (*address.split("/"), "")
    if named != type:
        raise InvalidId(f"the request updates {named[:80]!r}, the resource is {type}")
    if query:
        return Identity(type, own, criteria(type, query), replaces=True)
    if own and own != id:
        raise InvalidId(f"the request updates {type}/{id[:80]}, the resource has the id {own[:80]}")
    return Identity(type, id)


def _id_in(full_url: str, type: str) -> str:
    """The id that a full URL carries: of `urn:uuid:<id>` and of `http://example.org/fhir/Patient/<id>`."""
    if full_url.startswith(_URN_UUID):
        return full_url.removeprefix(_URN_UUID)
    before, _, id = full_url.rpartition("/")
    return id if before.endswith("/" + type) else ""


def id_from_content(resource: dict[str, Any]) -> str:
    """An id that is the same whenever the same content is loaded (a UUID, version 5)."""
    content = {name: value for name, value in resource.items() if name != "id"}
    if isinstance(meta := content.get("meta"), dict):
        content["meta"] = {
            name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")
        }
    return str(uuid5(_NAMESPACE, json_text.dump_sorted(content).decode()))
