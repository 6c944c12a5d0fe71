"""The port over PyMongo's blocking client. Its coroutines never suspend: one `send(None)` finishes each."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, Self

from pymongo import MongoClient

from fhirstore.ports.codec import with_decimals
from fhirstore.ports.driver import DriverPort, client_of
from fhirstore.ports.port import Document


class BlockingPort(DriverPort):
    """One database behind a `pymongo.MongoClient`. Safe to share between threads."""

    driver = "PyMongo"

    @classmethod
    def connect(cls, uri: str, database: str) -> Self:
        """A port with a client of its own. Raises Unavailable for what is no MongoDB address."""
        return cls(client_of(MongoClient, uri), database, owns_client=True)

    async def _finished(self, result: Any) -> Any:
        return result

    async def _each(self, cursor: Any) -> AsyncIterator[Document]:
        for document in cursor:
            yield with_decimals(document)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
