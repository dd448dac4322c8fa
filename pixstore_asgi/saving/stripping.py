"""From the pieces of an image to those of the same picture without its metadata."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from ..core.formats.sniff import SNIFF_BYTES
from ..core.strip.find import find_stripper
from .source import Piece, read_head

_PART_BYTES = 8 * 1024  # between two of them the event loop goes on, also where an image is all tiny parts


async def stripped(pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    """Yield an image without its metadata, as fast as its pieces come; one of no known format as it is.

    Of the pieces all are taken, also those behind the image's end. Raises InvalidImage for a damaged container, and
    what the pieces raise.
    """
    head = await read_head(pieces, SNIFF_BYTES)
    stripper = find_stripper(bytes(head[:SNIFF_BYTES]))
    async for piece in _with_head(head, pieces):
        if stripper is None:
            yield piece
            continue
        for part in _parts(piece):
            if kept := memoryview(stripper.feed(part)):
                yield kept
            if len(part) < len(piece):
                await asyncio.sleep(0)
    if stripper is not None:
        stripper.finish()


async def _with_head(head: memoryview, pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    yield head
    async for piece in pieces:
        yield piece


def _parts(piece: Piece) -> Iterator[memoryview]:
    view = memoryview(piece)
    for start in range(0, len(view), _PART_BYTES):
        yield view[start : start + _PART_BYTES]
