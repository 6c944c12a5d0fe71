"""IRIs out of what resources say: the addresses they link to, and the nodes they are themselves.

FHIR allows in a URI what RFC 3987 does not (`url|version`, spaces in old data), and published Turtle has such IRIs as they
are, which strict parsers refuse. Here they are percent-encoded, so that everything written can be read by anybody.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

from fhirstore.errors import BadRequest
from fhirstore.short_texts import for_short_texts

_SUB = r"A-Za-z0-9\-._~!$&'()*+,;=:@/"
_is_plain = re.compile(
    rf"https?://[A-Za-z0-9.\-]+(?::[0-9]+)?(?:/[{_SUB}]*)?(?:\?[{_SUB}?]*)?(?:\#[{_SUB}?]*)?"
    r"|urn:(?:oid|uuid):[A-Za-z0-9.\-]+"
).fullmatch
_PARTS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):(?://(?P<authority>[^/?#]*))?(?P<rest>.*)", re.DOTALL
)
_AUTHORITY = re.compile(
    r"(?P<user>[^@]*@)?(?:(?P<literal>\[[^\]]*\])|(?P<name>[^:@\[\]]*))(?P<port>:[0-9]*)?"
)
# What RFC 3987 allows beyond ASCII, planes 1 to 14 without their last two code points.
_BEYOND = "\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef" + "".join(
    f"{chr(plane * 0x10000 + (0x1000 if plane == 14 else 0))}-{chr(plane * 0x10000 + 0xFFFD)}"
    for plane in range(1, 15)
)
# A query may have those of private use besides.
_PRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
_ILLEGAL = re.compile(rf"%(?![0-9A-Fa-f]{{2}})|[^{_SUB}?#%{_BEYOND}]")
_ILLEGAL_IN_QUERY = re.compile(rf"%(?![0-9A-Fa-f]{{2}})|[^{_SUB}?#%{_BEYOND}{_PRIVATE}]")


@for_short_texts(50_000)
def absolute(text: str) -> str | None:
    """`text` as an IRI that strict parsers accept; None where it is no absolute one at all."""
    if _is_plain(text):
        return text
    parts = _PARTS.fullmatch(text)
    if parts is None:
        return None
    scheme, authority, rest = parts.group("scheme", "authority", "rest")
    before, mark, fragment = rest.partition("#")
    path, question, query = before.partition("?")
    before = _escaped(path) + question + _ILLEGAL_IN_QUERY.sub(_percent, query)
    rest = before + mark + _escaped(fragment).replace("#", "%23")
    if authority is None:
        return f"{scheme}:{rest}"
    host = _authority(authority)
    return None if host is None else f"{scheme}://{host}{rest}"


def _authority(text: str) -> str | None:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    literal = match["literal"]
    if literal is not None:
        try:
            host = f"[{IPv6Address(literal[1:-1])}]"
        except AddressValueError:
            return None
    else:
        host = _escaped(match["name"])
    return _escaped(match["user"] or "") + host + (match["port"] or "")


def _escaped(text: str) -> str:
    return _ILLEGAL.sub(_percent, text)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode(errors="replace"))


_REFERENCE = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):)?(?://(?P<authority>[^/?#]*))?"
    r"(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?",
    re.DOTALL,
)


def resolve(base: str, reference: str) -> str:
    """What a relative IRI means below `base` (RFC 3986, 5.2)."""
    target = _parts(reference)
    if target["scheme"] is not None:
        return reference
    source = _parts(base)
    path, query, authority = target["path"] or "", target["query"], target["authority"]
    if authority is None:
        authority = source["authority"]
        if not path:
            path = source["path"] or ""
            query = source["query"] if query is None else query
        elif path.startswith("/"):
            path = _without_dots(path)
        else:
            path = _without_dots(_merged(source, path))
    else:
        path = _without_dots(path)
    front = f"{source['scheme']}:" + ("" if authority is None else f"//{authority}")
    return front + path + (query or "") + (target["fragment"] or "")


def _parts(iri: str) -> dict[str, str | None]:
    match = _REFERENCE.fullmatch(iri)
    assert match is not None  # the expression leaves nothing out
    return match.groupdict()


def _merged(base: dict[str, str | None], path: str) -> str:
    above = base["path"] or ""
    if base["authority"] is not None and not above:
        return "/" + path
    return above[: above.rfind("/") + 1] + path


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == ".." and len(kept) > 1:
            kept.pop()
        elif segment not in (".", ".."):
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)


# A resource's type and id.
Named = tuple[str, str]
_named = re.compile(
    r".*/(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/[^/]*)?", re.DOTALL
).fullmatch


def named(iri: str) -> Named | None:
    """The resource whose address this is on whatever server (`.../Patient/1`), None where it is no such address."""
    found = _named(iri)
    return None if found is None else (found["type"], found["id"])


# What no IRI has, or what nothing can stand below.
_NO_BASE = re.compile(r"[\x00-\x20<>\"{}|\\^`?#]")


class Addresses:
    """The nodes and links of one base (spec page rdf, Representing References)."""

    def __init__(self, base: str | None) -> None:
        self._below = None if base is None else base.rstrip("/") + "/"
        if self._below is not None and (_NO_BASE.search(self._below) or not absolute(self._below)):
            raise BadRequest(
                f"the base {base!r:.200} is no absolute IRI below which resources could stand"
            )
        self.link = for_short_texts(20_000)(self._link)

    def subject(self, resource_type: str, logical_id: object) -> str | None:
        """The node of a resource, None for a blank one."""
        if self._below is None or type(logical_id) is not str:
            return None
        return absolute(f"{self._below}{resource_type}/{logical_id}")

    def reference(self, iri: str) -> str:
        """What a resource says that leads to `iri`."""
        below = iri.removeprefix(self._below or "")
        return below if self.link(below) == iri else iri

    def _link(self, reference: str) -> str | None:
        """Where a reference or a canonical leads: nowhere for `#x`, `urn:uuid:...` and bare names."""
        if reference.startswith(("http://", "https://")):
            return absolute(reference)
        if self._below is not None and "/" in reference:
            return absolute(self._below + reference)
        return None
