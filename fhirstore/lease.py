"""A lease in the database: one holder at a time, among all processes. It runs out if its holder dies."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from fhirstore.errors import Unavailable
from fhirstore.ports.port import DuplicateKey, Port

LOCKS = "store.locks"
DURATION = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Lease:
    """The lease called `name`, for one holder."""

    port: Port
    name: str
    owner: str = field(default_factory=lambda: secrets.token_hex(8))

    async def take(self) -> bool:
        """Whether it is this holder's now."""
        now = self.port.now()
        mine = {"_id": self.name, "owner": self.owner, "until": now + DURATION}
        try:
            await self.port.insert_one(LOCKS, mine)
        except DuplicateKey:
            return await self.port.replace_one(
                LOCKS, {"_id": self.name, "until": {"$lt": now}}, mine
            )
        return True

    async def renew(self) -> None:
        """Go on holding it. Raises Unavailable where it ran out and is another's."""
        until = {"$set": {"until": self.port.now() + DURATION}}
        if not await self.port.update_one(LOCKS, {"_id": self.name, "owner": self.owner}, until):
            raise Unavailable(f"the lease of {self.name} ran out, and another process took it over")

    async def release(self) -> None:
        await self.port.delete_one(LOCKS, {"_id": self.name, "owner": self.owner})
