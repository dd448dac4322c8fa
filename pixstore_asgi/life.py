"""Life: opens and closes the store of a Pixstore, in each event loop that uses it."""

import asyncio
import logging
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial

import anyio

from .core.events import event
from .core.keyring import KeyRing
from .errors import SecretError, StoreError
from .keys.find import GivenSecrets
from .keys.secrets import Secrets
from .process import PerLoop
from .serving.cache import ImageCache, ReadTimes, check_cache_bytes
from .serving.rings import NamedBy, begin_tag_check
from .store.contract import ImageStore
from .store.inspection import lacks_its_bucket

_log = logging.getLogger("pixstore_asgi")


class _Share:
    """The state of a Pixstore in one event loop.

    lock: held while a task opens or closes the store, or renews the key ring.
    """

    def __init__(self, images: ImageCache) -> None:
        self.images = images
        self.opens = 0
        self.is_used = False  # True from the first use until the last close
        self.is_closed = False  # True after the last close; then only `open` opens it again
        self.lock = asyncio.Lock()
        self.held: AsyncGenerator[None, None] | None = None  # while the store is open


class Life:
    """Opens a store together with its key ring, and closes it. Each event loop counts its own calls of `open`.

    If an event loop ends, the store is closed in that loop. All loops share the secrets.

    cache_bytes: the largest size of one loop's cache, in bytes. on_open: called before the store opens. on_close:
    called before it closes. Raises ConfigError if cache_bytes is negative.
    """

    def __init__(
        self,
        store: ImageStore,
        secrets: Secrets,
        cache_bytes: int,
        *,
        on_open: Callable[[], None],
        on_close: Callable[[], Awaitable[None]],
    ) -> None:
        check_cache_bytes(cache_bytes)
        self.read_times = ReadTimes()
        self._store = store
        self._secrets = secrets
        self._cache_bytes = cache_bytes
        self._on_open = on_open
        self._on_close = on_close
        self._renewing: set[asyncio.Task[KeyRing | None]] = set()
        self._shares: PerLoop[_Share] = PerLoop(lambda share: None)  # the store frees its own resources

    async def open(self) -> None:
        """Open the store. Each `open` needs one `close`. Raises SecretError or StoreError."""
        share = self._share()
        share.opens += 1
        try:
            await self._start(share)
        except BaseException:
            share.opens = max(0, share.opens - 1)  # a close may have run meanwhile
            if share.held is not None:
                with anyio.CancelScope(shield=True):
                    await self._close_unheld(share)
            raise

    async def close(self) -> None:
        """Undo one `open` of this event loop. The last call closes the store, and only a new `open` makes it usable
        again in this loop.
        """
        share = self._share()
        share.opens = max(0, share.opens - 1)
        if share.opens:
            return
        share.is_used = False
        try:
            await self._close_unheld(share)
        except asyncio.CancelledError:  # it may have been cancelled before it got the lock
            with anyio.CancelScope(shield=True):
                await self._close_unheld(share)
            raise

    @property
    def ring(self) -> KeyRing | None:
        """The newest key ring, or None if the store was never opened."""
        return self._secrets.ring

    @property
    def given_secrets(self) -> GivenSecrets:
        """The secrets that the application has given."""
        return self._secrets.given

    def opened_nowait(self) -> tuple[ImageCache, KeyRing] | None:
        """Return this event loop's image cache and the key ring, or None if this loop has no open store."""
        share, ring = self._shares.get(), self._secrets.ring
        return None if share is None or share.held is None or ring is None else (share.images, ring)

    @property
    def images(self) -> ImageCache:
        """The image cache of this event loop."""
        return self._share().images

    async def opened(self) -> KeyRing:
        """Return the key ring of the store. Opens the store on first use. Raises SecretError or StoreError."""
        share = self._share()
        if share.held is not None and self._secrets.ring is not None:
            return self._secrets.ring
        # A server has one event loop, so a use after the last close is a use after shutdown. A new event loop starts
        # a new run, such as the next test.
        if share.is_closed:
            raise StoreError("this Pixstore was closed: open it again first")
        self._raise_recent_failure()
        share.is_used = True
        return await self._start(share)

    async def reload(self) -> None:
        """Find the key ring again. If this raises SecretError or StoreError, the key ring stays unchanged."""
        await self.opened()
        async with self._share().lock:
            await self._secrets.reload()

    async def renewed(self, stale: KeyRing, by: NamedBy) -> KeyRing | None:
        """Return a key ring newer than `stale`, or None; see `Secrets.renew`."""
        # Use a separate task: this caller may be cancelled while others wait for the result.
        renewing = asyncio.create_task(self._renew(stale, by))
        self._renewing.add(renewing)
        renewing.add_done_callback(self._renewing.discard)
        return await asyncio.shield(renewing)

    async def _renew(self, stale: KeyRing, by: NamedBy) -> KeyRing | None:
        async with self._share().lock:
            return await self._secrets.renew(stale, by)

    async def check(self) -> None:
        """Check with one small query that the store answers, and that the key ring has the secrets that images need.

        Opens the store on first use. Raises SecretError or StoreError. If the store knows a secret that the ring lacks,
        the call looks for that secret, but not within 10 s after a failed search. If no image needs the secret, the
        next search waits until `renewed` has failed.
        """
        ring = await self.opened()
        if absent := await self._secrets.absent(ring):
            self._raise_recent_failure()
            async with self._share().lock:
                await self._secrets.find(absent)

    def _raise_recent_failure(self) -> None:
        # Without this, each request would call a source of secrets that has just failed, or read every row.
        if failure := self._secrets.recent_failure():
            raise SecretError(str(failure)) from failure

    def _share(self) -> _Share:
        return self._shares.get_or_make(self._make_share)

    def _make_share(self) -> _Share:
        begin_check = partial(begin_tag_check, self)
        return _Share(ImageCache(self._store, self._cache_bytes, begin_check, self.read_times))

    async def _start(self, share: _Share) -> KeyRing:
        async with share.lock:
            if share.held is None:
                await self._open_store()
                share.held = _held_open(weakref.ref(self))
                await anext(share.held)
                share.is_closed = False
            assert self._secrets.ring is not None
            return self._secrets.ring

    async def _close_unheld(self, share: _Share) -> None:
        async with share.lock:
            if share.opens == 0 and not share.is_used:
                share.is_closed = True
                held, share.held = share.held, None
                # Call the store's `close` in any case: it also frees resources of event loops that have ended.
                await (self._store.close() if held is None else held.aclose())

    async def _open_store(self) -> None:
        self._on_open()
        await self._store.open()
        try:
            await _warn_of_missing_bucket(self._store)
            await self._secrets.load()
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
    """Close an open store when its event loop ends. If its Pixstore was garbage-collected, leave the store open for
    other users.

    This is an async generator because asyncio ends the async generators of a loop before it closes the loop. So
    `asyncio.run`, test clients and servers close a store that the application left open, while the loop still runs.
    """
    try:
        yield
    finally:
        if opened := life():
            opened._share().held = None
            with anyio.CancelScope(shield=True):
                await opened._close_store()


async def _warn_of_missing_bucket(store: ImageStore) -> None:
    """Log if an open store has bodies outside its database but no `blobs`. Otherwise each image would report it."""
    if await lacks_its_bucket(store):
        _log.warning(
            "this store has bodies outside its database, but blobs= is not given: pass it, or these images can't be "
            "read",
            extra=event("blobs_not_given"),
        )
