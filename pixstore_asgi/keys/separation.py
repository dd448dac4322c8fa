"""Assigns a new database id, which makes a copied store independent of its original."""

import secrets

from ..core.cipher import rewrap_key
from ..core.images import DATABASE_ID_BYTES, StoredImage, database_id_of
from ..store.contract import ImageStore
from .find import find_ring


async def separate(store: ImageStore) -> int:
    """Assign a new id to an open store and rewrap its keys for that id, in one transaction.

    Its proofs are then valid for no other store, and rows of other stores do not unwrap here.

    Returns:
        The number of images.

    Raises:
        SecretError: if a secret is missing.
        StoreBusy: if other processes have the store open. Nothing has changed.
        IntegrityError: if an image's key does not unwrap. Nothing has changed.
    """
    ring = await find_ring(store, None)
    database_id = database_id_of(secrets.token_bytes(DATABASE_ID_BYTES - 1))
    own = ring.bound_to(database_id)

    def rewrap(image: StoredImage) -> bytes:
        return rewrap_key(ring, own, image.id, image.meta).wrapped_key

    return await store.separate(database_id, own.signing.check_value, rewrap)
