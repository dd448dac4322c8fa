"""SyncPixstore has every method of Pixstore, with its arguments, results and errors."""

import inspect
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from threading import current_thread
from typing import Any

import pytest

from pixstore_asgi import ImageNotFound, InvalidImage, Pixstore, StoreError, WireState, decode_payload
from pixstore_asgi.errors import InputError
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.sync import SyncPayload, SyncPixstore
from tests.support.samples import SECRET, large_png, picture


@pytest.fixture
def images() -> SyncPixstore:
    return SyncPixstore(Pixstore(MemoryStore(), secret=SECRET))


def public(kind: type) -> dict[str, Any]:
    return {name: value for name, value in vars(kind).items() if name[0] != "_"}


def test_every_async_method_is_there(images: SyncPixstore) -> None:
    """SyncPixstore has the async methods and the properties of Pixstore, with the same parameters, and no others."""
    wanted = {name: each for name, each in public(Pixstore).items() if inspect.iscoroutinefunction(each)}
    assert public(SyncPixstore).keys() == {*wanted, "checks_proofs", "media_types"}
    for name, method in wanted.items():
        own = inspect.signature(getattr(images, name)).parameters
        expected = dict(inspect.signature(method).parameters)
        del expected["self"]
        assert [(each.name, each.kind, each.default) for each in own.values()] == [
            (each.name, each.kind, each.default) for each in expected.values()
        ]
        assert getattr(images, name).__doc__


def test_an_image_lives(images: SyncPixstore, tmp_path: Path) -> None:
    """An image is saved, listed, read, replaced from a file, revoked, encrypted again and deleted."""
    record = images.save_image(picture(), directory="gallery")
    image_id = record.id
    assert images.get_image_record(image_id) == images.get_image_records([image_id])[image_id]
    assert [each.id for each in images.list_images(directory="gallery")] == [image_id]
    (tmp_path / "other.png").write_bytes(picture(seed=1))
    newer = images.update_image_from_file(image_id, tmp_path / "other.png", if_token=record.token)
    found = images.read_image(image_id)
    assert found is not None
    assert found.data == picture(seed=1)
    assert images.revoke(image_id) == 1
    assert images.reseal_image(image_id).token > newer.token
    assert images.delete_image(image_id)
    assert not images.image_exists(image_id)
    assert images.get_image_record(image_id) is None


def test_an_image_moves(images: SyncPixstore) -> None:
    """An exported image is imported into another store with its id and token."""
    record = images.save_image(picture())
    found = images.export_image(record.id)
    assert found is not None
    other = SyncPixstore(Pixstore(MemoryStore(), secret=SECRET))
    moved = other.import_image(record.id, io.BytesIO(found.image.data), token=found.token, seal=found.seal)
    assert (moved.id, moved.token) == (record.id, record.token)


def test_errors_are_those_of_pixstore(images: SyncPixstore) -> None:
    """The errors of Pixstore reach the caller."""
    with pytest.raises(InvalidImage):
        images.save_image(b"text")
    with pytest.raises(ImageNotFound):
        images.update_image("none", picture())
    with pytest.raises(InputError, match="one text"):
        images.get_image_records("abc")
    with pytest.raises(InputError, match="or, in code that is not async, an iterator or a file, but"):
        images.save_image(5)  # type: ignore[arg-type]


def pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


async def async_pieces(data: bytes) -> AsyncIterator[bytes]:
    for piece in pieces(data):
        yield piece


class AsyncFile:
    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    async def read(self, size: int) -> bytes:
        return self._file.read(size)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO, pieces, async_pieces, AsyncFile])
def test_every_kind_of_data(images: SyncPixstore, kind: Any) -> None:
    """Bytes, files, iterators and the async data of Pixstore are saved."""
    data = large_png(600_000)
    found = images.read_image(images.save_image(kind(data)).id)
    assert found is not None
    assert found.data == data


def test_a_text_file_is_refused(images: SyncPixstore) -> None:
    """A file in text mode gives the error of Pixstore."""
    with pytest.raises(InputError, match="binary mode"):
        images.save_image(io.StringIO("text"))  # type: ignore[arg-type]


