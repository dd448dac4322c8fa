"""Containers: real pictures of every format pass, whole and in pieces; damaged and other files are refused."""

import io
import itertools
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixstore_asgi.core.formats import FORMAT_BYTES, MEDIA_TYPES, SNIFF_BYTES, check_formats, sniff
from pixstore_asgi.errors import ConfigError, InvalidImage
from tests.support.samples import large_png, picture

ALL = check_formats(list(FORMAT_BYTES))
KINDS = ["png", "webp", "jpeg", "gif", "avif"]


def inspect(data: bytes, piece_bytes: int = 1 << 20, allowed: frozenset[str] = ALL) -> str:
    reader = sniff(data[:SNIFF_BYTES], allowed)
    for start in range(0, len(data), piece_bytes):
        list(reader.feed(data[start : start + piece_bytes]))
    reader.finish()
    return reader.name


def test_format_bytes_are_fixed() -> None:
    """The format byte and media type of each format are fixed."""
    assert FORMAT_BYTES == {"png": 1, "webp": 2, "jpg": 3, "jpeg": 4, "gif": 5, "avif": 6}
    assert MEDIA_TYPES["jpg"] == MEDIA_TYPES["jpeg"] == "image/jpeg"


@pytest.mark.parametrize("piece_bytes", [1, 2, 13, 1000, 1 << 20])
@pytest.mark.parametrize("kind", KINDS)
def test_real_pictures_pass(kind: str, piece_bytes: int) -> None:
    """A real picture passes whole, in pieces and byte by byte."""
    assert inspect(picture(kind), piece_bytes) == kind


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_behind_a_picture_are_harmless(kind: str) -> None:
    """A picture passes with data after its end, as cameras and editors append it."""
    assert inspect(picture(kind) + b"trailing bytes") == kind


@pytest.mark.parametrize("trailing", [0, 1, 65_534, 65_535, 65_536, 65_537, 300_000])
@pytest.mark.parametrize("piece_bytes", [1000, 65_537, 1 << 20])
def test_the_end_of_a_jpeg_is_found_wherever_it_is(trailing: int, piece_bytes: int) -> None:
    """A JPEG with its last marker is complete in any pieces, with any data after it; without it, it is truncated."""
    image = picture("jpeg")
    assert inspect(image + bytes(trailing), piece_bytes) == "jpeg"
    for cut in (image[:-1], image[:-2]):
        with pytest.raises(InvalidImage, match="truncated"):
            inspect(cut + bytes(trailing), piece_bytes)


@given(st.lists(st.integers(1, 700), max_size=40))
def test_a_marker_that_is_cut_in_two_is_found(lengths: list[int]) -> None:
    """A JPEG passes in pieces of any lengths, and fails in the same pieces without its last marker."""
    image = picture("jpeg")
    for data, passes in ((image, True), (image[:-2], False)):
        reader = sniff(data[:SNIFF_BYTES], ALL)
        bounds = [0, *(bound for bound in itertools.accumulate(lengths) if bound < len(data)), len(data)]
        for start, end in itertools.pairwise(bounds):
            list(reader.feed(data[start:end]))
        if passes:
            reader.finish()
        else:
            with pytest.raises(InvalidImage, match="truncated"):
                reader.finish()


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_pictures_are_refused(kind: str) -> None:
    """A truncated picture is refused, whole and in pieces."""
    data = picture(kind)
    for length in [*range(0, min(len(data), 400), 7), len(data) - 30, len(data) - 1]:
        with pytest.raises(InvalidImage):
            inspect(data[:length], 17)


@pytest.mark.parametrize("kind", KINDS)
def test_magic_bytes_alone_are_refused(kind: str) -> None:
    """HTML after the first bytes of a picture is refused."""
    html = b"<html><script>alert(1)</script></html>" * 100
    for length in (8, 12, 16, 24):
        with pytest.raises(InvalidImage):
            inspect(picture(kind)[:length] + html)


