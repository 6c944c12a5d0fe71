"""Which server runs in a directory, and how it is started.

`mongod` where it is on PATH, else SecantusDB. A directory keeps the server that it began with, since neither reads the
other's files. SecantusDB is GPL-2.0: it is run as a program of its own and never imported.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from fhirstore.errors import ServerStartFailed

MONGOD, SECANTUS = "mongod", "secantusd-py"
_LAST_WORDS = 500


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of one embedded server."""

    directory: Path

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def leases(self) -> Path:
        return self.directory / "leases"

    @property
    def start_lock(self) -> Path:
        return self.directory / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        return self.directory / "supervisor.lock"

    @property
    def server_file(self) -> Path:
        return self.directory / "server.json"

    @property
    def product_file(self) -> Path:
        return self.directory / "product"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    def make(self) -> None:
        """Make what is missing. Raises ServerStartFailed where that is not allowed."""
        try:
            for directory in (self.directory, self.data, self.leases):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ServerStartFailed(f"{self.directory} cannot be used: {error.strerror}") from None

    def last_words(self) -> str:
        """The end of the log."""
        try:
            text = self.log.read_text(errors="replace").strip()
        except FileNotFoundError:
            return "it left no log"
        return text[-_LAST_WORDS:] or "its log is empty"

    def product(self) -> str:
        """The server of this directory, chosen when it is first used. Raises ServerStartFailed where there is none."""
        # A file that is empty was never finished.
        if self.product_file.exists() and (kept := self.product_file.read_text().strip()):
            return kept
        chosen = next((name for name in (MONGOD, SECANTUS) if executable(name)), None)
        if chosen is None:
            raise ServerStartFailed(
                "there is neither mongod on PATH nor SecantusDB: "
                "`pip install 'fhirstore-mongodb[embedded]'`, or name a server with --uri"
            )
        self.product_file.write_text(f"{chosen}\n")
        return chosen

    def command(self, port: int) -> list[str]:
        """The command that runs the server on a port of the loopback."""
        product = self.product()
        program = executable(product)
        if program is None:
            raise ServerStartFailed(
                f"{self.directory} was made by {product}, which is not installed"
            )
        if product == MONGOD:
            where = ["--dbpath", str(self.data), "--bind_ip", "127.0.0.1"]
            return [program, *where, "--port", str(port)]
        # Without --sync-on-commit a kill loses the last acknowledged write (measured; docs/design.md).
        where = ["--storage-path", str(self.data), "--host", "127.0.0.1"]
        return [program, *where, "--port", str(port), "--sync-on-commit"]


def executable(name: str) -> str | None:
    """The program called `name`: beside the running Python, or on PATH."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which(name)
