"""Locks that end with their process: the operating system's, on files."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock on `path`, once whoever holds it lets go."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def is_held(path: Path) -> bool:
    """Whether some process holds the lock on `path`. To look is not to hold: two who look do not see each other."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


class Lease:
    """A locked file that says: this process uses the server. A fork of the process inherits it, and cannot give it up."""

    def __init__(self, directory: Path) -> None:
        self._owner = os.getpid()
        self._path = directory / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._file: int | None = self._locked()
        while not _is_at(self._file, self._path):
            # A file that is not locked yet looks like that of a dead process, and was removed as one.
            os.close(self._file)
            self._file = self._locked()

    def _locked(self) -> int:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def release(self) -> None:
        if self._file is not None:
            if os.getpid() == self._owner:
                self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


def living_leases(directory: Path) -> int:
    """How many leases there are whose process lives; those of the dead are removed."""
    return sum(_lives(path) for path in directory.iterdir())


def _lives(path: Path) -> bool:
    """Whether the process of a lease lives. A dead one's is removed while it is locked, lest somebody lock it in between."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(
            file, path
        ):  # else it was removed since it was opened, and the path may be a living one's by now
            path.unlink()
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is what a path leads to. While it is locked here, that stays so: only its holder removes it."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