def test_formats_that_are_not_listed_are_refused() -> None:
    """A picture of an unlisted format is refused, and the error names the listed formats."""
    listed = check_formats(["png"])
    with pytest.raises(InvalidImage, match="GIF is not among the image formats accepted here: PNG"):
        inspect(picture("gif"), allowed=listed)
    assert inspect(picture("png"), allowed=listed) == "png"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "the image is empty"),
        (b"------WebKitFormBoundary", "multipart form"),
        (b"plain text", "not an image of a format accepted here (PNG, WebP, JPEG, GIF, AVIF)"),
    ],
)
def test_the_error_for_another_file_describes_it(data: bytes, text: str) -> None:
    """The error names the kind of file if it is known, and the accepted formats."""
    with pytest.raises(InvalidImage) as caught:
        inspect(data)
    assert text in str(caught.value)


def iso_file(*brands: bytes) -> bytes:
    """Return the start of a file with these brands, the first of which is the major one, and an image's boxes."""
    head = struct.pack(">I4s4sI", 12 + 4 * len(brands), b"ftyp", brands[0], 0) + b"".join(brands[1:])
    return head + struct.pack(">I4sI4s", 8, b"meta", 8, b"mdat")


@pytest.mark.parametrize("allowed", [ALL, check_formats(["png", "jpeg"])], ids=["with avif", "without"])
@pytest.mark.parametrize(
    ("brands", "text"),
    [
        ((b"heic", b"mif1", b"heic"), "this is a HEIC image"),
        ((b"heix", b"mif1", b"miaf"), "this is a HEIC image"),
        ((b"hevc", b"msf1", b"hevc"), "this is a HEIC image"),
        ((b"mif1", b"j2ki"), "this is an image in HEIF"),
        ((b"isom", b"iso2", b"avc1", b"mp41"), "this is a video"),
        ((b"qt  ", b"qt  "), "this is a video"),
    ],
)
def test_the_error_names_relatives_of_avif(brands: tuple[bytes, ...], text: str, allowed: frozenset[str]) -> None:
    """HEIC and videos are refused by name, with AVIF accepted or not."""
    for piece_bytes in (1, 1000):
        with pytest.raises(InvalidImage, match=text):
            inspect(iso_file(*brands), piece_bytes, allowed)


def test_brands_behind_the_first_one_count() -> None:
    """A HEIF file with a later brand of AVIF passes if AVIF is accepted; with one of HEIC, the error names HEIC."""
    for major in (b"mif1", b"msf1", b"heic"):
        assert inspect(iso_file(major, b"miaf", b"avif")) == "avif"
    with pytest.raises(InvalidImage, match="this is a HEIC image"):
        inspect(iso_file(b"mif1", b"mif1", b"heic"))
    with pytest.raises(InvalidImage, match="AVIF is not among the image formats accepted here: PNG"):
        inspect(iso_file(b"avif", b"mif1"), allowed=check_formats(["png"]))


@pytest.mark.parametrize("name", ["jpg", "jpeg"])
def test_jpg_and_jpeg_are_one(name: str) -> None:
    """Either spelling accepts JPEG, and the reader's name is always jpeg."""
    assert inspect(picture("jpeg"), allowed=check_formats([name])) == "jpeg"


@pytest.mark.parametrize("listed", [[], ["bmp"], ["png", "svg"], "png"])
def test_unknown_formats_are_a_config_error(listed: list[str]) -> None:
    """A list that is empty or has an unknown format is refused, and the error names the known formats."""
    with pytest.raises(ConfigError, match="png, webp, jpg, jpeg, gif, avif"):
        check_formats(listed)


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


IHDR = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
RIFF_SIZE = struct.Struct("<4sI4s")

