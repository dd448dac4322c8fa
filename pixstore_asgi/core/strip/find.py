"""Finds the stripper of an image by its first bytes."""

from collections.abc import Callable

from ..formats.avif import matches as is_avif
from ..formats.gif import matches as is_gif
from ..formats.jpeg import matches as is_jpeg
from ..formats.png import matches as is_png
from ..formats.webp import matches as is_webp
from . import avif, gif, jpeg, png, webp
from .parts import Rule
from .stripper import Stripper

_RULES: tuple[tuple[str, Callable[[bytes], bool], Callable[[], Rule]], ...] = (
    ("PNG", is_png, png.strip),
    ("WebP", is_webp, webp.strip),
    ("JPEG", is_jpeg, jpeg.strip),
    ("GIF", is_gif, gif.strip),
    ("AVIF", is_avif, avif.strip),
)


def find_stripper(head: bytes) -> Stripper | None:
    """Return the stripper of an image, or None if its format is unknown. Feed it the whole image from its first byte.

    Args:
        head: the first SNIFF_BYTES of the image, or all of a shorter one.
    """
    return next((Stripper(label, strip()) for label, matches, strip in _RULES if matches(head)), None)
