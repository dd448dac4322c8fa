"""Strips a GIF."""

from ..formats.reader import require
from .parts import Keep, Part, Put, Read, Rule, Take

_IMAGE, _EXTENSION, _TRAILER = b",", b"!", b";"
_GRAPHIC_CONTROL, _APPLICATION = b"\xf9", b"\xff"

_PROFILE = b"ICCRGBG1012"

# The number of loops of an animation, under its two names: a block of three bytes, the first of which is 1.
_LOOPS = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}
_LOOP, _LOOP_BYTES = b"\1", 3

_CONTROL_BYTES = 4  # 23: transparency, and the time that an image is shown


def strip() -> Rule:
    """GIF89a, 15 to 27: screen descriptor, then images and their extensions, up to the trailer."""
    head = yield Read(13)
    yield _colour_table(head[10])
    while (kind := (yield Take(1))) != _TRAILER:
        require(kind in (_IMAGE, _EXTENSION), "GIF block")
        if kind == _IMAGE:
            yield Put(kind)
            yield _colour_table((yield Read(9))[8])
            yield Keep(1)
            yield from _blocks(Read)
        else:
            yield from _extension((yield Take(1)))
    yield Put(_TRAILER)


def _extension(label: bytes) -> Rule:
    if label == _GRAPHIC_CONTROL:
        yield from _first_block(_EXTENSION + label, b"", _CONTROL_BYTES)
    elif label == _APPLICATION:
        # An application's name is the first block (26.c).
        size = yield Take(1)
        name = yield Take(size[0])
        named = _EXTENSION + label + size + name
        if name in _LOOPS:
            yield from _first_block(named, _LOOP, _LOOP_BYTES)
        elif name == _PROFILE:
            yield Put(named)
            yield from _blocks(Read)
        elif name:
            yield from _blocks(Take)
    else:
        yield from _blocks(Take)


def _first_block(head: bytes, start: bytes, length: int) -> Rule:
    """Keep an extension's head, and `length` bytes of its first block if that begins with `start` and is long
    enough.
    """
    is_open = True
    size = (yield Take(1))[0]
    while size:
        block = yield Take(size + 1)
        if is_open and size >= length and block.startswith(start):
            is_open = False
            yield Put(head + bytes([length]) + block[:length] + b"\0")
        size = block[-1]


def _blocks(part: type[Read | Take]) -> Rule:
    """Take or read data sub-blocks (15, 16) up to the empty one: in each step a block and the next block's length."""
    size = (yield part(1))[0]
    while size:
        size = (yield part(size + 1))[-1]


def _colour_table(flags: int) -> Part:
    return Keep(3 << ((flags & 7) + 1) if flags & 0x80 else 0)
