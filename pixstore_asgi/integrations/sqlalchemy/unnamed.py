"""Finds pictures that no row names, such as those of a process that was killed between a save and its commit."""

import time
from collections.abc import Iterator, Sequence

from sqlalchemy import MetaData, String, cast, select, union_all
from sqlalchemy.orm import Session

from ...core.images import ImageInfo
from ...errors import InputError
from .calls import Calls
from .column import PictureType

_PAGE = 500  # ids in one query


def unnamed_pictures(
    calls: Calls, session: Session, metadata: MetaData, *, directory: str | None, grace_s: float
) -> Iterator[str]:
    """Yield the ids of pictures older than `grace_s` seconds that no picture column of the metadata names."""
    columns = [each for table in metadata.tables.values() for each in table.c if isinstance(each.type, PictureType)]
    if not columns:
        raise InputError(
            "no table of this metadata has a PictureType column, so every picture would be deleted: import the models "
            "first"
        )
    if session.in_transaction():
        raise InputError("the session is in a transaction, which may not see newer rows: pass a new session")
    # A snapshot that begins after this moment has the row of each picture that is older than this.
    before_ms = (time.time() - grace_s) * 1000
    for page in _pages(calls, directory):
        old = [image.id for image in page if image.created < before_ms]
        # One statement for all columns: a picture may move between two tables meanwhile.
        named = union_all(*(select(cast(each, String)).where(each.in_(old)) for each in columns))
        found = set(session.scalars(named)) if old else set()
        yield from (image_id for image_id in old if image_id not in found)


def _pages(calls: Calls, directory: str | None) -> Iterator[Sequence[ImageInfo]]:
    after = None
    while page := calls.list_images(directory=directory, after=after, limit=_PAGE):
        yield page
        after = page[-1].id
