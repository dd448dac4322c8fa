"""Rotation of secrets: what each one is needed for, keys wrapped anew under the newest one, a secret retired.

Ciphertext, tokens and versions stay as they are: only the bytes of a wrapped key change.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from ..core.cipher import rewrap_key
from ..core.count import number_of
from ..core.hidden import Hidden
from ..core.images import KEY_ID_BYTES, RewrappedKey, StoredImage
from ..core.keyring import KeyRing
from ..errors import IntegrityError, PixstoreError, SecretError, StoreConflict
from ..store.contract import ImageStore
from ..store.pages import pages_of_images

OnRewrapped = Callable[[int, int], None]
"""Called with the number of keys wrapped anew so far, and the number that there is to do."""

_BATCH = 100
_MOST_PASSES = 3  # where other processes save under an older secret all the time, no pass finds none


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """One secret and what it is needed for.

    key_id: its public id, 8 hexadecimal digits. images: how many images and variants have their key wrapped under it.
    signs: whether it is the one that signs and wraps here. loaded: whether it is in the key ring. retired: whether
    nothing is saved under it any more.
    """

    key_id: str
    images: int
    signs: bool
    loaded: bool
    retired: bool = False


async def key_status(store: ImageStore, ring: KeyRing) -> list[KeyStatus]:
    """Return the state of each secret that an open store or the key ring knows: the ring's last, in its order.

    In a database that is older than ids, a secret whose keys are bound to none is listed for these too, by another id.
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
    """Wrap the keys of all images under the ring's newest secret; return for how many that was done.

    It may be interrupted and repeated at any moment, and goes on beside processes that serve and save. What those save
    meanwhile under an older secret is taken in a further pass, of which there are few: `key_status` tells what is left.
    Raises SecretError, StoreError, and, when all others are done, the IntegrityError or StoreDamaged of the first key
    that does not unwrap or row that is damaged.
    """
    done = 0
    for _ in range(_MOST_PASSES):
        failures: list[PixstoreError] = []
        total = done + await _count_others(store, ring)
        if total == done:
            return done
        async for count in _rewrap_all(store, ring, failures):
            done += count
            if on_progress:
                on_progress(done, max(done, total))
        if failures:
            raise failures[0]
    return done


async def retire_key(store: ImageStore, ring: KeyRing, named: Hidden[str]) -> bool:
    """Retire a secret of an open store, which then opens without it, and takes nothing more that is wrapped under it.

    named: its key id as `key_status` tells it. Return False if the secret is in the key ring and the store does not
    know it: nothing is to be retired. Raises SecretError if the secret signs here, if images need it, and if neither
    the store nor the key ring knows it.
    """
    in_use, retired = await store.key_checks()
    checks = {check[:KEY_ID_BYTES].hex(): check for check in in_use}
    key_id = next((each for each in (*checks, ring.signing.key_id.hex()) if each == named()), None)
    if key_id == ring.signing.key_id.hex():
        raise SecretError(f"secret {key_id} is the one that signs: list its successor after it, and rewrap the keys")
    if key_id is None:  # which is not quoted: it may be the secret itself
        was_retired = any(check[:KEY_ID_BYTES].hex() == named() for check in retired)
        if not was_retired and any(each.hex() == named() for each in ring.verifying):
            return False  # such as after a save of a process that has the newer secret alone
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


async def _count_others(store: ImageStore, ring: KeyRing) -> int:
    usage = await store.key_usage()
    return sum(usage.values()) - usage.get(ring.signing.key_id, 0)


async def _rewrap_all(store: ImageStore, ring: KeyRing, failures: list[PixstoreError]) -> AsyncIterator[int]:
    """Go once through all images in the order of their ids; yield after each batch how many keys it replaced.

    failures: gets the first of the errors of keys that do not unwrap, and of damaged rows.
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
