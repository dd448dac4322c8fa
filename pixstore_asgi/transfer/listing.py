"""Which images there are to move."""

from ..core.ids import original_of, range_of_directory
from ..pixstore import Pixstore
from ..store.contract import ImageStore
from ..store.pages import pages_of_ids

_PAGE = 1000


async def list_originals(pix: Pixstore, directory: str | None = None) -> list[str]:
    """Return the ids of all images, or of one directory's, without variants. Raises InputError or StoreError."""
    ids: list[str] = []
    while page := await pix.list_images(directory=directory, after=ids[-1] if ids else None, limit=_PAGE):
        ids += [info.id for info in page]
    return ids


async def list_ids(store: ImageStore, directory: str | None = None) -> list[str]:
    """Return the ids of all images of an open store, or of one directory's, each with those of its variants behind it.

    Also of images whose rows are damaged, where the store can tell. Raises InputError or StoreError.
    """
    after, before = range_of_directory(directory)
    pages = [page async for page in pages_of_ids(store, after=after, before=before)]
    return sorted((each for page in pages for each in page), key=lambda each: (original_of(each), each))
