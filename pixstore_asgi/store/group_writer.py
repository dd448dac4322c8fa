"""GroupWriter: a writer that commits its version alone, or together with the versions of other writers."""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from ..core.ids import original_of
from ..core.images import ImageMeta, StoredImage
from ..errors import StoreError
from ..process import Clock
from .contract import NO_TERMS, CommitTerms, ImageWriter
from .groups import GroupCommit, NewVersion

CommitWith = Callable[[GroupCommit], Awaitable[Sequence[StoredImage]]]
"""Makes versions current in one step, and returns their images in the same order."""


class GroupWriter(ImageWriter):
    """One version being written. A store implements write, finish and drop, and commits many versions as one.

    commit: the commit function of the store or transaction, shared by all writers of one commit.
    """

    def __init__(self, image_id: str, version: bytes, clock_ms: Clock, commit: CommitWith) -> None:
        self._image_id = image_id
        self._version = version
        self._clock_ms = clock_ms
        self._commit_with = commit
        self._size = 0
        self._has_ended = False

    @abstractmethod
    async def _finish(self, meta: ImageMeta) -> NewVersion:
        """Return the version once it is completely written. Raises StoreError, also if the write has ended."""

    @abstractmethod
    def _release(self) -> None:
        """Release the lock of a version that is being written. Repeated calls do nothing."""

    async def commit(
        self,
        meta: ImageMeta,
        terms: CommitTerms = NO_TERMS,
        *,
        variants: Sequence[tuple[ImageWriter, ImageMeta]] | None = (),
    ) -> Sequence[StoredImage]:
        members = [(self, meta), *(variants or ())]
        async with AsyncExitStack() as unless_committed:
            for writer, _ in members:
                await unless_committed.enter_async_context(writer)
            group = [(self._checked(writer), meta) for writer, meta in members]
            _check_ids([writer._image_id for writer, _ in group])
            versions = await _finish_all(group)
            images = await self._commit_with(GroupCommit(versions, terms, variants is None, self._clock_ms()))
            for writer, _ in group:
                writer._has_ended = True
                writer._release()
        return images

    def _checked(self, writer: ImageWriter) -> "GroupWriter":
        if not isinstance(writer, GroupWriter) or writer._commit_with != self._commit_with:
            raise StoreError("what is committed together must be written to the same store: begin it there")
        return writer

    def _check_open(self) -> None:
        if self._has_ended:
            raise StoreError("this write has ended: begin a new one")


def _check_ids(image_ids: Sequence[str]) -> None:
    first, *variants = image_ids
    if len({*image_ids}) < len(image_ids) or any(original_of(variant) != first for variant in variants):
        raise StoreError(f"image {first} is committed with variants of its own alone, each of them once")


async def _finish_all(group: Sequence[tuple[GroupWriter, ImageMeta]]) -> list[NewVersion]:
    """Finish versions. Several run at the same time, because each body in a bucket costs a round trip."""
    if len(group) == 1:
        return [await writer._finish(meta) for writer, meta in group]
    finishing = (writer._finish(meta) for writer, meta in group)
    outcomes = await asyncio.gather(*finishing, return_exceptions=True)
    versions = [outcome for outcome in outcomes if isinstance(outcome, NewVersion)]
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return versions
