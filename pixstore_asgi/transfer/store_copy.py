"""Copies a store of this package to another one, or into a backup, row by row, while the source is in use.

The copy keeps:

- ids, tokens, versions, ciphertext and wrapped keys
- times of creation, epochs, and the tombstones of deleted images
- the database's id
- the check values of the secrets that the keys are wrapped under

So browsers' caches, records and proofs stay valid, and no secret is needed. Each further pass compares the rows, and
copies only new and changed images.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

from ..core.cipher import TagCheck, unwrap_key
from ..core.ids import is_variant_id
from ..core.images import Past, RewrappedKey, StoredImage
from ..core.keyring import KeyRing
from ..errors import ImageTooLarge, InputError, StoreConflict
from ..store.contract import CommitTerms, Expect, Expected, ImageStore, ImageStream
from ..store.inspection import NOTHING, Freezable, find, pages_of, pages_of_images
from ..store.sqlite import SqliteStore
from ..store.sqlite import backup as sqlite_backup
from .origin import check_origin, retire_secrets, share_secrets, take_origin
from .steps import REFUSALS, Outcome, Step

_BELOW_ALL = " "  # sorts before every character of an id


async def delete_what_is_gone(source: ImageStore, target: ImageStore, *, is_dry: bool) -> AsyncIterator[Step]:
    """Delete in the target the images that were deleted in the source. Yield a step for each.

    An image that the source never had is skipped, because an application saved it in the target. is_dry: do not delete.
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
                # Read the tombstone again: the image may have been saved and deleted between the two queries.
                if is_deleted or await is_deleted_since(source, image):
                    yield await _delete(target, image, is_dry=is_dry)
                else:
                    yield Step(image.id, Outcome.LEFT, "the source never had it: something else writes to the target")


async def put_all_tombstones(source: ImageStore, target: ImageStore) -> None:
    """Copy the tombstones of all deleted ids of the source, with their last tokens and epochs."""
    async for page in pages_of(source.list_tombstones):
        await target.put_tombstones(page)


async def is_deleted_since(store: ImageStore, image: StoredImage) -> bool:
    """Return whether the store has deleted this version of an image, or a later version."""
    return (await _tokens_of_deleted(store, {image.id: image})).get(image.id, 0) >= image.token


async def _delete(target: ImageStore, image: StoredImage, *, is_dry: bool) -> Step:
    try:
        if not is_dry:
            await target.delete(image.id, expect=image.meta.version)
    except StoreConflict as error:
        if await target.get(image.id) is not None:  # otherwise it was deleted together with its original
            return Step(image.id, Outcome.LEFT, str(error))
    return Step(image.id, Outcome.DELETED)


async def _tokens_of_deleted(source: ImageStore, missing: dict[str, StoredImage]) -> dict[str, int]:
    found: dict[str, int] = {}
    first, last = min(missing), max(missing)
    async for page in pages_of(source.list_tombstones, after=first[:-1], before=last + _BELOW_ALL):
        found |= {each.id: each.token for each in page if each.id in missing}
    return found


_DELETED_SINCE = "deleted in the target since the backup or copy was made: left deleted"


@dataclass(frozen=True, slots=True)
class ImageCopy:
    """Copies images from one open store to another.

    ring: the key ring of the source, to check each image; None: copy without a check. is_dry: do not write.
    """

    source: ImageStore
    target: ImageStore | None
    ring: KeyRing | None
    is_dry: bool

    async def bring(self, image: StoredImage, there: StoredImage | None) -> Outcome | None:
        """Copy one image if the target lacks it or has an older version. Return the outcome, or None if the source has
        deleted the image meanwhile.

        there: the image's row in the target, or None. Raises one of REFUSALS if the image must be skipped, and
        StoreError if the source or target fails.
        """
        if there is None or there.token < image.token:
            return await self._bring_version(image.id, there)
        if there.meta.version != image.meta.version:
            raise StoreConflict("the target has another version of it, which is not older: something else writes there")
        if there.meta == image.meta and there.epoch >= image.epoch:
            return Outcome.PRESENT
        return await self._bring_row(image)

    async def _bring_version(self, image_id: str, there: StoredImage | None) -> Outcome | None:
        stream = await self.source.open_stream(image_id)
        if stream is None:
            return None
        try:
            self._check_size(stream.image.meta.size)
            if self.target is None or self.is_dry:
                async for _ in self._checked(stream):
                    pass
            else:
                try:
                    await self._write(self.target, stream, _expected(image_id, there))
                except StoreConflict:
                    if there is None and await is_deleted_since(self.target, stream.image):
                        raise StoreConflict(_DELETED_SINCE) from None
                    raise
        finally:
            await stream.aclose()
        return Outcome.MOVED

    async def _write(self, target: ImageStore, stream: ImageStream, expect: Expected) -> None:
        image = stream.image
        async with await target.begin_write(image.id, image.meta.version) as writer:
            async for chunk in self._checked(stream):
                await writer.write(chunk)
            terms = CommitTerms((), expect, image.token, Past(image.created_ms, image.epoch))
            await writer.commit(image.meta, terms, variants=None)

    async def _bring_row(self, image: StoredImage) -> Outcome:
        if self.ring:
            unwrap_key(self.ring, image.id, image.meta)
        if self.target is not None and not self.is_dry:
            meta = image.meta
            await self.target.replace_wrapped_keys(
                [RewrappedKey(image.id, meta.version, meta.wrapped_key, image.epoch)]
            )
        return Outcome.MOVED

    async def _checked(self, stream: ImageStream) -> AsyncIterator[bytes]:
        """Yield the chunks of a version. Raises IntegrityError after the last chunk if they do not match the tag."""
        check = self._begin_check(stream.image)
        async for chunk in stream:
            if check:
                check.update(chunk)
            yield chunk
        if check:
            check.finish()

    def _begin_check(self, image: StoredImage) -> TagCheck | None:
        if self.ring is None:
            return None
        return TagCheck(key=unwrap_key(self.ring, image.id, image.meta), iv=image.meta.iv, tag=image.meta.tag)

    def _check_size(self, size: int) -> None:
        most = self.target.max_body_bytes if self.target else None
        if most is not None and size > most:
            raise ImageTooLarge(f"it has {size} bytes, and the target accepts at most {most}")


