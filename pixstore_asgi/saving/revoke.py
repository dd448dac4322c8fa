"""Calling back what was handed out: the proofs of an image, or of all images of a directory."""

from ..core.ids import range_of_directory
from ..errors import InputError, StoreConflict
from ..store.contract import Expect, ImageStore
from .save import not_found, version_to_replace


async def revoke(store: ImageStore, image_id: str | None, directory: str | None, if_token: int | None) -> int:
    """Raise the epoch of one image's proofs, or of all of a directory, so that older ones are good no more.

    Return of how many images. Raises ImageNotFound, StoreConflict where the image's token is not `if_token`, and
    InputError for anything but one image or one directory.
    """
    if (image_id is None) == (directory is None) or (if_token is not None and image_id is None):
        raise InputError("revoke takes the id of one image, with or without if_token, or a directory")
    if image_id is None:
        after, before = range_of_directory(directory)
        return await store.raise_epochs(after=after, before=before)
    expect = await version_to_replace(store, image_id, if_token)
    try:
        return int(await store.raise_epoch(image_id, expect=expect))
    except StoreConflict:
        if expect is Expect.PRESENT:
            raise not_found(image_id) from None
        raise
