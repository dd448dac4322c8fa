"""The cost of stripping and padding, beside sealing alone, and by how much padding makes images longer."""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import uvloop
from PIL import ExifTags, Image

from pixstore_asgi.core.formats import FORMAT_BYTES
from pixstore_asgi.core.padding import padding
from pixstore_asgi.saving.sealing import Encryption, begin_sealing
from pixstore_asgi.saving.source import stripped
from pixstore_asgi.store.contract import CHUNK_BYTES

from ..pictures import png
from ..plan import KB, MB, Plan
from ..runs import Row
from .photo import FORMATS, photo, read_photo

STRIPPING, PADDING, LENGTHS = "stripping", "padding", "lengths"
STRIP, SEAL, SEAL_PADDED = "strip", "seal", "seal, padded"

SPREADS = {"thumbnails": (15 * KB, 0.5), "pictures of pages": (200 * KB, 0.8), "photos": (3_500 * KB, 0.4)}
"""Images of a kind: the median of their lengths in bytes, and the standard deviation of its logarithm."""

_SHORTEST = 100  # bytes, of a PNG
_SEALED_BYTES = 30 * MB  # of one kind
_ANY = frozenset(FORMAT_BYTES)

Take = Callable[[Sequence[bytes]], AsyncIterator[bytes | memoryview]]
"""Takes an image in pieces, and yields the treated pieces."""


def stripping(plan: Plan, number: int) -> Iterator[Row]:
    """Strip the photo in each format, and seal the same bytes; the CPU is that of one MB."""
    ways: dict[str, Take] = {STRIP: _strip, SEAL: _seal}
    for kind in FORMATS:
        data = photo(plan.photo_size, kind)
        asyncio.run(check_stripped(data))
        for name in list(ways)[:: -1 if number % 2 else 1]:
            yield {
                "contestant": name,
                "load": STRIPPING,
                "round": number,
                "format": kind,
                "size": len(data),
                "cpu_s": _median_cpu_s(plan, ways[name], [data]) / len(data) * MB,
            }


async def check_stripped(data: bytes) -> None:
    """Raise RuntimeError unless a photo that has metadata is stripped of it and otherwise the same."""
    result = b"".join([piece async for piece in _strip(_pieces(data))])
    before, after = read_photo(data), read_photo(result)
    if not metadata(before):
        raise RuntimeError(f"the {before.format} has no metadata to strip")
    if after.tobytes() != before.tobytes() or metadata(after):
        raise RuntimeError(f"the {before.format} is another picture once it is stripped, or has {metadata(after)}")


def metadata(image: Image.Image) -> set[int | str]:
    """Return the names of an image's metadata except its orientation: EXIF tags and others."""
    others = {name for name in ("xmp", "comment") if image.info.get(name)}
    return {*image.getexif(), *others} - {ExifTags.Base.Orientation}


def lengths(plan: Plan) -> Iterator[Row]:
    """Pad many images of each kind, and return how much longer they are, and how few lengths are left."""
    for name, sizes in _spreads(plan).items():
        longer = [size + len(padding("png", size)) for size in sizes]
        shares = [after / before - 1 for before, after in zip(sizes, longer, strict=True)]
        yield {
            "contestant": name,
            "load": LENGTHS,
            "images": len(sizes),
            "mean": statistics.fmean(shares),
            "largest": max(shares),
            "lengths": len(set(sizes)),
            "lengths_padded": len(set(longer)),
        }


def padded(plan: Plan, number: int) -> Iterator[Row]:
    """Seal images of each kind, padded and not; the CPU is that of one image."""
    ways: dict[str, Take] = {SEAL: _seal, SEAL_PADDED: _seal_padded}
    for kind, sizes in _spreads(plan).items():
        images = [png(size) for size in _few(sizes)]
        for name in list(ways)[:: -1 if number % 2 else 1]:
            yield {
                "contestant": name,
                "load": PADDING,
                "round": number,
                "kind": kind,
                "images": len(images),
                "cpu_s": _median_cpu_s(plan, ways[name], images) / len(images),
            }


def _spreads(plan: Plan) -> dict[str, list[int]]:
    """Return the lengths of images of each kind, in bytes, always the same ones."""
    found = {}
    for name, (median, deviation) in SPREADS.items():
        draw = random.Random(name).lognormvariate
        found[name] = [max(_SHORTEST, round(median * draw(0, deviation))) for _ in range(plan.photos_padded)]
    return found


def _few(sizes: Sequence[int]) -> Sequence[int]:
    """Return the first of them, as many as are at once in memory."""
    mean = statistics.fmean(sizes)
    return sizes[: max(1, min(100, int(_SEALED_BYTES / mean)))]


def _median_cpu_s(plan: Plan, take: Take, images: Sequence[bytes]) -> float:
    """Return the median processor time for all of these, taken again and again."""
    cut = [_pieces(image) for image in images]

    async def once() -> float:
        started = time.process_time()
        for pieces in cut:
            async for _ in take(pieces):
                pass
        return time.process_time() - started

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        times = [runner.run(once())]
        while sum(times) < plan.photos_timed_s:
            times.append(runner.run(once()))
    return statistics.median(times)


def _pieces(image: bytes) -> list[bytes]:
    return [image[start : start + CHUNK_BYTES] for start in range(0, len(image), CHUNK_BYTES)]


async def _given(pieces: Sequence[bytes]) -> AsyncIterator[bytes | memoryview]:
    for piece in pieces:
        yield piece


def _strip(pieces: Sequence[bytes]) -> AsyncIterator[bytes | memoryview]:
    return stripped(_given(pieces))


async def _seal(pieces: Sequence[bytes], *, pad: bool = False) -> AsyncIterator[bytes | memoryview]:
    async for ciphertext in await begin_sealing(_given(pieces), _ANY, Encryption.fresh(pad=pad)):
        yield ciphertext


def _seal_padded(pieces: Sequence[bytes]) -> AsyncIterator[bytes | memoryview]:
    return _seal(pieces, pad=True)