def _expected(image_id: str, there: StoredImage | None) -> Expected:
    """Return the version that a commit in the target must replace. For a variant, any original or none is accepted."""
    if is_variant_id(image_id):
        return Expect.ANY
    return there.meta.version if there else Expect.ABSENT


_AT_ONCE = 8  # images copied at the same time, for stores on a network; each needs a few MiB


async def copy_store(
    source: ImageStore, target: ImageStore | None, *, ring: KeyRing | None = None, dry_run: bool = False
) -> AsyncGenerator[Step, None]:
    """Copy an open store into another one, in one pass. Yield a step for each image that is copied, kept or deleted.

    An image that is saved during this pass is copied by it or by the next one. So run a last pass after the last write.

    Args:
        source: The store to copy.
        target: An open store: new, or an earlier copy of this source. None: it does not exist yet (dry_run).
        ring: The key ring of the source, to check each copied image. None: copy without a check.
        dry_run: Do everything except writing.

    Raises:
        InputError: The target is the source, or has another origin.
        StoreError: The source or target fails.
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
    retired = (await source.key_checks()).retired  # read them now: keys read later are under none of these
    async for step in _images(ImageCopy(source, target, ring, is_dry=False)):
        yield step
    async for step in delete_what_is_gone(source, target, is_dry=False):
        yield step
    await put_all_tombstones(source, target)
    await share_secrets(source, target)  # again, for secrets that came into use during the copy
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
    is_here = there is not None and there.meta.version == image.meta.version
    return outcome and Step(image.id, outcome, bytes=0 if is_here else image.meta.size)


async def back_up_store(source: ImageStore, target: Path, *, ring: KeyRing | None = None) -> AsyncGenerator[Step, None]:
    """Back up an open store into one SQLite file with all rows and bodies. For PostgreSQL, they are of one snapshot.

    Yields one step for each image. The backup is written to `<target>.part` and moved to `target` at the end, so
    `target` is always complete. If `target` exists, only new and changed images are read. An interrupted backup
    continues from `<target>.part`.

    Args:
        source: The store.
        target: The file of the backup.
        ring: The key ring of the source, to check each image that is read.

    Raises:
        InputError: The backup has another origin.
        StoreBusy: Another run makes this backup, or a process has it open.
        StoreError: The source or target fails.
    """
    with sqlite_backup.part_of(target) as part:
        async with aclosing(_copied(source, SqliteStore(part), ring)) as steps:
            async for step in steps:
                yield step
        sqlite_backup.put_in_place(part, target)


async def _copied(source: ImageStore, copy: SqliteStore, ring: KeyRing | None) -> AsyncGenerator[Step, None]:
    async with AsyncExitStack() as stack:
        if isinstance(source, Freezable):
            source = await stack.enter_async_context(source.snapshot())
        await copy.open()
        stack.push_async_callback(copy.close)
        if await copy.has_objects():
            raise InputError(
                "the earlier backup has no bodies: "
                "if they are in a folder, add --to-blobs with it, else name a new file"
            )
        async for step in await stack.enter_async_context(aclosing(copy_store(source, copy, ring=ring))):
            yield step
