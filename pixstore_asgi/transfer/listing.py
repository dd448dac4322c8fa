"""Which images there are to move."""

from ..core.ids import original_of
from ..pixstore import Pixstore
from ..store.contract import ImageStore
from ..store.pages import pages_of_ids

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
    return sorted(ids, key=_with_its_variants)


async def list_all_ids(store: ImageStore, directory: str | None = None) -> list[str]:
    """Return what `list_ids` does, of an open store, also of images whose rows are damaged, where the store can tell.

    Raises StoreError.
    """
    pages = [page async for page in pages_of_ids(store)]
    start = "" if directory is None else f"{directory}:"
    return sorted((each for page in pages for each in page if each.startswith(start)), key=_with_its_variants)


def _with_its_variants(image_id: str) -> tuple[str, str]:
    return original_of(image_id), image_id
