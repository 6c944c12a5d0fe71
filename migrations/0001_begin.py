"""What every database has from the beginning: the secret that signs page tokens."""

from __future__ import annotations

import secrets
from typing import Any

from fhirstore.ports.port import DuplicateKey, Port

SUMMARY = "makes the secret that signs page tokens"
DURATION = "milliseconds"


async def run(port: Port, progress: Any) -> None:
    secret = {"_id": "page_secret", "value": secrets.token_hex(32), "made": port.now()}
    try:
        await port.insert_one("store.settings", secret)
    except DuplicateKey:
        return
