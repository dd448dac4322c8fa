"""Bodies sent piece by piece, to clients that stall or are gone."""

import asyncio
import logging
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from pixstore_asgi import Pixstore, PixstoreApp
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.asgi import Wire, scope_of
from tests.support.chunks import ReadChunks
from tests.support.samples import large_png, picture

from_store = pytest.mark.parametrize("cache_bytes", [0])
"""For tests that need a body to be read from the store."""


@pytest.mark.parametrize("size", [300, 3 * CHUNK_BYTES])
@pytest.mark.parametrize(
    "scope_around", [lambda: anyio.Lock(), lambda: anyio.CancelScope(), lambda: anyio.fail_after(9)]
)
async def test_a_send_inside_a_cancel_scope(pix: Pixstore, size: int, scope_around: Callable[[], Any]) -> None:
    """A host's middleware may wrap `send` in cancel scopes of anyio, or wait for its locks there."""
    record, wire = await pix.save_image(large_png(size)), Wire()

    async def send(message: Any) -> None:
        around = scope_around()
        if isinstance(around, anyio.Lock):
            async with around:
                await wire.send(message)
            return
        with around:
            await asyncio.sleep(0)
            await wire.send(message)

    await PixstoreApp(pix)(scope_of(record), wire.receive, send)
    assert wire.is_complete


async def test_a_cancel_scope_around_send_keeps_the_time_limit(pix: Pixstore) -> None:
    """A client that takes nothing is cut off in time, in any scope of `send`."""
    record, wire = await pix.save_image(picture()), Wire(stall_after=0)

    async def send(message: Any) -> None:
        with anyio.CancelScope():
            await wire.send(message)

    app = PixstoreApp(pix, send_timeout_s=0.05)
    await asyncio.wait_for(app(scope_of(record), wire.receive, send), 5)
    assert [message["type"] for message in wire.sent] == ["http.response.start"]


@from_store
async def test_a_large_image_is_sent_chunk_by_chunk(pix: Pixstore, store: SqliteStore) -> None:
    """One send per chunk of 256 KiB, of exact length together, and the blob is freed at the end."""
    record = await pix.save_image(large_png(4 * CHUNK_BYTES))
    wire = Wire()
    await PixstoreApp(pix)(scope_of(record), wire.receive, wire.send)
    assert wire.is_complete
    sizes = [len(message["body"]) for message in wire.sent[1:]]
    assert sizes == [1 + CHUNK_BYTES, *[CHUNK_BYTES] * 3, 1]
    assert dict(wire.sent[0]["headers"])[b"content-length"] == str(sum(sizes)).encode()
    assert not store.in_use


@from_store
async def test_backpressure_holds_two_chunks(pix: Pixstore, read_chunks: ReadChunks, store: SqliteStore) -> None:
    """While a client takes nothing, one chunk waits to be sent, and a thread of a slow disk reads one ahead."""
    record = await pix.save_image(large_png(20 * CHUNK_BYTES))
    wire = Wire(stall_after=3)
    task = asyncio.create_task(PixstoreApp(pix)(scope_of(record), wire.receive, wire.send))
    await wire.has_stalled.wait()
    await asyncio.sleep(0.05)
    assert (len(wire.sent), read_chunks.numbers) == (4, read_chunks.first_three)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0.05)
    assert read_chunks.numbers == read_chunks.first_three
    assert not store.in_use


@from_store
async def test_no_piece_is_read_before_the_server_has_room(pix: Pixstore, read_chunks: ReadChunks) -> None:
    """A server such as uvicorn takes a message and makes the next one wait. Until then only the chunk ahead is read."""
    record = await pix.save_image(large_png(20 * CHUNK_BYTES))
    wire, is_full = Wire(), asyncio.Event()

    async def send(message: Any) -> None:
        if len(wire.sent) == 4:  # the start and three chunks
            is_full.set()
            await asyncio.Event().wait()
        await wire.send(message)

    task = asyncio.create_task(PixstoreApp(pix)(scope_of(record), wire.receive, send))
    await is_full.wait()
    await asyncio.sleep(0.05)
    assert read_chunks.numbers == read_chunks.first_three
    task.cancel()
    await asyncio.wait([task])


@from_store
async def test_what_was_sent_is_let_go(pix: Pixstore) -> None:
    """While a client takes nothing more, only the server holds the pieces that it received."""
    record = await pix.save_image(large_png(20 * CHUNK_BYTES))
    wire = Wire(stall_after=3)
    task = asyncio.create_task(PixstoreApp(pix)(scope_of(record), wire.receive, wire.send))
    await wire.has_stalled.wait()
    alone = {"body": bytes(CHUNK_BYTES)}
    held = [sys.getrefcount(message["body"]) for message in [alone, *wire.sent[1:3]]]
    assert held[1:] == [held[0]] * 2
    task.cancel()
    await asyncio.wait([task])


@from_store
async def test_a_client_that_is_gone_ends_its_stream(pix: Pixstore, store: SqliteStore) -> None:
    """A disconnect that shows in receive alone ends the stream and frees the blob."""
    record = await pix.save_image(large_png(20 * CHUNK_BYTES))
    wire = Wire(stall_after=3)
    task = asyncio.create_task(PixstoreApp(pix)(scope_of(record), wire.receive, wire.send))
    await wire.has_stalled.wait()
    assert store.in_use
    wire.gone.set()
    await asyncio.wait_for(task, 5)
    assert not wire.is_complete
    assert not store.in_use


@pytest.mark.parametrize("cache_bytes", [0, 64 * 1024 * 1024])
@pytest.mark.parametrize("options", [{"send_timeout_s": 0.05}, {"max_stream_s": 0.05}])
@pytest.mark.parametrize("size", [300, 9 * CHUNK_BYTES])
async def test_a_client_that_stalls_is_cut_off(
    pix: Pixstore, store: SqliteStore, options: Any, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that takes nothing for too long is cut off short of Content-Length, and the log says by which limit."""
    caplog.set_level(logging.INFO)
    record = await pix.save_image(large_png(size))
    wire = Wire(stall_after=1)
    await asyncio.wait_for(PixstoreApp(pix, **options)(scope_of(record), wire.receive, wire.send), 5)
    assert len(wire.sent) == 2
    assert next(iter(options)) in caplog.text
    assert not store.in_use


@pytest.mark.parametrize("cache_bytes", [0, 64 * 1024 * 1024])
async def test_a_send_that_fails_ends_the_stream(pix: Pixstore, store: SqliteStore) -> None:
    """A server that raises OSError for a lost client ends the stream without an error."""
    record = await pix.save_image(large_png(9 * CHUNK_BYTES))
    wire = Wire()

    async def send(message: Any) -> None:
        await wire.send(message)
        if len(wire.sent) == 3:
            raise OSError

    await PixstoreApp(pix)(scope_of(record), wire.receive, send)
    assert len(wire.sent) == 3
    assert not store.in_use


@from_store
async def test_a_lost_chunk_cuts_the_body_short(
    pix: Pixstore, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """If a chunk is missing, the body ends before it without padding, and the log has a remedy."""
    record = await pix.save_image(large_png(4 * CHUNK_BYTES))
    with sqlite3.connect(store.path) as edited:
        edited.execute("DELETE FROM chunk WHERE id & 65535 = 2")
    edited.close()
    wire = Wire()
    await PixstoreApp(pix)(scope_of(record), wire.receive, wire.send)
    assert not wire.is_complete
    assert len(wire.body) == 1 + 2 * CHUNK_BYTES
    assert "restore it from a backup" in caplog.text
