"""Limits of directories: an image that does not fit is refused as early as possible, and leaves nothing behind."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.datastructures import UploadFile

from pixstore_asgi import Pixstore, Variant
from pixstore_asgi.core.images import Usage
from pixstore_asgi.errors import DirectoryFull, InputError
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.testing import MemoryPixstore
from tests.support.samples import SECRET, large_png, picture

SMALL = large_png(1000)
STORED = 1001  # its ciphertext is longer by the format byte


async def fill(pix: Pixstore, images: int) -> list[str]:
    """Save images of STORED bytes into the directory "ada" and return their ids."""
    return [(await pix.save_image(SMALL, directory="ada")).id for _ in range(images)]


@pytest.mark.slow
async def test_usage_is_the_stored_bytes(tmp_path: Path) -> None:
    """The usage has the bytes of ciphertext, with variants and padding; images without variants."""
    options: dict[str, Any] = {"variants": [Variant("thumb", width=16)], "pad_to": "bucket"}
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET, **options) as pix:
        await pix.save_image(picture(), directory="ada")
        await pix.save_image(picture())
        listed = await pix.list_images(directory="ada", variants=True)
        stored = sum(image.size + 1 for image in listed)
        assert len(listed) == 2
        assert stored > len(picture())
        assert await pix.usage("ada") == Usage(1, stored)
        assert await pix.usage() == Usage(2, 2 * stored)
        assert await pix.usage("bob") == Usage(0, 0)
        with pytest.raises(InputError, match="directory must be"):
            await pix.usage("a/b")


async def test_an_image_fits_up_to_the_limit() -> None:
    """The bytes of a directory may reach the limit. The next byte is refused; the text says usage, limit and remedy."""
    async with MemoryPixstore() as pix:
        await fill(pix, 1)
        await pix.save_image(SMALL, directory="ada", max_directory_bytes=2 * STORED, max_directory_images=2)
        with pytest.raises(
            DirectoryFull, match="ada has 2,002 of at most 3,002 bytes, and the image needs 1,001 more: "
        ):
            await pix.save_image(SMALL, directory="ada", max_directory_bytes=3 * STORED - 1)
        with pytest.raises(
            DirectoryFull, match="ada has 2 of at most 2 images: delete images, or raise max_directory_i"
        ):
            await pix.save_image(SMALL, directory="ada", max_directory_images=2)
        assert await pix.usage("ada") == Usage(2, 2 * STORED)


@pytest.mark.parametrize("size", [1000, 3_000_000])
async def test_a_refused_save_leaves_no_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """If only the commit finds the directory full, the body is removed from the database or the folder."""
    monkeypatch.setattr(BodyFolder, "smallest_bytes", 1_000_000)
    for blobs in (None, tmp_path / "bodies"):
        store = SqliteStore(
            tmp_path / f"{blobs is None}.db", bodies=BodyFolder(blobs) if blobs else None, sweep_grace_s=0
        )
        async with Pixstore(store, secret=SECRET) as pix:
            await fill(pix, 1)

            async def fill_meanwhile(pix: Pixstore = pix) -> AsyncIterator[bytes]:
                yield large_png(size)
                await fill(pix, 1)

            with pytest.raises(DirectoryFull):
                await pix.save_image(fill_meanwhile(), directory="ada", max_directory_images=2)
            assert await pix.usage("ada") == Usage(2, 2 * STORED)
            while (await store.unused()).bodies:  # in a folder, a body is removed a millisecond later
                await store.sweep()
    assert [path.name for path in (tmp_path / "bodies").rglob("*") if path.is_file()] == ["pixstore-bodies"]


async def test_a_full_directory_is_told_before_the_first_byte() -> None:
    """If no image fits, or the declared size does not, nothing of the upload is read."""
    async with MemoryPixstore() as pix:
        await fill(pix, 2)
        full: list[dict[str, Any]] = [{"max_directory_images": 2}, {"max_directory_bytes": 2 * STORED}]
        for limit in full:
            with pytest.raises(DirectoryFull):
                await pix.save_image(unread(), directory="ada", **limit)
        file = UploadFile(io.BytesIO(SMALL), size=len(SMALL))
        with pytest.raises(DirectoryFull, match="needs 1,001 more"):
            await pix.save_image(file, directory="ada", max_directory_bytes=3 * STORED - 1)
        assert await file.read() == SMALL


async def unread() -> AsyncIterator[bytes]:
    raise AssertionError("a piece was read")
    yield b""


async def test_an_upload_ends_at_the_piece_that_does_not_fit() -> None:
    """An upload without a declared size is refused as soon as it exceeds the room, not at its end."""
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        whole = large_png(10_000_000)
        for start in range(0, len(whole), 10_000):
            taken += 10_000
            yield whole[start : start + 10_000]

    async with MemoryPixstore() as pix:
        await fill(pix, 1)
        with pytest.raises(DirectoryFull):
            await pix.save_image(endless(), directory="ada", max_directory_bytes=500_000)
        assert 500_000 - STORED < taken < 600_000


async def test_room_that_is_made_during_an_upload() -> None:
    """An upload that does not fit at its beginning is accepted if images are deleted before its end."""
    async with MemoryPixstore() as pix:
        ids = await fill(pix, 2)

        async def delete_meanwhile() -> AsyncIterator[bytes]:
            yield SMALL[:900]
            await pix.delete_image(ids[0])
            yield SMALL[900:]

        limit = 3 * STORED - 50
        await pix.save_image(delete_meanwhile(), directory="ada", max_directory_bytes=limit)
        with pytest.raises(DirectoryFull):
            await pix.save_image(SMALL, directory="ada", max_directory_bytes=limit)


async def test_removed_metadata_takes_no_room() -> None:
    """An image that fits without its metadata is accepted, also if its file does not fit."""
    image = large_png(3000)  # most of it is a private chunk
    async with MemoryPixstore(strip_metadata=True) as pix:
        stored = (await pix.save_image(image, directory="bob")).id
        size = (await pix.usage("bob")).bytes
        assert size < len(image)
        await pix.save_image(UploadFile(io.BytesIO(image), size=len(image)), directory="ada", max_directory_bytes=size)
        assert await pix.usage("ada") == await pix.usage("bob")
        assert stored.startswith("bob:")


@pytest.mark.slow
async def test_variants_need_room() -> None:
    """The variants of an image count: an image that only fits without them is refused, with its variants."""
    noise = Image.effect_noise((200, 200), 100)
    output = io.BytesIO()
    noise.save(output, "png")
    async with MemoryPixstore(variants=[Variant("card", width=150)]) as pix:
        limit = len(output.getvalue()) + 100
        with pytest.raises(DirectoryFull):
            await pix.save_image(output.getvalue(), directory="ada", max_directory_bytes=limit)
        assert await pix.list_images(variants=True) == []


async def test_updates_need_room_for_the_difference(tmp_path: Path) -> None:
    """A new version needs room only for the bytes that it has more than the version before, variants included."""
    path = tmp_path / "image.png"
    async with MemoryPixstore() as pix:
        first, _ = await fill(pix, 2)
        limit: dict[str, Any] = {"max_directory_bytes": 2 * STORED + 500, "max_directory_images": 2}
        path.write_bytes(large_png(1500))
        await pix.update_image_from_file(first, path, **limit)
        with pytest.raises(DirectoryFull, match="needs 1 more"):
            await pix.update_image(first, large_png(1501), **limit)
        await pix.update_image(first, large_png(1500), max_directory_bytes=10)
        await pix.update_image(first, large_png(700), max_directory_bytes=10)
        with pytest.raises(DirectoryFull):
            await pix.update_image(first, large_png(701), max_directory_bytes=10)
        assert await pix.usage("ada") == Usage(2, STORED + 701)
        with pytest.raises(DirectoryFull):
            await pix.save_image_from_file(path, directory="ada", **limit)


async def test_imports_need_room() -> None:
    """An image or variant from another store is refused like a new one."""
    async with MemoryPixstore() as pix:
        (first,) = await fill(pix, 1)
        token = pix.clock.now_ms
        limit: dict[str, Any] = {"max_directory_bytes": 2 * STORED + 100, "max_directory_images": 2}
        with pytest.raises(DirectoryFull):
            await pix.import_image("ada:b", large_png(2000), token=token, **limit)
        await pix.import_image("ada:b", SMALL, token=token, **limit)
        with pytest.raises(DirectoryFull, match="2 of at most 2 images"):
            await pix.import_image("ada:c", SMALL, token=token, **limit)
        with pytest.raises(DirectoryFull, match="bytes"):
            await pix.import_image(f"{first}~thumb", SMALL, token=token, **limit)
        await pix.import_image(f"{first}~thumb", large_png(200), token=token, max_directory_images=1)


@pytest.mark.parametrize("limit", [-1, True, 1.5, "100"])
async def test_a_limit_is_a_number(limit: Any) -> None:
    """A limit that is no whole number from 0 on is refused by name, and so is a limit without a directory."""
    async with MemoryPixstore() as pix:
        for name in ("max_directory_bytes", "max_directory_images"):
            with pytest.raises(InputError, match=f"{name} must be a whole number from 0 on"):
                await pix.save_image(SMALL, directory="ada", **{name: limit})
        with pytest.raises(InputError, match="need an image in a directory"):
            await pix.save_image(SMALL, max_directory_bytes=10**9)


async def test_a_store_without_counts_takes_no_limit() -> None:
    """A store of one's own without `usage` refuses limits, because it would not keep them. All else works."""

    class Plain(MemoryStore):
        usage = None  # type: ignore[assignment]

    async with Pixstore(Plain(), secret=SECRET) as pix:
        await pix.save_image(SMALL, directory="ada")
        with pytest.raises(InputError, match="Plain can't count its images: it has no method `usage`"):
            await pix.save_image(SMALL, directory="ada", max_directory_bytes=10**9)
        with pytest.raises(InputError, match="can't count"):
            await pix.usage("ada")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["save", "update", "delete"]),
        st.sampled_from(["ada", "bob"]),
        st.integers(200, 900),
        st.integers(0, 3) | st.none(),
        st.integers(0, 2500) | st.none(),
    ),
    max_size=12,
)


@given(STEPS)
def test_no_save_exceeds_its_limit(steps: list[tuple[str, str, int, int | None, int | None]]) -> None:
    """After any writes, the usage is that of the listed images. It exceeds a limit only if it did before the save."""

    async def run() -> None:
        async with MemoryPixstore() as pix:
            for what, directory, size, images, limit in steps:
                before, ids = await pix.usage(directory), [i.id for i in await pix.list_images(directory=directory)]
                limits: dict[str, Any] = {"max_directory_images": images, "max_directory_bytes": limit}
                with contextlib.suppress(DirectoryFull):
                    if what == "save":
                        await pix.save_image(large_png(size), directory=directory, **limits)
                    elif ids and what == "update":
                        await pix.update_image(ids[size % len(ids)], large_png(size), **limits)
                    elif ids:
                        await pix.delete_image(ids[size % len(ids)])
                after = await pix.usage(directory)
                listed = await pix.list_images(directory=directory)
                assert after == Usage(len(listed), sum(image.size + 1 for image in listed))
                assert images is None or what == "delete" or after.images <= max(images, before.images)
                assert limit is None or what == "delete" or after.bytes <= max(limit, before.bytes)

    asyncio.run(run())
