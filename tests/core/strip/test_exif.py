"""Orientations are read from Exif as browsers read them, and written so that other readers agree."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from pixstore_asgi.core.strip.jpeg import ORIENTATION_BYTES, orientation, orientation_only
from tests.support.metadata import exif


def block(order: str, *entries: tuple[int, int, int, int], start: int = 8) -> bytes:
    """Return a TIFF of one directory with these entries (tag, type, count, value)."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        directory += struct.pack(
            f"{order}HHI" + ("HH" if kind == 3 else "I"), tag, kind, count, value, *[0] * (kind == 3)
        )
    return mark + struct.pack(f"{order}I", start) + bytes(max(start - 8, 0)) + directory + bytes(4)


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_orientation_is_found(value: int, order: str) -> None:
    """Every orientation is found in both byte orders, after other entries, with the directory at any offset."""
    entries = [(0x010F, 4, 1, 77), (0x0112, 3, 1, value), (0x0131, 4, 1, 99)]
    assert orientation(block(order, *entries)) == value
    assert orientation(block(order, *entries, start=1000)) == value


@pytest.mark.parametrize("value", range(1, 9))
def test_a_written_orientation_is_read(value: int) -> None:
    """The written block has this one entry, for Pillow and for `orientation`."""
    written = orientation_only(value)
    assert len(written) == ORIENTATION_BYTES
    assert orientation(written) == value
    tags = Image.Exif()
    tags.load(b"Exif\0\0" + written)
    assert dict(tags) == {ExifTags.Base.Orientation: value}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0" + block(">", (0x0112, 3, 1, 6)),
        b"MM\0*",
        b"MM\0*\0\0\0\x08",
        b"MM\0+" + block(">", (0x0112, 3, 1, 6))[4:],
        block(">", (0x0112, 3, 1, 0)),
        block(">", (0x0112, 3, 1, 9)),
        block(">", (0x0112, 3, 2, 6)),
        block("<", (0x0112, 4, 1, 6)),
        block(">", (0x010F, 3, 1, 6)),
        block(">", (0x0112, 3, 1, 6))[:21],
        block(">", (0x0112, 3, 1, 6))[:4] + bytes(4) + block(">", (0x0112, 3, 1, 6))[8:],
        block(">", (0x0112, 3, 1, 9), (0x0112, 3, 1, 6)),
    ],
)
def test_an_invalid_orientation_is_upright(data: bytes) -> None:
    """A damaged block, or an entry with another type, count or value than the standard's, means upright."""
    assert orientation(data) == 1


@pytest.mark.parametrize("kind", [1, 2, 4, 6, 7, 8, 9, 13])
@pytest.mark.parametrize("order", ["<", ">"])
def test_only_one_short_is_an_orientation(order: str, kind: int) -> None:
    """Entries of another type or count are skipped, and the first entry that is one SHORT counts."""
    assert orientation(block(order, (0x0112, kind, 1, 6))) == 1
    for other in ((0x0112, kind, 1, 6), (0x0112, 3, 2, 3), (0x0112, 3, 0, 3)):
        assert orientation(block(order, other, (0x0112, 3, 1, 8), (0x0112, 3, 1, 3))) == 8


@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    """Any bytes give an orientation from 1 to 8."""
    for start in (b"", b"II*\0", b"MM\0*\0\0\0\x08", exif()[:60]):
        assert 1 <= orientation(start + data) <= 8
