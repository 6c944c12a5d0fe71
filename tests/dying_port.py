"""A port whose process dies at one chosen call: before it reaches the server, or after, with the answer unheard."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

# What a write is made of; a death at any other call is a death before the next of these.
STEPS = frozenset({"find_one", "insert_one", "replace_one", "update_one", "find_one_and_update"})


class DyingPort:
    """Passes every call on, and kills its own process (SIGKILL) at call number `at` of `STEPS`."""

    def __init__(self, port: Any, at: int, *, after: bool) -> None:
        self._port = port
        self._left = at
        self._after = after

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        return self._counted(attribute) if name in STEPS else attribute

    def _counted(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(*arguments: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                die()
            try:
                return await call(*arguments, **named)
            finally:
                # Also where the server refused it.
                if self._left == 0:
                    die()

        return counted


def die() -> None:
    """End this process as a power cut would: nothing is flushed, closed or said."""
    os.kill(os.getpid(), signal.SIGKILL)
