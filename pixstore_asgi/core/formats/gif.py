"""The container of GIF."""

from .reader import Reader, require


def read() -> Reader:
    """GIF89a, 15 to 27: screen descriptor, then extensions and images up to the trailer."""
    head = yield 13
    require(head[:6] in (b"GIF87a", b"GIF89a"), "GIF header")
    yield from _skip_colour_table(head[10])
    has_pixels = False
    while (kind := (yield 1)) != b";":
        if kind == b",":
            has_pixels = True
            yield from _skip_colour_table((yield 9)[8])
        require(kind in b",!", "GIF block")
        yield -1  # code size of an image, label of an extension
        while size := (yield 1)[0]:
            yield -size
    require(has_pixels, "GIF without pixels")


def _skip_colour_table(flags: int) -> Reader:
    if flags & 0x80:
        yield -(3 << ((flags & 7) + 1))
