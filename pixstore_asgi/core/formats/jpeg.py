"""The container of JPEG."""

from .reader import Reader, require

_END_OF_IMAGE = b"\xff\xd9"


def read() -> Reader:
    """JPEG (ITU-T T.81), B.1 and B.2: marker segments up to the first scan, then anything up to EOI."""
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
    yield _END_OF_IMAGE
