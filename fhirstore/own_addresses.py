"""The addresses under which a store is known, kept in its database.

A reference below one of them is a local one (spec page search, reference), so whoever derives search values has to know
them all: a server names its own when it opens the store, and `fhirstore load` or `reindex`, which have none, find it there.
"""

from __future__ import annotations

from fhirstore import base_addresses
from fhirstore.migrate import SETTINGS
from fhirstore.ports.port import DuplicateKey, Port

_ID = {"_id": "base_urls"}


async def known(port: Port, given: tuple[str, ...]) -> tuple[str, ...]:
    """All base URLs that this database has been opened with; `given`, which are checked, are kept from now on.

    What lies there and is no base URL is passed over: it may have been written by a version that did not check.
    """
    kept = base_addresses.usable(await _kept(port))
    new = [url for url in given if url not in kept]
    if new:
        await _keep(port, new)
    return (*kept, *new)


async def all_kept(port: Port) -> tuple[tuple[str, ...], int]:
    """The base URLs that are kept, and how many there are beside them that are none."""
    kept = await _kept(port)
    usable = base_addresses.usable(kept)
    return usable, sum(not base_addresses.usable([one]) for one in kept)


async def _kept(port: Port) -> list[object]:
    found = await port.find_one(SETTINGS, _ID)
    urls = found.get("urls") if found is not None else None
    return urls if isinstance(urls, list) else []


async def _keep(port: Port, urls: list[str]) -> None:
    update = {"$addToSet": {"urls": {"$each": urls}}}
    try:
        await port.update_one(SETTINGS, _ID, update, upsert=True)
    except DuplicateKey:
        # Another process made the document at the same moment.
        await port.update_one(SETTINGS, _ID, update)
