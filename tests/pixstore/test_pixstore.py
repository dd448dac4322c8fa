"""Pixstore: saving, updating, deleting, handing out records, and answering requests."""

import asyncio
import logging
import secrets
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.datastructures import UploadFile

from pixstore_asgi import (
    ConfigError,
    ImageNotFound,
    InvalidImage,
    Payload,
    Pixstore,
    PixstoreError,
    StoreError,
    WireState,
    decode_payload,
)
from pixstore_asgi.core.cipher import unseal
from pixstore_asgi.core.ids import MAX_TOKEN
from pixstore_asgi.errors import ImageTooLarge, InputError, StoreConflict
from pixstore_asgi.serving.load import load_outline
from pixstore_asgi.store.contract import CHUNK_BYTES, wall_clock_ms
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.samples import SECRET, FixedClock, large_png, picture

HOSTILE_IDS = [
    "",
    "%",
    "%FF",
    "a\0b",
    "..",
    "../x",
    "a/b",
    "a%2Fb",
    "a:b:c",
    "a:",
    ":b",
    "é",
    "a" * 65_536,
    " a",
    "a\n",
]


async def body_of(payload: Payload) -> bytes:
    return b"".join([piece async for piece in payload])


async def served(pix: Pixstore, record: Any) -> tuple[WireState, bytes]:
    """Return what a client with this record sees: the state and the decrypted image."""
    payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
    size, body = payload.size, await body_of(payload)
    assert len(body) == size
    decoded = decode_payload(body)
    parts = (decoded.key or record.key, decoded.iv or record.iv, decoded.tag or record.tag)
    if decoded.state > WireState.UPDATED:
        return decoded.state, b""
    key, iv, tag = parts
    return decoded.state, unseal(key=key, iv=iv, tag=tag, ciphertext=decoded.ciphertext)[1]


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
async def test_a_saved_image_is_served(pix: Pixstore, kind: str) -> None:
    """A saved image is served as Success and decrypts with its record's key to the same bytes."""
    record = await pix.save_image(picture(kind))
    assert await served(pix, record) == (WireState.SUCCESS, picture(kind))


@pytest.mark.parametrize("size", [300, CHUNK_BYTES - 1, CHUNK_BYTES, 5 * CHUNK_BYTES + 3])
async def test_images_of_every_size_are_served_whole(pix: Pixstore, size: int) -> None:
    """One chunk or several, the image comes back byte for byte."""
    image = large_png(size)
    assert len(image) == size
    assert await served(pix, await pix.save_image(image)) == (WireState.SUCCESS, image)


async def test_every_kind_of_data_is_taken(pix: Pixstore, tmp_path: Path) -> None:
    """bytes, bytearray, memoryview, an async iterator, an UploadFile, an open file and a path give the same image."""
    image = large_png(700_000)
    path = tmp_path / "image.png"
    path.write_bytes(image)

    async def in_pieces() -> AsyncIterator[bytes]:
        yield b""
        for start in range(0, len(image), 10_001):
            yield image[start : start + 10_001]

    with path.open("rb") as file:
        opened = await anyio.open_file(path, "rb")
        for data in (image, bytearray(image), memoryview(image), in_pieces(), UploadFile(file), opened):
            assert await served(pix, await pix.save_image(data)) == (WireState.SUCCESS, image)
        await opened.aclose()
    assert await served(pix, await pix.save_image_from_file(path)) == (WireState.SUCCESS, image)


@pytest.mark.parametrize("data", [None, 7, "text", ["pieces"], open, object()])
async def test_other_data_is_refused(pix: Pixstore, data: Any) -> None:
    """What is no image data is refused by an error of ours that says what is taken."""
    with pytest.raises(InputError, match="async iterator"):
        await pix.save_image(data)


