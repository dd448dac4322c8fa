"""Removes metadata from a GIF."""

from ..formats.containers import require
from .parts import KEEP, READ, TAKE, Part, Rule, Use

_IMAGE, _EXTENSION, _TRAILER = b",", b"!", b";"
_GRAPHIC_CONTROL, _APPLICATION = b"\xf9", b"\xff"

_PROFILE = b"ICCRGBG1012"

# The extension with the number of loops, under its two names. It has one block of three bytes; the first byte is 1.
_LOOPS = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}
_LOOP, _LOOP_BYTES = b"\1", 3

_CONTROL_BYTES = 4  # transparency, and how long an image is shown (section 23)


def strip() -> Rule:
    """The rule for a GIF (GIF89a, sections 15 to 27): screen descriptor, then images and extensions up to the
    trailer.
    """
    head = yield READ, 13
    yield _colour_table(head[10])
    while (kind := (yield TAKE, 1)) != _TRAILER:
        require(kind in (_IMAGE, _EXTENSION), "GIF block")
        if kind == _IMAGE:
            yield kind
            yield _colour_table((yield READ, 9)[8])
            yield KEEP, 1
            yield from _blocks(READ)
        else:
            yield from _extension((yield TAKE, 1))
    yield _TRAILER


def _extension(label: bytes) -> Rule:
    if label == _GRAPHIC_CONTROL:
        yield from _first_block(_EXTENSION + label, b"", _CONTROL_BYTES)
    elif label == _APPLICATION:
        # The first block contains the application's name (section 26.c).
        size = yield TAKE, 1
        name = yield TAKE, size[0]
        named = _EXTENSION + label + size + name
        if name in _LOOPS:
            yield from _first_block(named, _LOOP, _LOOP_BYTES)
        elif name == _PROFILE:
            yield named
            yield from _blocks(READ)
        elif name:
            yield from _blocks(TAKE)
    else:
        yield from _blocks(TAKE)


def _first_block(head: bytes, start: bytes, length: int) -> Rule:
    """Keep an extension's head and the first `length` bytes of its first suitable block.

    A block is suitable if it begins with `start` and has at least `length` bytes. All other blocks are removed.
    """
    is_open = True
    size = (yield TAKE, 1)[0]
    while size:
        block = yield TAKE, size + 1
        if is_open and size >= length and block.startswith(start):
            is_open = False
            yield head + bytes([length]) + block[:length] + b"\0"
        size = block[-1]


def _blocks(use: Use) -> Rule:
    """Take or read all data sub-blocks up to the empty one (GIF89a, sections 15 and 16).

    Each step handles one block together with the length byte of the next block.
    """
    size = (yield use, 1)[0]
    while size:
        size = (yield use, size + 1)[-1]


def _colour_table(flags: int) -> Part:
    return KEEP, 3 << ((flags & 7) + 1) if flags & 0x80 else 0
