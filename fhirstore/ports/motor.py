"""The port over a Motor client that an application has already.

Motor is deprecated by its makers in favour of PyMongo's own asyncio client, so the store never makes such a client
itself. The module needs no import of Motor: a Motor client is used through the interface that it shares with PyMongo's.
"""

from __future__ import annotations

from fhirstore.ports.pymongo_async import AwaitingPort


class MotorPort(AwaitingPort):
    """One database behind a `motor.motor_asyncio.AsyncIOMotorClient`."""

    driver = "Motor"
