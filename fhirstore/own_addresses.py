"""The addresses under which a store is known, kept in its database.

A reference below one of them is a local one (spec page search, reference), so whoever derives search values has to know
them all: a server names its own when it opens the store, and `fhirstore load` or `reindex`, which have none, find it there.
"""

from __future__ import annotations

from fhirstore.migrate import SETTINGS
from fhirstore.ports.port import DuplicateKey, Port

_ID = {"_id": "base_urls"}


async def known(port: Port, given: tuple[str, ...]) -> tuple[str, ...]:
    """All base URLs that this database has been opened with; `given` are kept from now on."""
    found = await port.find_one(SETTINGS, _ID)
    kept: list[str] = found["urls"] if found is not None else []
    new = [url for url in dict.fromkeys(given) if url not in kept]
    if new:
        await _keep(port, new)
    return (*kept, *new)


async def _keep(port: Port, urls: list[str]) -> None:
    update = {"$addToSet": {"urls": {"$each": urls}}}
    try:
        await port.update_one(SETTINGS, _ID, update, upsert=True)
    except DuplicateKey:
        # Another process made the document at the same moment.
        await port.update_one(SETTINGS, _ID, update)
