"""Adds variants, dimensions and placeholders to images that were saved without them. The application may keep
running.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing

from ..decoding.pool import DecodingKilled
from ..errors import ImageNotFound, StoreConflict
from ..pixstore import Pixstore, parts_of
from ..saving.backfill import Backfill
from .steps import REFUSALS, Outcome, Step, each_of, run_together

_ATTEMPTS = 3


async def make_variants(
    pix: Pixstore, image_ids: Iterable[str] | AsyncIterable[str], *, again: bool = False, dry_run: bool = False
) -> AsyncGenerator[Step, None]:
    """Add missing variants, dimensions and placeholders to originals. Yield one step for each original.

    Works on as many images at the same time as the Pixstore has decoder processes.

    Args:
        pix: A Pixstore with the options of the application.
        image_ids: The ids of the originals.
        again: Make all variants again.
        dry_run: Do everything except writing.

    Raises:
        ConfigError: The Pixstore decodes no images.
        StoreError: The store fails.
    """
    backfill = parts_of(pix).backfill
    works = (_step(backfill, image_id, again=again, is_dry=dry_run) async for image_id in each_of(image_ids))
    async with aclosing(run_together(works, backfill.decoder.processes)) as steps:
        async for step in steps:
            yield step


async def _step(backfill: Backfill, image_id: str, *, again: bool, is_dry: bool) -> Step | None:
    """Complete one image and return its step, or None if the image was deleted meanwhile."""
    try:
        for _ in range(_ATTEMPTS):
            try:
                is_new = await backfill.complete(image_id, again=again, is_dry=is_dry)
                return Step(image_id, Outcome.MOVED if is_new else Outcome.PRESENT)
            except StoreConflict:  # it was updated meanwhile, and its new version may already have all parts
                continue
    except ImageNotFound:
        return None
    except (*REFUSALS, DecodingKilled) as error:
        return Step(image_id, Outcome.LEFT, str(error))
    return Step(image_id, Outcome.LEFT, "it is updated too often: run the same command again")
