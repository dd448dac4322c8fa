"""From any of our stores to any other, row by row as they are, while the source is served and written.

Kept are ids, tokens, versions, ciphertext, wrapped keys, times of creation, epochs, what is left of deleted images, the
database's id and what it knows of secrets. So browsers' caches, records and proofs stay good, and no secret is needed.
What is there already is told by its row: each further pass copies what is new or changed.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from ..core.images import StoredImage
from ..core.keyring import KeyRing
from ..store.contract import ImageStore
from ..store.pages import NOTHING, find, pages_of_images
from .image_copy import ImageCopy
from .origin import check_origin, retire_secrets, share_secrets, take_origin
from .store_deletions import delete_what_is_gone, put_all_tombstones
from .totals import REFUSALS, Outcome, Step

_AT_ONCE = 8  # for stores that answer over a network; each holds a few MiB


async def copy_store(
    source: ImageStore, target: ImageStore | None, *, ring: KeyRing | None = None, dry_run: bool = False
) -> AsyncGenerator[Step, None]:
    """Copy an open store into another in one pass, a step for each image that is there or was deleted since.

    target: open, and new or an earlier copy of this source; None for one that does not exist yet (dry_run). ring: the
    source's, to check each image that is copied; without it they are copied unchecked. dry_run: do all but write.

    What the source takes meanwhile is copied by this pass or by the next: the last one comes after its last write.
    Raises InputError for a store onto itself or a target of another origin, StoreError where either side fails.
    """
    if target is not None:
        await check_origin(source, target)
    if target is None or dry_run:
        async for step in _images(ImageCopy(source, target, ring, is_dry=True)):
            yield step
        if target is not None:
            async for step in delete_what_is_gone(source, target, is_dry=True):
                yield step
        return
    await take_origin(source, target)
    await share_secrets(source, target)
    retired = (await source.key_checks()).retired  # now: no image that is read from here on is under one of these
    async for step in _images(ImageCopy(source, target, ring, is_dry=False)):
        yield step
    async for step in delete_what_is_gone(source, target, is_dry=False):
        yield step
    await put_all_tombstones(source, target)
    await share_secrets(source, target)  # again, for those that came into use meanwhile
    await retire_secrets(retired, target)


async def _images(copy: ImageCopy) -> AsyncIterator[Step]:
    async for page in pages_of_images(copy.source):
        there = await find(copy.target, list(page.images)) if copy.target else NOTHING
        for image_id, error in (page.damaged | there.damaged).items():
            yield Step(image_id, Outcome.LEFT, str(error))
        images = [image for image in page.images.values() if image.id not in there.damaged]
        for start in range(0, len(images), _AT_ONCE):
            group = images[start : start + _AT_ONCE]
            steps = (_step(copy, image, there.images.get(image.id)) for image in group)
            for step in await asyncio.gather(*steps, return_exceptions=True):
                if isinstance(step, BaseException):
                    raise step
                if step:
                    yield step


async def _step(copy: ImageCopy, image: StoredImage, there: StoredImage | None) -> Step | None:
    try:
        outcome = await copy.bring(image, there)
    except REFUSALS as error:
        return Step(image.id, Outcome.LEFT, str(error))
    return outcome and Step(image.id, outcome)