async def test_readers_that_are_not_async_or_not_bytes_are_refused(pix: Pixstore, tmp_path: Path) -> None:
    """A plain file, and pieces of text, are refused with advice."""
    path = tmp_path / "image.png"
    path.write_bytes(picture())
    with path.open("rb") as file, pytest.raises(InputError, match="not async"):
        await pix.save_image(file)  # type: ignore[arg-type]
    async with await anyio.open_file(path, encoding="latin-1") as text:
        with pytest.raises(InputError, match="binary mode"):
            await pix.save_image(text)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="can't be read"):
        await pix.save_image_from_file(tmp_path / "missing.png")


async def test_bad_images_are_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    """Empty, truncated, disguised, unlisted and oversized images are refused; an update leaves the old image."""
    store = SqliteStore(tmp_path / "pixstore.db")
    async with Pixstore(store, secret=SECRET, max_image_bytes=2_000_000) as pix:
        record = await pix.save_image(picture())
        huge = large_png(2_000_001)

        async def endless() -> AsyncIterator[bytes]:
            yield huge
            while True:
                yield huge[-1000:]

        bad: list[tuple[Any, type[PixstoreError]]] = [
            (b"", InvalidImage),
            (picture()[:-5], InvalidImage),
            (large_png(1_900_000)[:-5], InvalidImage),
            (b"\x89PNG\r\n\x1a\n<html></html>" * 100, InvalidImage),
            (picture("gif"), InvalidImage),
            (huge, ImageTooLarge),
            (endless(), ImageTooLarge),
        ]
        for data, error in bad:
            with pytest.raises(error):
                await pix.update_image(record.id, data)
        with pytest.raises(ImageTooLarge, match="max_image_bytes, 2000000"):
            await pix.save_image(memoryview(huge))
        assert [image.id for image in await store.list()] == [record.id]
        assert await served(pix, record) == (WireState.SUCCESS, picture())
        assert await served(pix, await pix.save_image(huge[:0] + large_png(2_000_000)))


