"""Removes metadata from an image file while the file arrives.

Each format has a rule. A rule does not decode the picture, so pixels, colours and frames stay the same bit by bit. It
keeps only the parts on its list, and removes each unknown chunk, segment, box or item. Existing libraries need the
whole file (exiftool, exiv2), or decode and encode the picture again.
"""

import re
from collections.abc import Callable

from ..formats import label_of, require_few_steps, truncated
from . import avif, gif, jpeg, png, webp
from .parts import BLANK, KEEP, READ, SCAN, TAKE, Rule

_RULES: dict[str, Callable[[], Rule]] = {
    "PNG": png.strip,
    "WebP": webp.strip,
    "JPEG": jpeg.strip,
    "GIF": gif.strip,
    "AVIF": avif.strip,
}

# In a scan, FF is data if 00 or a restart marker follows (T.81, B.1.1.5), and a fill byte before another FF.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class Stripper:
    """Removes the metadata of one image. `name` is the image's format, such as "jpeg".

    A rule may need a part as a whole. Then at most 1 MiB is buffered. Such parts are:

    - a segment of a JPEG, at most 64 KiB
    - the first MiB of the Exif block of a PNG
    - the `meta` or `moov` box of an AVIF
    """

    def __init__(self, label: str, rule: Rule) -> None:
        self.name = label.lower()
        self._label = label
        self._rule = rule
        first = next(rule)
        assert isinstance(first, tuple)
        self._use, self._left = first
        self._held = bytearray()
        self._is_complete = False
        self._seen = 0
        self._steps = 0

    def feed(self, piece: bytes | memoryview) -> bytes:
        """Take the next bytes of the image. Return the bytes of the stripped image that are known now.

        Raises InvalidImage as soon as the bytes can't belong to an image of this format.
        """
        self._seen += len(piece)
        view = memoryview(piece)
        kept: list[bytes | memoryview] = []
        while not self._is_complete:
            if self._left:
                view = self._scan(view, kept) if self._use is SCAN else self._serve(view, kept)
                if self._left:
                    break
            self._advance(kept)
        return b"".join(kept)

    def finish(self) -> None:
        """Call it after the last bytes. Raises InvalidImage if the image is incomplete."""
        if not self._is_complete:
            raise truncated(self._label)

    def _serve(self, view: memoryview, kept: list[bytes | memoryview]) -> memoryview:
        """Handle the bytes of `view` that belong to the current part. Return the bytes after this part."""
        own = view[: self._left]
        self._left -= len(own)
        if self._use in (TAKE, READ):
            self._held += own
        if self._use in (KEEP, READ):
            kept.append(own)
        elif self._use is BLANK:
            kept.append(bytes(len(own)))
        return view[len(own) :]

    def _scan(self, view: memoryview, kept: list[bytes | memoryview]) -> memoryview:
        if not view:
            return view
        if self._held:  # the last piece ended with FF, whose meaning depends on the next byte
            self._held.clear()
            if _MARKER.match(b"\xff" + view[:1]):
                return self._found(bytes(view[:1]), view[1:])
            kept.append(b"\xff")
        if found := _MARKER.search(view):
            kept.append(view[: found.start()])
            return self._found(found[0][1:], view[found.end() :])
        if view[-1] == 0xFF:
            self._held += b"\xff"
        kept.append(view[: len(view) - len(self._held)])
        return view[len(view) :]

    def _found(self, marker: bytes, rest: memoryview) -> memoryview:
        self._held += marker
        self._left = 0
        return rest

    def _advance(self, kept: list[bytes | memoryview]) -> None:
        """Send the rule the held bytes of the last part, and begin the part that the rule yields next."""
        self._steps += 1
        require_few_steps(self._steps, self._seen)
        answer = bytes(self._held)
        self._held.clear()
        try:
            part = self._rule.send(answer)
        except StopIteration:
            self._is_complete = True
            return
        if isinstance(part, bytes):
            kept.append(part)
        else:
            self._use, self._left = part


def find_stripper(head: bytes) -> Stripper | None:
    """Return the stripper for an image, or None for an unknown format. Feed it the whole image, from the first byte.

    Args:
        head: The first SNIFF_BYTES of the image, or the whole image if it is shorter.
    """
    label = label_of(head)
    return Stripper(label, _RULES[label]()) if label else None
