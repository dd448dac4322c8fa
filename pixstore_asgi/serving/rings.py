"""The current key ring, or a newer one if it lacks a key."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

from ..core.keyring import KeyRing
from ..errors import IntegrityError, ProofError

_T = TypeVar("_T")

NamedBy = Literal["proof", "row"]
"""The source that named an unknown secret: a proof, which anybody can send, or a row."""


class Rings(Protocol):
    """Gives the key ring of an open store."""

    @property
    def ring(self) -> KeyRing | None:
        """The newest key ring, or None until the store was opened once."""
        ...

    async def opened(self) -> KeyRing:
        """Return the key ring of the open store; opens it on first use. Raises SecretError or StoreError."""
        ...

    async def renewed(self, stale: KeyRing, by: NamedBy) -> KeyRing | None:
        """Return a key ring newer than `stale`, which lacks a secret, or None."""
        ...


async def with_ring(rings: Rings, work: Callable[[KeyRing], _T]) -> _T:
    """Return the result of `work` with the key ring, or with a newer one if it lacks a key."""
    ring = await rings.opened()
    try:
        return work(ring)
    except (ProofError, IntegrityError) as error:
        by: NamedBy = "proof" if isinstance(error, ProofError) else "row"
        newer = await rings.renewed(ring, by) if error.reason == "unknown-key" else None
        if newer is None:
            raise
    return work(newer)
