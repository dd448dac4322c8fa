"""Sample data: secrets, real pictures, and ids that are none."""

import io
import struct
import zlib
from functools import cache

from PIL import Image

SECRET = "a-secret-for-tests-0123456789-abcdefghijklmnop"
OTHER_SECRET = "another-secret-for-tests-0123456789-abcdefghij"

HOSTILE_IDS = [
    "",
    "%",
    "%FF",
    "a\0b",
    "..",
    "../x",
    "a/b",
    "a%2Fb",
    "a:b:c",
    "a:",
    ":b",
    "é",
    "a" * 65_536,
    " a",
    "a\n",
]
"""Invalid image ids that a request may ask for."""


@cache
def picture(kind: str = "png", size: int = 48, seed: int = 0) -> bytes:
    """Return a real image of this format, about `size` pixels wide; another seed gives another picture."""
    image = Image.linear_gradient("L").resize((size, size)).rotate(seed * 7 % 360)
    coloured = Image.merge("RGB", (image, image.transpose(Image.Transpose.ROTATE_90), Image.new("L", image.size, seed)))
    output = io.BytesIO()
    coloured.save(output, {"jpg": "jpeg"}.get(kind, kind))
    return output.getvalue()


def animation(kind: str) -> bytes:
    """Return a real animation of this format, of three frames."""
    first, *others = (Image.open(io.BytesIO(picture("png", seed=seed))) for seed in range(3))
    output = io.BytesIO()
    first.save(output, kind, save_all=True, append_images=others, duration=100)
    return output.getvalue()


@cache
def large_png(size: int) -> bytes:
    """Return a valid PNG of exactly `size` bytes (at least 200): a private chunk makes up the length."""
    small = picture("png", 1)
    end = small.rindex(b"IEND") - 4
    filler = bytes(n * 31 % 251 for n in range(997)) * (size // 997 + 1)
    data = b"fiLl" + filler[: size - len(small) - 12]
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return small[:end] + chunk + small[end:]


ALL_KINDS = {
    **{kind: picture(kind) for kind in ("png", "webp", "jpeg", "gif", "avif")},
    **{f"animated {kind}": animation(kind) for kind in ("png", "webp", "gif", "avif")},
}
"""A real image of every format, and an animation where there are such; the last word of each name is the format's."""
