"""Images that are padded on their way in: their ciphertext has a bucket's length, and they look as they did."""

import io
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from pixstore_asgi import ConfigError, InvalidImage, Pixstore
from pixstore_asgi.core.cipher import MAX_CIPHERTEXT_BYTES
from pixstore_asgi.core.formats import FORMAT_BYTES
from pixstore_asgi.core.images import ExportedImage
from pixstore_asgi.core.padding import bucket_bytes, padding
from pixstore_asgi.errors import ImageTooLarge
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.process import wall_clock_ms
from pixstore_asgi.saving.options import SaveOptions, UploadLimits, upload_limits
from pixstore_asgi.saving.save import Saves
from pixstore_asgi.saving.sealing import Encryption
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.samples import ALL_KINDS, SECRET, large_png, picture

MAX_BYTES = 2_000_000
IMAGES = {**ALL_KINDS, "large png": large_png(1_500_000)}


class Padded:
    """An open Pixstore, and the saves of one that pads, in the same store."""

    def __init__(self, pix: Pixstore, store: MemoryStore, max_bytes: int = MAX_BYTES) -> None:
        self.pix = pix
        options = SaveOptions(frozenset(FORMAT_BYTES), UploadLimits(max_bytes), pad=True)
        self.saves = Saves(store, parts_of(pix).life.opened, options, wall_clock_ms)

    async def exported(self, image_id: str) -> ExportedImage:
        found = await self.pix.export_image(image_id)
        assert found is not None
        return found


@pytest.fixture
async def padded() -> AsyncIterator[Padded]:
    store = MemoryStore()
    async with Pixstore(store, secret=SECRET) as pix:
        yield Padded(pix, store)


def frames(data: bytes) -> list[bytes]:
    """Return an image's frames as pixels."""
    with Image.open(io.BytesIO(data)) as image:
        return [frame.convert("RGBA").tobytes() for frame in ImageSequence.Iterator(image)]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def longer(kind: str, extra: int) -> bytes:
    """Return an image that a segment or a box makes longer, by `extra` bytes and its head."""
    image = picture(kind)
    if kind == "avif":
        return image + (8 + extra).to_bytes(4) + b"free" + bytes(extra)
    return image[:2] + b"\xff\xfe" + (2 + extra).to_bytes(2) + bytes(extra) + image[2:]


@pytest.mark.parametrize("kind", IMAGES)
async def test_the_ciphertext_has_the_length_of_a_bucket(padded: Padded, kind: str) -> None:
    """A saved image keeps its bytes and pixels, and the padding gives its ciphertext the length of a bucket."""
    image = IMAGES[kind]
    await padded.saves.create("image", image)
    found = await padded.exported("image")
    assert len(found.ciphertext) == bucket_bytes(len(found.ciphertext)) >= 1 + len(image)
    assert found.image.data == image + padding(found.image.format, 1 + len(image))
    assert frames(found.image.data) == frames(image)
    (listed,) = await padded.pix.list_images()
    assert listed.size == len(found.image.data)


@pytest.mark.parametrize("kind", ["jpeg", "avif"])
async def test_images_of_lengths_close_to_each_other_get_the_same(padded: Padded, kind: str) -> None:
    """Images of a hundred lengths in a row have a few lengths between them when they are encrypted."""
    lengths = set()
    for extra in range(100):
        await padded.saves.create(f"image-{extra}", longer(kind, extra))
        lengths.add(len((await padded.exported(f"image-{extra}")).ciphertext))
    assert len(lengths) <= 8


@pytest.mark.parametrize("kind", ["png", "avif", "large png"])
async def test_an_image_that_is_sealed_again_is_not_padded_twice(padded: Padded, kind: str) -> None:
    """A padded image keeps its bytes under a new key, and also if it is updated with the bytes that were read."""
    await padded.saves.create("image", IMAGES[kind])
    before = await padded.exported("image")
    await padded.saves.reseal([before], None)
    resealed = await padded.exported("image")
    assert resealed.seal.key != before.seal.key
    await padded.saves.update("image", before.image.data)
    assert before.image == resealed.image == (await padded.exported("image")).image