async def test_an_error_of_the_applications_own_iterator_passes(pix: Pixstore) -> None:
    """What an upload's iterator raises, a client gone for instance, reaches the caller, and nothing is stored."""

    async def broken() -> AsyncIterator[bytes]:
        yield large_png(600_000)[:500_000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await pix.save_image(broken())


async def test_an_update_replaces_image_key_and_token(pix: Pixstore) -> None:
    """After an update an old record gets the new image as Updated; the new record gets Success; the key is another."""
    old = await pix.save_image(picture(), directory="players")
    new = await pix.update_image(old.id, picture("jpeg"))
    assert new.id == old.id
    assert new.token > old.token
    assert new.key != old.key
    assert await served(pix, old) == (WireState.UPDATED, picture("jpeg"))
    assert await served(pix, new) == (WireState.SUCCESS, picture("jpeg"))


async def test_an_update_from_a_file(pix: Pixstore, tmp_path: Path) -> None:
    """An image is replaced by the one in a file."""
    path = tmp_path / "image.webp"
    path.write_bytes(picture("webp"))
    record = await pix.save_image(picture())
    assert await served(pix, await pix.update_image_from_file(record.id, path)) == (0, picture("webp"))


@pytest.mark.parametrize("image_id", ["unknown", *HOSTILE_IDS])
async def test_an_update_of_no_image_is_refused(pix: Pixstore, image_id: str) -> None:
    """Updating what does not exist raises ImageNotFound before the upload is read."""

    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the upload was read")
        yield b""

    with pytest.raises(ImageNotFound):
        await pix.update_image(image_id, unread())


async def test_an_image_deleted_during_its_update_stays_deleted(pix: Pixstore) -> None:
    """A delete wins over an update that was still uploading."""
    record = await pix.save_image(picture())

    async def upload() -> AsyncIterator[bytes]:
        yield picture("jpeg")
        await pix.delete_image(record.id)

    with pytest.raises(ImageNotFound):
        await pix.update_image(record.id, upload())
    assert not await pix.image_exists(record.id)


async def test_a_deleted_image_is_gone(pix: Pixstore) -> None:
    """After a delete there is no record, and a request with the old one is NotFound."""
    record = await pix.save_image(picture())
    assert await pix.image_exists(record.id)
    assert await pix.delete_image(record.id) is True
    assert await pix.delete_image(record.id) is False
    assert not await pix.image_exists(record.id)
    assert await pix.get_image_record(record.id) is None
    assert (await served(pix, record))[0] == WireState.NOT_FOUND


@pytest.mark.parametrize("image_id", HOSTILE_IDS)
async def test_hostile_ids_reach_no_store(image_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An id that can't be has no record, does not exist, can't be deleted, and its request is refused unseen."""
    store = MemoryStore()
    async with Pixstore(store, secret=SECRET) as pix:

        async def fail(*_: Any) -> Any:
            raise AssertionError("the store was asked")

        for name in ("get", "open_stream", "delete"):
            monkeypatch.setattr(store, name, fail)
        assert await pix.get_image_record(image_id) is None
        assert await pix.get_image_records([image_id]) == {}
        assert await pix.image_exists(image_id) is False
        assert await pix.delete_image(image_id) is False
        payload = await pix.open_payload(image_id, token=1, proof="A" * 48)
        assert payload.state == (WireState.INVALID_PROOF if image_id else WireState.MISSING_ID)


async def test_an_id_that_is_no_text_is_refused(pix: Pixstore) -> None:
    """An id of another type is the caller's mistake and says so."""
    with pytest.raises(InputError, match="not int"):
        await pix.get_image_record(7)  # type: ignore[arg-type]


async def test_a_refused_request_reaches_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request without a valid proof costs no query."""
    store = MemoryStore()
    async with Pixstore(store, secret=SECRET) as pix:
        record = await pix.save_image(picture())

        async def fail(*_: Any) -> Any:
            raise AssertionError("the store was asked")

        monkeypatch.setattr(store, "get", fail)
        monkeypatch.setattr(store, "open_stream", fail)
        states = [
            (await pix.open_payload(None)).state,
            (await pix.open_payload(record.id, token=record.token)).state,
            (await pix.open_payload(record.id, token=record.token, proof="")).state,
            (await pix.open_payload(record.id, token=record.token, proof="A" * 48)).state,
            (await pix.open_payload(record.id, proof=record.stateless_proof)).state,
            (await pix.open_payload(record.id, token="x", proof=record.stateless_proof)).state,
        ]
    assert states == [3, 4, 4, 5, 5, 5]


async def test_ids_are_random_and_take_a_directory(pix: Pixstore) -> None:
    """Ids are 22 characters from `secrets`, with the directory before a colon as it was given."""
    ids = {(await pix.save_image(picture(), directory="Players_1-a")).id for _ in range(20)}
    assert len(ids) == 20
    assert {image_id.partition(":")[0] for image_id in ids} == {"Players_1-a"}
    assert {len(image_id.partition(":")[2]) for image_id in ids} == {22}
    assert ":" not in (await pix.save_image(picture())).id


@pytest.mark.parametrize("directory", ["", "a b", "a/b", "..", "ä", "x" * 65, "a:b", 7])
async def test_a_bad_directory_is_refused(pix: Pixstore, directory: Any) -> None:
    """A directory that can't be part of an id is an error, not rewritten."""
    with pytest.raises(InputError, match="directory must be"):
        await pix.save_image(picture(), directory=directory)


async def test_records_are_fresh_and_read_in_one_query(pix: Pixstore) -> None:
    """Many records come from one query; unknown ids are left out; each opens its image."""
    saved = [await pix.save_image(picture(seed=n)) for n in range(5)]
    records = await pix.get_image_records([*(record.id for record in saved), "unknown", "not/an/id"])
    assert set(records) == {record.id for record in saved}
    for n, record in enumerate(saved):
        assert await served(pix, records[record.id]) == (WireState.SUCCESS, picture(seed=n))


async def test_proofs_live_one_to_two_windows(pix: Pixstore) -> None:
    """A record's proof is good until the moment it tells, and not from then on."""
    pix._proofs.clock_ms = clock = FixedClock()
    record = await pix.save_image(picture())
    expires_at = record.proof_expires_at
    assert expires_at is not None
    assert 20_000 <= expires_at - clock.now_ms <= 40_000
    clock.now_ms = expires_at - 1
    assert (await served(pix, record))[0] == WireState.SUCCESS
    clock.now_ms = expires_at
    assert (await served(pix, record))[0] == WireState.INVALID_PROOF


async def test_a_bound_token_keeps_a_leaked_proof_from_the_key(tmp_path: Path) -> None:
    """With the token bound, a leaked id and proof open nothing; unbound they open the image, as npm's do."""
    for bind_token, without_token in ((True, WireState.INVALID_PROOF), (False, WireState.UPDATED)):
        async with Pixstore(MemoryStore(), secret=SECRET, bind_token=bind_token) as pix:
            record = await pix.save_image(picture())
            for token in (None, record.token + 1, "not a token"):
                async with await pix.open_payload(record.id, token=token, proof=record.stateless_proof) as payload:
                    assert payload.state == without_token
            assert await served(pix, record) == (WireState.SUCCESS, picture())


async def test_unproven_serves_without_a_proof(caplog: pytest.LogCaptureFixture) -> None:
    """proof_window_ms=-1 serves any id from open_payload, warns when it opens, and its records never expire."""
    async with Pixstore(MemoryStore(), secret=SECRET, proof_window_ms=-1) as pix:
        assert "without checking proofs" in caplog.text
        record = await pix.save_image(picture())
        assert record.proof_expires_at is None
        assert record.stateless_proof
        async with await pix.open_payload(record.id) as payload:
            assert payload.state == WireState.UPDATED
        assert (await pix.open_payload("../x")).state == WireState.INVALID_PROOF


@pytest.mark.parametrize(
    "options",
    [
        {"proof_window_ms": 0},
        {"proof_window_ms": -2},
        {"proof_window_ms": 1.5},
        {"proof_window_ms": True},
        {"max_image_bytes": 0},
        {"max_image_bytes": 2**40},
        {"image_formats": ("bmp",)},
        {"store": ""},
        {"store": ":memory:"},
        {"store": "postgresql://user:hunter2@host/db"},
        {"store": "sqlite://host/path"},
        {"store": 7},
    ],
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    """An option that can't work is a ConfigError at once, without a password in its text."""
    with pytest.raises(ConfigError) as caught:
        Pixstore(**options)
    assert "hunter2" not in str(caught.value)


async def test_a_sqlite_url_is_a_path(tmp_path: Path) -> None:
    """sqlite:////absolute/path with percent-encoding opens that file."""
    async with Pixstore(f"sqlite:///{tmp_path}/my%20images.db", secret=SECRET):
        assert (tmp_path / "my images.db").is_file()


def test_the_constructor_does_no_io(tmp_path: Path) -> None:
    """Nothing is made or read before the store opens."""
    Pixstore(tmp_path / "folder" / "pixstore.db")
    assert list(tmp_path.iterdir()) == []


async def test_opens_are_counted(tmp_path: Path) -> None:
    """The last close closes; after it only open opens again, and use in between is refused."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    async with pix:
        async with pix.lifespan():
            record = await pix.save_image(picture())
        assert await pix.image_exists(record.id)
    with pytest.raises(StoreError, match="open it again"):
        await pix.image_exists(record.id)
    assert (await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)).state == 6
    await pix.close()
    async with pix:
        assert await served(pix, record) == (WireState.SUCCESS, picture())


async def test_the_first_use_opens_once(tmp_path: Path) -> None:
    """Without any open the first calls open the store, together, once; one close then closes it."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    records = await asyncio.gather(*(pix.save_image(picture()) for _ in range(8)))
    assert len(records) == 8
    await pix.close()
    with pytest.raises(StoreError):
        await pix.get_image_record(records[0].id)


async def test_a_failed_open_can_be_repeated(tmp_path: Path) -> None:
    """An open that failed leaves nothing open, and works once its cause is gone."""
    folder = tmp_path / "later"
    pix = Pixstore(folder / "pixstore.db", secret=SECRET)
    with pytest.raises(StoreError):
        await pix.open()
    folder.mkdir()
    async with pix:
        await pix.save_image(picture())


async def test_pixstores_do_not_touch_one_another(tmp_path: Path) -> None:
    """Several Pixstores in one process, even on one file, keep their own life, options and connections."""
    first, second = Pixstore(tmp_path / "a.db", secret=SECRET), Pixstore(tmp_path / "b.db", secret=SECRET)
    third = Pixstore(tmp_path / "a.db", secret=SECRET, image_formats=["gif"])
    async with first, second:
        record = await first.save_image(picture())
        assert await second.get_image_record(record.id) is None
        async with third:
            assert await served(third, record) == (WireState.SUCCESS, picture())
            with pytest.raises(InvalidImage):
                await third.save_image(picture())
        assert await served(first, record) == (WireState.SUCCESS, picture())
        with pytest.raises(StoreError):
            await third.save_image(picture("gif"))


async def test_nothing_readable_is_in_the_file(tmp_path: Path) -> None:
    """Neither the image nor its key is in the database file or its WAL."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as pix:
        record = await pix.save_image(large_png(50_000))
        content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert large_png(50_000)[1000:1064] not in content
    assert record.key not in content
    assert SECRET.encode() not in content


async def test_a_row_copied_onto_another_id_is_an_internal_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Who edits the database can't make one id hand out another's key: InternalError, and no record."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as pix:
        public, private = await pix.save_image(picture()), await pix.save_image(picture("jpeg"))
        columns = "blob, version, format, iv, tag, size, sha256, wrapped_key"
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
    record = await pix.save_image(picture())
    monkeypatch.setattr("pixstore_asgi.serving.load.unwrap_key", lambda *_: pytest.fail("a key was unwrapped"))
    assert await served(pix, record) == (WireState.SUCCESS, picture())
    outline = await load_outline(pix._images, record.id, None)
    assert (outline.state, outline.size) == (WireState.UPDATED, 69 + 1 + len(picture()))
    assert await body_of(outline) == b""


async def test_a_payload_gives_its_stream_back(tmp_path: Path) -> None:
    """A payload frees its blob at its end, on aclose, on leaving its context, and on an error; else it warns."""
    store = SqliteStore(tmp_path / "pixstore.db")
    async with Pixstore(store, secret=SECRET, cache_bytes=0) as pix:
        record = await pix.save_image(large_png(3 * CHUNK_BYTES))

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
        with pytest.warns(ResourceWarning, match=r"Payload\(Success, size=786434\) was neither read"):
            await opened()
        assert not store.in_use


async def test_a_payload_frees_its_blob_when_reading_fails(tmp_path: Path) -> None:
    """A missing chunk ends the payload with an error and frees the blob."""
    path = tmp_path / "pixstore.db"
    store = SqliteStore(path)
    async with Pixstore(store, secret=SECRET, cache_bytes=0) as pix:
        record = await pix.save_image(large_png(3 * CHUNK_BYTES))
        with sqlite3.connect(path) as edited:
            edited.execute("DELETE FROM chunk WHERE id & 65535 = 2")
        edited.close()
        payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
        with pytest.raises(StoreError, match="missing"):
            await body_of(payload)
        assert not store.in_use


async def test_secrets_stay_out_of_text(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """No repr, string or log of what this package hands out holds a key, a proof or image bytes."""
    caplog.set_level(logging.DEBUG)
    record = await pix.save_image(picture())
    payload = await pix.open_payload(record.id, token=1, proof="A" * 48)
    texts = [f"{thing!r} {thing} {[thing]!r}" for thing in (record, record["meta"], {"record": record}, pix, payload)]
    texts.append(caplog.text)
    for secret in (record["meta"]["key"], record["meta"]["tag"], record.stateless_proof, SECRET):
        assert secret not in "".join(texts)


async def test_a_proof_is_another_for_every_image_and_version(pix: Pixstore) -> None:
    """No two images or versions share a proof, a key or an iv."""
    records = [await pix.save_image(picture()) for _ in range(3)]
    records.append(await pix.update_image(records[0].id, picture()))
    for name in ("stateless_proof", "key", "iv", "tag"):
        assert len({getattr(record, name) for record in records}) == len(records)


async def test_randomness_comes_from_secrets(pix: Pixstore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, ivs and version ids are what `secrets` gives."""
    drawn: list[bytes] = []

    def token_bytes(length: int) -> bytes:
        drawn.append(bytes([len(drawn) + 1]) * length)
        return drawn[-1]

    monkeypatch.setattr(secrets, "token_bytes", token_bytes)
    record = await pix.save_image(picture())
    assert [len(value) for value in drawn] == [16, 32, 12, 16]  # id, key, iv, version
    assert (record.key, record.iv) == tuple(drawn[1:3])


def test_trio_is_refused_clearly(tmp_path: Path) -> None:
    """Under trio the first use raises a StoreError that says so."""
    script = """
        import sys, trio
        from pixstore_asgi import Pixstore, StoreError
        from pixstore_asgi.store.sqlite import SqliteStore

        async def main():
            for use in (Pixstore(sys.argv[1]).open, SqliteStore(sys.argv[1]).open):
                try:
                    await use()
                except StoreError as error:
                    print(error)

        trio.run(main)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "pixstore.db")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.count("not under trio") == 2


async def test_the_event_loop_goes_on_while_a_large_image_is_sealed(pix: Pixstore) -> None:
    """Sealing more than 256 KiB happens in a worker thread: other tasks get their turns meanwhile."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await pix.save_image(large_png(8_000_000))
    counting.cancel()
    assert turns > 5


async def test_an_image_is_read_back_on_the_server(pix: Pixstore) -> None:
    """read_image gives the bytes and the format of the current version, or None, and hides the bytes in its repr."""
    image = large_png(3 * CHUNK_BYTES + 7)
    record = await pix.save_image(image)
    read = await pix.read_image(record.id)
    assert read is not None
    assert (read.data, read.format, read.media_type) == (image, "png", "image/png")
    assert "PNG" not in repr(read)
    await pix.update_image(record.id, picture("jpeg"))
    updated = await pix.read_image(record.id)
    assert updated is not None
    assert (updated.data, updated.media_type) == (picture("jpeg"), "image/jpeg")
    assert await pix.read_image("nobody") is None
    assert await pix.read_image("../etc/passwd") is None


async def test_images_are_listed_by_directory_and_page(pix: Pixstore) -> None:
    """list_images gives id, token, format, size and creation in the order of ids, of a directory or all, by page."""
    players = sorted([(await pix.save_image(picture(), directory="players")).id for _ in range(3)])
    other = await pix.save_image(picture("webp"), directory="players-b")
    alone = await pix.save_image(picture("jpeg"))
    assert [info.id for info in await pix.list_images(directory="players")] == players
    assert [info.id for info in await pix.list_images(directory="players", limit=2)] == players[:2]
    assert [info.id for info in await pix.list_images(directory="players", after=players[1])] == players[2:]
    assert [info.id for info in await pix.list_images(directory="players", after="zzz")] == []
    assert {info.id for info in await pix.list_images()} == {*players, other.id, alone.id}
    assert await pix.list_images(directory="nobody") == []
    found = {info.id: info for info in await pix.list_images()}[other.id]
    assert (found.token, found.format, found.size) == (other.token, "webp", len(picture("webp")))
    assert found.created == other.token  # both are the time of the save


async def test_one_id_is_no_list_of_ids(pix: Pixstore) -> None:
    """A text in place of a list of ids is an InputError that names the method for one image, and no empty answer."""
    record = await pix.save_image(picture())
    with pytest.raises(InputError, match="for one image there is get_image_record"):
        await pix.get_image_records(record.id)


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"directory": "a:b"}, {"directory": ""}])
async def test_a_list_that_cannot_be_is_refused(pix: Pixstore, wrong: dict[str, Any]) -> None:
    """A limit below one or a directory that no id has is an InputError."""
    with pytest.raises(InputError):
        await pix.list_images(**wrong)


