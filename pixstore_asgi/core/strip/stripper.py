"""Stripper: takes the metadata out of one image while its bytes pass by, whatever its format."""

from ..formats.reader import require_few_steps, truncated
from .parts import Kept, Rule


class Stripper:
    """Takes the metadata out of one image. `name` is its format, e.g. "jpeg".

    It holds back what its rule has to see as a whole, at most 1 MiB: a segment of a JPEG (64 KiB), the Exif block of a
    PNG or WebP up to its first MiB, the `meta` or `moov` box of an AVIF.
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
        """Take the next bytes and return what stays, as far as that is known by now.

        Raises InvalidImage as soon as they can't belong to an image of this format.
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
        """End the image; raises InvalidImage where it is not complete."""
        if not self._is_complete:
            raise truncated(self._label)

    def _advance(self) -> None:
        self._steps += 1
        require_few_steps(self._steps, self._seen)
        try:
            self._part = self._rule.send(self._part.answer)
        except StopIteration:
            self._is_complete = True
