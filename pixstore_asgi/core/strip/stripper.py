"""Stripper: removes the metadata of one image while it arrives."""

from collections.abc import Callable

from ..formats.reader import require_few_steps, truncated
from ..formats.sniff import label_of
from . import avif, gif, jpeg, png, webp
from .parts import Kept, Rule

_RULES: dict[str, Callable[[], Rule]] = {
    "PNG": png.strip,
    "WebP": webp.strip,
    "JPEG": jpeg.strip,
    "GIF": gif.strip,
    "AVIF": avif.strip,
}


class Stripper:
    """Removes the metadata of one image. `name` is its format, such as "jpeg".

    It buffers at most 1 MiB, if a rule needs a part as a whole: a segment of a JPEG (64 KiB), the first MiB of the Exif
    block of a PNG, the `meta` or `moov` box of an AVIF.
    """

    def __init__(self, label: str, rule: Rule) -> None:
        self.name = label.lower()
        self._label = label
        self._rule = rule
        self._part = next(rule)
        self._is_complete = False
        self._seen = 0
        self._steps = 0

    def feed(self, piece: bytes | memoryview) -> bytes:
        """Take the next bytes. Return the kept bytes that are known so far.

        Raises InvalidImage as soon as the bytes can't belong to an image of this format.
        """
        self._seen += len(piece)
        view = memoryview(piece)
        kept: Kept = []
        while not self._is_complete:
            view = self._part.serve(view, kept)
            if self._part.left:
                break
            self._advance()
        return b"".join(kept)

    def finish(self) -> None:
        """End the image. Raises InvalidImage if it is incomplete."""
        if not self._is_complete:
            raise truncated(self._label)

    def _advance(self) -> None:
        self._steps += 1
        require_few_steps(self._steps, self._seen)
        try:
            self._part = self._rule.send(self._part.answer)
        except StopIteration:
            self._is_complete = True


def find_stripper(head: bytes) -> Stripper | None:
    """Return the stripper of an image, or None if its format is unknown. Feed it the whole image from its first byte.

    Args:
        head: The first SNIFF_BYTES of the image, or all of a shorter one.
    """
    label = label_of(head)
    return Stripper(label, _RULES[label]()) if label else None
