"""Parts that all moves share: the ids to move, the outcome of each image, and safe printing of foreign text."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Coroutine, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from ..core.ids import Count, is_variant_id, range_of_directory
from ..errors import ImageNotFound, InputError, IntegrityError, InvalidImage, RecordError, StoreConflict, StoreDamaged
from ..store.contract import ImageStore
from ..store.inspection import pages_of_ids

REFUSALS = (ImageNotFound, InputError, IntegrityError, InvalidImage, RecordError, StoreConflict, StoreDamaged)
"""Errors that skip one image. Any other error ends the move."""

_SHOWN_CHARACTERS = 60


class Outcome(Enum):
    """The result of moving one image."""

    MOVED = "moved"
    PRESENT = "there already"
    DELETED = "deleted"
    LEFT = "left alone"


@dataclass(frozen=True, slots=True)
class Step:
    """One image of a move. image_id: as found in the source, possibly invalid. reason: why the image was skipped.
    bytes: how many were read for it. name: its name in the source, if that is not its id.
    """

    image_id: str
    outcome: Outcome
    reason: str = ""
    bytes: int = 0
    name: str = ""


async def step_of(image_id: str, work: Awaitable[Step]) -> Step:
    """Await the step of one image. If it raises one of REFUSALS, the image is skipped."""
    try:
        return await work
    except REFUSALS as error:
        return Step(image_id, Outcome.LEFT, str(error))


_T = TypeVar("_T")

Work = Coroutine[Any, Any, Step | None]
"""Returns the step of one image, or None if there is nothing to report."""


async def run_together(works: Iterable[Work] | AsyncIterable[Work], most: int) -> AsyncGenerator[Step, None]:
    """Run up to `most` of these coroutines at the same time. Yield each step as soon as its coroutine has ended."""
    running: set[asyncio.Task[Step | None]] = set()
    try:
        async for work in each_of(works):
            running.add(asyncio.create_task(work))
            if len(running) == most:
                async for step in _ended(running):
                    yield step
        while running:
            async for step in _ended(running):
                yield step
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def each_of(items: Iterable[_T] | AsyncIterable[_T]) -> AsyncIterator[_T]:
    """Yield the items of an iterable of either kind."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def _ended(running: set[asyncio.Task[Step | None]]) -> AsyncIterator[Step]:
    """Wait until a task has ended. Remove all ended tasks, and yield their steps before an error is raised."""
    ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    running -= ended
    for task in sorted(ended, key=lambda each: each.exception() is not None):
        if step := task.result():
            yield step


@dataclass(slots=True)
class Report:
    """The totals of a move. counts: the images by outcome. left: the steps of skipped images. bytes: how many were
    read. most_left: keep only so many steps in `left`.
    """

    counts: dict[Outcome, Count] = field(default_factory=lambda: dict.fromkeys(Outcome, Count()))
    left: list[Step] = field(default_factory=list)
    bytes: int = 0
    most_left: int | None = None

    def add(self, step: Step) -> None:
        """Count one step."""
        self.bytes += step.bytes
        self.counts[step.outcome] = self.counts[step.outcome].plus(step.image_id)
        if step.outcome is Outcome.LEFT and (self.most_left is None or len(self.left) < self.most_left):
            self.left.append(step)

    @property
    def moved(self) -> int:
        """The number of moved images and variants."""
        return self.counts[Outcome.MOVED].total

    @property
    def present(self) -> int:
        """The number of images and variants that already existed in the target."""
        return self.counts[Outcome.PRESENT].total

    @property
    def deleted(self) -> int:
        """The number of images and variants that were deleted in the target."""
        return self.counts[Outcome.DELETED].total


def quoted(text: str) -> str:
    """Return `text` in quotes, cut to 60 characters, with control characters and undecodable bytes escaped."""
    shown = repr(text[:_SHOWN_CHARACTERS])
    return f"{shown}…" if len(text) > _SHOWN_CHARACTERS else shown


def printable(text: object) -> str:
    """Return `text` with its control characters escaped, so that they can't control a terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(text))


async def ids_of(
    store: ImageStore, directory: str | None = None, *, originals_only: bool = False
) -> AsyncIterator[str]:
    """Yield the ids of all images of an open store, or of one directory only, in their order. Hold one page in memory.

    An original comes before its variants, because its id is the beginning of theirs. Includes images with damaged rows,
    if the store can list them. Raises InputError or StoreError.
    """
    after, before = range_of_directory(directory)
    async for page in pages_of_ids(store, after=after, before=before):
        for image_id in page:
            if not (originals_only and is_variant_id(image_id)):
                yield image_id


async def count_ids(store: ImageStore, directory: str | None = None, *, originals_only: bool = False) -> int:
    """Return how many ids `ids_of` yields."""
    count = 0
    async for _ in ids_of(store, directory, originals_only=originals_only):
        count += 1
    return count
