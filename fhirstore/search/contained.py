"""The search values of contained resources, which are found through what contains them (spec page search, Contained
Resources).

`contained` in a document has one entry for each: its type and id, its search values as a document of its own would
have them, and `by`, the paths of the references that lead to it. So a chain to a contained resource is one element of
the container that says all that is asked. Contained resources never have documents of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

FIELD = "contained"


def contained_values(
    resource: Mapping[str, Any],
    links: Iterable[Mapping[str, Any]],
    extract: Callable[[str, Mapping[str, Any]], dict[str, Any]],
) -> list[dict[str, Any]]:
    """One entry for each contained resource of a known type. `extract(type, resource)` gives search values, and raises
    KeyError for what is no type; `links` are those of the container."""
    inside = resource.get(FIELD)
    if type(inside) is not list:
        return []
    by: dict[str, set[str]] = {}
    for link in links:
        if link.get("kind") == "contained":
            by.setdefault(link["url"], set()).add(link["path"])
    found = []
    for one in inside:
        kind = one.get("resourceType") if type(one) is dict else None
        if type(kind) is not str:
            continue
        try:
            values = extract(kind, one)
        except KeyError:
            continue
        id = one.get("id")
        entry = {"type": kind, "id": id, "by": sorted(by.get(f"#{id}", ())), "search": values}
        found.append(entry)
    return found
