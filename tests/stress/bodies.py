"""Bodies that tell by themselves whether they are whole: each begins with its own hash, its image and its label."""

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from pixstore_asgi.core.images import ImageMeta, StoredImage
from pixstore_asgi.store.contract import CHUNK_BYTES, ImageStore

_HASH_BYTES, _NAME_BYTES = 32, 96


class Torn(Exception):
    """A body differs from the written one: cut, mixed, or of another image or version."""


def body_of(image_id: str, label: str, size: int) -> bytes:
    """Return a body of `size` bytes, at least 128; no two chunks, labels or images have the same bytes."""
    name = f"{image_id} {label}".encode()
    digests = (hashlib.sha256(b"%b %d" % (name, number)).digest() for number in range(size // CHUNK_BYTES + 1))
    filling = b"".join(digest * (CHUNK_BYTES // len(digest)) for digest in digests)
    rest = (name.ljust(_NAME_BYTES) + filling)[: size - _HASH_BYTES]
    return hashlib.sha256(rest).digest() + rest


async def save(store: ImageStore, image_id: str, body: bytes) -> StoredImage:
    """Write a body in pieces, as an upload does, and commit it with its hash in its meta."""
    (image,) = await save_group(store, {image_id: body})
    return image


async def save_group(store: ImageStore, bodies: Mapping[str, bytes]) -> Sequence[StoredImage]:
    """Write bodies by their ids, the original's first, and commit all in one step."""
    async with AsyncExitStack() as unless_committed:
        written = []
        for image_id, body in bodies.items():
            version = os.urandom(16)
            writer = await unless_committed.enter_async_context(await store.begin_write(image_id, version))
            for start in range(0, len(body), CHUNK_BYTES):
                await writer.write(body[start : start + CHUNK_BYTES])
            noise = os.urandom(80)
            hash_value = body[:_HASH_BYTES]
            meta = ImageMeta(version, 1, noise[:12], noise[12:28], len(body), hash_value, noise[28:])
            written.append((writer, meta))
        (first, meta), *variants = written
        return await first.commit(meta, variants=variants)


async def read(store: ImageStore, image_id: str, *, pause_s: float = 0) -> tuple[StoredImage, str] | None:
    """Read an image, as a client that pauses after each chunk, and return it with its body's label.

    Returns None where there is no such image. Raises Torn.
    """
    stream = await store.open_stream(image_id)
    if stream is None:
        return None
    image, body = stream.image, b""
    async for chunk in stream:
        body += chunk
        await asyncio.sleep(pause_s)
    name, _, label = body[_HASH_BYTES : _HASH_BYTES + _NAME_BYTES].rstrip().decode(errors="replace").partition(" ")
    if len(body) != image.meta.size:
        raise Torn(f"{image_id} has {len(body)} of {image.meta.size} bytes")
    if body[:_HASH_BYTES] != image.meta.sha256 or hashlib.sha256(body[_HASH_BYTES:]).digest() != image.meta.sha256:
        raise Torn(f"{image_id} has other bytes than its version, {label}")
    if name != image_id:
        raise Torn(f"{image_id} has the body of {name}")
    return image, label
