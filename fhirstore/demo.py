"""`fhirstore demo`: a store on an embedded server with sample patients in it, answering FHIR searches on a local port.

It does what a new user would do next by hand, with the same commands: `fhirstore sample`, `load` and `serve`. The
server goes on in the background until `stop`.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fhirstore.embedded.locks import is_held
from fhirstore.errors import ServerStartFailed

# What a person would ask first, and what each shows.
SEARCHES = (
    ("Patient?_count=3&_sort=family", "patients by family name"),
    ("Patient?name=mull&gender=female", "women called Müller, spelt without the dots"),
    ("Observation?code=http://loinc.org|8867-4&_summary=count", "how often a heart rate was taken"),
    (
        "Observation?component-code-value-quantity=http://loinc.org|8480-6$gt170"
        "&_sort=-date&_count=3",
        "the latest high systolic pressures",
    ),
    ("Condition?clinical-status=active&_total=accurate&_count=1", "active problems"),
    ("Encounter?date=ge2020-01-01&date=lt2021-01-01&_total=accurate&_count=1", "visits in 2020"),
)
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo in one directory. `say` gets each line that a person is to read."""

    directory: Path
    say: Callable[[str], None]

    def run(self, *, patients: int, port: int) -> None:
        """Make the data, load it, start the server and ask it. Raises ServerStartFailed."""
        self.stop()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._command("sample", str(self._samples), "--patients", str(patients))
        self._command("load", str(self._samples), "--path", str(self._database))
        base = self._serve(port)
        for query, meaning in SEARCHES:
            self.say(_answer(base, query, meaning))
        self.say(f"\nIt goes on answering at {base} until `fhirstore demo --stop`. Try:")
        self.say(f"  curl '{base}/Patient?name=mull&_pretty=true'")
        self.say(f"  fhirstore explain --path {self._database} 'Patient?name=mull'")

    def stop(self) -> bool:
        """Stop the server of an earlier run. Whether there was one."""
        if not is_held(self._pid_file):
            # Its number may be that of any other process by now.
            self._pid_file.unlink(missing_ok=True)
            return False
        number = int(self._pid_file.read_text())
        self._pid_file.unlink()
        try:
            os.kill(number, signal.SIGTERM)
            _wait(lambda: not _runs(number), "the server did not stop")
        except ProcessLookupError:
            return False
        return True

    @property
    def _samples(self) -> Path:
        return self.directory / "sample"

    @property
    def _database(self) -> Path:
        return self.directory / "database"

    @property
    def _pid_file(self) -> Path:
        return self.directory / "serve.pid"

    @property
    def _log(self) -> Path:
        return self.directory / "serve.log"

    def _command(self, *arguments: str) -> None:
        self.say(f"$ fhirstore {' '.join(arguments)}")
        ended = subprocess.run([sys.executable, "-m", "fhirstore", *arguments])
        if ended.returncode:
            # It has said why.
            raise ServerStartFailed(f"`fhirstore {arguments[0]}` ended with {ended.returncode}")

    def _serve(self, port: int) -> str:
        port = _free_port(port)
        arguments = ["serve", "--path", str(self._database), "--port", str(port)]
        self.say(f"$ fhirstore {' '.join(arguments)} &")
        # The server inherits the lock on the file with its number, and so holds it for as long as it runs.
        with self._log.open("ab") as log, self._pid_file.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server = subprocess.Popen(
                [sys.executable, "-m", "fhirstore", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )
            lock.write(str(server.pid))
        base = f"http://127.0.0.1:{port}/fhir"
        _wait(lambda: _answers(base, server), f"the server does not answer; see {self._log}")
        return base


def _free_port(wanted: int) -> int:
    """`wanted`, or a free one where something listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(done: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise ServerStartFailed(otherwise)
        time.sleep(0.05)


def _answers(base: str, server: subprocess.Popen[bytes]) -> bool:
    if server.poll() is not None:
        raise ServerStartFailed(f"the server ended with status {server.returncode}")
    try:
        _get(f"{base}/metadata")
    except urllib.error.URLError:
        return False
    return True


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


def _answer(base: str, query: str, meaning: str) -> str:
    started = time.perf_counter()
    bundle = _get(f"{base}/{quote(query, safe='?=&,/:')}")
    milliseconds = (time.perf_counter() - started) * 1000
    entries = bundle.get("entry", [])
    shown = [_line(entry["resource"]) for entry in entries]
    total = f"{bundle['total']} in all, " if "total" in bundle else ""
    head = f"\nGET /fhir/{query}\n  {meaning}: {total}{len(shown)} here, {milliseconds:.0f} ms"
    return "\n".join([head, *(f"    {line}" for line in shown)])


def _line(resource: dict[str, Any]) -> str:
    """One resource in one line: what it is, and the first thing that says more of it."""
    address = f"{resource['resourceType']}/{resource['id']}"
    if name := next(iter(resource.get("name", [])), None):
        return f"{address}  {name.get('family', '')}, {' '.join(name.get('given', []))}"
    if code := resource.get("code"):
        when = resource.get("effectiveDateTime", "")
        return f"{address}  {code.get('text') or code['coding'][0].get('display', '')} {when}"
    return address
