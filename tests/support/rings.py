"""Stores of one known id, and the key rings and key ids that secrets have there."""

from pathlib import Path

from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.samples import OTHER_SECRET, SECRET

DATABASE_ID = bytes(range(1, 17))


def ring_of(*secrets: str) -> KeyRing:
    """Return the key ring of these secrets for a store that `give_known_id` was called with."""
    return KeyRing(secrets).bound_to(DATABASE_ID)


def key_id_of(secret: str) -> str:
    """Return the key id of a secret there."""
    return ring_of(secret).signing.key_id.hex()


OLD, NEW = key_id_of(SECRET), key_id_of(OTHER_SECRET)


async def give_known_id(store: ImageStore) -> None:
    """Open a store and give it the known id."""
    await store.open()
    await store.separate(DATABASE_ID, ring_of(SECRET).signing.check_value, _keep)


def _keep(image: StoredImage) -> bytes:
    return image.meta.wrapped_key


async def make_database(path: Path) -> Path:
    """Make a SQLite database of the known id, and return its path."""
    store = SqliteStore(path)
    await give_known_id(store)
    await store.close()
    return path
