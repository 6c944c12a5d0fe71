"""The field `turtle` of a current document: its graph as text, for types that keep it.

It is written with the version it says, in the same document, so no crash and no writer can leave another version's.
None stands where there is no such text: no graph can say the resource, or the document has no room for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhirstore import json_text, large_resources
from fhirstore.errors import MalformedContent
from fhirstore.rdf import Projection

FIELD = "turtle"
# What `is_true` has to know of a document.
FIELDS = {FIELD: 1, "json": 1, "json_zstd": 1}


def turtle_for(
    projection: Projection, resource: dict[str, Any], document: Mapping[str, Any]
) -> str | None:
    """What belongs in the field, for a `document` that says `resource` and has no such field yet."""
    text = _text(projection, resource)
    return text if text is not None and large_resources.has_room(document, text) else None


def is_true(projection: Projection, document: Mapping[str, Any]) -> bool:
    """Whether the field of a document says what it should. Room is taken for granted to be short where it may be."""
    if FIELD not in document:
        return False
    text = large_resources.text_of(document)
    assert text is not None
    expected = _text(projection, json_text.parse(text.encode()))
    if document[FIELD] == expected:
        return True
    if document[FIELD] is not None or expected is None:
        return False
    return not large_resources.is_surely_small(document, expected)


def _text(projection: Projection, resource: dict[str, Any]) -> str | None:
    try:
        return projection.turtle(resource)
    except MalformedContent:
        return None
