"""Which format a request speaks and which it wants: Accept, `_format`, Content-Type (spec page http, Content Types).

The store speaks JSON and Turtle. XML is refused with 406 and 415, as FHIR has it, and never answered with JSON by
surprise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from fhirstore.errors import BadRequest, NotAcceptable, UnsupportedMediaType

FHIR_JSON = "application/fhir+json"
# Those that a client may ask for by name, the first where it does not care. The last is FHIR DSTU2's name for it.
JSON_TYPES = (FHIR_JSON, "application/json", "text/json", "application/json+fhir")
FHIR_TURTLE = "application/fhir+turtle"
TURTLE_TYPES = (FHIR_TURTLE, "text/turtle")
FORM = "application/x-www-form-urlencoded"

# JSON stands first: of what a client likes equally, it is answered.
_ANSWERED = (*JSON_TYPES, *TURTLE_TYPES)
# The values of `_format` (spec page http, General parameters).
_FORMATS = {
    **dict.fromkeys(("json", *JSON_TYPES), FHIR_JSON),
    **dict.fromkeys(("ttl", "turtle", *TURTLE_TYPES), FHIR_TURTLE),
}
_QUOTED = '"[^"]*"'
_RANGE = re.compile(rf'(?:[^,"]|{_QUOTED}|")+')
_PART = re.compile(rf'(?:[^;"]|{_QUOTED}|")+')
_QUALITY = re.compile(r"(?:0(?:\.\d*)?|1(?:\.0*)?|\.\d+)")


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type or range as a header says it. `fhir_version` is the parameter `fhirVersion` (spec page http)."""

    name: str
    fhir_version: str | None = None
    charset: str | None = None
    quality: float = 1.0


def parse(text: str) -> MediaType:
    """One media type with its parameters. Raises BadRequest for a quality that is none."""
    name, *rest = (part.strip() for part in _PART.findall(text) or [""])
    found: dict[str, str] = {}
    for parameter in rest:
        key, _, value = parameter.partition("=")
        found.setdefault(key.strip().lower(), value.strip().strip('"'))
    quality = found.get("q", "1")
    if not _QUALITY.fullmatch(quality):
        raise BadRequest(f"{quality[:20]!r} is no quality from 0 to 1", expression="Accept")
    version, charset = found.get("fhirversion"), found.get("charset")
    return MediaType(name.lower(), version or None, charset and charset.lower(), float(quality))


@lru_cache(maxsize=512)
def negotiate(accept: str, versions: tuple[str, ...]) -> bytes:
    """The Content-Type of the answer to `accept`, the value of an Accept header, "" for none.

    `versions` are the names of the FHIR version that is served ("4.0" and "4.0.1"). Raises NotAcceptable, BadRequest.
    """
    ranges = [parse(text) for text in _RANGE.findall(accept) if text.strip()]
    if not ranges:
        return content_type(FHIR_JSON)
    served = [r for r in ranges if r.fhir_version is None or r.fhir_version in versions]
    best = max(_ANSWERED, key=lambda name: _quality(name, served))
    if _quality(best, served) <= 0:
        raise NotAcceptable(_why_not(ranges, served, versions), expression="Accept")
    asked = next((r.fhir_version for r in served if r.fhir_version), None)
    return content_type(best, asked)


def _quality(name: str, ranges: list[MediaType]) -> float:
    """How much a client likes `name`: what its most specific range says (RFC 9110, 12.5.1)."""
    for pattern in (name, name.partition("/")[0] + "/*", "*/*", "*"):
        matching = [range.quality for range in ranges if range.name == pattern]
        if matching:
            return max(matching)
    return 0.0


def _why_not(ranges: list[MediaType], served: list[MediaType], versions: tuple[str, ...]) -> str:
    formats = f"JSON ({FHIR_JSON}) and Turtle ({FHIR_TURTLE}) only"
    if len(served) < len(ranges):
        return f"this service speaks FHIR {versions[0]} in {formats}"
    return f"this service answers in {formats}"


def content_type(name: str, fhir_version: str | None = None) -> bytes:
    """The value of a Content-Type header. UTF-8 may be said, and tools that guess do not have to."""
    version = "" if fhir_version is None else f"; fhirVersion={fhir_version}"
    return f"{name}; charset=utf-8{version}".encode()


def requested_format(value: str, versions: tuple[str, ...]) -> bytes:
    """The Content-Type for a `_format` parameter, which overrides Accept. Raises NotAcceptable.

    A `+` that was not percent-encoded has become a space on the way.
    """
    name, separator, rest = value.partition(";")
    asked = parse(name.strip().replace(" ", "+") + separator + rest)
    if asked.fhir_version is not None and asked.fhir_version not in versions:
        raise NotAcceptable(_why_not([asked], [], versions), expression="_format")
    if asked.name not in _FORMATS:
        raise NotAcceptable(
            f"the format {value[:80]!r} is not supported; json and ttl are", expression="_format"
        )
    return content_type(_FORMATS[asked.name], asked.fhir_version)


def is_turtle(content_type: bytes) -> bool:
    """Whether the value of a Content-Type header names Turtle."""
    return content_type.partition(b";")[0].decode("latin-1") in TURTLE_TYPES


def check_content(header: str | None, accept: str, versions: tuple[str, ...]) -> str:
    """Whether content is JSON or Turtle (FHIR_JSON, FHIR_TURTLE), of the FHIR version served. Raises UnsupportedMediaType.

    Content without a type is taken for JSON, and shown to be none by its parse. A version other than the one that
    Accept asks for is a BadRequest: one interaction has one version (spec page http, FHIR Version Parameter).
    """
    if header is None or not header.strip():
        return FHIR_JSON
    sent = parse(header)
    if sent.name not in _ANSWERED:
        raise UnsupportedMediaType(
            f"content of type {sent.name[:80]!r} is not supported; {FHIR_JSON} and {FHIR_TURTLE} are",
            expression="Content-Type",
        )
    if sent.charset not in (None, "utf-8", "utf8"):
        raise UnsupportedMediaType(
            f"JSON and Turtle are UTF-8, not {sent.charset[:40]!r}", expression="Content-Type"
        )
    _check_version(sent, accept, versions)
    return _FORMATS[sent.name]


def _check_version(sent: MediaType, accept: str, versions: tuple[str, ...]) -> None:
    if sent.fhir_version is None:
        return
    wanted = {parse(text).fhir_version for text in _RANGE.findall(accept)} - {None}
    if wanted and not _same_version(sent.fhir_version, wanted, versions):
        raise BadRequest(
            "Content-Type and Accept name different FHIR versions", expression="Content-Type"
        )
    if sent.fhir_version not in versions:
        raise UnsupportedMediaType(
            f"this service reads FHIR {versions[0]}, not {sent.fhir_version[:20]!r}",
            expression="Content-Type",
        )


def _same_version(sent: str, wanted: set[str | None], versions: tuple[str, ...]) -> bool:
    return sent in wanted or (sent in versions and any(name in versions for name in wanted))


def check_form(header: str | None) -> None:
    """Refuse what is not a form where only a form is read, in a search by POST: UnsupportedMediaType."""
    name = FORM if header is None or not header.strip() else parse(header).name
    if name != FORM:
        raise UnsupportedMediaType(
            f"a search by POST reads {FORM}, not {name[:80]!r}", expression="Content-Type"
        )
