"""SIGTERM and SIGHUP end a command as Ctrl-C does: it cleans up behind itself, above all what it has of patients in
temporary files.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def as_interrupts() -> Iterator[None]:
    """Within, both raise KeyboardInterrupt; at the end the process ends with 128 and the signal's number, as shells say it."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            # What `nohup` has a process ignore it goes on to ignore.
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, receive)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if received:
            raise SystemExit(128 + received[0]) from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
