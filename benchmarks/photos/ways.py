"""The ways to save a photo: as this library makes smaller copies of it, and as one would make them by hand."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from pixstore_asgi import ImageRecord, Pixstore, Variant

Copies = Sequence[tuple[str, int, str]]
"""Smaller copies, by name, width in pixels and format; the largest first."""

COPIES: Copies = (("large", 1600, "jpeg"), ("medium", 960, "webp"), ("small", 320, "jpeg"))
"""The smaller copies of a photo that is saved."""

THUMB = Variant("thumb", width=320)
"""The only copy that the photos of a page have."""

ALONE, OURS, EVERYTHING, BY_HAND = "pixstore, no copies", "pixstore", "pixstore, all options", "Pillow by hand"

_QUALITY = 80  # the default of a Variant

Save = Callable[[Pixstore, bytes], Awaitable[Sequence[ImageRecord]]]
"""Saves a photo and returns the records of original and copies, in the order of COPIES."""


@dataclass(frozen=True, slots=True)
class Way:
    """A Pixstore on a database, its options, and the way to save a photo there."""

    open: Callable[[Path, bytes], Pixstore]
    save: Save


async def _save_once(pix: Pixstore, photo: bytes) -> Sequence[ImageRecord]:
    record = await pix.save_image(photo)
    return [record, *(record.variants[name] for name, _, _ in COPIES if name in record.variants)]


async def _save_by_hand(pix: Pixstore, photo: bytes) -> Sequence[ImageRecord]:
    copies = await asyncio.to_thread(copies_by_hand, photo)
    return [await pix.save_image(data) for data in (photo, *copies)]


def copies_by_hand(photo: bytes, wanted: Copies = COPIES) -> list[bytes]:
    """Return the copies as Pillow makes them by its own means, each of the one before it: the quickest way it has."""
    copies = []
    with Image.open(io.BytesIO(photo)) as image:
        ImageOps.exif_transpose(image, in_place=True)
        for _, width, kind in wanted:
            image.thumbnail((width, image.height))
            output = io.BytesIO()
            image.save(output, kind, quality=_QUALITY, optimize=kind == "jpeg")
            copies.append(output.getvalue())
    return copies


def _plain(database: Path, secret: bytes) -> Pixstore:
    return Pixstore(database, secret=secret)


def _with_variants(database: Path, secret: bytes) -> Pixstore:
    return Pixstore(database, secret=secret, variants=variants(COPIES))


def _with_everything(database: Path, secret: bytes) -> Pixstore:
    return Pixstore(
        database,
        secret=secret,
        variants=variants(COPIES),
        placeholder=True,
        strip_metadata=True,
        check_pixels=True,
        pad_to="bucket",
    )


def variants(copies: Copies) -> list[Variant]:
    """Return the variants that are these copies."""
    return [Variant(name, width=width, format=kind) for name, width, kind in copies]


WAYS = {
    ALONE: Way(_plain, _save_once),
    OURS: Way(_with_variants, _save_once),
    EVERYTHING: Way(_with_everything, _save_once),
    BY_HAND: Way(_plain, _save_by_hand),
}
