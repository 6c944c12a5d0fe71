"""Where a service lives: the path on its host, and the base URL that clients know it by."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PORT = r"(?::[0-9]{1,5})?"
_HOST = rf"[A-Za-z0-9.\-_]+{_PORT}|\[[0-9A-Fa-f:.]+\]{_PORT}"
_SEGMENTS = r"(?:/[A-Za-z0-9.\-_~]+)*"
# Segments that clients resolve before they ask.
_RELATIVE = re.compile(r"/\.\.?(?:/|$)")
_URL = re.compile(rf"(https?)://({_HOST})({_SEGMENTS})", re.IGNORECASE)

is_host = re.compile(_HOST).fullmatch
is_path = re.compile(_SEGMENTS).fullmatch


def slashed(path: str) -> str:
    """`path` with a slash before it and none behind it; "" for the root."""
    path = path.strip("/")
    return f"/{path}" if path else ""


def base_path(text: str) -> str:
    """`text` as the path that a service lives at: `/fhir`, "" for the root. Raises ValueError for what is no path."""
    path = slashed(text)
    if not is_path(path) or _RELATIVE.search(path):
        raise ValueError(
            f"{text[:200]!r} is not a base path: it takes letters, digits and . - _ ~ between slashes, as /fhir"
        )
    return path


def base_url(text: str) -> str:
    """`text` as a base URL, without a slash at its end. Raises ValueError for what is none."""
    made = _base_url(text)
    if made is None:
        raise ValueError(
            f"{str(text)[:200]!r} is not a base URL: that is http or https, a host and a path, as https://example.org/fhir"
        )
    return made


def base_urls(given: Iterable[str]) -> tuple[str, ...]:
    """The base URLs of a store, each once. Raises ValueError for one that is none, and for a text in place of several:
    its letters would be taken as the addresses."""
    if isinstance(given, str | bytes):
        raise ValueError(f"base_urls is a list of base URLs, as [{given[:200]!r}], and not one")
    return tuple(dict.fromkeys(base_url(url) for url in given))


def usable(kept: Iterable[object]) -> tuple[str, ...]:
    """Those of `kept` that are base URLs, each once; the others are passed over."""
    return tuple(dict.fromkeys(url for url in map(_base_url, kept) if url is not None))


def _base_url(text: object) -> str | None:
    found = _URL.fullmatch(text.rstrip("/")) if isinstance(text, str) else None
    if found is None or _RELATIVE.search(found[3]):
        return None
    return f"{found[1].lower()}://{found[2]}{found[3]}"
