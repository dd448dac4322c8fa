"""Which images there are to move."""

from ..pixstore import Pixstore

_PAGE = 1000


async def list_ids(pix: Pixstore, directory: str | None = None) -> list[str]:
    """Return the ids of all images, or of one directory's, in order. Raises InputError or StoreError."""
    ids: list[str] = []
    while page := await pix.list_images(directory=directory, after=ids[-1] if ids else None, limit=_PAGE):
        ids += [info.id for info in page]
    return ids
