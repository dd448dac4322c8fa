"""JPEG, PNG, GIF and WebP: what stays, what goes, and what is refused, part by part."""

import random
import struct
from contextlib import suppress
from itertools import pairwise

import pytest

from pixstore_asgi.core.strip.exif import MAX_EXIF_BYTES, orientation_only
from pixstore_asgi.core.strip.find import find_stripper
from pixstore_asgi.errors import InvalidImage
from tests.support.metadata import AFTER_THE_END, chunk, encoded, exif, frames, riff, segment
from tests.support.samples import picture
from tests.support.stripping import in_pieces, seen, strip
from tests.support.tagged import webp_chunks, webp_file

JPEG, PNG, GIF, WEBP = (picture(kind) for kind in ("jpeg", "png", "gif", "webp"))
PROGRESSIVE = encoded("jpeg", frames(1), progressive=True)
SCAN = JPEG[JPEG.index(b"\xff\xda") : -2]
APP1 = b"Exif\0\0"
END = chunk(b"IEND", b"")


def jpeg_with(*parts: bytes) -> bytes:
    """Return a JPEG with these parts behind its JFIF segment."""
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
    """Of application segments stay JFIF, one orientation, profile and Adobe's, all without what they are not for."""
    assert strip(jpeg_with(*parts)) == jpeg_with(*stays)


def test_what_is_between_the_scans_of_a_jpeg_goes() -> None:
    """Comments, Exif and profiles behind the first scan go; tables and scans stay."""
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
    """What can't follow a scan is no metadata: the rest of the scan would go with it, unnoticed."""
    at = jpeg.rindex(b"\xff\xda") + 20
    with pytest.raises(InvalidImage, match="damaged"):
        strip(jpeg[:at] + damage + jpeg[at:])


@pytest.mark.parametrize("late", [segment(0xDD, b"\0\0"), segment(0xC4, b""), segment(0xDB, b""), SCAN])
def test_nothing_but_remarks_follows_all_components(late: bytes) -> None:
    """A sequential JPEG has each component in one scan: behind that of the last one there are no tables."""
    with pytest.raises(InvalidImage, match="damaged"):
        strip(JPEG[:-2] + late + JPEG[-2:])
    lines = segment(0xDC, b"\0\x28")
    assert strip(JPEG[:-2] + lines + segment(0xFE, b"comment") + JPEG[-2:]) == JPEG[:-2] + lines + JPEG[-2:]


def test_scans_of_one_component_each_stay() -> None:
    """A sequential JPEG of several scans keeps all of them, and the tables between them."""
    start = JPEG[: JPEG.index(b"\xff\xda")]
    scans = [segment(0xDA, bytes([1, number, 0, 0, 63, 0])) + b"data" for number in (1, 2, 3)]
    data = start + segment(0xDD, b"\0\0").join(scans) + JPEG[-2:]
    assert strip(data) == data
    with pytest.raises(InvalidImage, match="damaged"):
        strip(data[:-2] + scans[0] + JPEG[-2:])


@pytest.mark.parametrize("seed", range(8))
def test_bytes_damaged_within_a_scan_never_shorten_it(seed: int) -> None:
    """A JPEG with damage amid its scan is refused, or keeps all of it; only an end marker ends it."""
    large = encoded("jpeg", frames(1, 300), quality=95)
    draw = random.Random(seed)
    for _ in range(40):
        at = draw.randrange(700, len(large) - 300)
        noise = draw.randbytes(200).replace(b"\xff\xd9", b"\xff\xda")
        data = large[:at] + noise + large[at + 200 :]
        with suppress(InvalidImage):
            assert len(strip(data)) > len(data) - 300


def test_the_data_of_a_scan_stays_as_it_is() -> None:
    """FF as data, restart markers and fill bytes are no end of a scan, wherever its pieces are cut."""
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
def test_a_jpeg_that_is_none_is_refused(data: bytes) -> None:
    """No scan, a picture within the picture, something between the segments, segments of lengths that can't be."""
    with pytest.raises(InvalidImage, match="JPEG"):
        strip(data)


def png_with(*chunks: bytes) -> bytes:
    """Return a PNG with these chunks behind its header."""
    return PNG[:33] + b"".join(chunks) + PNG[33:]


