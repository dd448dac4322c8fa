"""ImageReader: follows a container piece by piece, whatever its format."""

from collections.abc import Generator, Iterator

from ...errors import InvalidImage

_FREE_STEPS = 100_000
_BYTES_PER_STEP = 64  # GIF, the most finely divided format, takes two steps for 256 bytes

_STEPS_AT_ONCE = 1_000  # a millisecond

_TAIL_BYTES = 64 * 1024

Reader = Generator[int | bytes, bytes, None]
"""Reads one container. It asks for its input by what it yields: n > 0 for exactly n bytes, n < 0 to skip -n bytes, or a
marker of two bytes that the image ends with, wherever it is. It returns once the image is complete (bytes behind an
image are common and harmless) and raises InvalidImage."""


class ImageReader:
    """Follows one image's container while its bytes pass by. `name` is its format, e.g. "jpeg"."""

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
        """Look, while it is iterated, at the next bytes; yields now and then where these are many tiny parts.

        Raises InvalidImage as soon as they can't belong to an image of this format.
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
        """End the image; raises InvalidImage where it is not complete."""
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
        # Where an image comes as one piece its end is near that of the piece: nearly all of it is never looked at.
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


def require(condition: bool, what: str) -> None:
    """Raise InvalidImage, which says that this part of the container is damaged, unless `condition` holds."""
    if not condition:
        raise InvalidImage(f"the image is damaged, or something else behind an image's first bytes: {what}")


def require_few_steps(steps: int, seen: int) -> None:
    """Raise InvalidImage for a container of which more parts were looked at than are in a picture of `seen` bytes."""
    # A file made of countless tiny parts is no picture but an attempt to keep the processor busy.
    require(steps < _FREE_STEPS + seen // _BYTES_PER_STEP, "too many tiny parts")


def truncated(label: str) -> InvalidImage:
    """Return the error for an image of which the end is missing."""
    return InvalidImage(f"the {label} image is truncated: it ends before its last part")
