"""Export images as plain files, decrypted: `name.png` or `directory/name.png`.

A variant is beside its original, as `name~thumb.webp`.
"""

from collections.abc import AsyncIterator, Iterable

from ..errors import ImageNotFound
from ..pixstore import Pixstore
from .folder import FilePath, Folder
from .steps import REFUSALS, Outcome, Step


async def export_files(pix: Pixstore, image_ids: Iterable[str], folder: Folder) -> AsyncIterator[Step]:
    """Write images into a folder, unencrypted, one step for each id. Raises StoreError if either side fails."""
    for image_id in image_ids:
        try:
            yield Step(image_id, await _write(pix, image_id, folder))
        except REFUSALS as error:
            yield Step(image_id, Outcome.LEFT, str(error))


async def _write(pix: Pixstore, image_id: str, folder: Folder) -> Outcome:
    found = await pix.export_image(image_id)
    if found is None:
        raise ImageNotFound("it was deleted meanwhile")
    is_written = folder.place(_file_of(image_id, found.image.format), found.image.data)
    return Outcome.MOVED if is_written else Outcome.PRESENT


def _file_of(image_id: str, format_name: str) -> FilePath:
    # An id is safe as a file name: it has no dots or slashes, and does not begin with `~`.
    *folder, name = image_id.split(":")
    return (*folder, f"{name}.{'jpg' if format_name == 'jpeg' else format_name}")
