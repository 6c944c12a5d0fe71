"""A load from its first file to its report: units go out to worker processes, what has to wait comes back.

One process reads files and decompresses; the others parse, check, index and write. A load may be interrupted and run
again: what was written says the same the second time, and is left alone.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from fhirstore import custom_parameters, parameter_registry
from fhirstore.definitions import definitions
from fhirstore.errors import NotFound, PreconditionFailed, Unavailable
from fhirstore.load import rejects
from fhirstore.load.claims import Claims
from fhirstore.load.report import REASONS_KEPT, UNREADABLE, Progress, Report
from fhirstore.load.sources import MEBIBYTE, Item, Refused, Sources
from fhirstore.load.spool import Lost, Spool
from fhirstore.load.worker import Done, Reject, Worker
from fhirstore.store import Store, finish

# A unit is big enough to make the way to a worker cheap, and small enough to keep all of them busy to the end.
_UNIT_BYTES = MEBIBYTE
_UNIT_ITEMS = 500
# Units in the hands of each worker, one being worked on.
_AHEAD = 2
# Below this size, starting processes takes longer than the work.
SMALL = 4 * MEBIBYTE
_PUT_AT_ONCE = 500

Connect = Callable[[], Store]
Say = Callable[[Progress], None]


@dataclass(slots=True)
class Load:
    """One load. `connect` opens a store in whichever process calls it, so it has to be picklable.

    `processes` is how many worker processes there are, None for as many as the server is good for; what is small is
    dealt with in this process. `rejects` is the file for what is not written.
    """

    paths: Sequence[Path]
    connect: Connect
    processes: int | None = None
    rejects: Path | None = None
    say: Say = field(default=lambda progress: None)
    _report: Report = field(default_factory=Report)
    _read: int = 0
    _started: float = 0.0
    _rejected: IO[str] | None = None

    def run(self) -> Report:
        """Load everything. Raises NotFound for a path that is not there, BadRequest where `rejects` would replace what no
        load wrote, and Unavailable when the database is gone."""
        self._started = time.monotonic()
        sources = Sources(self.paths, without=self.rejects)
        if self.rejects is not None:
            # Before anything is written, and not at the first reject, hours later.
            rejects.check(self.rejects, self.paths)
        with ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fhirstore-")))
            spool = Spool(directory)
            stack.callback(spool.close)
            store = stack.enter_context(self.connect())
            store.open()
            claims = Claims(directory)
            stack.callback(claims.close)
            worker = Worker(store, claims)
            stack.callback(self._close_rejects)
            try:
                self._read_all(sources, spool, worker, directory)
                self._finish(spool, worker, sources)
            except KeyboardInterrupt:
                self._report.interrupted = True
            if custom_parameters.TYPE in self._report.types:
                port = store.parts().setting.port
                registry = finish(parameter_registry.sync(port, definitions("4.0")))
                self._report.pending_parameters = len(registry.pending)
        self._report.skipped = sources.skipped
        self._report.seconds = time.monotonic() - self._started
        return self._report

    # reading ------------------------------------------------------------------------------------

    def _read_all(self, sources: Sources, spool: Spool, worker: Worker, directory: Path) -> None:
        units = self._units(sources)
        if sources.size < SMALL:
            for seq, items in units:
                self._take(worker.work(seq, items), spool, sources)
            return
        context = multiprocessing.get_context("spawn")
        arguments = (self.connect, directory)
        count = self.processes or worker.good_for
        with _deaf():
            pool = ProcessPoolExecutor(count, context, _begin, arguments)
        try:
            self._hand_out(pool, count * _AHEAD, units, spool, sources)
        except BrokenProcessPool:
            raise Unavailable(
                "a worker process has ended, perhaps for want of memory: run the load again, with fewer --processes"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)

    def _hand_out(
        self,
        pool: ProcessPoolExecutor,
        ahead: int,
        units: Iterator[tuple[int, list[Item]]],
        spool: Spool,
        sources: Sources,
    ) -> None:
        out: set[Future[Done]] = set()
        for seq, items in units:
            with _deaf():
                # It starts a worker, as long as there are too few.
                out.add(pool.submit(_work, seq, items))
            if len(out) >= ahead:
                done, out = wait(out, return_when=FIRST_COMPLETED)
                for future in done:
                    self._take(future.result(), spool, sources)
        for future in out:
            self._take(future.result(), spool, sources)

    def _units(self, sources: Sources) -> Iterator[tuple[int, list[Item]]]:
        """Documents in bundles of some size, with the number of the first."""
        items: list[Item] = []
        size = number = 0
        for found in sources:
            if isinstance(found, Refused):
                self._reject(Reject(found.source, UNREADABLE, found.error.outcome(), b""))
                self._report.count(UNREADABLE).rejected += 1
                continue
            items.append(found)
            size += len(found.content)
            if size >= _UNIT_BYTES or len(items) == _UNIT_ITEMS:
                yield number, items
                number += len(items)
                items, size = [], 0
        if items:
            yield number, items

    def _take(self, done: Done, spool: Spool, sources: Sources) -> None:
        spool.add(done.seen, done.late)
        self._add(done)
        self._read += done.read
        self._say("reading", sources, len(spool))

    def _add(self, done: Done) -> None:
        self._report.add(done.types)
        for reject in done.rejects:
            self._reject(reject)

    # finishing ----------------------------------------------------------------------------------

    def _finish(self, spool: Spool, worker: Worker, sources: Sources) -> None:
        """Decide about all that had to wait."""
        waiting = len(spool)
        if not waiting:
            return
        self._say("finishing", sources, waiting)
        spool.settle(worker.look_up(spool.asked()))
        batch = []
        for late, targets in spool.settled():
            batch.append((late, targets))
            if len(batch) == _PUT_AT_ONCE:
                self._add(worker.put(batch))
                waiting -= len(batch)
                batch = []
                self._say("finishing", sources, waiting)
        self._add(worker.put(batch))
        for type, count in spool.overtaken().items():
            self._report.count(type).overtaken += count
        for lost in spool.lost():
            self._lose(lost)
        self._say("finishing", sources, 0)

    def _lose(self, lost: Lost) -> None:
        error = (
            NotFound(f"{lost.criteria} matches nothing")
            if lost.matches == 0
            else PreconditionFailed(f"{lost.criteria} matches {lost.matches} resources")
        )
        late = lost.late
        self._report.count(late.type).rejected += 1
        self._reject(Reject(late.source, late.type, error.outcome(), bytes(late.resource)))

    # saying -------------------------------------------------------------------------------------

    def _reject(self, reject: Reject) -> None:
        report = self._report
        if len(report.reasons) < REASONS_KEPT:
            issue = reject.outcome["issue"][0]
            where = issue.get("expression", [""])[0]
            said = f"{reject.source}: {where}{': ' if where else ''}{issue['diagnostics']}"
            report.reasons.append(said)
        if self.rejects is None:
            return
        if self._rejected is None:
            self._rejected = self.rejects.open("w", encoding="utf-8")
            report.rejects = self.rejects
        self._rejected.write(rejects.line(reject.source, reject.outcome, reject.text))

    def _close_rejects(self) -> None:
        if self._rejected is not None:
            self._rejected.close()

    def _say(self, phase: str, sources: Sources, waiting: int) -> None:
        total = self._report.total
        seconds = time.monotonic() - self._started
        self.say(
            Progress(phase, self._read, sources.size, total.total, total.rejected, waiting, seconds)
        )


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started within do not hear Ctrl-C, nor that their terminal is closed: that goes to all at once.

    Those are the workers, before they can say so themselves, and the one in which Python notes what a pool has to give
    back. This process hears it a moment later.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# in the worker processes ------------------------------------------------------------------------

_worker: Worker


def _begin(connect: Connect, directory: Path) -> None:
    # The reading process alone decides when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # What a worker makes of JSON has no cycles, and is garbage as a whole a moment later: looking for cycles every 700
    # objects costs a seventh of its time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    threading.Thread(target=_end_with_the_reader, daemon=True).start()
    global _worker
    _worker = Worker(connect(), Claims(directory))


def _end_with_the_reader() -> None:
    """Once the reading process was killed there is nobody to work for, and a worker would wait for ever."""
    reader = multiprocessing.parent_process()
    assert reader is not None
    reader.join()
    os._exit(1)


def _work(seq: int, items: list[Item]) -> Done:
    return _worker.work(seq, items)
