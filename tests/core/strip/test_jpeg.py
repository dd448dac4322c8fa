"""JPEG: the segments that stay, the ones that go, and damage."""

import random
from contextlib import suppress

import pytest

from pixstore_asgi.core.strip.jpeg import orientation_only
from pixstore_asgi.errors import InvalidImage
from tests.support.metadata import AFTER_THE_END, encoded, exif, frames, segment
from tests.support.samples import picture
from tests.support.stripping import in_pieces, strip

JPEG = picture("jpeg")
PROGRESSIVE = encoded("jpeg", frames(1), progressive=True)
SCAN = JPEG[JPEG.index(b"\xff\xda") : -2]
APP1 = b"Exif\0\0"


def jpeg_with(*parts: bytes) -> bytes:
    """Return a JPEG with these parts after its JFIF segment."""
    return JPEG[:20] + b"".join(parts) + JPEG[20:]


@pytest.mark.parametrize(
    ("parts", "stays"),
    [
        ([segment(0xE1, APP1 + exif(1))], []),
        ([segment(0xE1, APP1 + exif(5))], [segment(0xE1, APP1 + orientation_only(5))]),
        ([segment(0xE1, b"Exif\0\xff" + exif(5))], [segment(0xE1, APP1 + orientation_only(5))]),
        ([segment(0xE1, APP1 + exif(1)), segment(0xE1, APP1 + exif(5))], []),
        ([segment(0xE1, b"http://"), segment(0xE1, APP1 + exif(2))], [segment(0xE1, APP1 + orientation_only(2))]),
        ([segment(0xEE, b"Adobe" + bytes(7) + b"more")], [segment(0xEE, b"Adobe" + bytes(7))]),
        ([segment(0xEE, b"Adobe" + bytes(6)), segment(0xEE, b"other" + bytes(7))], []),
        (
            [segment(0xE2, b"ICC_PROFILE\0\1\1data"), segment(0xE2, b"MPF\0data")],
            [segment(0xE2, b"ICC_PROFILE\0\1\1data")],
        ),
        ([segment(0xE0, b"JFIF\0\1\2\1\0\7\0\7\1\1rgb")], [segment(0xE0, b"JFIF\0\1\2\1\0\7\0\7\0\0")]),
        ([segment(0xE0, b"JFIF\0\1\2\1\0\7\0\7\1"), segment(0xE0, b"JFXX\0\x11")], []),
        (
            [
                segment(marker, b"data")
                for marker in (0xDE, 0xDF, 0xE3, 0xE5, 0xEB, 0xED, 0xEF, 0xF0, 0xFD, 0xFE, 0x02, 0xC8)
            ],
            [],
        ),
        ([segment(0xFE, b"")], []),
        ([segment(0xDD, b"\0\0")], [segment(0xDD, b"\0\0")]),
        ([b"\xff\x01", b"\xff\xd3", b"\xff\xff\xff"], []),
    ],
)
def test_segments_of_a_jpeg_stay_or_go(parts: list[bytes], stays: list[bytes]) -> None:
    """Only JFIF, one orientation, the profile and Adobe's stay of the application segments, without their extras."""
    assert strip(jpeg_with(*parts)) == jpeg_with(*stays)


def test_remarks_between_the_scans_of_a_jpeg_go() -> None:
    """Comments, Exif and profiles after the first scan go; tables and scans stay."""
    late = segment(0xFE, b"comment") + segment(0xE1, APP1 + exif()) + b"\xff" + segment(0xE2, b"ICC_PROFILE\0")
    table = segment(0xDD, b"\0\0")
    start, *scans = PROGRESSIVE[:-2].split(b"\xff\xda")
    assert len(scans) > 2
    data = (late + table + b"\xff\xda").join([start + b"\xff\xda" + scans[0], *scans[1:]]) + late + JPEG[-2:]
    assert strip(data) == (table + b"\xff\xda").join([start + b"\xff\xda" + scans[0], *scans[1:]]) + JPEG[-2:]


