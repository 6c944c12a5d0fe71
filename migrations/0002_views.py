"""Views of bare resources that leave out what has no native form: one resource too large for that made a whole view fail."""

from __future__ import annotations

from typing import Any

from fhirstore.ports.port import Port

SUMMARY = "makes the views of bare resources again, without those too large for a native form"
DURATION = "milliseconds a type"

_PIPELINE = [
    {"$match": {"deleted": {"$exists": False}, "resource": {"$exists": True}}},
    {"$replaceRoot": {"newRoot": "$resource"}},
]


async def run(port: Port, progress: Any) -> None:
    there = await port.collection_names()
    types = progress.saved.get("types")
    if types is None:
        # Others may use the database too, and have a collection of such a name: no type of ours is without its history.
        types = [n for n in sorted(there) if there >= {f"{n}_history", f"views.{n}"}]
        # Remembered, for after an interruption a view may be gone.
        await progress.save(types=types)
    for type in types:
        view = f"views.{type}"
        # `collMod` would be one step for two, but one of the compatible servers takes it and changes nothing (measured).
        if view in there:
            await port.command({"drop": view})
        await port.create_view(view, type, _PIPELINE)
