"""The embedded server: a MongoDB server process on the loopback, for one directory, shared by all processes that open it.

Layout of the directory: `data/` (the server's files), `server.json` (where it answers), `server.log`, `leases/` (one
locked file for each process that uses it), `start.lock` and `supervisor.lock`. Who opens it takes a lease; a supervisor
process starts the server, starts it again if it dies, and stops it a moment after the last lease is gone, whether its
holder left or was killed. All locks are the operating system's own (flock), so none outlives its process.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import time
from pathlib import Path

from fhirstore.embedded.locks import Lease, held, is_held
from fhirstore.embedded.servers import Place
from fhirstore.errors import FhirError, ServerStartFailed

_PATIENCE = 60.0


class Embedded:
    """A lease on the server of one directory. `uri` is where it answers, as long as this is open."""

    def __init__(self, uri: str, lease: Lease) -> None:
        self.uri = uri
        self._lease = lease
        atexit.register(self.close)

    def close(self) -> None:
        """Leave. The server stops a moment after the last one has left."""
        atexit.unregister(self.close)
        self._lease.release()


def start(path: str | Path) -> Embedded:
    """Open the directory `path`, which is made if need be: start its server, or join those who use it already.

    Returns when the server answers. Raises ServerStartFailed.
    """
    place = Place(Path(path).absolute())
    place.make()
    lease = Lease(place.leases)
    try:
        while True:
            with held(place.start_lock):
                joined = is_held(place.supervisor_lock)
                if not joined:
                    _start_supervisor(place)
            if (uri := _wait_for(place)) is not None:
                return Embedded(uri, lease)
            if not joined:
                raise _silent(place)
            # It was about to end: one that is killed holds its lock for a moment yet.
    except BaseException:
        lease.release()
        raise


def is_begun(path: str | Path) -> bool:
    """Whether there is a store in the directory `path` already."""
    return Place(Path(path).absolute()).data.is_dir()


def _start_supervisor(place: Place) -> None:
    place.server_file.unlink(missing_ok=True)
    with place.log.open("ab") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "fhirstore.embedded.supervisor", str(place.directory)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + _PATIENCE
    while not is_held(place.supervisor_lock):
        if supervisor.poll() is not None:
            raise ServerStartFailed(f"the embedded server did not start: {place.last_words()}")
        if time.monotonic() > deadline:
            raise ServerStartFailed("the supervisor of the embedded server does not come up")
        time.sleep(0.01)


def _wait_for(place: Place) -> str | None:
    """The address of the server, once it answers; None where its supervisor has ended.

    Raises ServerStartFailed where it takes too long.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            uri = str(json.loads(place.server_file.read_text())["uri"])
        except (FileNotFoundError, ValueError):
            uri = ""
        if uri and answers(uri):
            return uri
        if not is_held(place.supervisor_lock):
            return None
        time.sleep(0.02)
    raise _silent(place)


def _silent(place: Place) -> ServerStartFailed:
    return ServerStartFailed(f"the embedded server does not answer: {place.last_words()}")


def answers(uri: str) -> bool:
    """Whether a server answers at `uri`."""
    from fhirstore.ports.pymongo_blocking import BlockingPort
    from fhirstore.store import finish

    port = BlockingPort.connect(f"{uri}&serverSelectionTimeoutMS=500", "admin")
    try:
        finish(port.command({"ping": 1}))
    except FhirError:
        return False
    finally:
        finish(port.close())
    return True
