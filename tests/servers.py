"""The servers that tests run on: SecantusDB, started once for the whole run, or the one that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fhirstore.embedded import start

# Any MongoDB, replica set, sharded cluster or compatible server: the suite then runs on it as well.
NAMED = "FHIRSTORE_TEST_MONGODB_URI"


@contextmanager
def secantus(directory: Path) -> Iterator[str]:
    """The address of a SecantusDB, started the way the store itself does. Those who name the same directory share it."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "product").write_text("secantusd-py\n")
    server = start(directory)
    try:
        yield server.uri
    finally:
        server.close()


def named() -> str | None:
    """The server that the environment names, if any."""
    return os.environ.get(NAMED) or None
