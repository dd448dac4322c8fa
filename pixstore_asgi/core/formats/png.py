"""The container of PNG."""

import zlib

from .reader import Reader, require


def read() -> Reader:
    """PNG (W3C), 5.3 and 11.2.1: signature, IHDR with its CRC, chunks up to IEND."""
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