async def test_an_image_from_before_is_padded_when_it_is_sealed_again(padded: Padded) -> None:
    """An image that was saved without padding has it behind its bytes once it is sealed again."""
    record = await padded.pix.save_image(picture("webp"))
    before = await padded.exported(record.id)
    assert before.image.data == picture("webp")
    await padded.saves.reseal([before], None)
    after = (await padded.exported(record.id)).image
    assert after.data == picture("webp") + padding("webp", len(before.ciphertext)) != picture("webp")


async def test_an_image_with_its_seal_is_not_padded(padded: Padded) -> None:
    """An image encrypted elsewhere, padded or not, gives the same ciphertext here. Without its seal it is padded."""
    token = (await padded.pix.save_image(picture("webp"))).token
    await padded.saves.create("padded", picture("webp"))
    plain = await padded.pix.import_image("plain", picture("webp"), token=token)
    for name in ("plain", "padded"):
        found = await padded.exported(name)
        await padded.saves.take_over(
            f"{name}-copy", found.image.data, token=found.token, encryption=Encryption.of(found.seal), if_token=None
        )
        assert (await padded.exported(f"{name}-copy")).ciphertext == found.ciphertext
    await padded.saves.take_over("unsealed", picture("webp"), token=plain.token, encryption=None, if_token=None)
    assert (await padded.exported("unsealed")).image == (await padded.exported("padded")).image


async def test_the_limit_and_the_progress_are_of_the_image_alone(padded: Padded) -> None:
    """An image of just max_bytes is saved, its padding not counted; one byte more is too large."""
    told: list[int] = []
    await padded.saves.override(on_progress=told.append).create("image", large_png(MAX_BYTES))
    assert told == sorted(told)
    assert max(told) == MAX_BYTES
    assert len((await padded.exported("image")).ciphertext) == bucket_bytes(MAX_BYTES + 1) > MAX_BYTES + 1
    with pytest.raises(ImageTooLarge):
        await padded.saves.create("another", large_png(MAX_BYTES + 1))


@pytest.mark.parametrize("kind", ["png", "gif", "avif", "jpeg", "webp"])
async def test_padding_completes_no_image(padded: Padded, kind: str) -> None:
    """A truncated image is refused, even if zeros look like the missing part."""
    for lacking in range(1, 12):
        with pytest.raises(InvalidImage, match="truncated"):
            await padded.saves.create("image", picture(kind)[:-lacking])


@pytest.mark.parametrize("piece_bytes", [1, 1000, 300_000])
async def test_however_it_comes_it_is_padded_the_same(padded: Padded, piece_bytes: int) -> None:
    """An image that arrives in pieces of any length is the same as one that comes whole."""
    image = large_png(700_000) if piece_bytes > 1 else picture()

    async def upload() -> AsyncIterator[bytes]:
        for piece in pieces(image, piece_bytes):
            yield piece

    await padded.saves.create("whole", image)
    await padded.saves.create("pieces", upload())
    assert (await padded.exported("whole")).image == (await padded.exported("pieces")).image


@pytest.mark.parametrize("make", [lambda _: MemoryStore(), SqliteStore], ids=["memory", "sqlite"])
def test_what_a_store_takes_leaves_room_for_padding(make: Callable[[Path], ImageStore], tmp_path: Path) -> None:
    """With padding, max_image_bytes must leave room for it within the limits of the store and of GCM."""
    store = make(tmp_path / "pixstore.db")
    largest = min(store.max_body_bytes or MAX_CIPHERTEXT_BYTES, MAX_CIPHERTEXT_BYTES)
    assert upload_limits(store, largest - 1, 60, 60).max_bytes == largest - 1
    with pytest.raises(ConfigError, match=r"from 1 to \d+") as refused:
        upload_limits(store, largest - 1, 60, 60, pad=True)
    fits = int(str(refused.value).rpartition(" ")[2])
    assert upload_limits(store, fits, 60, 60, pad=True).max_bytes == fits
    assert bucket_bytes(fits + 1) <= largest
