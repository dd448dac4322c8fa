"""One image of a store brought to another one as it is: body, row, or what of the row has changed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..core.cipher import TagCheck, unwrap_key
from ..core.ids import is_variant_id
from ..core.images import Past, RewrappedKey, StoredImage
from ..core.keyring import KeyRing
from ..errors import ImageTooLarge, StoreConflict
from ..store.contract import CommitTerms, Expect, Expected, ImageStore, ImageStream
from .store_deletions import is_deleted_since
from .totals import Outcome

_DELETED_SINCE = "deleted in the target since the backup or copy was made: left deleted"


@dataclass(frozen=True, slots=True)
class ImageCopy:
    """Brings images from one open store to another, or, where it `is_dry`, does all but write.

    ring: the source's, by which each image is checked; None copies them unchecked.
    """

    source: ImageStore
    target: ImageStore | None
    ring: KeyRing | None
    is_dry: bool

    async def bring(self, image: StoredImage, there: StoredImage | None) -> Outcome | None:
        """Bring one image up to date; return what became of it, None where it was deleted meanwhile.

        there: what the target has of it. Raises one of totals.REFUSALS where the image is to be left alone, StoreError
        where either side fails.
        """
        if there is None or there.token < image.token:
            return await self._bring_version(image.id, there)
        if there.meta.version != image.meta.version:
            raise StoreConflict("the target has another version of it, which is no older: something else writes there")
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
        """Yield the chunks of a version. Raises, at its end, IntegrityError where they are not what was encrypted."""
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
            raise ImageTooLarge(f"it has {size} bytes, and the target takes {most} at most")


def _expected(image_id: str, there: StoredImage | None) -> Expected:
    """Return what a commit in the target expects: what is there, or, of a variant, any original or none at all."""
    if is_variant_id(image_id):
        return Expect.ANY
    return there.meta.version if there else Expect.ABSENT
