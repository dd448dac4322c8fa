"""The container of WebP."""

from collections.abc import Callable

from .reader import Reader, require


def read() -> Reader:
    """WebP (RFC 9649), 2.3 to 2.7: a RIFF of one size, with at least one chunk of pixels."""
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


# Chunks of pixels: the number of first bytes to check, and the check (RFC 6386, 9.1; RFC 9649, 3.4).
_WEBP_PIXELS: dict[bytes, tuple[int, Callable[[bytes], bool]]] = {
    b"VP8 ": (6, lambda data: data[3:] == b"\x9d\x01\x2a"),
    b"VP8L": (1, lambda data: data == b"\x2f"),
    b"ANMF": (20, lambda data: data[16:] in (b"VP8 ", b"VP8L", b"ALPH")),
}
