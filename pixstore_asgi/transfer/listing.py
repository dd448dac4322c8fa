"""Which images there are to move."""

from ..core.ids import original_of
from ..pixstore import Pixstore

_PAGE = 1000


async def list_ids(pix: Pixstore, directory: str | None = None, *, originals_only: bool = False) -> list[str]:
    """Return the ids of all images, or of one directory's, each with those of its variants behind it.

    originals_only: leave variants out. Raises InputError or StoreError.
    """
    ids: list[str] = []
    after, variants = None, not originals_only
    while page := await pix.list_images(directory=directory, after=after, limit=_PAGE, variants=variants):
        ids += [info.id for info in page]
        after = ids[-1]
    return sorted(ids, key=lambda image_id: (original_of(image_id), image_id))
