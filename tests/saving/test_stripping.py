"""Uploads lose their metadata while they arrive, in pieces of any size, without blocking the event loop."""

from collections.abc import AsyncIterator

import pytest

from pixstore_asgi import InvalidImage
from pixstore_asgi.core.formats import FORMAT_BYTES, check_formats
from pixstore_asgi.errors import UploadTimeout
from pixstore_asgi.saving.sealing import Encryption, begin_sealing
from pixstore_asgi.saving.source import stripped
from tests.support.metadata import AFTER_THE_END, SECRET_WORD, chunk
from tests.support.samples import picture
from tests.support.stripping import in_pieces, strip
from tests.support.tagged import tagged_pictures
from tests.support.turns import counted_turns

ALL = check_formats(list(FORMAT_BYTES))


async def arriving(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def stripped_from(pieces: list[bytes]) -> bytes:
    return b"".join([piece async for piece in stripped(arriving(pieces))])


@pytest.mark.parametrize("name", tagged_pictures())
async def test_uploads_of_any_pieces_are_stripped(name: str) -> None:
    """Whole, in small pieces, and with empty ones among them, the same stays, without a word of the metadata."""
    data = tagged_pictures()[name]
    kept = strip(data)
    for pieces in ([data], in_pieces(data, 1), in_pieces(data, 999), [b"", data[:5], b"", data[5:], b""]):
        assert await stripped_from(pieces) == kept
    assert SECRET_WORD.encode() not in kept


@pytest.mark.parametrize("data", [b"", b"short", b"plain text, nothing more", b"II*\0\x08\0\0\0" * 100])
async def test_what_is_of_no_known_format_passes_unchanged(data: bytes) -> None:
    """Data of an unknown format passes unchanged, and the check of accepted formats refuses it."""
    for pieces in ([data], in_pieces(data, 3)):
        assert await stripped_from(pieces) == data
    with pytest.raises(InvalidImage, match="not an image of a format accepted here" if data else "the image is empty"):
        await begin_sealing(stripped(arriving([data])), ALL, Encryption.fresh())


async def test_relatives_of_avif_are_called_by_their_names() -> None:
    """A HEIC image is refused as one."""
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    with pytest.raises(InvalidImage, match="this is a HEIC image"):
        await stripped_from([heic])


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg", "gif", "avif"])
async def test_a_cut_upload_is_refused(kind: str) -> None:
    """An upload that ends too early is refused, by the name of its format."""
    with pytest.raises(InvalidImage, match=r"the (PNG|WebP|JPEG|GIF|AVIF) image is truncated"):
        await stripped_from(in_pieces(picture(kind)[:-1], 100))


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg", "gif", "avif"])
async def test_a_stripped_upload_is_sealed(kind: str) -> None:
    """The stripped bytes are encrypted completely, as an image of their format."""
    data = next(data for name, data in tagged_pictures().items() if name == kind)
    sealing = await begin_sealing(stripped(arriving(in_pieces(data, 1000))), ALL, Encryption.fresh())
    ciphertext = b"".join([bytes(piece) async for piece in sealing])
    assert len(ciphertext) == sealing.taken + 1 == len(strip(data)) + 1


async def test_what_ends_an_upload_comes_through() -> None:
    """An error of the pieces is raised as it is, and the pieces behind the image's end are waited for too."""
    taken = 0

    async def slow() -> AsyncIterator[bytes]:
        nonlocal taken
        for piece in (picture("jpeg"), AFTER_THE_END, AFTER_THE_END):
            yield piece
            taken += 1
        raise UploadTimeout("too slow")

    kept = []
    with pytest.raises(UploadTimeout):
        kept.extend([piece async for piece in stripped(slow())])
    assert taken == 3


async def test_the_event_loop_goes_on_over_a_large_image() -> None:
    """While one large piece is stripped, another task runs again and again."""
    png = picture("png")
    large = png[:33] + chunk(b"IDAT", bytes(4_000_000)) + png[33:]
    async with counted_turns() as turns:
        assert await stripped_from([large + AFTER_THE_END]) == large
    assert turns.count > 50


async def test_the_event_loop_goes_on_over_tiny_parts() -> None:
    """Of one piece full of the smallest parts no more than 8 KiB are looked at in one turn."""
    gif = picture("gif")
    piece = gif[:-1] + b"!\xfe\0" * 20_000 + gif[-1:]
    async with counted_turns() as turns:
        assert await stripped_from([piece]) == gif
    assert turns.count >= len(piece) // (8 * 1024)
