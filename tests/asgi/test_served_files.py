"""Pictures whose bodies are files, under real servers: whole, in ranges, to slow clients, and while they change."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from pixstore_asgi import ImageRecord, decode_payload
from pixstore_asgi.core.cipher import unseal
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.sqlite import SqliteStore
from tests.asgi.test_slow_clients import MIB, asking, counts_of, memory_of, settled
from tests.support.requests import headers, image_of, save, url_of
from tests.support.samples import large_png
from tests.support.servers import SERVERS, Server, serving
from tests.support.service import until

pytestmark = [pytest.mark.servers, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

SIZE = 3_800_000
CASES = [
    pytest.param(server, app, id=f"{server}-{app}", marks=() if app == "bare_mount" and server == "uvicorn" else soak)
    for soak in [pytest.mark.soak]
    for server in SERVERS
    for app in ("bare_mount", "wrapped", "from_store")
]


class Site(NamedTuple):
    """A server that reads each body from its folder, `blobs`, beside the database `db`."""

    server: Server
    db: Path
    blobs: Path

    @property
    def files(self) -> set[Path]:
        return set(self.blobs.glob("??/*"))

    def save(self, size: int = SIZE) -> tuple[ImageRecord, Path]:
        """Save a picture; return its record and its file."""
        before = self.files
        record = save(self.server, size=size)
        (file,) = self.files - before
        return record, file

    @property
    def open_files(self) -> int:
        """How many files of bodies the server has open."""
        count = 0
        for descriptor in Path(f"/proc/{self.server.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(descriptor).startswith(f"{self.blobs}/")
        return count

    async def sweep(self) -> int:
        """Remove all unused bodies, as another worker process does after the grace period."""
        store = SqliteStore(self.db, bodies=BodyFolder(self.blobs), sweep_grace_s=0)
        await store.open()
        try:
            return await store.sweep()
        finally:
            await store.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with serving("uvicorn", "from_store", folder, blobs=folder / "bodies") as server:
        yield Site(server, folder / "pixstore.db", folder / "bodies")
        assert "Traceback" not in server.log


def rest_of(reader: socket.socket, begun: bytes) -> bytes:
    """Read the rest of an answer and return its body."""
    head, _, body = begun.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    parts = [body]
    while sum(map(len, parts)) < length:
        piece = reader.recv(MIB)
        assert piece, "the answer was cut off"
        parts.append(piece)
    return b"".join(parts)


def opened(record: ImageRecord, body: bytes) -> bytes:
    payload = decode_payload(body)
    return unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=payload.ciphertext)[1]


@pytest.mark.parametrize(("server", "app"), CASES)
def test_a_picture_in_a_file_is_served(tmp_path: Path, server: str, app: str) -> None:
    """It comes back byte for byte, an old record brings its new version, and the signal ends the server."""
    with serving(server, app, tmp_path, blobs=tmp_path / "bodies") as running:
        site = Site(running, tmp_path / "pixstore.db", tmp_path / "bodies")
        record, file = site.save()
        assert file.stat().st_size == SIZE + 1
        assert image_of(running, record) == large_png(SIZE)
        renewed = save(running, size=SIZE + 9, id=record.id)
        answer = httpx.get(url_of(running, record), headers=headers(record))
        assert answer.headers["x-pixstore-state"] == "Updated"
        assert decode_payload(answer.content).token == renewed.token
        assert image_of(running, renewed) == large_png(SIZE + 9)
        assert asyncio.run(site.sweep()) == 1
        assert not file.exists()
        assert image_of(running, renewed) == large_png(SIZE + 9)
        assert running.stop() in (0, -signal.SIGTERM, 128 + signal.SIGTERM), running.log
        assert "Traceback" not in running.log


def test_ranges_come_from_the_file(site: Site) -> None:
    """A range of the middle, of the end, over chunks, of one byte, and of nothing."""
    record, file = site.save()
    body = file.read_bytes()
    url = f"{site.server.url}/pixstore-image/-/blob/{file.name}?id={record.id}"
    for first, last in ((1_900_000, 1_999_999), (262_143, 2_800_000), (len(body) - 5, len(body) - 1), (7, 7)):
        answer = httpx.get(url, headers={"range": f"bytes={first}-{last}"})
        assert (answer.status_code, answer.content) == (206, body[first : last + 1])
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(body)}"
    assert httpx.get(url, headers={"range": f"bytes={len(body)}-"}).status_code == 416
    assert httpx.get(url).content == body


@pytest.mark.parametrize("change", ["update", "delete"])
def test_a_slow_reader_gets_one_version_to_its_end(site: Site, change: str) -> None:
    """The picture is replaced or deleted and its file is removed in the middle of the answer. The reader gets all bytes
    of its version, and the next request the new state.
    """
    record, file = site.save(9_000_000)
    with asking(site.server, record) as reader:
        begun = reader.recv(50_000)
        if change == "update":
            save(site.server, size=SIZE, id=record.id)
        else:
            httpx.post(f"{site.server.url}/delete", params={"id": record.id}).raise_for_status()
        assert asyncio.run(site.sweep()) >= 1
        assert not file.exists()
        assert opened(record, rest_of(reader, begun)) == large_png(9_000_000)
    answer = httpx.get(url_of(site.server, record), headers=headers(record))
    assert answer.headers["x-pixstore-state"] == {"update": "Updated", "delete": "NotFound"}[change]


def test_slow_readers_of_a_file_cost_little(site: Site) -> None:
    """64 clients that each hold a 20 MB picture open cost the server under 96 MiB, and no open file when they are gone.
    One that hurries meanwhile is served.
    """
    record, _ = site.save(20_000_000)
    assert image_of(site.server, record) == large_png(20_000_000)
    before, idle, most = counts_of(site.server), memory_of(site.server), 0
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(asking(site.server, record, buffer_bytes=32_768)) for _ in range(64)]
        for _ in range(3):
            for reader in readers:
                assert reader.recv(4096)
            most = max(most, memory_of(site.server))
        assert site.open_files == 64
        assert image_of(site.server, save(site.server, size=SIZE)) == large_png(SIZE)
    print(f"64 slow readers: {(most - idle) / MIB:.0f} MiB above idle")
    assert most - idle < 96 * MIB
    until(lambda: site.open_files == 0, "that the server closes the files")
    assert settled(site.server, before, {"tasks", "leases"}) == {"tasks": 0, "leases": 0}
