"""ImageReader: checks the container of an image piece by piece."""

from collections.abc import Generator, Iterator

from ...errors import InvalidImage

_FREE_STEPS = 100_000
_BYTES_PER_STEP = 64  # GIF, the format with the smallest parts, takes two steps for 256 bytes

_STEPS_AT_ONCE = 1_000  # a millisecond

_TAIL_BYTES = 64 * 1024

Reader = Generator[int | bytes, bytes, None]
"""Reads one container. It yields its next request: n > 0 for exactly n bytes, n < 0 to skip -n bytes, or the two bytes
that end the image, at any distance. It returns when the image is complete, because bytes after an image are common and
harmless. It raises InvalidImage if the container is damaged."""


class ImageReader:
    """Checks one image's container while the image arrives. `name` is its format, such as "jpeg"."""

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
        """Check the next bytes while the caller iterates. It yields after each 1,000 parts, so that other tasks can
        run.

        Raises InvalidImage as soon as the bytes can't belong to an image of this format.
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
        """End the image. Raises InvalidImage if it is incomplete."""
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
        # The end of an image that comes as one piece is near the end of the piece, so search there first.
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


def require(condition: bool, part: str) -> None:
    """Unless `condition` holds, raise InvalidImage, which names the damaged part of the container."""
    if not condition:
        raise InvalidImage(f"the image is damaged, or is another file with the first bytes of an image: {part}")


def require_few_steps(steps: int, seen: int) -> None:
    """Raise InvalidImage if a container took more steps for its first `seen` bytes than a real picture needs."""
    # A file of countless tiny parts is an attack on the processor, not a picture.
    require(steps < _FREE_STEPS + seen // _BYTES_PER_STEP, "too many tiny parts")


def truncated(label: str) -> InvalidImage:
    """Return the error for an image without its end."""
    return InvalidImage(f"the {label} image is truncated: it ends before its last part")
