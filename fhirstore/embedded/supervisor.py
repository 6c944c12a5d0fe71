"""The process that runs the server of one directory: `python -m fhirstore.embedded.supervisor DIRECTORY`.

It lives as long as there are leases, and a moment longer, so that one command after the other finds the server warm.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from fhirstore.embedded.locks import held, is_held, living_leases
from fhirstore.embedded.servers import Place
from fhirstore.errors import ServerStartFailed

_GRACE = 2.0
_INTERVAL = 0.1
# A server that has just died is given a moment, lest a broken one be started without end.
_RESTARTS, _RESTART_WINDOW = 5, 60.0
_STOP_PATIENCE = 30.0


class Supervisor:
    """Runs one server."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._starts: list[float] = []

    def run(self) -> None:
        """Run the server until nobody wants it. Raises ServerStartFailed where it dies again and again."""
        # Who waits for the lock on starting, held by `_leave`, gets it when this supervisor has no lock of its own any more.
        with ExitStack() as to_the_end, held(self._place.supervisor_lock):
            try:
                self._run(to_the_end)
            except ServerStartFailed as error:
                # Said before the lock goes, upon which who waits for the server reads what was said.
                print(error, file=sys.stderr, flush=True)
                raise

    def _run(self, to_the_end: ExitStack) -> None:
        self._stop_orphan()
        self._start()
        try:
            self._watch(to_the_end)
        finally:
            self._stop()

    def _watch(self, to_the_end: ExitStack) -> None:
        last_used = time.monotonic()
        while True:
            time.sleep(_INTERVAL)
            assert self._server is not None
            if self._server.poll() is not None:
                self._start()
            if living_leases(self._place.leases):
                last_used = time.monotonic()
            elif time.monotonic() - last_used > _GRACE and self._leave(to_the_end):
                return

    def _leave(self, to_the_end: ExitStack) -> bool:
        """Stop the server, unless somebody took a lease at the last moment. Who comes later waits for the lock."""
        with ExitStack() as locked:
            locked.enter_context(held(self._place.start_lock))
            if living_leases(self._place.leases):
                return False
            to_the_end.push(locked.pop_all())
        self._place.server_file.unlink(missing_ok=True)
        self._stop()
        return True

    def _start(self) -> None:
        now = time.monotonic()
        self._starts = [t for t in self._starts if now - t < _RESTART_WINDOW] + [now]
        if len(self._starts) > _RESTARTS:
            raise ServerStartFailed(f"the server ended {_RESTARTS} times within a minute")
        command = self._place.command(self._port)
        self._server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, cwd=self._place.directory
        )
        said = {
            "uri": f"mongodb://127.0.0.1:{self._port}/?directConnection=true",
            "product": self._place.product(),
            "pid": self._server.pid,
        }
        # In one step, so that nobody reads half of it.
        draft = self._place.server_file.with_suffix(".new")
        draft.write_text(json.dumps(said))
        draft.replace(self._place.server_file)

    def _stop(self) -> None:
        if self._server is None or self._server.poll() is not None:
            return
        self._server.terminate()
        try:
            self._server.wait(_STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def _stop_orphan(self) -> None:
        """Stop the server of a supervisor that was killed: two servers on the same files would ruin them.

        Its port is taken over, for there may be those who still use it.
        """
        orphan = _orphan(self._place)
        if orphan is None:
            return
        pid, self._port = orphan
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + _STOP_PATIENCE
            while _orphan(self._place) == orphan:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.05)


def _orphan(place: Place) -> tuple[int, int] | None:
    """The process that still serves this directory and its port, if any; told by its command line, as numbers are used again."""
    data = str(place.data).encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            options = dict(pairwise(entry.read_bytes().split(b"\0")))
        except OSError:
            continue
        serves = data in (options.get(b"--storage-path"), options.get(b"--dbpath"))
        if serves and options.get(b"--port", b"").isdigit():
            return int(entry.parent.name), int(options[b"--port"])
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ended(signal_number: int, frame: Any) -> None:
    raise SystemExit(0)


def main(directory: str) -> None:
    signal.signal(signal.SIGTERM, _ended)
    place = Place(Path(directory))
    if not is_held(place.supervisor_lock):
        Supervisor(place).run()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except ServerStartFailed:
        sys.exit(1)
