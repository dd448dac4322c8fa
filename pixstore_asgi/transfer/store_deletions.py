"""What was deleted in a copy's source: deleted in its target too, where the last tokens of deleted ids are kept."""

from collections.abc import AsyncIterator

from ..core.images import StoredImage
from ..errors import StoreConflict
from ..store.contract import ImageStore
from ..store.pages import find, pages_of, pages_of_images
from .totals import Outcome, Step

_BELOW_ALL = " "  # no character of an id is below it


async def delete_what_is_gone(source: ImageStore, target: ImageStore, *, is_dry: bool) -> AsyncIterator[Step]:
    """Delete in the target what was deleted in the source, and yield a step for each.

    What the source never had is left alone: it was saved in the target, which is in use by then. is_dry: do all but
    delete.
    """
    async for page in pages_of_images(target):
        known = await find(source, list(page.images))
        gone = [each for each in page.images if each not in known.images and each not in known.damaged]
        missing = {image_id: page.images[image_id] for image_id in gone}
        if missing:
            tokens = await _tokens_of_deleted(source, missing)
            for image in missing.values():
                is_deleted = image.token <= tokens.get(image.id, 0)
                if not is_deleted and await source.get(image.id) is not None:
                    continue  # saved again meanwhile
                # An image that was saved and deleted again between these questions is known as deleted only now.
                if is_deleted or await is_deleted_since(source, image):
                    yield await _delete(target, image, is_dry=is_dry)
                else:
                    yield Step(image.id, Outcome.LEFT, "the source never had it: something else writes to the target")


async def put_all_tombstones(source: ImageStore, target: ImageStore) -> None:
    """Let the target keep the last tokens and epochs of the source's deleted ids."""
    async for page in pages_of(source.list_tombstones):
        await target.put_tombstones(page)


async def is_deleted_since(store: ImageStore, image: StoredImage) -> bool:
    """Tell whether a store deleted this version of an image or a later one."""
    return (await _tokens_of_deleted(store, {image.id: image})).get(image.id, 0) >= image.token


async def _delete(target: ImageStore, image: StoredImage, *, is_dry: bool) -> Step:
    try:
        if not is_dry:
            await target.delete(image.id, expect=image.meta.version)
    except StoreConflict as error:
        if await target.get(image.id) is not None:  # else it was deleted with its original
            return Step(image.id, Outcome.LEFT, str(error))
    return Step(image.id, Outcome.DELETED)


async def _tokens_of_deleted(source: ImageStore, missing: dict[str, StoredImage]) -> dict[str, int]:
    found: dict[str, int] = {}
    first, last = min(missing), max(missing)
    async for page in pages_of(source.list_tombstones, after=first[:-1], before=last + _BELOW_ALL):
        found |= {each.id: each.token for each in page if each.id in missing}
    return found
