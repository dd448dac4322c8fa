"""Attacks and accidents that once worked or nearly did, and must not work again."""

import asyncio
import gc
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import ConfigError, InvalidImage, Pixstore, PixstoreApp, PixstoreMiddleware, StoreError, WireState
from pixstore_asgi.core.cipher import Sealer
from pixstore_asgi.core.formats import check_formats, sniff
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.errors import InputError, IntegrityError, SecretError
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.contract_tests.steps import body_of, meta_of, read, save
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.connection import Connection
from tests.support.asgi import Wire, scope_of
from tests.support.life import is_closed
from tests.support.samples import SECRET, large_png, picture
from tests.support.turns import counted_turns

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

BOMBS = {
    "jpeg-fill-bytes": b"\xff\xd8" + b"\xff" * (8 << 20),
    "jpeg-empty-segments": b"\xff\xd8" + b"\xff\xe0\0\x02" * (2 << 20),
    "jpeg-stray-markers": b"\xff\xd8" + b"\xff\xd0" * (4 << 20),
    "gif-tiny-blocks": b"GIF89a" + bytes(7) + b"!\xfe" + b"\x01\x00!\xfe" * (2 << 20),
    "png-empty-chunks": picture("png")[:33] + b"\0\0\0\0teXt\0\0\0\0" * (1 << 20),
    "webp-empty-chunks": b"RIFF" + (8 << 20).to_bytes(4, "little") + b"WEBP" + b"JUNK\0\0\0\0" * (1 << 20),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_containers_of_countless_parts_are_refused_early(name: str) -> None:
    """A file of millions of tiny parts is refused after a bounded number of steps, long before its end."""
    reader = sniff(BOMBS[name][:12], check_formats(["png", "webp", "jpeg", "gif"]))
    with pytest.raises(InvalidImage, match="tiny parts"):
        list(reader.feed(BOMBS[name]))
    assert reader._steps < 300_000


@pytest.mark.parametrize("name", BOMBS)
async def test_containers_of_countless_parts_keep_nobody_waiting(name: str) -> None:
    """While they are looked at, in pieces as a server hands them on, the event loop comes to all others many times."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(BOMBS[name]), CHUNK_BYTES):
            yield BOMBS[name][start : start + CHUNK_BYTES]

    pix = Pixstore(MemoryStore(), secret=SECRET, image_formats=["png", "webp", "jpeg", "gif"])
    async with pix, counted_turns() as turns:
        with pytest.raises(InvalidImage, match="tiny parts"):
            await pix.save_image(pieces())
    assert turns.count >= 100


async def test_a_client_that_stalls_before_the_head_is_cut_off(tmp_path: Path) -> None:
    """Servers wait for a slow client in the first send too: a GET and a HEAD end there, and the body is free."""
    store = SqliteStore(tmp_path / "pixstore.db")
    async with Pixstore(store, secret=SECRET) as pix:
        record = await pix.save_image(large_png(3 * CHUNK_BYTES))
        app = PixstoreApp(pix, send_timeout_s=0.05)
        for method in ("GET", "HEAD"):
            wire = Wire(stall_after=0)
            await asyncio.wait_for(app(scope_of(record, method=method), wire.receive, wire.send), 5)
            assert [message["type"] for message in wire.sent] == ["http.response.start"]
        assert store.in_use == 0


async def test_a_deleted_images_key_is_in_no_file(tmp_path: Path) -> None:
    """While the store is open: after a delete, the wrapped key is neither in the database nor in its log."""
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    kept, gone = await save(store, "kept"), await save(store, "gone")
    await store.delete("gone")
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    await store.close()
    assert kept.meta.wrapped_key in content
    assert gone.meta.wrapped_key not in content


async def test_another_image_under_a_used_seal_is_in_no_file(tmp_path: Path) -> None:
    """If an image would be encrypted under another image's key and nonce, nothing is written, not even temporarily."""
    async with Pixstore(MemoryStore(), secret=SECRET) as source:
        sealed = await source.export_image((await source.save_image(large_png(3_000_000))).id)
    assert sealed is not None
    async with Pixstore(tmp_path / "images.db", secret=SECRET) as pix:
        sealer = Sealer(key=sealed.seal.key, iv=sealed.seal.iv, format_byte=1)
        ciphertext = bytes(sealer.update(large_png(3_000_001)))
        with pytest.raises(IntegrityError, match="seal"):
            await pix.import_image("other", large_png(3_000_001), token=1, seal=sealed.seal)
        files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        starts = range(0, len(ciphertext) - 100, 4000)
        assert not [start for start in starts if ciphertext[start : start + 100] in files]


async def test_one_database_under_two_names_is_one(tmp_path: Path) -> None:
    """Through a symbolic link: the same leases, lock and key file."""
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "images.db")
    named, linked = SqliteStore(tmp_path / "images.db"), SqliteStore(link)
    assert named.key_file == linked.key_file
    await linked.open()
    await named.open()
    body = body_of(5 * CHUNK_BYTES)
    await save(named, "a", body)
    stream = await linked.open_stream("a")
    await save(named, "a", b"new")
    await named.sweep()
    assert stream is not None
    assert b"".join([chunk async for chunk in stream]) == body
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "link.db.lock" not in modes
    await named.close()
    await linked.close()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
