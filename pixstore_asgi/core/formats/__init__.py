"""Image formats: their names, numbers and media types, and the check of an image's container while it arrives.

The readers in `containers.py` check the structure that a browser's decoder relies on, and do not decode the picture.
Magic bytes alone would accept HTML after a PNG signature. A reader buffers at most a few dozen bytes. Existing
libraries decode the whole picture, or check only the magic bytes.
"""

import re
from collections.abc import Iterator, Sequence

from ...errors import ConfigError, InvalidImage
from .containers import Reader, read_avif, read_gif, read_jpeg, read_png, read_webp, require, require_avif

FORMAT_BYTES = {"png": 1, "webp": 2, "jpg": 3, "jpeg": 4, "gif": 5, "avif": 6}
"""The first byte of the plaintext, by format name. It does not depend on the formats that an application accepts."""

MEDIA_TYPES = {
    "png": "image/png",
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "avif": "image/avif",
}
"""Media type, per format name."""

SNIFF_BYTES = 12
"""The number of first bytes that `sniff` needs."""

_NAMES = {byte: name for name, byte in FORMAT_BYTES.items()}
_CONTAINERS = {
    "PNG": (rb"\x89PNG\r\n\x1a\n", read_png),
    "WebP": (rb"RIFF....WEBP", read_webp),
    "JPEG": (rb"\xff\xd8\xff", read_jpeg),
    "GIF": (rb"GIF8", read_gif),
    "AVIF": (rb"....ftyp", read_avif),
}
_FREE_STEPS = 100_000
_BYTES_PER_STEP = 64  # GIF has the smallest parts: two steps for 256 bytes
_STEPS_AT_ONCE = 1_000  # takes about a millisecond
_TAIL_BYTES = 64 * 1024


def format_name(byte: int) -> str | None:
    """Return the name of the format with this format byte, or None if it is unknown."""
    return _NAMES.get(byte)


def check_formats(names: Sequence[str]) -> frozenset[str]:
    """Return the accepted formats. jpg and jpeg are the same format, so each one includes the other.

    Raises ConfigError for an unknown format.
    """
    if isinstance(names, str) or not names or not set(names) <= FORMAT_BYTES.keys():
        raise ConfigError(f"image_formats must be a list of one or more of {', '.join(FORMAT_BYTES)}")
    jpeg = {"jpg", "jpeg"}
    return frozenset(names) | (jpeg if jpeg & set(names) else set())


def agreed_format(found: str, marked: str | None) -> str:
    """Return the name of the format to store: `marked`, or `found` if `marked` is None.

    found: the format of the bytes. marked: the format named by another store. Raises InvalidImage if their media types
    differ.
    """
    if marked is None:
        return found
    if MEDIA_TYPES.get(marked) != MEDIA_TYPES[found]:
        raise InvalidImage(f"the image is marked as {marked}, but its bytes are {found}")
    return marked


class ImageReader:
    """Checks the container of one image while it arrives. `name` is the image's format, such as "jpeg"."""

    def __init__(self, label: str, reader: Reader) -> None:
        self.name = label.lower()
        self._label = label
        self._reader = reader
        self._wanted = next(reader)
        self._held = b""
        self._complete = False
        self._seen = 0
        self._steps = 0

    def feed(self, piece: bytes | memoryview) -> Iterator[None]:
        """Check the next bytes of the image. The caller must iterate over the whole result.

        The result yields None after each 1,000 parts, so that other tasks can run. Raises InvalidImage as soon as the
        bytes can't belong to an image of this format.
        """
        self._seen += len(piece)
        start, pause = 0, self._steps + _STEPS_AT_ONCE
        while not self._complete and start < len(piece):
            if self._steps >= pause:
                yield
                pause = self._steps + _STEPS_AT_ONCE
            if isinstance(self._wanted, bytes):
                self._look_for(self._wanted, piece, start)
                return
            if self._wanted < 0:
                start += self._skip(min(-self._wanted, len(piece) - start))
            else:
                start += self._take(self._wanted, piece[start : start + self._wanted - len(self._held)])

    def finish(self) -> None:
        """Call it after the last bytes. Raises InvalidImage if the image is incomplete."""
        if not self._complete:
            raise truncated(self._label)

    def _skip(self, length: int) -> int:
        assert isinstance(self._wanted, int)
        self._wanted += length
        if self._wanted == 0:
            self._advance(b"")
        return length

    def _take(self, wanted: int, part: bytes | memoryview) -> int:
        self._held += part
        if len(self._held) == wanted:
            held, self._held = self._held, b""
            self._advance(held)
        return len(part)

    def _look_for(self, marker: bytes, piece: bytes | memoryview, start: int) -> None:
        # If the whole image is one piece, its end marker is near the end of the piece. So search there first.
        tail = max(start, len(piece) - _TAIL_BYTES)
        is_found = marker in bytes(piece[tail:]) or marker in bytes(piece[start : tail + 1])
        if is_found or self._held + piece[start : start + 1] == marker:
            self._advance(b"")
        self._held = bytes(piece[-1:])

    def _advance(self, data: bytes) -> None:
        self._steps += 1
        require_few_steps(self._steps, self._seen)
        try:
            self._wanted = self._reader.send(data)
        except StopIteration:
            self._complete = True


def require_few_steps(steps: int, seen: int) -> None:
    """Raise InvalidImage if a container needed more steps for its first `seen` bytes than a real picture needs."""
    # A file of countless tiny parts is an attack on the processor, not a picture.
    require(steps < _FREE_STEPS + seen // _BYTES_PER_STEP, "too many tiny parts")


def truncated(label: str) -> InvalidImage:
    """Return the error for an image that ends too early."""
    return InvalidImage(f"the {label} image is truncated: it ends before its last part")


def label_of(head: bytes) -> str | None:
    """Return the label of an image's format, such as "WebP", or None if the format is unknown.

    head: the first SNIFF_BYTES of the image.
    """
    return next((label for label, (first, _) in _CONTAINERS.items() if re.match(first, head, re.DOTALL)), None)


def sniff(head: bytes, allowed: frozenset[str]) -> ImageReader:
    """Return the reader for an image. Feed it the whole image, from the first byte.

    Args:
        head: The first SNIFF_BYTES of the image, or the whole image if it is shorter.
        allowed: The names of the accepted formats.

    Raises:
        InvalidImage: `head` does not belong to an accepted format.
    """
    label = label_of(head)
    if label and label.lower() in allowed:
        return ImageReader(label, _CONTAINERS[label][1]())
    if label == "AVIF":
        require_avif({head[8:12]})
    listed = ", ".join(each for each in _CONTAINERS if each.lower() in allowed)
    if label:
        raise InvalidImage(f"{label} is not among the image formats accepted here: {listed}")
    if not head:
        raise InvalidImage("the image is empty")
    if head.startswith(b"--"):
        raise InvalidImage("this looks like a multipart form, not an image: take the file out of it first")
    raise InvalidImage(f"this is not an image of a format accepted here ({listed}), or only the beginning of one")
