"""Moves images: from and to npm's stores, between stores of this package, and from and to plain files.

Each move is an async iterator of Steps, one for each image. An image that can't be moved gets a step with the reason,
and the move continues. To continue an interrupted move, run it again: it skips images that the target already has.

An application that walks its own table calls `import_plain_file` or `import_plain_image` for each row.
"""

from .plain_image import import_plain_file, import_plain_image
from .plain_names import plain_image_id

__all__ = ["import_plain_file", "import_plain_image", "plain_image_id"]
