"""From an image to its payload: when a key is unwrapped, and when the stream is closed."""

import sqlite3
from pathlib import Path

import pytest

from pixstore_asgi import (
    Payload,
    Pixstore,
    PixstoreError,
    StoreError,
    WireState,
)
from pixstore_asgi.core.requests import ImageRequest
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.serving.decide import Inquiry
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.payloads import body_of, served
from tests.support.samples import SECRET, large_png, picture


async def test_a_row_copied_onto_another_id_is_an_internal_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An edited row can't make one id reveal another's key: the answer is InternalError, and there is no record."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as pix:
        public, private = await pix.save_image(picture()), await pix.save_image(picture("jpeg"))
        columns = "blob, version, format, iv, tag, size, sha256, details"
        with sqlite3.connect(path) as edited:
            source = f"SELECT {columns} FROM image WHERE id = ?"
            edited.execute(f"UPDATE image SET ({columns}) = ({source}) WHERE id = ?", (private.id, public.id))
            edited.execute("UPDATE image SET token = token + 1 WHERE id = ?", (public.id,))
        edited.close()
        assert (await served(pix, public))[0] == WireState.INTERNAL_ERROR
        with pytest.raises(PixstoreError, match="changed outside"):
            await pix.get_image_record(public.id)
    assert "changed outside" in caplog.text


async def test_success_unwraps_no_key(pix: Pixstore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Success, and any state without its body, are answered without unwrapping the image's key."""
    old = await pix.save_image(picture("webp"))
    record = await pix.update_image(old.id, picture())
    monkeypatch.setattr("pixstore_asgi.serving.decide.unwrap_key", lambda *_: pytest.fail("a key was unwrapped"))
    assert await served(pix, record) == (WireState.SUCCESS, picture())
    inquiry = Inquiry(ImageRequest(old.id, old.token, old.stateless_proof))
    inquiry.has_body = False
    outline = await parts_of(pix).decisions.answer(inquiry)
    assert isinstance(outline, Payload)
    assert (outline.state, outline.size) == (WireState.UPDATED, 69 + 1 + len(picture()))
    assert await body_of(outline) == b""


async def test_a_payload_gives_its_stream_back(tmp_path: Path) -> None:
    """A payload frees its blob at its end, on aclose, on leaving its context, and on an error; else it warns."""
    store = SqliteStore(tmp_path / "pixstore.db")
    async with Pixstore(store, secret=SECRET, cache_bytes=0) as pix:
        record = await pix.save_image(large_png(5 * CHUNK_BYTES))

        async def opened() -> Payload:
            return await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)

        await body_of(await opened())
        payload = await opened()
        await anext(payload)
        await payload.aclose()
        await payload.aclose()
        assert await body_of(payload) == b""
        async with await opened():
            assert store.in_use
        assert not store.in_use
        with pytest.warns(ResourceWarning, match=r"Payload\(Success, size=1310722\) was neither read"):
            await opened()
        assert not store.in_use


async def test_a_payload_frees_its_blob_when_reading_fails(tmp_path: Path) -> None:
    """A missing chunk ends the payload with an error and frees the blob."""
    path = tmp_path / "pixstore.db"
    store = SqliteStore(path)
    async with Pixstore(store, secret=SECRET, cache_bytes=0) as pix:
        record = await pix.save_image(large_png(5 * CHUNK_BYTES))
        with sqlite3.connect(path) as edited:
            edited.execute("DELETE FROM chunk WHERE id & 65535 = 2")
        edited.close()
        payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
        with pytest.raises(StoreError, match="missing"):
            await body_of(payload)
        assert not store.in_use
