"""The port over PyMongo's own asyncio client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from inspect import isawaitable
from typing import Any, Self

from pymongo import AsyncMongoClient

from fhirstore.ports.codec import with_decimals
from fhirstore.ports.driver import DriverPort, client_of
from fhirstore.ports.port import Document


class AwaitingPort(DriverPort):
    """What the ports over asyncio drivers share."""

    async def _finished(self, result: Any) -> Any:
        return await result if isawaitable(result) else result

    async def _each(self, cursor: Any) -> AsyncIterator[Document]:
        async for document in cursor:
            yield with_decimals(document)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class AsyncPort(AwaitingPort):
    """One database behind a `pymongo.AsyncMongoClient`, which belongs to the event loop of its first call."""

    driver = "PyMongo (asyncio)"

    @classmethod
    def connect(cls, uri: str, database: str) -> Self:
        """A port with a client of its own. Raises Unavailable for what is no MongoDB address."""
        return cls(client_of(AsyncMongoClient, uri), database, owns_client=True)
