"""Runs the facade on uvicorn, with httptools and uvloop where they are installed."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from fhirstore.errors import Unavailable
from fhirstore.rest.app import create_app
from fhirstore.rest.settings import RestSettings

if TYPE_CHECKING:
    from fhirstore.async_store import AsyncStore

# How long requests under way may go on after a signal to stop, in seconds.
_LAST_REQUESTS = 10
_KEEP_ALIVE = 75


def run(
    connect: Callable[[str], AsyncStore],
    settings: RestSettings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    announce: Callable[[str], Any] = print,
    access_log: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT: then requests under way are finished, and the store is closed.

    `connect` gets the service base URL and gives the store; it is called in the event loop, since an asynchronous
    client belongs to one. Port 0 takes a free one. `announce` gets the base URL once requests are answered. Requests
    are not logged unless `access_log`: their addresses hold health data (spec page http, search). Raises Unavailable
    where the address is taken.
    """
    settings = settings or RestSettings()
    listener = _bound(host, port)
    url = settings.base_url or _url(listener, settings.base_path)
    stop = _StopSignals()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(connect, settings, listener, url, announce, access_log, stop))
    finally:
        stop.restore()
        listener.close()


async def _serve(
    connect: Callable[[str], AsyncStore],
    settings: RestSettings,
    listener: socket.socket,
    url: str,
    announce: Callable[[str], Any],
    access_log: bool,
    stop: _StopSignals,
) -> None:
    async with connect(url) as store:
        config = uvicorn.Config(
            create_app(store, settings),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=access_log,
            server_header=False,
            # The facade reads X-Forwarded-* itself, where its settings trust them.
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_LAST_REQUESTS,
        )
        stop.expected = True
        await _Server(config, lambda: announce(url)).serve(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], Any]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


class _StopSignals:
    """Makes SIGTERM and SIGINT an orderly end, status 0, at any time.

    While uvicorn serves it handles them itself, and raises them again when it is done; by then they are `expected`, and
    the store is closed in peace. Before that, while the database is being opened, they end the process.
    """

    def __init__(self) -> None:
        self.expected = False
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if not self.expected:
            raise SystemExit(0)

    def restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has its address and does not listen yet: a client that comes before all is ready is refused."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise Unavailable(f"cannot listen on {host} port {port}: {error}") from None
    return listener


def _url(listener: socket.socket, base_path: str) -> str:
    host, port = listener.getsockname()[:2]
    # The zone of a link-local address (`fe80::1%eth0`) is this machine's own word for it.
    host = host.partition("%")[0]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{base_path}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
