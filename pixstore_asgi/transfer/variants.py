"""Adds variants, dimensions and placeholders to images that were saved without them, while they are served."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass

from ..decoding.pool import DecodingKilled
from ..errors import ImageNotFound, StoreConflict
from ..pixstore import Pixstore, parts_of
from ..saving.backfill import Backfill
from .steps import REFUSALS, Outcome, Step

_ATTEMPTS = 3


async def make_variants(
    pix: Pixstore, image_ids: Iterable[str], *, again: bool = False, dry_run: bool = False
) -> AsyncGenerator[Step, None]:
    """Add missing variants, dimensions and placeholders to originals, one step for each.

    Works on as many images at once as the Pixstore decodes.

    Args:
        pix: A Pixstore with the options of the application.
        image_ids: Ids of originals.
        again: Make all variants again.
        dry_run: Do everything except writing.

    Raises:
        ConfigError: The Pixstore decodes no images.
        StoreError: The store fails.
    """
    completion = _Completion(parts_of(pix).backfill, again, dry_run)
    most = completion.backfill.decoder.processes
    running: set[asyncio.Task[Step | None]] = set()
    try:
        for image_id in image_ids:
            async for step in _ended(running, most):
                yield step
            running.add(asyncio.create_task(completion.step(image_id)))
        async for step in _ended(running, 1):
            yield step
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _ended(running: set[asyncio.Task[Step | None]], most: int) -> AsyncIterator[Step]:
    """Wait until fewer than `most` tasks run. Yield the steps of the tasks that ended."""
    while len(running) >= most:
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in [each for each in running if each.done()]:
            running.remove(task)
            if step := task.result():
                yield step


@dataclass(frozen=True, slots=True)
class _Completion:
    """One run of `make_variants`."""

    backfill: Backfill
    again: bool
    is_dry: bool

    async def step(self, image_id: str) -> Step | None:
        """Complete one image. Return None if it was deleted meanwhile."""
        try:
            is_new = await self._complete(image_id)
        except ImageNotFound:
            return None
        except (*REFUSALS, DecodingKilled) as error:
            return Step(image_id, Outcome.LEFT, str(error))
        return Step(image_id, Outcome.MOVED if is_new else Outcome.PRESENT)

    async def _complete(self, image_id: str) -> bool:
        for _ in range(_ATTEMPTS):
            try:
                return await self.backfill.complete(image_id, again=self.again, is_dry=self.is_dry)
            except StoreConflict:  # it was updated meanwhile: its new version may have them already
                continue
        raise StoreConflict("it is updated too often: run the same command again")
