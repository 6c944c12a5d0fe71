"""What a branch leads to, found the plain way: for tests that compare it with what others find."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fhirstore.fhirpath import Branch


def walk(start: Any, resource: Any, branch: Branch) -> Iterator[Any]:
    """What `branch` leads to from the element `start` of `resource`, one step after the other."""
    found = [resource if branch.at_root else start]
    for step in branch.steps:
        below: list[Any] = []
        for element in found:
            value = element.get(step.key) if isinstance(element, dict) else None
            below += value if isinstance(value, list) else [value]
        below = [value for value in below if value is not None]
        found = [
            value
            for value in (below[:1] if step.first else below)
            if all(isinstance(value, dict) and value.get(n) == said for n, said in step.where)
        ]
    only = branch.only_type
    return (value for value in found if only is None or leads_to(value, only))


def leads_to(value: Any, type: str) -> bool:
    """Whether a Reference or a canonical leads to a resource of `type`, as far as its text says, or is one itself."""
    if isinstance(value, dict) and value.get("resourceType") == type:
        return True
    text = value.get("reference", "") if isinstance(value, dict) else value
    return re.search(rf"(^|/){type}/[^/]+(/_history/[^/]+)?$", text) is not None