async def test_an_update_of_a_known_token_never_overwrites_another(pix: Pixstore) -> None:
    """With if_token the image is replaced only while that is its token: of two updates at once, one is a conflict."""
    record = await pix.save_image(picture())
    updates = [pix.update_image(record.id, picture(kind), if_token=record.token) for kind in ("png", "webp", "jpeg")]
    results = await asyncio.gather(*updates, return_exceptions=True)
    won = [result for result in results if not isinstance(result, BaseException)]
    assert [type(result) for result in results if isinstance(result, BaseException)] == [StoreConflict] * 2
    assert len(won) == 1
    with pytest.raises(StoreConflict, match=f"has token {won[0].token}, not {record.token}"):
        await pix.update_image(record.id, picture(), if_token=record.token)
    assert (await pix.update_image(record.id, picture("webp"), if_token=won[0].token)).token > won[0].token
    with pytest.raises(ImageNotFound):
        await pix.update_image("nobody", picture(), if_token=1)


async def test_an_upload_tells_its_progress(pix: Pixstore) -> None:
    """on_progress hears how many bytes were taken, rising, the last time all of them."""
    image, heard = large_png(1_000_000), list[int]()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(image), 100_000):
            yield image[start : start + 100_000]

    record = await pix.save_image(pieces(), on_progress=heard.append)
    assert (heard[0], heard[-1], len(heard)) == (100_000, len(image), 10)
    assert heard == sorted(heard)
    heard.clear()
    await pix.update_image(record.id, pieces(), on_progress=heard.append)
    assert heard[-1] == len(image)


