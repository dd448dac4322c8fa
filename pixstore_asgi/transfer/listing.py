"""Which images there are to move."""

from ..core.ids import is_variant_id, original_of, range_of_directory
from ..store.contract import ImageStore
from ..store.pages import pages_of_ids


async def list_originals(store: ImageStore, directory: str | None = None) -> list[str]:
    """Return those of `list_ids` that are no variants'. Raises what that raises."""
    after, before = range_of_directory(directory)
    pages = pages_of_ids(store, after=after, before=before)
    return [each async for page in pages for each in page if not is_variant_id(each)]


async def list_ids(store: ImageStore, directory: str | None = None) -> list[str]:
    """Return the ids of all images of an open store, or of one directory's, each with those of its variants behind it.

    Also of images whose rows are damaged, where the store can tell. Raises InputError or StoreError.
    """
    after, before = range_of_directory(directory)
    pages = [page async for page in pages_of_ids(store, after=after, before=before)]
    return sorted((each for page in pages for each in page), key=lambda each: (original_of(each), each))
