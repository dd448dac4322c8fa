"""The readers that check a container: one each for JPEG, PNG, GIF, WebP and AVIF."""

import zlib
from collections.abc import Callable, Generator

from ...errors import InvalidImage

Reader = Generator[int | bytes, bytes, None]
"""Checks one container.

It yields one request after another: n > 0 to get the next n bytes, n < 0 to skip -n bytes, or two bytes to skip
everything up to them. It returns at the end of the image. Bytes after that are ignored, because they are common and
harmless. It raises InvalidImage if the container is damaged.
"""


def require(condition: bool, part: str) -> None:
    """Raise InvalidImage if `condition` is false. part: the damaged part of the container, for the message."""
    if not condition:
        raise InvalidImage(f"the image is damaged, or is another file with the first bytes of an image: {part}")


def read_jpeg() -> Reader:
    """Read a JPEG (ITU-T T.81, sections B.1 and B.2): marker segments up to the first scan, then any bytes up to
    EOI.
    """
    yield -2
    has_frame = False
    while True:
        prefix = (yield 1)[0]
        require(prefix == 0xFF, "JPEG marker")
        marker = 0xFF
        while marker == 0xFF:  # fill bytes
            marker = (yield 1)[0]
        require(marker not in (0x00, 0xD8, 0xD9), "JPEG marker")
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            continue
        length = int.from_bytes((yield 2))
        require(length >= 2, "JPEG segment length")
        if length > 2:
            yield 2 - length
        has_frame |= 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if marker == 0xDA:
            require(has_frame, "JPEG scan without a frame")
            break
    yield b"\xff\xd9"


def read_png() -> Reader:
    """Read a PNG (W3C, sections 5.3 and 11.2.1): the signature, IHDR with its CRC, then chunks up to IEND."""
    yield -8
    head = yield 25
    require(head[:8] == b"\0\0\0\rIHDR" and zlib.crc32(head[4:21]) == int.from_bytes(head[21:]), "PNG header chunk")
    require(head[8:12] != b"\0\0\0\0" != head[12:16], "PNG size")
    has_pixels = False
    while True:
        chunk = yield 8
        length, kind = int.from_bytes(chunk[:4]), chunk[4:]
        require(length < 2**31 and kind.isalpha(), "PNG chunk")
        yield -(length + 4)
        has_pixels |= kind == b"IDAT"
        if kind == b"IEND":
            require(has_pixels, "PNG without pixels")
            return


def read_gif() -> Reader:
    """Read a GIF (GIF89a, sections 15 to 27): the screen descriptor, then extensions and images up to the trailer."""
    head = yield 13
    require(head[:6] in (b"GIF87a", b"GIF89a"), "GIF header")
    yield from _skip_colour_table(head[10])
    has_pixels = False
    while (kind := (yield 1)) != b";":
        if kind == b",":
            has_pixels = True
            yield from _skip_colour_table((yield 9)[8])
        require(kind in b",!", "GIF block")
        yield -1  # an image's code size, or an extension's label
        while size := (yield 1)[0]:
            yield -size
    require(has_pixels, "GIF without pixels")


def _skip_colour_table(flags: int) -> Reader:
    if flags & 0x80:
        yield -(3 << ((flags & 7) + 1))


def read_webp() -> Reader:
    """Read a WebP (RFC 9649, sections 2.3 to 2.7): a RIFF container of the announced length with a chunk of pixels."""
    head = yield 12
    left = int.from_bytes(head[4:8], "little") - 4
    has_pixels = False
    while left >= 8:
        chunk = yield 8
        kind, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        size += size % 2
        left -= 8
        require(kind.strip().isalnum() and size <= left, "WebP chunk")
        left -= size
        if kind in _WEBP_PIXELS:
            length, matches = _WEBP_PIXELS[kind]
            require(size >= length and matches((yield length)), "WebP pixels")
            size -= length
            has_pixels = True
        if size:
            yield -size
    require(has_pixels and left == 0, "WebP without pixels")


# For each chunk of pixels: how many of its first bytes to check, and the check (RFC 6386, 9.1; RFC 9649, 3.4).
_WEBP_PIXELS: dict[bytes, tuple[int, Callable[[bytes], bool]]] = {
    b"VP8 ": (6, lambda data: data[3:] == b"\x9d\x01\x2a"),
    b"VP8L": (1, lambda data: data == b"\x2f"),
    b"ANMF": (20, lambda data: data[16:] in (b"VP8 ", b"VP8L", b"ALPH")),
}


def read_avif() -> Reader:
    """Read an AVIF (AVIF, section 9.1; ISO/IEC 14496-12, section 4.2).

    The file type box must list the brand avif or avis. The reader stops after it has seen the metadata and the data.
    """
    head = yield 8
    require_avif(brands_in((yield file_type_length(head) - 8)))
    missing = {b"meta", b"mdat"}
    while missing:
        head = yield 8
        length, kind, head_length = int.from_bytes(head[:4]), head[4:], 8
        if length == 1:
            length, head_length = int.from_bytes((yield 8)), 16
        require(kind.isalnum() and (length == 0 or length >= head_length), "AVIF box")
        missing.discard(kind)
        if length == 0:  # this box extends to the end of the file
            require(not missing, "AVIF without its data")
            yield -1
        elif length > head_length:
            yield head_length - length


def file_type_length(head: bytes) -> int:
    """Return the length in bytes of a file type box. head: its first 8 bytes. Raises InvalidImage for an invalid
    length.
    """
    length = int.from_bytes(head[:4])
    require(16 <= length <= 1024 and length % 4 == 0, "AVIF file type")
    return length


def brands_in(content: bytes) -> set[bytes]:
    """Return the brands in the content of a file type box (ISO/IEC 14496-12, section 4.3)."""
    return {content[i : i + 4] for i in (0, *range(8, len(content), 4))}


def require_avif(brands: set[bytes]) -> None:
    """Raise InvalidImage if none of these brands is AVIF's. The message names the file's real format."""
    if brands & {b"avif", b"avis"}:
        return
    if brands & _HEIC_BRANDS:
        raise InvalidImage("this is a HEIC image, which most browsers can't show: convert it to JPEG first")
    if brands & {b"mif1", b"msf1"}:
        raise InvalidImage("this is an image in HEIF, the container of HEIC: convert it to JPEG first")
    raise InvalidImage("this is a video or another file of the MP4 family, not an image of a format accepted here")


# The brands of HEVC in one image, in several layers, and in sequences of images (ISO/IEC 23008-12, annex B).
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
