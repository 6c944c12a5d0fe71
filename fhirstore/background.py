"""Work beside an open store: a task of its event loop, or for a store that blocks a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)

Work = Callable[[Callable[[], bool]], Coroutine[Any, Any, None]]


class Background:
    """Runs `work(stopped)`, which asks `stopped()` now and then, and returns or raises when that is true.

    A store that blocks may be used where an event loop runs, which it would hold up: so whoever owns the work says
    whether it is done `in_thread`.
    """

    def __init__(self, work: Work, *, in_thread: bool) -> None:
        self._work = work
        self._stop = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        if in_thread:
            self._thread = threading.Thread(target=self._run_here, name="fhirstore", daemon=True)
            self._thread.start()
        else:
            self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def is_running(self) -> bool:
        if self._task is not None:
            return not self._task.done()
        assert self._thread is not None
        return self._thread.is_alive()

    async def stop(self) -> None:
        """Ask it to stop, and wait until it has."""
        self._stop.set()
        if self._task is not None:
            await self._task
        elif self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    async def _run(self) -> None:
        try:
            await self._work(self._stop.is_set)
        except Exception:
            log.exception("work in the background ended early; it is tried again")

    def _run_here(self) -> None:
        """Run to the end on a port that never suspends."""
        try:
            self._run().send(None)
        except StopIteration:
            return
