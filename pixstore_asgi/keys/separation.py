"""Separation: a copy of a store made a store of its own, by an id of its own that keys and proofs are bound to."""

import secrets

from ..core.images import DATABASE_ID_BYTES
from ..core.keyring import KeyRing
from ..errors import SecretError, StoreConflict
from ..store.contract import ImageStore
from .find import find_ring
from .rotation import OnRewrapped, rewrap_keys


async def separate(store: ImageStore, on_progress: OnRewrapped | None = None) -> int:
    """Give an open store a new id, and wrap its keys for that; return for how many images that was done.

    Then what it signs is good for no other store, and rows of others do not open here. Where it is interrupted the
    store opens no more until it was run again: only here are rows of former ids good, or whoever writes to a store
    could have rows of another one taken for such. Raises SecretError, and what `rewrap_keys` raises.
    """
    await find_ring(store, None, takes_former=True)  # where the secret is missing, nothing has changed
    await store.replace_database_id(secrets.token_bytes(DATABASE_ID_BYTES))
    ring = await find_ring(store, None, takes_former=True)
    rewrapped = await rewrap_keys(store, ring, on_progress)
    await _forget_others(store, ring)
    return rewrapped


async def _forget_others(store: ImageStore, ring: KeyRing) -> None:
    for check in await store.key_checks() - {ring.signing.check_value}:
        try:
            await store.forget_key_check(check)
        except StoreConflict as conflict:
            raise SecretError(
                "other processes saved images meanwhile, under the store's former id: stop them, and do it again"
            ) from conflict
