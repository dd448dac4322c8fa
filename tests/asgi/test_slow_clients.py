"""Slow, stalled, absent and hostile clients: their cost for a real server, and that they leave nothing behind."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from pixstore_asgi import ImageRecord
from pixstore_asgi.asgi.delivery import SEND_TIMEOUT_S
from pixstore_asgi.cli.server import listen
from tests.support.paths import ROOT
from tests.support.requests import headers, image_of, save, url_of
from tests.support.samples import picture
from tests.support.servers import Server, serving
from tests.support.service import until

pytestmark = [pytest.mark.servers, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

MIB = 1024 * 1024


def memory_of(server: Server) -> int:
    """Return a server's resident memory in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def counts_of(server: Server) -> dict[str, int]:
    counts: dict[str, int] = httpx.get(f"{server.url}/counts").json()
    return counts


@contextlib.contextmanager
def asking(server: Server, record: ImageRecord, *, buffer_bytes: int = 4096) -> Iterator[socket.socket]:
    """Ask for an image over a socket that takes little by itself, and leave reading to the test."""
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    connection.settimeout(20)
    connection.connect((host, int(port)))
    path = url_of(server, record).removeprefix(server.url)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers(record).items())
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
    with connection:
        yield connection


def settled(server: Server, before: dict[str, int], names: set[str]) -> dict[str, int]:
    """Return the counts when they are back at `before`, or the counts after ten seconds."""
    for _ in range(100):
        now = counts_of(server)
        if all(now[name] <= before[name] for name in names):
            break
        time.sleep(0.1)
    return {name: max(now[name] - before[name], 0) for name in names}


def test_slow_readers_cost_little_memory(tmp_path: Path) -> None:
    """32 clients that each hold a 20 MB image open cost the server under 64 MiB."""
    with serving("uvicorn", "wrapped", tmp_path) as server, contextlib.ExitStack() as stack:
        record = save(server, size=20_000_000)
        image_of(server, record)
        idle, most = memory_of(server), 0
        readers = [stack.enter_context(asking(server, record)) for _ in range(32)]
        for _ in range(10):
            for reader in readers:
                reader.recv(4096)
            most = max(most, memory_of(server))
            time.sleep(0.05)
        assert counts_of(server)["leases"] == 1
        print(f"32 slow readers: {(most - idle) / MIB:.0f} MiB above idle")
        assert most - idle < 64 * MIB


def test_a_stalled_reader_is_cut_off(tmp_path: Path) -> None:
    """A client that stops reading is cut off after send_timeout_s: its lease is free, and it never gets the rest."""
    with serving("uvicorn", "impatient", tmp_path) as server:
        record = save(server, size=9_000_000)
        with asking(server, record) as reader:
            reader.recv(1000)
            assert counts_of(server)["leases"] == 1
            deadline = time.monotonic() + 10
            while counts_of(server)["leases"] and time.monotonic() < deadline:
                time.sleep(0.1)
            assert counts_of(server)["leases"] == 0
            received = 1000
            with contextlib.suppress(ConnectionError):
                while piece := reader.recv(MIB):
                    received += len(piece)
            assert received < 9_000_000
        assert image_of(server, record)


SERVE = """
import sys
from pixstore_asgi.cli.server import listen, run_server, url_of
from tests.support.server_app import from_store, uncached
with listen("127.0.0.1", 0, user_timeout_ms=int(sys.argv[1])) as listener:
    run_server(from_store, listener, life=uncached, on_ready=lambda: print(url_of(listener)), log_level="warning")
"""


def sockets_of(server: Server) -> int:
    """Return how many sockets a server has open."""
    count = 0
    for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(descriptor).startswith("socket:")
    return count


@contextlib.contextmanager
def listening(folder: Path, user_timeout_ms: int) -> Iterator[Server]:
    """Run an application on the command line's own socket until the block ends."""
    log_file = folder / "serve.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(user_timeout_ms)],
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PIXSTORE_TEST_DB": str(folder / "pixstore.db")},
            cwd=ROOT,
        )
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        try:
            yield Server(url.rstrip("/"), process, log_file)
        finally:
            process.kill()


