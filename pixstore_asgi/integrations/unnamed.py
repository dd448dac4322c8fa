"""Finds pictures that no row names, such as those of a process that was killed between a save and its commit."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

from ..core.images import ImageInfo

PAGE = 500  # ids in one query


class Lister(Protocol):
    """Lists images as SyncPixstore does."""

    def list_images(self, *, directory: str | None, after: str | None, limit: int) -> Sequence[ImageInfo]: ...


def unnamed_ids(
    images: Lister,
    named_among: Callable[[Sequence[str]], Collection[str]],
    *,
    directory: str | None,
    grace_s: float,
) -> Iterator[str]:
    """Yield the ids of images that are older than `grace_s` seconds and that no row names.

    Args:
        images: Lists the images.
        named_among: A query of the database: returns those of some ids that a row names.
        directory: The directory. None: all images.
        grace_s: Choose it longer than the longest transaction: its pictures have no committed row yet.
    """
    # A query that begins after this moment sees the row of each picture that is older than this.
    before_ms = (time.time() - grace_s) * 1000
    after = None
    while page := images.list_images(directory=directory, after=after, limit=PAGE):
        if old := [image.id for image in page if image.created < before_ms]:
            named = named_among(old)
            yield from (image_id for image_id in old if image_id not in named)
        after = page[-1].id
