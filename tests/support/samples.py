"""What several test files share: a secret, real pictures, and a stand-in for the clock."""

import asyncio
import io
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from PIL import Image

from pixstore_asgi.store.sqlite import SqliteStore

SECRET = "a-secret-for-tests-0123456789-abcdefghijklmnop"
OTHER_SECRET = "another-secret-for-tests-0123456789-abcdefghij"


@cache
def picture(kind: str = "png", size: int = 48, seed: int = 0) -> bytes:
    """Return a real image of this format, about `size` pixels wide; another seed gives another picture."""
    image = Image.linear_gradient("L").resize((size, size)).rotate(seed * 7 % 360)
    coloured = Image.merge("RGB", (image, image.transpose(Image.Transpose.ROTATE_90), Image.new("L", image.size, seed)))
    output = io.BytesIO()
    coloured.save(output, {"jpg": "jpeg"}.get(kind, kind))
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


class FixedClock:
    """A clock that stands where a test puts it, in epoch milliseconds."""

    def __init__(self, now_ms: int = 1_795_559_350_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Hold a read transaction in a database, as a backup or another program's long query would."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    try:
        yield
    finally:
        other.close()


async def idle(store: SqliteStore) -> None:
    """Wait until the writer has nothing left to do, such as chunks to stage, or the sweep that rides on a write."""
    assert store._session is not None
    await asyncio.sleep(0)  # let what was just begun get into its queue
    await store._session.write(lambda db: None)