def test_the_application_works_in_the_calling_thread(images: SyncPixstore) -> None:
    """Files, iterators, callbacks and iterables of ids run in the thread that calls."""
    threads = []

    def noted() -> Iterator[bytes]:
        threads.append(current_thread())
        yield picture()

    record = images.save_image(noted(), on_progress=lambda taken: threads.append(current_thread()))
    images.update_image(record.id, picture(), on_progress=lambda taken: threads.append(current_thread()))
    images.rewrap_keys(lambda done, total: threads.append(current_thread()))

    def ids() -> Iterator[str]:
        threads.append(current_thread())
        yield record.id

    assert record.id in images.get_image_records(ids())
    assert len(threads) >= 4
    assert set(threads) == {current_thread()}


@pytest.mark.parametrize("whole", [True, False], ids=["bytes", "file"])
def test_an_error_of_a_callback_stores_nothing(images: SyncPixstore, whole: bool) -> None:
    """An error of on_progress reaches the caller, and no image is stored, also after the last piece."""

    def fail(taken: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        images.save_image(picture() if whole else io.BytesIO(picture()), on_progress=fail)
    assert images.list_images() == []


def test_a_callback_that_raises_stop_iteration(images: SyncPixstore) -> None:
    """No future takes StopIteration: on_progress and a file that raise it end the call with RuntimeError."""
    empty = iter(())

    class File:
        def read(self, size: int) -> bytes:
            return next(empty)

    with pytest.raises(RuntimeError, match="raised StopIteration"):
        images.save_image(picture(), on_progress=lambda taken: next(empty))
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        images.save_image(File())
    assert images.list_images() == []


def test_an_error_of_a_file_stores_nothing(images: SyncPixstore) -> None:
    """An error of an iterator reaches the caller, and no image is stored."""

    def failing() -> Iterator[bytes]:
        yield picture()
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        images.save_image(failing())
    assert images.list_images() == []


def test_a_callback_may_call(images: SyncPixstore) -> None:
    """A callback may call the same SyncPixstore."""
    counts = []
    images.save_image(picture(), on_progress=lambda taken: counts.append(len(images.list_images())))
    assert counts == [0]


def test_with_opens_and_closes(images: SyncPixstore) -> None:
    """After `with`, only `open` or another `with` makes the store usable again, as in the async API."""
    with images as same:
        assert same is images
        record = images.save_image(picture())
    with pytest.raises(StoreError, match="was closed"):
        images.get_image_record(record.id)
    with images:
        assert images.image_exists(record.id)


@pytest.mark.parametrize("size", [1_000, 3_000_000])
def test_a_payload_is_an_iterator(images: SyncPixstore, size: int) -> None:
    """A payload has the status and headers of the async one, and its pieces are the wire payload."""
    record = images.save_image(large_png(size))
    with images.open_payload(record.id, token=record.token, proof=record.stateless_proof) as payload:
        assert isinstance(payload, SyncPayload)
        assert (payload.state, payload.status) == (WireState.SUCCESS, 200)
        assert int(payload.headers["content-length"]) == payload.size
        received = b"".join(payload)
        assert list(payload) == []
    assert len(received) == payload.size
    assert decode_payload(received).state is WireState.SUCCESS
    with images.open_payload(record.id, proof="no") as refused:
        assert refused.state is WireState.INVALID_PROOF


def test_a_payload_closes(tmp_path: Path) -> None:
    """A payload that is closed early frees its stream, and yields no more."""
    images = SyncPixstore(Pixstore(tmp_path / "pixstore.db", secret=SECRET))
    with images:
        record = images.save_image(large_png(3_000_000))
        payload = images.open_payload(record.id, token=record.token, proof=record.stateless_proof)
        assert next(payload)
        payload.close()
        assert list(payload) == []


async def test_an_event_loop_must_await(images: SyncPixstore) -> None:
    """In an event loop, a call raises an error that names the ways out, and never runs."""
    with pytest.raises(StoreError, match="await the Pixstore instead"):
        images.save_image(picture())
    with pytest.raises(StoreError, match=r"run the function that calls it by anyio\.to_thread\.run_sync"):
        images.get_image_record("id")
    assert await images.pixstore.list_images() == []
