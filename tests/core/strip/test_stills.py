"""PNG, GIF and WebP: the parts that stay, the ones that go, and damage."""

import struct
from itertools import pairwise

import pytest

from pixstore_asgi.core.strip import find_stripper
from pixstore_asgi.core.strip.jpeg import MAX_EXIF_BYTES, orientation_only
from pixstore_asgi.errors import InvalidImage
from tests.support.metadata import AFTER_THE_END, chunk, encoded, exif, frames, riff, segment
from tests.support.samples import picture
from tests.support.stripping import in_pieces, seen, strip
from tests.support.tagged import webp_chunks, webp_file

JPEG, PNG, GIF, WEBP = (picture(kind) for kind in ("jpeg", "png", "gif", "webp"))
APP1 = b"Exif\0\0"
END = chunk(b"IEND", b"")
COLOURS = {b"tRNS": 256, b"pHYs": 9, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8}
COLOURS |= {b"sBIT": 4, b"bKGD": 6, b"hIST": 512}
ZEROS = [(kind, bytes(length)) for kind, length in COLOURS.items()]


def png_with(*chunks: bytes) -> bytes:
    """Return a PNG with these chunks after its header."""
    return PNG[:33] + b"".join(chunks) + PNG[33:]


@pytest.mark.parametrize(
    ("chunks", "stays"),
    [
        ([chunk(b"eXIf", exif(4))], [chunk(b"eXIf", orientation_only(4))]),
        ([chunk(b"eXIf", APP1 + exif(4))], []),
        ([chunk(b"eXIf", exif(4))[:-1] + b"?"], []),
        ([chunk(b"eXIf", b""), chunk(b"eXIf", exif(4))], []),
        ([chunk(b"eXIf", exif(1)), chunk(b"eXIf", exif(4))], []),
        ([chunk(b"eXIf", b"")], []),
        ([chunk(b"eXIf", exif(4) + bytes(MAX_EXIF_BYTES))], [chunk(b"eXIf", orientation_only(4))]),
        (
            [chunk(kind, b"data") for kind in (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"caBX", b"iDOT", b"ABCD", b"prIv")],
            [],
        ),
        ([chunk(kind, bytes(length)) for kind, length in COLOURS.items()], None),
        ([chunk(kind, bytes(length)) * 2 for kind, length in COLOURS.items()], [chunk(*each) for each in ZEROS]),
        ([chunk(kind, bytes(length) + b"more") for kind, length in COLOURS.items() if length != 256], []),
        ([chunk(b"sPLT", b"name\0\x08")], []),
        ([chunk(b"acTL", bytes(8)), chunk(b"fcTL", bytes(26)), chunk(b"fdAT", b"data")], None),
        ([chunk(b"fcTL", bytes(26)), chunk(b"acTL", bytes(8)), chunk(b"fdAT", b"data")], None),
        ([chunk(b"fcTL", bytes(26)), chunk(b"fdAT", b"data")], [chunk(b"fcTL", bytes(26))]),
        ([chunk(b"acTL", bytes(8)), chunk(b"fcTL", bytes(27))], [chunk(b"acTL", bytes(8))]),
    ],
)
def test_chunks_of_a_png_stay_or_go(chunks: list[bytes], stays: list[bytes] | None) -> None:
    """The chunks of the picture and an orientation that browsers read stay unchanged; all others go."""
    assert strip(png_with(*chunks)) == png_with(*(chunks if stays is None else stays))


def test_an_animation_whose_first_frame_comes_before_its_count_stays() -> None:
    """A PNG with fcTL before acTL keeps all frames; fcTL and fdAT at the end of a still picture go."""
    png = encoded("png", frames())
    count, first = (
        png[at - 4 : at - 4 + length] for at, length in ((png.index(b"acTL"), 20), (png.index(b"fcTL"), 38))
    )
    moved = png.replace(count, b"").replace(first, first + count)
    assert strip(moved) == moved
    assert seen(moved) == seen(png)
    still = chunk(b"fcTL", bytes(26)) + chunk(b"fdAT", b"data")
    assert strip(PNG[: -len(END)] + still + END) == PNG


def test_exif_after_the_pixels_of_a_png_goes() -> None:
    """Exif after the pixels goes, because browsers ignore it."""
    assert strip(PNG[: -len(END)] + chunk(b"eXIf", exif(4)) + END) == PNG


def test_a_png_ends_with_nothing_in_its_end() -> None:
    """The content of IEND goes, and so do bytes after it."""
    assert strip(PNG[: -len(END)] + chunk(b"IEND", b"data") + AFTER_THE_END) == PNG


