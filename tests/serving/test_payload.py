"""Payload as an application of any framework sees it: status, headers, and an end however its reader ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from pixstore_asgi import Payload, Pixstore, PixstoreApp, WireState
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.samples import SECRET, large_png


@pytest.fixture
async def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "pixstore.db")


@pytest.fixture
async def pix(store: SqliteStore) -> AsyncIterator[Pixstore]:
    async with Pixstore(store, secret=SECRET, cache_bytes=0) as opened:
        yield opened


async def opened(pix: Pixstore) -> Payload:
    record = await pix.save_image(large_png(5 * CHUNK_BYTES))
    return await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)


async def test_headers_are_those_of_the_app(pix: Pixstore) -> None:
    """A payload has the headers that PixstoreApp sends, except the cross-origin ones, and its exact length."""
    record = await pix.save_image(large_png(5 * CHUNK_BYTES))
    proof = {"x-pixstore-token": str(record.token), "x-pixstore-proof": record.stateless_proof}
    transport = httpx.ASGITransport(PixstoreApp(pix, allow_origins=None))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        response = await http.get(f"/{record.id}", headers=proof)
    async with await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof) as payload:
        assert payload.headers == dict(response.headers)
        assert payload.headers == {
            "content-type": "application/octet-stream",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            "content-encoding": "identity",
            "cross-origin-resource-policy": "same-origin",
            "content-length": "1310722",
            "x-pixstore-state": "Success",
        }
        assert len(b"".join([piece async for piece in payload])) == 1310722


@pytest.mark.parametrize("state", list(WireState))
def test_status_is_200_but_without_an_id(state: WireState) -> None:
    """Every state is a 200, a request without an id alone a 400."""
    assert Payload(state).status == (400 if state is WireState.MISSING_ID else 200)


async def test_a_reader_cancelled_while_it_waits_for_a_piece_frees_it(pix: Pixstore, store: SqliteStore) -> None:
    """A task that is cancelled between two pieces of the store gives the stream back, without `async with`."""
    payload = await opened(pix)
    await anext(payload)

    async def read() -> None:
        async for _ in payload:
            pytest.fail("read on after its cancellation")

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not store.in_use
    assert [piece async for piece in payload] == []


async def test_a_reader_cancelled_while_it_sends_frees_it(pix: Pixstore, store: SqliteStore) -> None:
    """A task that is cancelled in its own code inside `async with` gives the stream back."""
    payload, sending = await opened(pix), asyncio.Event()

    async def send() -> None:
        async with payload:
            async for _ in payload:
                sending.set()
                await asyncio.Event().wait()

    task = asyncio.create_task(send())
    await sending.wait()
    assert store.in_use == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not store.in_use
