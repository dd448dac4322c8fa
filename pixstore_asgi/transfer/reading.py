"""Reading one image to write it elsewhere."""

from ..core.images import ExportedImage
from ..errors import ImageNotFound, IntegrityError, StoreBusy, StoreError
from ..pixstore import Pixstore


async def read_image(pix: Pixstore, image_id: str) -> ExportedImage:
    """Return an image as `Pixstore.export_image` does.

    Raises one of totals.REFUSALS where this image is gone or can't be read, as where a page of the database is damaged,
    which others need not lie on; StoreBusy where the store is away.
    """
    try:
        image = await pix.export_image(image_id)
    except StoreBusy:
        raise
    except StoreError as error:
        raise IntegrityError(str(error), "no-image") from error
    if image is None:
        raise ImageNotFound("it was deleted meanwhile")
    return image
