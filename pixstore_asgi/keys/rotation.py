"""Rotates secrets: reports their use, rewraps keys under the newest one, retires one, and assigns a new database id.

Only the bytes of wrapped keys change. Ciphertext, tokens and versions stay the same.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from ..core.cipher import rewrap_key
from ..core.hidden import Hidden
from ..core.ids import number_of
from ..core.images import DATABASE_ID_BYTES, KEY_ID_BYTES, RewrappedKey, StoredImage, database_id_of
from ..core.keyring import KeyRing
from ..errors import IntegrityError, PixstoreError, SecretError, StoreConflict
from ..store.contract import ImageStore
from ..store.inspection import pages_of_images
from .find import find_ring

OnRewrapped = Callable[[int, int], object]
"""Called with the number of rewrapped keys so far, and the total."""

_BATCH = 100
_MOST_PASSES = 3  # a limit, because another process may go on saving under an older secret


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """The status of one secret.

    Attributes:
        key_id: Its public id, 8 hexadecimal digits.
        images: How many images and variants have a key wrapped under it.
        signs: Whether this process signs and wraps with it.
        loaded: Whether the key ring contains it.
        retired: Whether the store refuses saves under it.
    """

    key_id: str
    images: int
    signs: bool
    loaded: bool
    retired: bool = False


async def key_status(store: ImageStore, ring: KeyRing) -> list[KeyStatus]:
    """Return the status of each secret that the open store or the key ring knows. The ring's secrets are last, in the
    ring's order.

    If a database got its id after its first images, a secret may have a second entry, with another key id. That entry
    counts the older keys, which are bound to no database id.
    """
    usage = await store.key_usage()
    known, retired = ({check[:KEY_ID_BYTES] for check in checks} for checks in await store.key_checks())
    key_ids = [*sorted((known | usage.keys()) - ring.verifying.keys()), *ring.verifying]
    signing = ring.signing.key_id
    return [
        KeyStatus(each.hex(), usage.get(each, 0), each == signing, ring.get(each) is not None, each in retired)
        for each in key_ids
    ]


async def rewrap_keys(store: ImageStore, ring: KeyRing, on_progress: OnRewrapped | None = None) -> int:
    """Wrap the keys of all images under the ring's newest secret.

    Can be interrupted and repeated at any time, while other processes serve and save. If these save under an older
    secret meanwhile, up to two further passes rewrap those keys. `key_status` counts the keys that are left.

    Args:
        store: An open store.
        ring: The key ring of this store.
        on_progress: Called after each batch.

    Returns:
        The number of rewrapped keys.

    Raises:
        IntegrityError: A key does not unwrap. The first such error is raised after all other keys are done.
        StoreDamaged: A row is damaged. The first such error is raised after all other keys are done.
        StoreError: The store failed.
    """
    done = 0
    for _ in range(_MOST_PASSES):
        failures: list[PixstoreError] = []
        total = done + await _count_others(store, ring)
        if total == done:
            return done
        async for count in _rewrap_all(store, ring, failures):
            done += count
            if on_progress and asyncio.iscoroutine(result := on_progress(done, max(done, total))):
                await result  # a callback of SyncPixstore runs in the calling thread
        if failures:
            raise failures[0]
    return done


async def retire_key(store: ImageStore, ring: KeyRing, named: Hidden[str]) -> bool:
    """Retire a secret, so that the store opens without it and refuses new keys that are wrapped under it.

    Args:
        store: An open store.
        ring: The key ring of this store.
        named: The key id, as in `key_status`.

    Returns:
        False if there is nothing to retire: the secret is in the key ring, but the store does not know it.

    Raises:
        SecretError: The secret signs here, is needed by images, is already retired, or is unknown to store and ring.
    """
    in_use, retired = await store.key_checks()
    checks = {check[:KEY_ID_BYTES].hex(): check for check in in_use}
    key_id = next((each for each in (*checks, ring.signing.key_id.hex()) if each == named()), None)
    if key_id == ring.signing.key_id.hex():
        raise SecretError(f"secret {key_id} is the one that signs: list its successor after it, then rewrap the keys")
    if key_id is None:  # the message does not quote it, because it may be the secret itself
        was_retired = any(check[:KEY_ID_BYTES].hex() == named() for check in retired)
        if not was_retired and any(each.hex() == named() for each in ring.verifying):
            return False  # this occurs if only processes with the newer secret have saved
        known = ", ".join(sorted(checks)) or "none"
        if was_retired:
            raise SecretError(f"this secret was retired already; the store knows {known}")
        raise SecretError(f"the store knows no secret of this key id; it knows {known}")
    try:
        await store.retire_key_check(checks[key_id])
    except StoreConflict as conflict:
        images = (await store.key_usage()).get(bytes.fromhex(key_id), 0)
        raise SecretError(
            f"secret {key_id} is still needed, by {number_of(images, 'key')}: rewrap the keys first"
        ) from conflict
    return True


async def assign_new_database_id(store: ImageStore) -> int:
    """Assign a new id to an open store, and rewrap its keys for that id, in one transaction.

    This makes a copy of a store independent: its proofs are valid only for the copy, and the copy unwraps no rows of
    other stores.

    Returns:
        The number of images.

    Raises:
        SecretError: A secret is missing.
        StoreBusy: Other processes have the store open. Nothing has changed.
        IntegrityError: An image's key does not unwrap. Nothing has changed.
    """
    ring = await find_ring(store, None)
    database_id = database_id_of(secrets.token_bytes(DATABASE_ID_BYTES - 1))
    own = ring.bound_to(database_id)

    def rewrap(image: StoredImage) -> bytes:
        return rewrap_key(ring, own, image.id, image.meta).wrapped_key

    return await store.separate(database_id, own.signing.check_value, rewrap)


async def _count_others(store: ImageStore, ring: KeyRing) -> int:
    usage = await store.key_usage()
    return sum(usage.values()) - usage.get(ring.signing.key_id, 0)


async def _rewrap_all(store: ImageStore, ring: KeyRing, failures: list[PixstoreError]) -> AsyncIterator[int]:
    """Rewrap the keys of all images once, in the order of their ids. Yield the number of replaced keys after each
    batch.

    failures: gets the first error of a damaged row or of a key that does not unwrap.
    """
    async for page in pages_of_images(store, size=_BATCH):
        failures[:] = [*failures, *page.damaged.values()][:1]
        wrapped = _rewrapped(ring, page.images.values(), failures)
        if wrapped:
            yield await store.replace_wrapped_keys(wrapped, checks=ring.check_values)


def _rewrapped(ring: KeyRing, images: Iterable[StoredImage], failures: list[PixstoreError]) -> list[RewrappedKey]:
    wrapped = []
    for image in images:
        if image.meta.wrapped_key.startswith(ring.signing.key_id):
            continue
        try:
            meta = rewrap_key(ring, ring, image.id, image.meta)
        except IntegrityError as error:
            failures[:] = failures or [error]
            continue
        wrapped.append(RewrappedKey(image.id, meta.version, meta.wrapped_key, was=image.meta.wrapped_key))
    return wrapped
