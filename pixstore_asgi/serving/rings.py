"""Access to the key ring: the current ring, and a newer ring if a secret is missing."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

from ..core.cipher import TagCheck, unwrap_key
from ..core.images import StoredImage
from ..core.keyring import KeyRing
from ..errors import IntegrityError, ProofError
from .cache import ImageCache

_T = TypeVar("_T")

NamedBy = Literal["proof", "row"]
"""Where the id of an unknown secret was found: in a proof, or in a row of the store. Any client can send a proof."""


class Rings(Protocol):
    """Gives access to the key ring of a store, and opens the store if needed. Life implements it."""

    @property
    def ring(self) -> KeyRing | None:
        """The newest key ring, or None if the store was never opened."""
        ...

    @property
    def images(self) -> ImageCache:
        """The image cache of the running event loop."""
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
