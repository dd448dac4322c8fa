"""Stripper: removes the metadata of one image while it arrives."""

from ..formats.reader import require_few_steps, truncated
from .parts import Kept, Rule


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
        """Take the next bytes and return the kept ones that are known so far.

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
