"""Life: when a Pixstore's store is open, in each event loop that uses it."""

import asyncio
import logging
import math
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable

import anyio

from .core.events import event
from .core.images import KEY_ID_BYTES
from .core.keyring import KeyRing
from .errors import SecretError, StoreError
from .keys.find import find_ring
from .keys.source import SecretSource
from .loops import PerLoop
from .serving.cache import ImageCache, check_cache_bytes
from .serving.read_times import ReadTimes
from .serving.rings import NamedBy
from .store.contract import ImageStore
from .store.inspection import lacks_its_bucket

_log = logging.getLogger("pixstore_asgi")

_ASK_EVERY_S = 10  # anybody can send a proof that names an unknown secret


class _Share:
    """The state of a Pixstore in one event loop. One task at a time opens or closes it."""

    def __init__(self, images: ImageCache) -> None:
        self.images = images
        self.opens = 0
        self.is_used = False  # opened on first use, until the last close
        self.is_closed = False  # by the last close; only `open` opens it again
        self.lock = asyncio.Lock()
        self.held: AsyncGenerator[None, None] | None = None  # while the store is open


class Life:
    """Opens a store with its key ring, and closes it: in each event loop for itself, by count.

    The end of an event loop closes its part. All loops share the key ring.

    given: the key ring, a source of secrets to ask for it, or None where it is to be found. cache_bytes: the most that
    the cache of one loop holds. on_open, on_close: called before the store opens and closes. Raises ConfigError for
    less than 0 bytes.
    """

    def __init__(
        self,
        store: ImageStore,
        given: KeyRing | SecretSource | None,
        cache_bytes: int,
        *,
        on_open: Callable[[], None],
        on_close: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._given = given
        check_cache_bytes(cache_bytes)
        self.read_times = ReadTimes()
        self._make_share = lambda: _Share(ImageCache(store, cache_bytes, self))
        self._on_open = on_open
        self._on_close = on_close
        self.ring: KeyRing | None = None
        self._asked_s = {"proof": -math.inf, "row": -math.inf}
        self._failed: tuple[float, SecretError] | None = None
        self._unneeded: frozenset[bytes] = frozenset()  # secrets that the store knows, and no image was under
        self._looking: set[asyncio.Task[KeyRing | None]] = set()
        self._shares: PerLoop[_Share] = PerLoop(lambda share: None)  # the store frees the rest

    async def open(self) -> None:
        """Open the store; every `open` wants its `close`. Raises SecretError or StoreError."""
        share = self._share()
        share.opens += 1
        try:
            await self._start(share)
        except BaseException:
            share.opens = max(0, share.opens - 1)  # a close may have come in between
            if share.held is not None:
                with anyio.CancelScope(shield=True):
                    await self._close_unheld(share)
            raise

    async def close(self) -> None:
        """Take one `open` of this event loop back; after the last one only `open` opens the store again in it."""
        share = self._share()
        share.opens = max(0, share.opens - 1)
        if share.opens:
            return
        share.is_used = False
        try:
            await self._close_unheld(share)
        except asyncio.CancelledError:  # perhaps while it waited for its turn
            with anyio.CancelScope(shield=True):
                await self._close_unheld(share)
            raise

    @property
    def at_hand(self) -> ImageCache | None:
        """The images of this event loop, if the store is open in it."""
        share = self._shares.get()
        return None if share is None or share.held is None else share.images

    @property
    def images(self) -> ImageCache:
        """The images of this event loop."""
        return self._share().images

    async def opened(self) -> KeyRing:
        """Return the key ring of the open store; opens it on first use. Raises SecretError or StoreError."""
        share = self._share()
        if share.held is not None and self.ring is not None:
            return self.ring
        # A server has one event loop: a use in it after the last close comes after shutdown. Another loop is another
        # run, such as the next test.
        if share.is_closed:
            raise StoreError("this Pixstore was closed: open it again first")
        self._raise_again()
        share.is_used = True
        return await self._start(share)

    async def reload(self) -> None:
        """Find the key ring again. Raises SecretError; it then stays as it was."""
        await self.opened()
        async with self._share().lock:
            await self._ask_again()

    async def renewed(self, stale: KeyRing, by: NamedBy) -> KeyRing | None:
        """Return a key ring newer than `stale`, or None; it is looked for once in 10 s by proofs, and by rows."""
        # In a task of its own: who made it look may leave, and others wait for what it finds.
        looking = asyncio.create_task(self._renew(stale, by))
        self._looking.add(looking)
        looking.add_done_callback(self._looking.discard)
        return await asyncio.shield(looking)

    async def _renew(self, stale: KeyRing, by: NamedBy) -> KeyRing | None:
        async with self._share().lock:
            if self.ring is stale and time.monotonic() - self._asked_s[by] >= _ASK_EVERY_S:
                try:
                    await self._ask_again()
                except (SecretError, StoreError) as error:
                    self._unneeded = frozenset()  # it was named, so `check` is to look again
                    _log.error("the secrets stay as they were: %s", error, extra=event("secrets_kept"))
                finally:
                    self._asked_s[by] = time.monotonic()
            return None if self.ring is stale else self.ring

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
        async with self._share().lock:
            usage = await self._store.key_usage()
            if any(check[:KEY_ID_BYTES] in usage for check in checks):
                await self._ask_again()
            self._unneeded = checks

    async def _ask_again(self) -> None:
        if self.ring is not None:
            self.ring = await find_ring(self._store, self._given)

    def _raise_again(self) -> None:
        # Where each request would open the store, each would ask a source that just failed, or look at every row.
        if self._failed and time.monotonic() - self._failed[0] < _ASK_EVERY_S:
            raise SecretError(str(self._failed[1])) from self._failed[1]

    def _share(self) -> _Share:
        return self._shares.get_or_make(self._make_share)

    async def _start(self, share: _Share) -> KeyRing:
        async with share.lock:
            if share.held is None:
                try:
                    self.ring = await self._open_store()
                except SecretError as error:
                    self._failed = (time.monotonic(), error)
                    raise
                share.held = _held_open(weakref.ref(self))
                await anext(share.held)
                share.is_closed, self._failed = False, None
            assert self.ring is not None
            return self.ring

    async def _close_unheld(self, share: _Share) -> None:
        async with share.lock:
            if share.opens == 0 and not share.is_used:
                share.is_closed = True
                held, share.held = share.held, None
                # A store also frees the resources of event loops that have ended.
                await (self._store.close() if held is None else held.aclose())

    async def _open_store(self) -> KeyRing:
        self._on_open()
        await self._store.open()
        try:
            await _warn_of_bodies_elsewhere(self._store)
            return await find_ring(self._store, self._given)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._close_store()
            raise

    async def _close_store(self) -> None:
        self.images.clear()
        try:
            await self._on_close()
        finally:
            await self._store.close()


async def _held_open(life: "weakref.ref[Life]") -> AsyncGenerator[None, None]:
    """Close an open store at its end, unless its Pixstore was dropped: then others may use the store.

    It is an async generator because asyncio ends those of a loop before it closes the loop. So `asyncio.run`, test
    clients and servers close a store that the application leaves open, while the loop still runs.
    """
    try:
        yield
    finally:
        if opened := life():
            opened._share().held = None
            with anyio.CancelScope(shield=True):
                await opened._close_store()


async def _warn_of_bodies_elsewhere(store: ImageStore) -> None:
    """Say at the start what else each image would say: a setting of the deployment was forgotten."""
    if await lacks_its_bucket(store):
        _log.warning(
            "bodies of this store lie in a bucket, and no blobs= is given: the images there can't be read",
            extra=event("blobs_not_given"),
        )