DAMAGED = {
    "png-crc": SIGNATURE + png_chunk(b"IHDR", IHDR)[:-1] + b"\0" + png_chunk(b"IDAT") + png_chunk(b"IEND"),
    "png-no-width": SIGNATURE + png_chunk(b"IHDR", bytes(4) + IHDR[4:]) + png_chunk(b"IDAT") + png_chunk(b"IEND"),
    "png-no-pixels": SIGNATURE + png_chunk(b"IHDR", IHDR) + png_chunk(b"IEND"),
    "png-chunk-name": SIGNATURE + png_chunk(b"IHDR", IHDR) + png_chunk(b"\0\0\0\0") + png_chunk(b"IEND"),
    "jpeg-end-at-once": b"\xff\xd8\xff\xd9" + bytes(20),
    "jpeg-no-marker": b"\xff\xd8\xff\xe0\0\x04ab" + b"<html>" * 9,
    "jpeg-no-frame": b"\xff\xd8\xff\xda\0\x02" + bytes(20) + b"\xff\xd9",
    "jpeg-short-segment": b"\xff\xd8\xff\xe0\0\x01" + bytes(20),
    "webp-no-pixels": RIFF_SIZE.pack(b"RIFF", 4 + 8, b"WEBP") + b"EXIF" + bytes(4),
    "webp-chunk-too-long": RIFF_SIZE.pack(b"RIFF", 40, b"WEBP") + b"VP8 \xff\0\0\0" + bytes(300),
    "webp-empty": RIFF_SIZE.pack(b"RIFF", 4, b"WEBP") + bytes(40),
    "gif-version": b"GIF88a" + picture("gif")[6:],
    "gif-no-pixels": b"GIF89a" + bytes(7) + b";" + bytes(20),
    "gif-block": b"GIF89a" + bytes(7) + b"<html>" + bytes(20),
    "avif-brand": struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1") + bytes(40),
    "avif-box": struct.pack(">I4s4sI4s", 20, b"ftyp", b"avif", 0, b"mif1") + struct.pack(">I4s", 4, b"meta") + bytes(9),
    "avif-no-data": struct.pack(">I4s4sI4s", 20, b"ftyp", b"avif", 0, b"mif1") + struct.pack(">I4s", 0, b"free") + b"x",
    "avif-type-length": struct.pack(">I4s4sI4s", 9, b"ftyp", b"avif", 0, b"mif1") + bytes(40),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_containers_are_refused(name: str) -> None:
    """A container that breaks one rule of its format is refused as an image."""
    with pytest.raises(InvalidImage):
        inspect(DAMAGED[name])


def test_rare_but_valid_containers_pass() -> None:
    """Rare but valid containers pass: fill bytes, stray markers, boxes of 64-bit and open length."""
    jpeg = picture("jpeg")
    assert inspect(jpeg[:2] + b"\xff\x01" + b"\xff" * 5 + jpeg[2:]) == "jpeg"
    head = struct.pack(">I4s4sI4s", 20, b"ftyp", b"mif1", 0, b"avif")
    meta = struct.pack(">I4sQ", 1, b"meta", 20) + b"meta"
    assert inspect(head + meta + struct.pack(">I4s", 0, b"mdat") + b"to the end") == "avif"
    assert inspect(large_png(300_000)) == "png"


@pytest.mark.parametrize("kind", ["webp", "gif", "png"])
def test_animations_and_lossless_pictures_pass(kind: str) -> None:
    """Animated pictures pass, and lossless WebP."""
    frames = [Image.open(io.BytesIO(picture("png", seed=seed))) for seed in range(3)]
    output = io.BytesIO()
    frames[0].save(output, kind, save_all=True, append_images=frames[1:], lossless=True)
    assert inspect(output.getvalue(), 11) == kind
    output = io.BytesIO()
    frames[0].save(output, "webp", lossless=True)
    assert inspect(output.getvalue(), 11) == "webp"


@given(data=st.binary(max_size=300), kind=st.sampled_from(KINDS), keep=st.integers(0, 60))
def test_any_bytes_pass_or_are_refused(data: bytes, kind: str, keep: int) -> None:
    """Any bytes after any start of a picture pass or raise InvalidImage, the same whole and in pieces."""
    content = picture(kind)[:keep] + data
    outcomes = set()
    for piece_bytes in (1, 5, 1000):
        try:
            outcomes.add(inspect(content, piece_bytes))
        except InvalidImage:
            outcomes.add("refused")
    assert len(outcomes) == 1


@given(cuts=st.lists(st.integers(0, 2000), max_size=6), kind=st.sampled_from(KINDS))
def test_any_cut_of_a_picture_passes(cuts: list[int], kind: str) -> None:
    """A real picture passes in any pieces, including empty ones."""
    data = picture(kind)
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    reader = sniff(data[:SNIFF_BYTES], ALL)
    for start, end in itertools.pairwise(edges):
        list(reader.feed(data[start:end]))
        list(reader.feed(b""))
    reader.finish()
    assert reader.name == kind
