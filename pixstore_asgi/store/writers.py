"""Writer: writes one version to a sink. The version is committed alone, or in one step with its variants."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

import anyio

from ..core.events import event
from ..core.ids import original_of
from ..core.images import ImageMeta, StoredImage
from ..errors import StoreError
from ..process import Clock
from .contract import NO_TERMS, CommitTerms, ImageWriter
from .rules import GroupCommit, NewVersion, check_meta

_log = logging.getLogger("pixstore_asgi")

CommitWith = Callable[[GroupCommit], Awaitable[Sequence[StoredImage]]]
"""A function that makes versions current in one step, and returns their images in the same order."""


class Sink(Protocol):
    """Receives the bytes of one body. Readers don't see the body before its commit. Calls do not overlap."""

    async def write(self, piece: bytes | memoryview) -> None:
        """Append bytes. The caller may reuse their memory once this returns. Raises StoreError."""
        ...

    async def finish(self, image_id: str, meta: ImageMeta) -> NewVersion:
        """End the body after its last byte. Return its version, ready for the commit. Raises StoreError."""
        ...

    async def drop(self) -> None:
        """Drop the written bytes, even if a call was cancelled before. Raises StoreError if gc must remove them."""
        ...

    def release(self) -> None:
        """After the commit, release the lock that kept gc from removing the body."""
        ...


class Writer(ImageWriter):
    """An ImageWriter that writes one version to a sink.

    commit: makes the version current, in a store or in a transaction. All writers of a group must share one function.
    """

    def __init__(self, image_id: str, version: bytes, clock_ms: Clock, commit: CommitWith, sink: Sink) -> None:
        self._image_id = image_id
        self._version = version
        self._clock_ms = clock_ms
        self._commit_with = commit
        self._sink = sink
        self._size = 0
        self._has_ended = False

    async def write(self, piece: bytes | memoryview) -> None:
        self._check_open()
        self._size += len(piece)
        try:
            await self._sink.write(piece)
        except BaseException:
            await self.abort()  # the piece is lost: going on would leave a hole
            raise

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
                writer._sink.release()
        return images

    async def abort(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        with anyio.CancelScope(shield=True):  # which does not stop `Task.cancel`: the task of its own goes on then
            await asyncio.shield(asyncio.create_task(self._drop()))

    async def _drop(self) -> None:
        try:
            await self._sink.drop()
        except StoreError as error:  # must not hide the error that ended the write; gc finds the body later
            _log.info("an aborted upload was not marked dead: %s", error, extra=event("upload_not_dropped"))

    async def _finish(self, meta: ImageMeta) -> NewVersion:
        self._check_open()
        check_meta(self._image_id, meta, version=self._version, size=self._size)
        return await self._sink.finish(self._image_id, meta)

    def _checked(self, writer: ImageWriter) -> "Writer":
        if not isinstance(writer, Writer) or writer._commit_with != self._commit_with:
            raise StoreError("images that are committed together must be written to the same store: begin them there")
        return writer

    def _check_open(self) -> None:
        if self._has_ended:
            raise StoreError("this write has ended: begin a new one")


def _check_ids(image_ids: Sequence[str]) -> None:
    first, *variants = image_ids
    if len({*image_ids}) < len(image_ids) or any(original_of(variant) != first for variant in variants):
        raise StoreError(f"image {first} is committed only with its own variants, each of them once")


async def _finish_all(group: Sequence[tuple[Writer, ImageMeta]]) -> list[NewVersion]:
    """Finish the bodies of these versions. Finish several at the same time, because each body in a bucket costs a round
    trip.
    """
    if len(group) == 1:
        return [await writer._finish(meta) for writer, meta in group]
    finishing = (writer._finish(meta) for writer, meta in group)
    outcomes = await asyncio.gather(*finishing, return_exceptions=True)
    versions = [outcome for outcome in outcomes if isinstance(outcome, NewVersion)]
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return versions
