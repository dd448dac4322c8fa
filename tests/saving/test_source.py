"""Image data from an application: bytes, iterators, readers, files. Other types are refused."""

import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.datastructures import UploadFile

from pixstore_asgi import ImageTooLarge, Pixstore, WireState
from pixstore_asgi.errors import InputError
from pixstore_asgi.saving.options import UploadLimits
from pixstore_asgi.saving.source import read_pieces
from tests.support.payloads import served
from tests.support.samples import large_png, picture


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
    """Data of another type is refused with an error that names the accepted types."""
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


async def test_an_error_of_the_applications_own_iterator_passes(pix: Pixstore) -> None:
    """If an upload's iterator raises, for example for a lost client, the caller gets that error, and nothing
    is stored.
    """

    async def broken() -> AsyncIterator[bytes]:
        yield large_png(600_000)[:500_000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await pix.save_image(broken())


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


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 1000, 8192, 65_535, 65_536, 300_000])
async def test_small_pieces_are_joined(size: int) -> None:
    """The bytes behind the first 64 KiB are passed on in pieces of at least that size, except the last one."""
    image = bytes(range(256)) * 1000

    async def cut() -> AsyncIterator[bytes]:
        for start in range(0, len(image), size):
            yield image[start : start + size]

    pieces = [piece async for piece in read_pieces(cut(), UploadLimits(len(image)))]
    assert b"".join(pieces) == image
    behind_first = pieces[64 * 1024 // size :]
    assert all(len(piece) >= 64 * 1024 for piece in behind_first[:-1])
    with pytest.raises(ImageTooLarge):
        [piece async for piece in read_pieces(cut(), UploadLimits(len(image) - 1))]


async def test_tiny_pieces_take_little_memory() -> None:
    """An upload that comes byte by byte takes about as much memory as its bytes until they are joined."""

    async def sent() -> AsyncIterator[bytes]:
        yield bytes(65_536)
        for _ in range(20_000):
            yield b"1"

    taken = 0
    tracemalloc.start()
    try:
        async for piece in read_pieces(sent(), UploadLimits(1_000_000)):
            taken += len(piece)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken == 85_536
    assert most < 1_000_000
