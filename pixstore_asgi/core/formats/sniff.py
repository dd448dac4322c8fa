"""Recognises an image's format by its first bytes."""

from collections.abc import Callable

from ...errors import InvalidImage
from . import avif, gif, jpeg, png, webp
from .reader import ImageReader, Reader

SNIFF_BYTES = 12
"""The number of first bytes that `sniff` needs."""

_FORMATS: tuple[tuple[str, Callable[[bytes], bool], Callable[[], Reader]], ...] = (
    ("PNG", png.matches, png.read),
    ("WebP", webp.matches, webp.read),
    ("JPEG", jpeg.matches, jpeg.read),
    ("GIF", gif.matches, gif.read),
    ("AVIF", avif.matches, avif.read),
)


def sniff(head: bytes, allowed: frozenset[str]) -> ImageReader:
    """Return the reader for an image. Feed it the whole image from its first byte.

    Args:
        head: the first SNIFF_BYTES of the image, or all of a shorter one.
        allowed: format names.

    Raises:
        InvalidImage: if `head` is not of an allowed format.
    """
    listed = ", ".join(label for label, _, _ in _FORMATS if label.lower() in allowed)
    for label, matches, reader in _FORMATS:
        if matches(head):
            if label.lower() in allowed:
                return ImageReader(label, reader())
            if label == "AVIF":
                avif.require_avif({head[8:12]})
            raise InvalidImage(f"{label} is not among the image formats accepted here: {listed}")
    if not head:
        raise InvalidImage("the image is empty")
    if head.startswith(b"--"):
        raise InvalidImage("this looks like a multipart form, not an image: take the file out of it first")
    raise InvalidImage(f"this is no image of a format accepted here ({listed}), or only the beginning of one")
