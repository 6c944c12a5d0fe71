"""What a client may write into a resource and a server ignores, whatever it says (spec page http, create and update)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from fhirstore import json_text
from fhirstore.errors import Unprocessable
from fhirstore.versions import Version

Sent = bytes | str

_IN_META = ("versionId", "lastUpdated", "_versionId", "_lastUpdated")
_OF_META = re.compile(r"[A-Za-z]+\.meta\._?(?:versionId|lastUpdated)\b")
_OF_ID = re.compile(r"[A-Za-z]+\._?id\b")


async def written(
    write: Callable[[Sent], Awaitable[Version]], content: Sent, *, with_id: bool
) -> Version:
    """What `write` makes of `content`, less what is ignored: of `meta`, and unless `with_id` the id.

    The store ignores it where it is valid. Where it is not, the content is refused before anything is written, and is
    written without it; so only such content is parsed twice.
    """
    try:
        return await write(content)
    except Unprocessable as error:
        places = [issue.expression or "" for issue in error.issues]
        if not any(_OF_META.match(p) or (not with_id and _OF_ID.match(p)) for p in places):
            raise
    return await write(_without(content, with_id=with_id))


def _without(content: Sent, *, with_id: bool) -> str:
    resource = json_text.parse(content.encode() if isinstance(content, str) else content)
    ignored = () if with_id else ("id", "_id")
    kept = {name: value for name, value in resource.items() if name not in ignored}
    meta = kept.get("meta")
    if isinstance(meta, dict):
        kept["meta"] = {name: value for name, value in meta.items() if name not in _IN_META}
        if not kept["meta"]:
            del kept["meta"]
    return json_text.dump(kept)
