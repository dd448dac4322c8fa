"""Separation: a copy of a store made a store of its own, by an id of its own that keys and proofs are bound to."""

import secrets

from ..core.cipher import rewrap_key
from ..core.images import DATABASE_ID_BYTES, StoredImage, database_id_of
from ..store.contract import ImageStore
from .find import find_ring


async def separate(store: ImageStore) -> int:
    """Give an open store a new id, and wrap its keys for that, in one step; return how many images there are.

    Then what it signs is good for no other store, and rows of others do not open here. Raises SecretError, StoreBusy
    where others have it open, and IntegrityError for an image whose key does not unwrap; then nothing has changed.
    """
    ring = await find_ring(store, None)
    database_id = database_id_of(secrets.token_bytes(DATABASE_ID_BYTES - 1))
    own = ring.bound_to(database_id)

    def rewrap(image: StoredImage) -> bytes:
        return rewrap_key(ring, own, image.id, image.meta).wrapped_key

    return await store.separate(database_id, own.signing.check_value, rewrap)
