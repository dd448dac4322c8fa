"""Where a store's key ring comes from, and the check that it is the one the store was written with."""

import os
from collections.abc import Collection

import anyio.to_thread

from ..core.hidden import hide
from ..core.images import KEY_ID_BYTES
from ..core.keyring import UNBOUND, KeyRing, database_of
from ..errors import SecretError
from ..store.contract import ImageStore
from .file import create_key_file, read_key_file
from .source import SecretSource, ask

ENVIRONMENT_VARIABLE = "PIXSTORE_SECRET"


async def find_ring(store: ImageStore, given: KeyRing | SecretSource | None, *, takes_former: bool = False) -> KeyRing:
    """Return the key ring for an open store: `given`, else that of PIXSTORE_SECRET, else that of the key file.

    takes_former: whether keys that are bound to former ids of the store unwrap, or only those that are bound to none.
    Raises SecretError where there is no secret, or not all that its images are under.
    """
    found = await ask(given) if callable(given) else given or await _find_secret(store)
    current, checks = await store.database_id(), await store.key_checks()
    former = {database_of(check) for check in checks} - {current}
    ring = found.bound_to(current, former=former if takes_former else former & {UNBOUND})
    missing = checks - {key.check_value for key in ring}
    if missing:  # counting reads every row
        usage = await store.key_usage()
        needed = {check for check in missing if check[:KEY_ID_BYTES] in usage}
        if not takes_former and any(database_of(check) not in (current, UNBOUND) for check in needed):
            raise SecretError(
                "not all images are under this database's own id: run `pixstore-asgi keys separate` again"
            )
        _refuse(needed, ring)
    return ring


async def claim(store: ImageStore, ring: KeyRing) -> None:
    """Let an open store know the secret that signs, before the first key is wrapped under it.

    Raises SecretError where others write to it with secrets that are not in the ring.
    """
    missing = await store.claim_keys([key.check_value for key in ring])
    _refuse(missing, ring)


def _refuse(missing: Collection[bytes], ring: KeyRing) -> None:
    if not missing:
        return
    names = ", ".join(sorted(check[:KEY_ID_BYTES].hex() for check in missing))
    given_names = ", ".join(key.key_id.hex() for key in ring.verifying.values())
    raise SecretError(
        f"the store was written with secret {names}, and given is {given_names} (these are public key ids): bring the "
        "right secret, or list the old one before the new one; one that no image is under can be retired"
    )


async def _find_secret(store: ImageStore) -> KeyRing:
    found = os.environ.get(ENVIRONMENT_VARIABLE)
    listed = None if found is None else hide(found.split())
    del found
    if listed is not None:
        if not listed():
            raise SecretError(f"{ENVIRONMENT_VARIABLE} is set but empty: unset it to use the key file, or set a secret")
        return KeyRing(listed())
    if store.key_file is None:
        raise SecretError(f"pass secret=… or set {ENVIRONMENT_VARIABLE}; `pixstore-asgi secret` prints one")
    # A secret is made only together with a store that nothing was written to yet.
    source = read_key_file if await store.key_checks() else create_key_file
    return KeyRing(await anyio.to_thread.run_sync(source, store.key_file))
