"""`fhirstore serve` as a process of its own, as a deployment runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_ANNOUNCED = re.compile(r"answering at (\S+), from the database (.+)")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server. `url` is the service base URL, `said` the line that it printed when it was ready."""

    url: str
    said: str
    process: subprocess.Popen[str]


@contextmanager
def serving(uri: str, database: str, *options: str) -> Iterator[Served]:
    """Serve a database on a free port until the block is left."""
    command = [sys.executable, "-m", "fhirstore", "serve", "--port", "0", "--uri", uri]
    process = subprocess.Popen(
        [*command, "--database", database, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = _ANNOUNCED.match(said)
        if found is None:
            process.kill()
            raise AssertionError(f"the server said {said!r} and {process.communicate()[1]!r}")
        yield Served(found[1], said, process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
