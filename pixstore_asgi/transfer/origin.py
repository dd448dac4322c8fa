"""The origin of a store: a copy has the database id of its source and the check values of the source's secrets."""

from collections.abc import Collection

from ..core.images import KEY_ID_BYTES, StoredImage
from ..errors import InputError, SecretError
from ..store.contract import ImageStore
from ..store.inspection import Inspectable


async def check_origin(source: ImageStore, target: ImageStore) -> None:
    """Raise InputError if the target is the source, or contains images of another origin. Both stores must be open."""
    if source is target or await _place_of(source) == await _place_of(target):
        raise InputError("the source can't be copied onto itself: name another target")
    if await source.database_id() != await target.database_id() and not await _is_new(target):
        raise InputError("the target has images of another origin: name a new one, or an earlier copy of this source")


async def take_origin(source: ImageStore, target: ImageStore) -> None:
    """Give a new target the source's database id, to which keys and proofs are bound, and one check value.

    Raises StoreBusy if another process has the target open, and InputError if nothing was saved in the source yet.
    """
    database_id = await source.database_id()
    if await target.database_id() == database_id:
        return
    in_use = (await source.key_checks()).in_use
    if not in_use:
        raise InputError("nothing was saved in the source yet, so there is nothing to copy")
    # Prefer a check value that does not contain the id: share_secrets can't insert such a value.
    first = min(in_use, key=lambda check: check.endswith(database_id))
    await target.separate(database_id, first, _refuse)


async def share_secrets(source: ImageStore, target: ImageStore) -> None:
    """Copy the source's check values that are in use, so that the target knows the secrets of the keys. Copy no secret
    itself.

    Raises SecretError if a check value can't be copied.
    """
    database_id = await source.database_id()
    here, there = await source.key_checks(), await target.key_checks()
    for check in here.in_use - there.in_use:
        if not check.endswith(database_id):
            raise SecretError(
                "the source has keys from before it had an id, under several secrets: run `pixstore-asgi keys rewrap` "
                "on it first"
            )
        known = (here.in_use | there.in_use) - {check}
        await target.replace_wrapped_keys([], checks=[*known, check])


async def retire_secrets(retired: Collection[bytes], target: ImageStore) -> None:
    """Retire these check values in the target. Skip a check value if images of the target need its secret."""
    needed = await target.key_usage()
    known = (await target.key_checks()).retired
    for check in retired:
        if check not in known and check[:KEY_ID_BYTES] not in needed:
            await target.retire_key_check(check)


async def _place_of(store: ImageStore) -> object:
    return await store.place() if isinstance(store, Inspectable) else store


async def _is_new(store: ImageStore) -> bool:
    was_written = any(await store.key_checks()) or await store.list(limit=1) or await store.list_tombstones(limit=1)
    return not was_written


def _refuse(image: StoredImage) -> bytes:
    """Raise an error: the target was new and now contains an image, so another copy is filling it."""
    raise InputError(f"another copy is filling this target now, with {image.id} already: name a new one")
