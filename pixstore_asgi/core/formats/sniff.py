"""Recognises an image's format by its first bytes."""

import re

from ...errors import InvalidImage
from . import avif, gif, jpeg, png, webp
from .reader import ImageReader

SNIFF_BYTES = 12
"""The number of first bytes that `sniff` needs."""

_FORMATS = {
    "PNG": (rb"\x89PNG\r\n\x1a\n", png.read),
    "WebP": (rb"RIFF....WEBP", webp.read),
    "JPEG": (rb"\xff\xd8\xff", jpeg.read),
    "GIF": (rb"GIF8", gif.read),
    "AVIF": (rb"....ftyp", avif.read),
}


def label_of(head: bytes) -> str | None:
    """Return the label of the format with these first SNIFF_BYTES, such as "WebP", or None."""
    return next((label for label, (first, _) in _FORMATS.items() if re.match(first, head, re.DOTALL)), None)


def sniff(head: bytes, allowed: frozenset[str]) -> ImageReader:
    """Return the reader for an image. Feed it the whole image from its first byte.

    Args:
        head: the first SNIFF_BYTES of the image, or all of a shorter one.
        allowed: format names.

    Raises:
        InvalidImage: if `head` is not of an allowed format.
    """
    label = label_of(head)
    if label and label.lower() in allowed:
        return ImageReader(label, _FORMATS[label][1]())
    if label == "AVIF":
        avif.require_avif({head[8:12]})
    listed = ", ".join(each for each in _FORMATS if each.lower() in allowed)
    if label:
        raise InvalidImage(f"{label} is not among the image formats accepted here: {listed}")
    if not head:
        raise InvalidImage("the image is empty")
    if head.startswith(b"--"):
        raise InvalidImage("this looks like a multipart form, not an image: take the file out of it first")
    raise InvalidImage(f"this is not an image of a format accepted here ({listed}), or only the beginning of one")
