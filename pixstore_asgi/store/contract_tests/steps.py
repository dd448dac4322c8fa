"""Steps that the contract's tests share: make a body and its meta, save it, read it."""

import os
from collections.abc import Hashable, Mapping, Sequence

from ...core.images import ImageMeta, Past, StoredImage
from ..contract import NO_TERMS, CommitTerms, Expect, Expected, ImageStore, ImageWriter

VERSION = b"version-of-bytes"
"""The version for a test that calls `begin_write` itself."""


def body_of(size: int, seed: int = 0) -> bytes:
    """Return a body of `size` bytes. A test gets different bodies from different seeds."""
    return bytes((n * 7 + seed) % 251 for n in range(997)) * (size // 997) + bytes([seed % 256]) * (size % 997)


def meta_of(size: int, version: bytes = VERSION, key_id: bytes | None = None) -> ImageMeta:
    """Return the meta of a body of `size` bytes. The fields that a store must not interpret are random.

    key_id: the first 4 bytes of the wrapped key. None: random ones.
    """
    return ImageMeta(version, 1, os.urandom(12), os.urandom(16), size, None, wrapped_key_of(key_id))


def wrapped_key_of(key_id: bytes | None = None) -> bytes:
    """Return 52 bytes in the form of a wrapped key: a key id of 4 bytes (None: random), then random bytes."""
    return (os.urandom(4) if key_id is None else key_id) + os.urandom(48)


async def checks_of(store: ImageStore, *key_ids: bytes) -> list[bytes]:
    """Return the check values of a key ring: one for each secret, given by its key id."""
    database_id = await store.database_id()
    return [key_id + b"check-value." + database_id for key_id in key_ids]


async def save(
    store: ImageStore,
    image_id: str,
    body: bytes = b"body",
    *,
    expect: Expected = Expect.ANY,
    token: int | None = None,
    past: Past | None = None,
    key_id: bytes | None = None,
    checks: Sequence[bytes] = (),
) -> StoredImage:
    """Write a body and commit it under a new version. The pieces of the body reuse one buffer, as in a real save."""
    writer, meta = await written(store, image_id, body, key_id=key_id)
    (image,) = await writer.commit(meta, CommitTerms(checks, expect, token, past))
    return image


async def save_group(
    store: ImageStore, bodies: Mapping[str, bytes], terms: CommitTerms = NO_TERMS, *, key_id: bytes | None = None
) -> Sequence[StoredImage]:
    """Write an image's body and those of its variants, and commit them as one group. bodies: by id, the
    original first.
    """
    (writer, meta), *variants = [
        await written(store, image_id, body, key_id=key_id) for image_id, body in bodies.items()
    ]
    return await writer.commit(meta, terms, variants=variants)


async def written(
    store: ImageStore, image_id: str, body: bytes, *, key_id: bytes | None = None
) -> tuple[ImageWriter, ImageMeta]:
    """Write a body without a commit. Return the writer, and the meta to commit it with."""
    version, memory = os.urandom(16), bytearray(100_000)
    writer = await store.begin_write(image_id, version)
    try:
        for start in range(0, len(body), len(memory)):
            piece = body[start : start + len(memory)]
            memory[: len(piece)] = piece
            await writer.write(memoryview(memory)[: len(piece)])
            memory[:] = bytes(len(memory))
    except BaseException:
        await writer.abort()
        raise
    return writer, meta_of(len(body), version, key_id)


async def read(store: ImageStore, image_id: str) -> bytes | None:
    """Return an image's whole body, or None if there is no image."""
    stream = await store.open_stream(image_id)
    return None if stream is None else b"".join([chunk async for chunk in stream])


def stamp_of(store: ImageStore, image_id: str) -> Hashable:
    """Return the version stamp of one image."""
    (stamp,) = store.stamps([image_id])
    return stamp
