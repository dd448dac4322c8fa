"""Life: when a Pixstore's store is open, however many open it, in whichever event loop."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable

import anyio

from .core.events import event
from .core.images import KEY_ID_BYTES
from .core.keyring import KeyRing
from .errors import SecretError, StoreError
from .keys.find import find_ring
from .keys.source import SecretSource
from .serving.rings import NamedBy
from .store.clock import running_loop
from .store.contract import ImageStore
from .store.inspection import lacks_its_bucket

_log = logging.getLogger("pixstore_asgi")

_ASK_EVERY_S = 10  # anybody can send a proof that names an unknown secret


class Life:
    """Opens a store with its key ring, and closes it: by count, by one caller at a time.

    given: the key ring, a source of secrets to ask for it, or None where it is to be found. on_open, on_close: called
    before the store opens and closes.
    """

    def __init__(
        self,
        store: ImageStore,
        given: KeyRing | SecretSource | None,
        *,
        on_open: Callable[[], None],
        on_close: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._given = given
        self._on_open = on_open
        self._on_close = on_close
        self._ring: KeyRing | None = None
        self._asked_s = {"proof": -math.inf, "row": -math.inf}
        self._failed: tuple[float, SecretError] | None = None
        self._unneeded: frozenset[bytes] = frozenset()  # secrets that the store knows, and no image was under
        self._looking: set[asyncio.Task[KeyRing | None]] = set()
        self._opens = 0
        self._is_used = False  # opened on first use, until the last close
        self._closed_on: asyncio.AbstractEventLoop | None = None
        self._opening: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def open(self) -> None:
        """Open the store; every `open` wants its `close`. Raises SecretError or StoreError."""
        self._opens += 1
        try:
            await self._start()
        except BaseException:
            self._opens = max(0, self._opens - 1)  # a close may have come in between
            if self._ring is not None:
                with anyio.CancelScope(shield=True):
                    await self._close_unheld()
            raise

    async def close(self) -> None:
        """Take one `open` back; the last one closes the store, and in this event loop only `open` opens it again."""
        self._opens = max(0, self._opens - 1)
        if self._opens:
            return
        self._is_used = False
        try:
            await self._close_unheld()
        except asyncio.CancelledError:  # perhaps while it waited for its turn
            with anyio.CancelScope(shield=True):
                await self._close_unheld()
            raise

    @property
    def at_hand(self) -> KeyRing | None:
        """The key ring where the store is open already."""
        return self._ring

    async def opened(self) -> KeyRing:
        """Return the key ring of the open store; opens it on first use. Raises SecretError or StoreError."""
        if self._ring is None:
            # A server has one event loop: what comes there after the close is a use after shutdown. Another loop is
            # another run, such as the next test with a TestClient of its own.
            if self._closed_on is running_loop():
                raise StoreError("this Pixstore was closed: open it again first")
            self._raise_again()
            self._is_used = True
            return await self._start()
        return self._ring

    async def reload(self) -> None:
        """Find the key ring again. Raises SecretError; it then stays as it was."""
        await self.opened()
        async with self._lock():
            await self._ask_again()

    async def renewed(self, stale: KeyRing, by: NamedBy) -> KeyRing | None:
        """Return a key ring newer than `stale`, or None; it is looked for once in 10 s by proofs, and by rows."""
        # In a task of its own: who made it look may leave, and others wait for what it finds.
        looking = asyncio.create_task(self._renew(stale, by))
        self._looking.add(looking)
        looking.add_done_callback(self._looking.discard)
        return await asyncio.shield(looking)

    async def _renew(self, stale: KeyRing, by: NamedBy) -> KeyRing | None:
        async with self._lock():
            if self._ring is stale and time.monotonic() - self._asked_s[by] >= _ASK_EVERY_S:
                try:
                    await self._ask_again()
                except (SecretError, StoreError) as error:
                    self._unneeded = frozenset()  # it was named, so `check` is to look again
                    _log.error("the secrets stay as they were: %s", error, extra=event("secrets_kept"))
                finally:
                    self._asked_s[by] = time.monotonic()
            return None if self._ring is stale else self._ring

    async def check(self) -> None:
        """Ask the store, by one small query, whether it answers and knows of no secret that the key ring lacks.

        Whether images are under one that it lacks, and whether it is there by now, is looked for at most once in 10 s;
        where no image is, not again before a request has named it. Opens the store on first use. Raises SecretError or
        StoreError.
        """
        ring = await self.opened()
        absent = (await self._store.key_checks()).in_use.difference(ring.check_values)
        if absent <= self._unneeded:
            return
        self._raise_again()
        try:
            await self._find(absent)
        except SecretError as error:
            self._failed = (time.monotonic(), error)
            raise

    async def _find(self, checks: frozenset[bytes]) -> None:
        """Find the key ring again where images are under secrets that it lacks, by their check values."""
        async with self._lock():
            usage = await self._store.key_usage()
            if any(check[:KEY_ID_BYTES] in usage for check in checks):
                await self._ask_again()
            self._unneeded = checks

    async def _ask_again(self) -> None:
        if self._ring is not None:
            self._ring = await find_ring(self._store, self._given)

    def _raise_again(self) -> None:
        # Where each request would open the store, each would ask a source that just failed, or look at every row.
        if self._failed and time.monotonic() - self._failed[0] < _ASK_EVERY_S:
            raise SecretError(str(self._failed[1])) from self._failed[1]

    async def _start(self) -> KeyRing:
        async with self._lock():
            if self._ring is None:
                try:
                    self._ring = await self._open_store()
                except SecretError as error:
                    self._failed = (time.monotonic(), error)
                    raise
                self._closed_on = self._failed = None
            return self._ring

    async def _close_unheld(self) -> None:
        async with self._lock():
            if self._opens == 0 and not self._is_used:
                self._closed_on = running_loop()
                self._ring = None
                await self._on_close()
                await self._store.close()

    async def _open_store(self) -> KeyRing:
        self._on_open()
        await self._store.open()
        try:
            await _warn_of_bodies_elsewhere(self._store)
            return await find_ring(self._store, self._given)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._store.close()
            raise

    def _lock(self) -> asyncio.Lock:
        # One lock per event loop: a lock that a loop left locked must not stop the next one.
        loop = running_loop()
        if self._opening is None or self._opening[0] is not loop:
            self._opening = loop, asyncio.Lock()
        return self._opening[1]


async def _warn_of_bodies_elsewhere(store: ImageStore) -> None:
    """Say at the start what else each image would say: a setting of the deployment was forgotten."""
    if await lacks_its_bucket(store):
        _log.warning(
            "bodies of this store lie in a bucket, and no blobs= is given: the images there can't be read",
            extra=event("blobs_not_given"),
        )