async def test_a_planted_key_file_is_refused(tmp_path: Path) -> None:
    """A private key file that belongs to somebody else is one that somebody else knows."""
    key_file = tmp_path / "pixstore.db.key"
    key_file.write_text(SECRET)
    key_file.chmod(0o600)
    os.chown(key_file, 65534, 65534)
    with pytest.raises(SecretError, match="belongs to another user"):
        await Pixstore(tmp_path / "pixstore.db").open()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
async def test_what_root_leaves_beside_a_database_is_its_owners(tmp_path: Path) -> None:
    """Root looks into the database of a service, which can open its own side files afterwards."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET):
        pass
    path.with_name(path.name + ".lock").unlink()
    os.chown(path, 65534, 65534)
    async with Pixstore(path, secret=SECRET):
        assert {file.stat().st_uid for file in tmp_path.iterdir()} == {65534}


async def test_a_pipe_as_key_file_is_refused(tmp_path: Path) -> None:
    """A named pipe in the key file's place does not keep the process waiting."""
    os.mkfifo(tmp_path / "pixstore.db.key", 0o600)
    with pytest.raises(SecretError, match="not a regular file"):
        await asyncio.wait_for(Pixstore(tmp_path / "pixstore.db").open(), 10)


async def test_a_planted_lock_file_is_not_followed(tmp_path: Path) -> None:
    """A link in the lock file's place makes no file elsewhere: the store refuses to open."""
    (tmp_path / "images.db.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        await SqliteStore(tmp_path / "images.db").open()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["\0", "\ud800", "../app.py", "..", "", "index.js\0", "INDEX.JS", "a/b.js"], ids=ascii)
async def test_client_files_have_plain_names(tmp_path: Path, name: str) -> None:
    """A path below /-/client/ is a module's plain name or gets 404."""
    app = PixstoreApp(Pixstore(MemoryStore(), secret=SECRET))
    wire = Wire()
    scope = {"type": "http", "method": "GET", "path": f"/-/client/{name}", "headers": []}
    await app(scope, wire.receive, wire.send)
    assert wire.sent[0]["status"] == 404


def open_files(folder: Path) -> int:
    gc.collect()
    links = Path("/proc/self/fd").iterdir()
    return sum(str(folder) in os.readlink(link) for link in list(links) if link.is_symlink() and link.exists())


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("ticks", [0, 1, 2, 3, 5, 8, 20])
async def test_cancelled_opens_and_closes_leave_no_file_open(tmp_path: Path, ticks: int) -> None:
    """An open or close cancelled at any moment leaves no descriptor behind, and the store works afterwards."""
    store = SqliteStore(tmp_path / "images.db")
    for step in (store.open, store.close, store.open, store.close):
        task = asyncio.create_task(step())
        for _ in range(ticks):
            await asyncio.sleep(0.0005)
        task.cancel()
        await asyncio.wait([task])
    await store.open()
    await save(store, "a", b"body")
    assert await read(store, "a") == b"body"
    await store.close()
    for _ in range(100):
        if not open_files(tmp_path):
            break
        await asyncio.sleep(0.02)
    assert open_files(tmp_path) == 0


async def test_a_cancelled_connect_waits_for_its_thread(tmp_path: Path) -> None:
    """If a thread opens a file for a cancelled caller, the file is closed before the caller releases its folder."""
    may_go_on, opened = threading.Event(), []

    def connect() -> sqlite3.Connection:
        may_go_on.wait(10)
        opened.append(sqlite3.connect(tmp_path / "images.db", check_same_thread=False))
        return opened[0]

    connecting = asyncio.create_task(Connection.connect(tmp_path / "images.db", connect))
    await asyncio.sleep(0)
    connecting.cancel()
    done, _ = await asyncio.wait([connecting], timeout=0.1)
    assert not done
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


async def test_a_failed_open_does_not_uncount_another(tmp_path: Path) -> None:
    """A close during an open that then fails leaves a count from which open and close work as ever."""
    pix = Pixstore(tmp_path / "later" / "pixstore.db", secret=SECRET)
    opening = asyncio.create_task(pix.open())
    await asyncio.sleep(0)
    await pix.close()
    with pytest.raises(StoreError):
        await opening
    (tmp_path / "later").mkdir()
    async with pix, pix:
        await pix.save_image(picture())
    with pytest.raises(StoreError, match="open it again"):
        await pix.save_image(picture())


async def test_a_startup_that_raises_is_reported_as_failed(tmp_path: Path) -> None:
    """An application that takes the startup message and raises has failed, and is not taken for one without."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    said: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise ZeroDivisionError("no access rules")

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        said.append(message)

    with pytest.raises(ZeroDivisionError):
        await PixstoreMiddleware(inner, pix)({"type": "lifespan"}, receive, send)
    assert said == [{"type": "lifespan.startup.failed", "message": "no access rules"}]
    assert is_closed(pix)


async def test_an_open_that_fails_strangely_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the open raises any error, the server receives startup.failed."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    said: list[Any] = []

    async def fail() -> None:
        raise ZeroDivisionError

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        said.append(message["type"])

    monkeypatch.setattr(pix, "open", fail)
    with pytest.raises(ZeroDivisionError):
        await PixstoreApp(pix)({"type": "lifespan"}, receive, send)
    assert said == ["lifespan.startup.failed"]


@pytest.mark.parametrize("token", [10**5000, -1, 0, True, 1.5, b"5", "9" * 5000, ["5"]], ids=type)
async def test_tokens_of_any_kind_are_answered(token: Any) -> None:
    """A token invented by a client, of any type or size, is InvalidProof."""
    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        record = await pix.save_image(picture())
        payload = await pix.open_payload(record.id, token=token, proof=record.stateless_proof)
    assert payload.state == WireState.INVALID_PROOF


@pytest.mark.parametrize("proof", [123, b"A" * 48, ["A"], "\ud800" * 48, {"a": 1}], ids=type)
async def test_proofs_of_any_kind_are_answered(proof: Any) -> None:
    """A proof of another type, from a JSON body for instance, is InvalidProof."""
    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        record = await pix.save_image(picture())
        payload = await pix.open_payload(record.id, token=record.token, proof=proof)
    assert payload.state == WireState.INVALID_PROOF


def test_strange_arguments_raise_errors_of_ours() -> None:
    """URLs and paths that can't be read are ConfigErrors, without a part of a password in them."""
    for store in ("postgresql://user:p[topsecret]w@host/db", "a\0b", "\ud800.db", b"bytes.db"):
        with pytest.raises(ConfigError) as caught:
            Pixstore(store)  # type: ignore[arg-type]
        assert "topsecret" not in str(caught.value)
        assert caught.value.__cause__ is None
    assert repr(KeyRing(bytearray(32))).startswith("KeyRing(")  # type: ignore[arg-type]
    assert repr(KeyRing("\ud800" * 43)).startswith("KeyRing(")


async def test_a_path_that_cannot_be_is_an_input_error(tmp_path: Path) -> None:
    """A file name with NUL in it can't be read, and says so."""
    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        with pytest.raises(InputError, match="can't be read"):
            await pix.save_image_from_file("a\0b.png")


async def test_a_pointer_that_no_lock_fits_is_a_store_error(tmp_path: Path) -> None:
    """A row edited to point to an impossible body raises a StoreError, nothing foreign."""
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    await save(store, "a", body_of(5 * CHUNK_BYTES))
    assert store._engine is not None
    await store._engine.on_writer(lambda db: db.execute("UPDATE image SET blob = -5"))
    with pytest.raises(StoreError):
        await store.open_stream("a")
    await store.close()


async def test_an_abandoned_upload_costs_no_more_than_it_sent() -> None:
    """Zero bytes for ever, then nothing: the upload ends with its iterator, and a cancelled one at its next piece."""

    async def empty_pieces() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b""

    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        with pytest.raises(InvalidImage, match="empty"):
            await pix.save_image(empty_pieces())


@pytest.mark.slow
@needs_proc
def test_a_forked_child_takes_no_lease_from_its_parent(tmp_path: Path) -> None:
    """A child that drops its copy of a stream leaves the parent's lease: a sweep elsewhere spares the body."""
    script = """
        import asyncio, os, sys, warnings
        from pixstore_asgi.store.sqlite import SqliteStore
        from pixstore_asgi.store.contract_tests.steps import body_of, save
        warnings.simplefilter("ignore")

        async def main(path):
            store, other = SqliteStore(path), SqliteStore(path)
            await store.open()
            await other.open()
            body = body_of(2_000_000)
            await save(store, "a", body)
            stream = await store.open_stream("a")
            child = os.fork()
            if child == 0:
                stream._free()
                os._exit(0)
            os.waitpid(child, 0)
            await other.delete("a")
            await other.sweep()
            print(b"".join([chunk async for chunk in stream]) == body)
            await store.close()
            await other.close()

        asyncio.run(main(sys.argv[1]))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "images.db")]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "True"


async def test_copies_of_a_record_hide_as_much() -> None:
    """copy() of a record shows neither key nor proof."""
    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        record = await pix.save_image(picture())
    text = f"{record.copy()!r} {record.copy()['meta']!r}"
    assert record.stateless_proof not in text
    assert record["meta"]["key"] not in text


async def test_the_meta_of_a_store_hides_its_key() -> None:
    """The repr of a stored row shows no wrapped key."""
    meta = meta_of(5)
    assert meta.wrapped_key.hex() not in repr(meta)
    assert repr(meta.wrapped_key) not in repr(meta)
