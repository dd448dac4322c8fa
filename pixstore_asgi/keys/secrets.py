"""Secrets: holds the current key ring of one store, and decides when to look for a newer one."""

import logging
import math
import time

from ..core.events import event
from ..core.images import KEY_ID_BYTES
from ..core.keyring import KeyRing
from ..errors import SecretError, StoreError
from ..store.contract import ImageStore
from .find import GivenSecrets, find_ring

_log = logging.getLogger("pixstore_asgi")

_LOOK_EVERY_S = 10  # a limit, because any client can send proofs that name unknown secrets


class Secrets:
    """Finds the key ring of a store, and replaces it by newer ones.

    All event loops share one instance. In each loop, the caller must hold a lock while it awaits `load`, `reload`,
    `renew` or `find`. given: the key ring, an async function that returns the secrets, or None to read PIXSTORE_SECRET
    or the key file. The attribute `ring` is the current key ring, or None until the store was opened once.
    """

    def __init__(self, store: ImageStore, given: GivenSecrets) -> None:
        self.ring: KeyRing | None = None
        self._store = store
        self.given = given
        self._looked_s = {"proof": -math.inf, "row": -math.inf}
        self._failed: tuple[float, SecretError] | None = None
        self._unneeded: frozenset[bytes] = frozenset()  # secrets that the store knows, but no image needs

    async def load(self) -> KeyRing:
        """Find and return the key ring, while the store is being opened. Raises SecretError or StoreError."""
        try:
            self.ring = await find_ring(self._store, self.given)
        except SecretError as error:
            self._failed = (time.monotonic(), error)
            raise
        self._failed = None
        return self.ring

    async def reload(self) -> None:
        """Find the key ring again. If this raises SecretError or StoreError, `ring` stays unchanged."""
        self.ring = await find_ring(self._store, self.given)

    async def renew(self, stale: KeyRing, by: str) -> KeyRing | None:
        """Return a key ring newer than `stale`, or None if there is none. Searches at most once in 10 s for each value
        of `by`.

        by: the input that named a secret that `stale` lacks: "proof" or "row".
        """
        if self.ring is stale and time.monotonic() - self._looked_s[by] >= _LOOK_EVERY_S:
            try:
                await self.reload()
            except (SecretError, StoreError) as error:
                self._unneeded = frozenset()  # a request needs the secret, so `absent` must report it again
                _log.error("the secrets stay as they were: %s", error, extra=event("secrets_kept"))
            finally:
                self._looked_s[by] = time.monotonic()
        return None if self.ring is stale else self.ring

    async def absent(self, ring: KeyRing) -> frozenset[bytes]:
        """Return the check values of secrets that the store uses and `ring` lacks.

        If the last `find` saw that no image needs any of these secrets, the result is empty.
        """
        absent = (await self._store.key_checks()).in_use.difference(ring.check_values)
        return frozenset() if absent <= self._unneeded else absent

    async def find(self, absent: frozenset[bytes]) -> None:
        """If an image needs one of these secrets, find the key ring again. Raises SecretError or StoreError.

        absent: check values of secrets that the key ring lacks.
        """
        try:
            usage = await self._store.key_usage()
            if any(check[:KEY_ID_BYTES] in usage for check in absent):
                await self.reload()
            self._unneeded = absent
        except SecretError as error:
            self._failed = (time.monotonic(), error)
            raise

    def recent_failure(self) -> SecretError | None:
        """Return the SecretError that `load` or `find` raised within the last 10 s, or None."""
        if self._failed and time.monotonic() - self._failed[0] < _LOOK_EVERY_S:
            return self._failed[1]
        return None
