"""Pixstore: saving, updating, deleting, handing out records, and answering requests."""

import inspect
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import (
    ConfigError,
    Pixstore,
    PixstoreApp,
    WireState,
)
from pixstore_asgi.errors import InputError
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.s3 import S3Bucket
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.payloads import served
from tests.support.samples import HOSTILE_IDS, SECRET, large_png, picture


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


async def test_records_are_fresh_and_read_in_one_query(pix: Pixstore) -> None:
    """Many records come from one query; unknown ids are left out; each opens its image."""
    saved = [await pix.save_image(picture(seed=n)) for n in range(5)]
    records = await pix.get_image_records([*(record.id for record in saved), "unknown", "not/an/id"])
    assert set(records) == {record.id for record in saved}
    for n, record in enumerate(saved):
        assert await served(pix, records[record.id]) == (WireState.SUCCESS, picture(seed=n))


@pytest.mark.parametrize(
    "options",
    [
        {"proof_window_ms": 0},
        {"proof_window_ms": -2},
        {"proof_window_ms": 2**48},
        {"proof_window_ms": 1.5},
        {"proof_window_ms": True},
        {"max_image_bytes": 0},
        {"max_image_bytes": 2**40},
        {"image_formats": ("bmp",)},
        {"store": ""},
        {"store": ":memory:"},
        {"store": "mysql://user:hunter2@host/db"},
        {"store": "sqlite://host/path"},
        {"store": 7},
    ],
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    """An option that can't work is a ConfigError at once, without a password in its text."""
    with pytest.raises(ConfigError) as caught:
        Pixstore(**options)
    assert "hunter2" not in str(caught.value)


def number_options(function: Callable[..., object]) -> list[tuple[Callable[..., object], str]]:
    """Return a function with each of its options that has a number as default."""
    defaults = {name: each.default for name, each in inspect.signature(function).parameters.items()}
    return [(function, name) for name, default in defaults.items() if type(default) in (int, float)]


@pytest.mark.parametrize(
    ("make", "option"),
    [
        *number_options(Pixstore),
        *number_options(partial(PixstoreApp, Pixstore("unopened.db"))),
        *number_options(partial(SqliteStore, "unopened.db")),
        *number_options(partial(PostgresStore, "postgresql://user@host/database")),
        *number_options(partial(S3Bucket, "s3://bucket/prefix")),
    ],
)
@pytest.mark.parametrize("value", ["10", None, True])
def test_what_is_no_number_is_refused(make: Callable[..., object], option: str, value: object) -> None:
    """An option that is a number is refused at once where it is a text, nothing or a truth value, by its name."""
    with pytest.raises(ConfigError, match=option):
        make(**{option: value})


@pytest.mark.parametrize(("max_body_bytes", "largest"), [(1001, 1000), (None, 68_719_476_703), (2**40, 68_719_476_703)])
def test_the_longest_image_is_what_its_store_takes(max_body_bytes: int | None, largest: int) -> None:
    """max_image_bytes ends one below the store's largest body, for the format byte, and else where AES-GCM ends."""
    store = MemoryStore()
    store.max_body_bytes = max_body_bytes
    Pixstore(store, max_image_bytes=largest)
    with pytest.raises(ConfigError, match=f"max_image_bytes must be from 1 to {largest}"):
        Pixstore(store, max_image_bytes=largest + 1)


def test_sqlite_takes_65536_chunks(tmp_path: Path) -> None:
    """In a SQLite database the longest image has a byte less than 65,536 chunks of 256 KiB."""
    Pixstore(tmp_path / "pixstore.db", max_image_bytes=17_179_869_183)
    with pytest.raises(ConfigError, match="max_image_bytes must be from 1 to 17179869183"):
        Pixstore(tmp_path / "pixstore.db", max_image_bytes=17_179_869_184)


async def test_a_sqlite_url_is_a_path(tmp_path: Path) -> None:
    """sqlite:////absolute/path with percent-encoding opens that file."""
    async with Pixstore(f"sqlite:///{tmp_path}/my%20images.db", secret=SECRET):
        assert (tmp_path / "my images.db").is_file()


async def test_nothing_readable_is_in_the_file(tmp_path: Path) -> None:
    """Neither the image nor its key is in the database file or its WAL."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as pix:
        record = await pix.save_image(large_png(50_000))
        content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert large_png(50_000)[1000:1064] not in content
    assert record.key not in content
    assert SECRET.encode() not in content


async def test_secrets_stay_out_of_text(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """No repr, string or log of an object from this package holds a key, a proof or image bytes."""
    caplog.set_level(logging.DEBUG)
    record = await pix.save_image(picture())
    payload = await pix.open_payload(record.id, token=1, proof="A" * 48)
    texts = [f"{thing!r} {thing} {[thing]!r}" for thing in (record, record["meta"], {"record": record}, pix, payload)]
    texts.append(caplog.text)
    for secret in (record["meta"]["key"], record["meta"]["tag"], record.stateless_proof, SECRET):
        assert secret not in "".join(texts)


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
    with pytest.raises(InputError, match="for one image call get_image_record"):
        await pix.get_image_records(record.id)


async def test_records_of_no_ids_need_no_secret(tmp_path: Path) -> None:
    """If no id can be an image's, `get_image_records` returns no records. It opens no store and needs no secret."""
    pix = Pixstore(tmp_path / "missing" / "pixstore.db")
    assert await pix.get_image_records([]) == {}
    assert await pix.get_image_records(iter(["not/an/id"])) == {}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"directory": "a:b"}, {"directory": ""}])
async def test_a_list_that_cannot_be_is_refused(pix: Pixstore, wrong: dict[str, Any]) -> None:
    """A limit below one or a directory that no id has is an InputError."""
    with pytest.raises(InputError):
        await pix.list_images(**wrong)


async def test_records_come_in_the_order_of_their_ids(pix: Pixstore) -> None:
    """Records come in the order of the ids, once for an id named twice, without unknown ones."""
    ids = [(await pix.save_image(picture())).id for _ in range(8)]
    asked = [ids[5], "nobody", *ids, ids[0], "../x"]
    for _ in range(2):
        assert list(await pix.get_image_records(asked)) == [ids[5], *ids[:5], *ids[6:]]