@pytest.mark.parametrize(
    "data",
    [
        PNG[:33] + b"\x80\0\0\0IDAT",
        PNG[:33] + b"\0\0\0\0ID\0T" + bytes(9),
        png_with(PNG[8:33]),
        PNG[:8] + chunk(b"IHDR", PNG[16:29] + b"more") + PNG[33:],
        png_with(chunk(b"PLTE", bytes(771))),
        png_with(chunk(b"acTL", bytes(8)) * 2),
    ],
)
def test_an_invalid_png_is_refused(data: bytes) -> None:
    """A PNG with a chunk of 2 GiB, an invalid name, or a required chunk that is too long or repeated, is refused."""
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
        (b"!\xff\x0bNETSCAPE2.0\3\1\0\0\4more\3\1\2\2\0", b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"),
        (b"!\xff\x0bNETSCAPE2.0\5\2more\7\1\0\0more\0", b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"),
        (b"!\xff\x0bNETSCAPE2.0\4more\0", b""),
        (b"!\xf9\4\0\0\0\0\0", None),
        (b"!\xf9\4\0\0\0\0\4more\0", b"!\xf9\4\0\0\0\0\0"),
        (b"!\xf9\x08\0\0\0\0more\0", b"!\xf9\4\0\0\0\0\0"),
        (b"!\xf9\0", b""),
    ],
)
def test_blocks_of_a_gif_stay_or_go(blocks: bytes, stays: bytes | None) -> None:
    """Comments, texts and application blocks go, except loops, profile and graphic control."""
    start = 13 + (3 << ((GIF[10] & 7) + 1))
    kept = blocks if stays is None else stays
    assert strip(GIF[:start] + blocks + GIF[start:] + AFTER_THE_END) == GIF[:start] + kept + GIF[start:]


def test_a_webp_keeps_its_length_and_its_places() -> None:
    """Every chunk keeps its place and length; removed ones are zeros under a name that readers skip."""
    chunks = [
        (b"VP8X", b"\x2c" + bytes(9)),
        *webp_chunks(WEBP),
        (b"EXIF", exif(7)),
        (b"XMP ", b"odd"),
        (b"odd ", b"data"),
    ]
    wanted = [
        (b"VP8X", b"\x20" + bytes(9)),
        *webp_chunks(WEBP),
        (b"JUNK", bytes(len(exif()))),
        (b"JUNK", bytes(3)),
        (b"JUNK", bytes(4)),
    ]
    assert strip(webp_file(chunks) + AFTER_THE_END) == webp_file(wanted)


@pytest.mark.parametrize("content", [b"", b"MM\0*", orientation_only(3), exif(6) + b"\1" * 2 * MAX_EXIF_BYTES])
def test_a_webp_keeps_no_exif(content: bytes) -> None:
    """No EXIF of a WebP stays, because browsers ignore it, and VP8X announces none."""
    webp = webp_file([(b"VP8X", b"\x08" + bytes(9)), *webp_chunks(WEBP), (b"EXIF", content), (b"EXIF", exif(8))])
    unused = [(b"JUNK", bytes(len(content))), (b"JUNK", bytes(len(exif())))]
    assert strip(webp) == webp_file([(b"VP8X", bytes(10)), *webp_chunks(WEBP), *unused])


@pytest.mark.parametrize(
    ("chunks", "stays"),
    [
        ([(b"VP8X", bytes(10) + b"more")], [(b"VP8X", bytes(14))]),
        ([(b"VP8X", bytes(10)), (b"VP8X", b"more")], [(b"VP8X", bytes(10)), (b"JUNK", bytes(4))]),
        ([(b"ANIM", b"\1" * 6 + b"more")], [(b"ANIM", b"\1" * 6 + bytes(4))]),
        ([(b"ANIM", b"\1" * 6), (b"ANIM", b"more")], [(b"ANIM", b"\1" * 6), (b"JUNK", bytes(4))]),
        ([(b"VP8 ", b"data"), (b"VP8L", b"more")], [(b"VP8 ", b"data"), (b"JUNK", bytes(4))]),
        ([(b"ICCP", b"data"), (b"ICCP", b"more")], [(b"ICCP", b"data"), (b"JUNK", bytes(4))]),
        (
            [(b"ANMF", bytes(16) + riff(b"VP8 ", b"data") + riff(b"VP8 ", b"more")), (b"ANMF", bytes(16))],
            [(b"ANMF", bytes(16) + riff(b"VP8 ", b"data") + riff(b"JUNK", bytes(4))), (b"ANMF", bytes(16))],
        ),
    ],
)
def test_a_webp_loses_surplus_bytes(chunks: list[tuple[bytes, bytes]], stays: list[tuple[bytes, bytes]]) -> None:
    """Bytes after the fields of a chunk, and a second chunk of a single kind, become zeros."""
    assert strip(webp_file(chunks)) == webp_file(stays)


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
def test_an_invalid_webp_is_refused(data: bytes) -> None:
    """A WebP with a chunk longer than its container, or shorter than its fields, is refused."""
    with pytest.raises(InvalidImage, match="WebP"):
        strip(data)


def test_kept_bytes_are_passed_on_at_once() -> None:
    """While a large picture arrives, its kept bytes are returned at once, within a segment's length."""
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
    """Return the kept bytes that are known after these pieces."""
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
        WEBP[:4] + b"\xff\xff\xff\0" + WEBP[8:] + riff(b"odd ", b"") * 300_000,
    ],
    ids=["png", "jpeg segments", "jpeg between scans", "gif extensions", "gif blocks", "webp"],
)
def test_countless_tiny_parts_are_refused(data: bytes) -> None:
    """A file of only tiny parts is refused early."""
    with pytest.raises(InvalidImage, match="too many tiny parts"):
        strip(data)


def test_pictures_of_many_parts_pass() -> None:
    """A long animation of small frames passes, because its parts have the size of real ones."""
    start = 13 + (3 << ((GIF[10] & 7) + 1))
    long = GIF[:start] + GIF[start:-1] * 300 + GIF[-1:]
    assert strip(long) == long
    assert len(seen(long).frames) == 300
