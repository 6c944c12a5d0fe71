"""Files that a command writes, and standard output where it cannot be written to."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

import click


@contextmanager
def written_whole(path: str) -> Iterator[TextIO]:
    """What is written within is at `path` once all went well, and nowhere otherwise; "-" is standard output.

    What is there and is no regular file (a pipe, a device) is written to as it comes.
    """
    place = Path(path).resolve()
    if path == "-" or (place.exists() and not place.is_file()):
        with click.open_file(path, "w", encoding="utf-8") as file:
            yield cast(TextIO, file)
            file.flush()
        return
    beside = place.with_name(f".{place.name[:100]}.{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            yield file
        beside.replace(place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def let_go_of_output() -> None:
    """Let what cannot be written go, lest Python try again at its end and complain in its own words."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
