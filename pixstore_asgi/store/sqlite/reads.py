"""Reads of one image on the event loop's own thread: the statements of `tables`, run without a coroutine.

They run for every request of an image that is not in memory.
"""

import sqlite3

from ...core.images import StoredImage
from ..rules import image_of_row
from ..tables import images
from .transaction import STATEMENTS

_GET = STATEMENTS[images.GET]
_WHOLE_IMAGE = STATEMENTS[images.IMAGE_AND_CHUNKS].replace(", 0)", ", -1)")  # no chunk of a longer one
assert _WHOLE_IMAGE.count(", -1)") == 1


def get(db: sqlite3.Connection, image_id: str) -> StoredImage | None:
    """Return one image."""
    row = db.execute(_GET, (image_id,)).fetchone()
    return image_of_row(row) if row else None


def whole_image(db: sqlite3.Connection, image_id: str) -> tuple[StoredImage, list[bytes]] | None:
    """Return an image with all its chunks. None if there is none, it is longer than WHOLE_BYTES, or damaged."""
    rows = db.execute(_WHOLE_IMAGE, (image_id,)).fetchall()
    if not rows:
        return None
    image, chunks = image_of_row(rows[0][:-2]), [data for *_, data in rows if data]
    return (image, chunks) if sum(map(len, chunks)) == image.meta.size else None