@pytest.mark.parametrize("jpeg", [JPEG, PROGRESSIVE], ids=["sequential", "progressive"])
@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\xfe\0\x08stray",
        segment(0xFE, b"comment") + b"stray",
        segment(0xE1, b"") + b"\xff\0",
        segment(0xE1, b"") + b"\xff\xd0",
        *(bytes([0xFF, marker, 0, 4, 1, 1]) for marker in (0x01, 0x02, 0xBF, 0xC0, 0xC8, 0xDE, 0xDF, 0xF0, 0xFD)),
    ],
)
def test_stray_markers_in_a_scan_are_damage(jpeg: bytes, damage: bytes) -> None:
    """A marker that can't follow a scan is damage: as metadata, it would take the rest of the scan with it."""
    at = jpeg.rindex(b"\xff\xda") + 20
    with pytest.raises(InvalidImage, match="damaged"):
        strip(jpeg[:at] + damage + jpeg[at:])


@pytest.mark.parametrize("late", [segment(0xDD, b"\0\0"), segment(0xC4, b""), segment(0xDB, b""), SCAN])
def test_nothing_but_remarks_follows_all_components(late: bytes) -> None:
    """No table may follow the scan of the last component, because a sequential JPEG has each in one scan."""
    with pytest.raises(InvalidImage, match="damaged"):
        strip(JPEG[:-2] + late + JPEG[-2:])
    lines = segment(0xDC, b"\0\x28")
    assert strip(JPEG[:-2] + lines + segment(0xFE, b"comment") + JPEG[-2:]) == JPEG[:-2] + lines + JPEG[-2:]


def test_scans_of_one_component_each_stay() -> None:
    """A sequential JPEG keeps all its scans, and the tables between them."""
    start = JPEG[: JPEG.index(b"\xff\xda")]
    scans = [segment(0xDA, bytes([1, number, 0, 0, 63, 0])) + b"data" for number in (1, 2, 3)]
    data = start + segment(0xDD, b"\0\0").join(scans) + JPEG[-2:]
    assert strip(data) == data
    with pytest.raises(InvalidImage, match="damaged"):
        strip(data[:-2] + scans[0] + JPEG[-2:])


@pytest.mark.parametrize("seed", range(8))
def test_bytes_damaged_within_a_scan_never_shorten_it(seed: int) -> None:
    """A JPEG with damage in its scan is refused, or keeps the whole scan; only an end marker ends it."""
    large = encoded("jpeg", frames(1, 300), quality=95)
    draw = random.Random(seed)
    for _ in range(40):
        at = draw.randrange(700, len(large) - 300)
        noise = draw.randbytes(200).replace(b"\xff\xd9", b"\xff\xda")
        data = large[:at] + noise + large[at + 200 :]
        with suppress(InvalidImage):
            assert len(strip(data)) > len(data) - 300


def test_the_data_of_a_scan_stays_as_it_is() -> None:
    """FF as data, restart markers and fill bytes do not end a scan, in any pieces."""
    scan = b"\xff\0\xff\xd0\xff\xd7\xff\xff\0" * 9 + b"\xff\xff"
    data = JPEG[:-2] + scan + JPEG[-2:]
    for length in range(1, 20):
        assert strip(in_pieces(data + AFTER_THE_END, length)) == data


@pytest.mark.parametrize(
    "data",
    [
        jpeg_with(segment(0xDD, b"\0\0more")),
        jpeg_with(segment(0xDC, b"\0\0more")),
        jpeg_with(segment(0xC0, bytes(5))),
        jpeg_with(segment(0xC0, bytes(6) + b"more")),
        jpeg_with(segment(0xC0, b"\x08\0\1\0\1\0")),
        JPEG.replace(SCAN[:4], b"\xff\xda\0\2"),
        JPEG.replace(SCAN[:4], b"\xff\xda\0\x20"),
        JPEG[:20] + b"\xff\xd9" + JPEG[20:],
        JPEG[:20] + JPEG,
        JPEG[:-2] + JPEG,
        JPEG[:20] + b"<html>" + JPEG[20:],
        JPEG[:20] + b"\xff\xfe\0\1" + JPEG[20:],
        JPEG[:20] + b"\xff\0" + JPEG[20:],
    ],
)
def test_an_invalid_jpeg_is_refused(data: bytes) -> None:
    """A JPEG without a scan, with a second picture inside, stray bytes or wrong lengths is refused."""
    with pytest.raises(InvalidImage, match="JPEG"):
        strip(data)
