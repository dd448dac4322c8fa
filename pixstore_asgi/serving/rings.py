"""Access to the key ring: the current ring, a newer ring if a secret is missing, and reads that need a key."""

from collections.abc import Callable
from contextlib import aclosing
from typing import Literal, Protocol, TypeVar

import anyio.to_thread

from ..core.cipher import TagCheck, unseal, unwrap, unwrap_key
from ..core.ids import range_of_variants
from ..core.images import ExportedImage, Image, Seal, StoredImage
from ..core.keyring import KeyRing
from ..errors import IntegrityError, ProofError
from ..store.contract import ImageStore
from .cache import ImageCache

_MOST_VARIANTS = 1000  # of one image

_T = TypeVar("_T")

NamedBy = Literal["proof", "row"]
"""Where the id of an unknown secret was found: in a proof, or in a row of the store. Any client can send a proof."""


class Rings(Protocol):
    """Gives access to the key ring of a store, and opens the store if needed. Life implements it."""

    @property
    def ring(self) -> KeyRing | None:
        """The newest key ring, or None if the store was never opened."""
        ...

    def opened_nowait(self) -> tuple[ImageCache, KeyRing] | None:
        """Return the running event loop's image cache and the key ring, or None if this loop has no open store."""
        ...

    async def opened(self) -> KeyRing:
        """Return the key ring of the store. Opens the store first if it is closed. Raises SecretError or StoreError."""
        ...

    async def renewed(self, stale: KeyRing, by: NamedBy) -> KeyRing | None:
        """Return a key ring newer than `stale`, or None if there is none. by: where the secret that `stale` lacks was
        named.
        """
        ...


async def with_ring(rings: Rings, work: Callable[[KeyRing], _T]) -> _T:
    """Return `work(ring)` for the current key ring. If the ring lacks a secret, look for a newer ring and try once
    more.
    """
    ring = await rings.opened()
    try:
        return work(ring)
    except (ProofError, IntegrityError) as error:
        by: NamedBy = "proof" if isinstance(error, ProofError) else "row"
        newer = await rings.renewed(ring, by) if error.reason == "unknown-key" else None
        if newer is None:
            raise
    return work(newer)


async def begin_tag_check(rings: Rings, image: StoredImage) -> TagCheck | None:
    """Return a check of an image's body by its tag, or None if the image's key can't be unwrapped.

    Raises SecretError or StoreError.
    """
    meta = image.meta
    try:
        return await with_ring(
            rings, lambda ring: TagCheck(key=unwrap_key(ring, image.id, meta), iv=meta.iv, tag=meta.tag)
        )
    except IntegrityError:  # a client with a record already has the key, so it still gets the body
        return None


async def read_verified(store: ImageStore, rings: Rings, image_id: str) -> ExportedImage | None:
    """Read an image completely into memory and check its tag. Return its encrypted and decrypted form, or None if it is
    missing.

    Raises IntegrityError if the stored image was changed, and StoreError if part of it is missing.
    """
    stream = await store.open_stream(image_id)
    if stream is None:
        return None
    async with aclosing(stream):
        ciphertext = b"".join([chunk async for chunk in stream])
    image, meta = stream.image, stream.image.meta
    unwrapped = await with_ring(rings, lambda ring: unwrap(ring, image.id, meta))
    name, data = await anyio.to_thread.run_sync(
        lambda: unseal(key=unwrapped.key, iv=meta.iv, tag=meta.tag, ciphertext=ciphertext)
    )
    seal = Seal(unwrapped.key, meta.iv, meta.tag, name)
    return ExportedImage(image.id, image.token, seal, ciphertext, Image(data, name), unwrapped.details)


async def read_variants(store: ImageStore, rings: Rings, image_id: str) -> list[ExportedImage]:
    """Return all variants of an image, each read and checked by `read_verified`."""
    after, before = range_of_variants(image_id)
    variants = await store.list(after=after, before=before, limit=_MOST_VARIANTS)
    exported = [await read_verified(store, rings, variant.id) for variant in variants]
    return [variant for variant in exported if variant]