async def test_an_image_from_elsewhere_keeps_its_id_and_token(pix: Pixstore) -> None:
    """import_image stores under the given id and token, once: what is there already is a conflict, and stays."""
    record = await pix.import_image("players:kth1m9c4", picture(), token=1_695_559_342_725)
    assert (record.id, record.token) == ("players:kth1m9c4", 1_695_559_342_725)
    assert await served(pix, record) == (WireState.SUCCESS, picture())
    with pytest.raises(StoreConflict):
        await pix.import_image(record.id, picture("webp"), token=record.token + 1)
    assert await served(pix, record) == (WireState.SUCCESS, picture())
    await pix.delete_image(record.id)
    with pytest.raises(StoreConflict):
        await pix.import_image(record.id, picture("webp"), token=record.token)
    assert (await pix.import_image(record.id, picture("webp"), token=record.token + 1)).token == record.token + 1


@pytest.mark.parametrize(("image_id", "token"), [("../x", 5), ("a:b:c", 5), ("a", 0), ("a", -1), ("a", 2**53)])
async def test_an_import_that_cannot_be_is_refused(pix: Pixstore, image_id: str, token: int) -> None:
    """An id or token that no image can have is an InputError."""
    with pytest.raises(InputError, match="can't be an image"):
        await pix.import_image(image_id, picture(), token=token)


@pytest.mark.parametrize("days", [2, 365_000])
async def test_a_token_of_the_far_future_is_refused(pix: Pixstore, days: int) -> None:
    """import_image refuses a token more than a day ahead of the clock, which would leave its id no later version."""
    now_ms = wall_clock_ms()
    token = min(now_ms + days * 86_400_000, MAX_TOKEN)
    with pytest.raises(InputError, match=f"the token {token} of image a is more than a day ahead"):
        await pix.import_image("a", picture(), token=token)
    assert not await pix.image_exists("a")
    record = await pix.import_image("a", picture(), token=now_ms + 3_600_000)
    assert (await pix.update_image("a", picture())).token == record.token + 1


async def test_records_come_in_the_order_of_their_ids(pix: Pixstore) -> None:
    """Records come in the order asked for, known or not, once for an id named twice, without what is missing."""
    ids = [(await pix.save_image(picture())).id for _ in range(8)]
    asked = [ids[5], "nobody", *ids, ids[0], "../x"]
    for _ in range(2):
        assert list(await pix.get_image_records(asked)) == [ids[5], *ids[:5], *ids[6:]]
