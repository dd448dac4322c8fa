"""The key ring as it is now, and a newer one where it lacks a key."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

from ..core.keyring import KeyRing
from ..errors import IntegrityError, ProofError

_T = TypeVar("_T")

NamedBy = Literal["proof", "row"]
"""What has named a secret that is not in the key ring: a proof, which anybody can send, or a row."""


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
        """Return a key ring newer than `stale`, which lacks a secret that was named, or None where there is none."""
        ...


async def with_ring(rings: Rings, work: Callable[[KeyRing], _T]) -> _T:
    """Return what `work` returns for the key ring, or for a newer one where that lacks a key which is named."""
    ring = await rings.opened()
    try:
        return work(ring)
    except (ProofError, IntegrityError) as error:
        by: NamedBy = "proof" if isinstance(error, ProofError) else "row"
        newer = await rings.renewed(ring, by) if error.reason == "unknown-key" else None
        if newer is None:
            raise
    return work(newer)