def test_readers_that_take_nothing_lose_their_sockets(tmp_path: Path) -> None:
    """40 clients that never read hold no descriptor of the server once the limit of its listener has passed, although
    they are still connected; one that reads is served."""
    with listening(tmp_path, 1000) as server, contextlib.ExitStack() as stack:
        before = sockets_of(server)
        record = save(server, size=9_000_000)
        for _ in range(40):
            stack.enter_context(asking(server, record))
        until(lambda: sockets_of(server) >= before + 40, "every client to be connected")
        until(lambda: sockets_of(server) == before, "no socket to be left")
        assert image_of(server, save(server)) == picture()


def test_the_command_line_gives_clients_up_when_delivery_does() -> None:
    """A connection that the command line accepts has send_timeout_s as the limit of its socket."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            limit_ms = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert limit_ms == SEND_TIMEOUT_S * 1000


def test_a_system_without_that_limit_listens_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no TCP_USER_TIMEOUT, as on macOS, the socket is as the system makes it."""
    option = socket.TCP_USER_TIMEOUT
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT")
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, option) == 0


def test_a_trickling_reader_is_cut_off(tmp_path: Path) -> None:
    """A client that reads a little all the time is cut off after max_stream_s."""
    with serving("uvicorn", "impatient", tmp_path) as server:
        record = save(server, size=20_000_000)
        with asking(server, record) as reader:
            reader.settimeout(0.2)
            received, deadline = 0, time.monotonic() + 15
            with contextlib.suppress(ConnectionError):
                while time.monotonic() < deadline:
                    with contextlib.suppress(TimeoutError):
                        piece = reader.recv(2048)
                        received += len(piece)
                        if not piece:
                            break
                    time.sleep(0.002)
        assert received < 20_000_000
        assert settled(server, {"leases": 0}, {"leases"}) == {"leases": 0}


@pytest.mark.parametrize(
    ("connections", "seconds"), [(40, 0.8), pytest.param(200, 60, marks=[pytest.mark.soak, pytest.mark.timeout(180)])]
)
@pytest.mark.parametrize("app", ["wrapped", "from_store"])
def test_hostile_crowds_leave_nothing_behind(tmp_path: Path, app: str, connections: int, seconds: float) -> None:
    """Many connections, 15 % of them hostile, slow or cut off: no leaked descriptor, lease, task or thread, and a clean
    exit within five seconds."""
    with serving("uvicorn", app, tmp_path) as server:
        records = [save(server), save(server, size=3_000_000)]
        visit(server, records, connections=20, seconds=0.3)  # SQLite's readers open the log when they first read
        before = counts_of(server)
        visit(server, records, connections=connections, seconds=seconds)
        leaked = settled(server, before, {"leases", "descriptors", "tasks", "threads"})
        assert leaked == {"leases": 0, "descriptors": 0, "tasks": 0, "threads": 0}
        assert image_of(server, save(server)) == picture()
        assert server.stop(timeout_s=5) in (0, -15, 143)
        assert "Traceback" not in server.log


def visit(server: Server, records: list[ImageRecord], *, connections: int, seconds: float) -> None:
    """Let a crowd of clients come again and again."""
    end = time.monotonic() + seconds

    def come(number: int) -> None:
        generator = random.Random(number)
        behave = misbehave if number % 100 < 15 else fetch
        while time.monotonic() < end:
            behave(server, generator.choice(records), generator)

    with ThreadPoolExecutor(connections) as crowd:
        for visitor in [crowd.submit(come, number) for number in range(connections)]:
            visitor.result()


def fetch(server: Server, record: ImageRecord, generator: random.Random) -> None:
    """A good client with a proof that may have expired: any state is an answer."""
    response = httpx.get(url_of(server, record), headers=headers(record), timeout=60)
    assert response.status_code == 200
    assert response.headers["x-pixstore-state"] in ("Success", "InvalidProof")


def misbehave(server: Server, record: ImageRecord, generator: random.Random) -> None:
    """Leave at once, in the middle, or while stalling; send nonsense; or ask for impossible images."""
    kind = generator.randrange(4)
    with contextlib.suppress(ConnectionError, TimeoutError):
        if kind == 0:
            with asking(server, record):
                return
        if kind == 1:
            with asking(server, record) as connection:
                connection.recv(generator.randrange(1, 500_000))
        if kind == 2:
            with asking(server, record) as connection:
                time.sleep(generator.random())
        if kind == 3:
            nonsense: Any = generator.choice(
                [b"\0" * 100, b"GET /pixstore-image/", b"GET / HTTP/9\r\n\r\n", b"\r\n" * 50]
            )
            with asking(server, record) as connection:
                connection.sendall(nonsense)