@pytest.mark.parametrize(
    ("chunks", "stays"),
    [
        ([chunk(b"eXIf", exif(4))], [chunk(b"eXIf", orientation_only(4))]),
        ([chunk(b"eXIf", APP1 + exif(4))], [chunk(b"eXIf", orientation_only(4))]),
        ([chunk(b"eXIf", exif(1)), chunk(b"eXIf", exif(4))], []),
        ([chunk(b"eXIf", b"")], []),
        ([chunk(b"eXIf", exif(4) + bytes(MAX_EXIF_BYTES))], [chunk(b"eXIf", orientation_only(4))]),
        (
            [chunk(kind, b"data") for kind in (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"caBX", b"iDOT", b"ABCD", b"prIv")],
            [],
        ),
        ([chunk(kind, b"data") for kind in (b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV")] * 2, None),
        ([chunk(kind, b"data") for kind in (b"cLLI", b"sBIT", b"bKGD", b"hIST", b"sPLT", b"pHYs", b"fcTL")], None),
    ],
)
def test_chunks_of_a_png_stay_or_go(chunks: list[bytes], stays: list[bytes] | None) -> None:
    """What decides on the picture stays, untouched; of Exif the first orientation does; all else goes."""
    assert strip(png_with(*chunks)) == png_with(*(chunks if stays is None else stays))


def test_a_png_ends_with_nothing_in_its_end() -> None:
    """What stands in IEND goes as what stands behind it."""
    assert strip(PNG[: -len(END)] + chunk(b"IEND", b"data") + AFTER_THE_END) == PNG


@pytest.mark.parametrize("data", [PNG[:33] + b"\x80\0\0\0IDAT", PNG[:33] + b"\0\0\0\0ID\0T" + bytes(9)])
def test_a_png_that_is_none_is_refused(data: bytes) -> None:
    """A chunk of 2 GiB, or with a name that can't be."""
    with pytest.raises(InvalidImage, match="PNG chunk"):
        strip(data)


@pytest.mark.parametrize(
    ("blocks", "stays"),
    [
        (b"!\xfe\7comment\0", b""),
        (b"!\xfe\0", b""),
        (b"!\xff\0", b""),
        (b"!\xff\x0bXMP DataXMP\4<x/>\0", b""),
        (b"!\x01\x0c" + bytes(12) + b"\4text\0", b""),
        (b"!\x33\4what\0", b""),
        (b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0", None),
        (b"!\xff\x0bANIMEXTS1.0\3\1\0\0\0", None),
        (b"!\xff\x0bICCRGBG1012\xff" + bytes(255) + b"\2ab\0", None),
        (b"!\xf9\4\0\0\0\0\0", None),
    ],
)
def test_blocks_of_a_gif_stay_or_go(blocks: bytes, stays: bytes | None) -> None:
    """Comments, texts and applications go, but for repetition, profile and what controls an image."""
    start = 13 + (3 << ((GIF[10] & 7) + 1))
    kept = blocks if stays is None else stays
    assert strip(GIF[:start] + blocks + GIF[start:] + AFTER_THE_END) == GIF[:start] + kept + GIF[start:]


def test_a_webp_keeps_its_length_and_its_places() -> None:
    """Every chunk is where it was and as long; what went is zeros under a name that readers pass over."""
    chunks = [
        (b"VP8X", b"\x2c" + bytes(9)),
        *webp_chunks(WEBP),
        (b"EXIF", exif(7)),
        (b"XMP ", b"odd"),
        (b"what", b"ever"),
    ]
    block = orientation_only(7) + bytes(len(exif()) - 26)
    wanted = [
        (b"VP8X", b"\x28" + bytes(9)),
        *webp_chunks(WEBP),
        (b"EXIF", block),
        (b"JUNK", bytes(3)),
        (b"JUNK", bytes(4)),
    ]
    assert strip(webp_file(chunks) + AFTER_THE_END) == webp_file(wanted)


@pytest.mark.parametrize(
    ("content", "stays"),
    [
        (exif(1)[:40], (b"EXIF", orientation_only(1) + bytes(14))),
        (b"", (b"JUNK", b"")),
        (b"MM\0*", (b"JUNK", bytes(4))),
        (orientation_only(3)[:22], (b"EXIF", orientation_only(3)[:22])),
        (orientation_only(3)[:24], (b"EXIF", orientation_only(3)[:24])),
        (orientation_only(1)[:22], (b"JUNK", bytes(22))),
        (orientation_only(3) + bytes(2 * MAX_EXIF_BYTES), (b"EXIF", orientation_only(3) + bytes(2 * MAX_EXIF_BYTES))),
        (orientation_only(3) + b"\1" * 2 * MAX_EXIF_BYTES, (b"EXIF", orientation_only(3) + bytes(2 * MAX_EXIF_BYTES))),
    ],
)
def test_an_exif_chunk_of_any_length_keeps_it(content: bytes, stays: tuple[bytes, bytes]) -> None:
    """One too short for an orientation becomes unused; one that had it without the end of its directory keeps that."""
    webp = webp_file([(b"VP8X", b"\x08" + bytes(9)), *webp_chunks(WEBP), (b"EXIF", content)])
    kept = strip(webp)
    assert kept == webp_file([(b"VP8X", b"\x08" + bytes(9)), *webp_chunks(WEBP), stays])
    assert strip(kept) == kept


def test_a_second_exif_chunk_goes() -> None:
    """Of several EXIF chunks the first one counts, even where it asks for nothing."""
    webp = webp_file([*webp_chunks(WEBP), (b"EXIF", exif(1)), (b"EXIF", exif(6))])
    exif_bytes = len(exif())
    kept = webp_chunks(strip(webp))
    assert kept[1:] == [(b"EXIF", orientation_only(1) + bytes(exif_bytes - 26)), (b"JUNK", bytes(exif_bytes))]


@pytest.mark.parametrize(
    "data",
    [
        webp_file([(b"VP8X", b""), *webp_chunks(WEBP)]),
        webp_file([(b"ANMF", bytes(14))]),
        webp_file([(b"ANMF", bytes(16) + riff(b"VP8 ", bytes(8))[:-2])]),
        webp_file([(b"ANMF", bytes(16) + riff(b"VP8 ", bytes(8)) + bytes(2))]),
        WEBP[:16] + struct.pack("<I", len(WEBP)) + WEBP[20:],
        WEBP[:4] + struct.pack("<I", len(WEBP) - 6) + WEBP[8:] + bytes(2),
    ],
)
def test_a_webp_that_is_none_is_refused(data: bytes) -> None:
    """Chunks that are longer than what they are in, or shorter than what they begin with."""
    with pytest.raises(InvalidImage, match="WebP"):
        strip(data)


def test_nothing_is_held_back_but_what_must_be_seen() -> None:
    """While a large picture arrives, what stays is there at once, within a segment's length."""
    large = {
        "jpeg": JPEG[:-2] + bytes(range(1, 250)) * 8000 + JPEG[-2:],
        "png": png_with(chunk(b"IDAT", bytes(2_000_000))),
        "gif": GIF[:-2] + (b"\xff" + bytes(255)) * 8000 + GIF[-2:],
        "webp": webp_file([(b"VP8L", b"\x2f" + bytes(2_000_000))]),
    }
    for data in large.values():
        pieces = in_pieces(data, 10_000)
        lengths = [len(strip_so_far(pieces[:count])) for count in (1, 2, 50, 100, 150)]
        assert all(after > before for before, after in pairwise(lengths))
        assert len(pieces) > 150
        assert 150 * 10_000 - lengths[-1] < 65_536
        assert strip(data) == data


def strip_so_far(pieces: list[bytes]) -> bytes:
    """Return what is known to stay once these pieces have come."""
    stripper = find_stripper(pieces[0][:12])
    assert stripper is not None
    return b"".join([stripper.feed(piece) for piece in pieces])


@pytest.mark.parametrize(
    "data",
    [
        PNG[:33] + chunk(b"tEXt", b"") * 150_000,
        JPEG[:20] + segment(0xFE, b"") * 300_000,
        JPEG[:-2] + segment(0xFE, b"") * 300_000,
        GIF[:-1] + b"!\xfe\0" * 300_000,
        GIF[:-1] + b"!\xfe" + b"\1a" * 300_000,
        WEBP[:4] + b"\xff\xff\xff\0" + WEBP[8:] + riff(b"what", b"") * 300_000,
    ],
    ids=["png", "jpeg segments", "jpeg between scans", "gif extensions", "gif blocks", "webp"],
)
def test_countless_tiny_parts_are_refused(data: bytes) -> None:
    """A file of nothing but tiny parts is refused before it has kept the processor busy."""
    with pytest.raises(InvalidImage, match="too many tiny parts"):
        strip(data)


def test_pictures_of_many_parts_pass() -> None:
    """A long animation in tiny frames passes: its parts are of the size of real ones."""
    start = 13 + (3 << ((GIF[10] & 7) + 1))
    long = GIF[:start] + GIF[start:-1] * 300 + GIF[-1:]
    assert strip(long) == long
    assert len(seen(long).frames) == 300
