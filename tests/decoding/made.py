"""Pictures that the tests of decoding make."""

import io
import random
import socket
import struct
import threading
import zlib
from functools import cache
from typing import Any

from PIL import Image

from benchmarks import pictures
from pixstore_asgi.decoding.messages import NO_FOCUS, REQUEST, read_reply
from pixstore_asgi.decoding.task import Decoded, Limits, Refusal, Task, Variant
from pixstore_asgi.decoding.worker import answer

FORMATS = ("jpeg", "png", "webp", "gif", "avif")
COLOURS = ((220, 30, 30), (30, 200, 40), (40, 40, 230), (240, 220, 40))
"""Of the quarters of `quarters`: top left, top right, bottom left, bottom right."""


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    output = io.BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def task(*variants: Variant, placeholder: bool = False, **limits: Any) -> Task:
    return Task(variants, placeholder, Limits(**limits))


def said(data: bytes, kind: str, what: Task) -> Decoded | Refusal:
    """Return a worker's reply for a picture, computed in this process."""
    application, link = socket.socketpair()
    with application, link:
        sender = threading.Thread(
            target=application.sendall,
            args=[REQUEST.pack(len(data), kind.encode(), *NO_FOCUS) + data],
            daemon=True,
        )
        sender.start()
        reply = answer(link, what)
        sender.join()
    return read_reply(memoryview(reply), what)


def quarters(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """Return a picture of four colours, one a quarter, so that it shows how it is turned."""
    image = Image.new("RGB", (width, height))
    for number, colour in enumerate(COLOURS):
        left, top = number % 2 * (width // 2), number // 2 * (height // 2)
        image.paste(colour, (left, top, left + width // 2, top + height // 2))
    return image.convert(mode)


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """Return the colours amid the quarters of a picture, in the order of COLOURS."""
    rgb = image.convert("RGB")
    places = [(x, y) for y in (rgb.height // 4, rgb.height * 3 // 4) for x in (rgb.width // 4, rgb.width * 3 // 4)]
    pixels = [rgb.getpixel(place) for place in places]
    return [pixel for pixel in pixels if isinstance(pixel, tuple)]


def near(one: list[tuple[int, ...]], other: list[tuple[int, ...]], most: int = 24) -> bool:
    pairs = zip(one, other, strict=True)
    return all(abs(a - b) <= most for first, second in pairs for a, b in zip(first, second, strict=True))


@cache
def photo(width: int, height: int, kind: str = "jpeg", seed: int = 0) -> bytes:
    """Return a picture as hard to decode and about as long as a photo."""
    options = {"compress_level": 1} if kind == "png" else {}
    return encoded(pictures.photo(width, height, seed), kind, **options)


@cache
def zeros_png(width: int, height: int) -> bytes:
    """Return a black PNG with one bit per pixel, of any size: at most a thousandth of its decoded size."""
    packer = zlib.compressobj()
    row = bytes(1 + (width + 7) // 8)
    pixels = b"".join([packer.compress(row) for _ in range(height)]) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    """Return a PNG with one more chunk, behind its header."""
    return png[:33] + chunk(kind, data) + png[33:]


@cache
def long_gif(side: int, frames: int) -> bytes:
    """Return a GIF of so many frames, all of noise: a few bytes each, or thousands, as `side` is."""
    noise = Image.frombytes("P", (side, side), random.Random(side).randbytes(side * side))
    noise.putpalette([value for value in range(256) for _ in range(3)])
    single = encoded(noise, "gif")
    begin = 13 + 3 * 2 ** (1 + single[10] % 8)  # behind the palette
    head, frame = single[:begin], single[begin:-1]
    return head + frame * frames + b";"


def still_gif(width: int, height: int, frames: int) -> bytes:
    """Return a GIF with frames that change one pixel each: about 22 bytes, but as costly to decode as the
    whole canvas.
    """
    frame = b"!\xf9\4\x08\0\0\0\0" + b",\0\0\0\0\1\0\1\0\0" + b"\x02\x02\x4c\x01\x00"
    head = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    return head + frame * frames + b";"
