"""ImageReader: follows a container piece by piece, whatever its format."""

from collections.abc import Generator

from ...errors import InvalidImage

_FREE_STEPS = 100_000
_BYTES_PER_STEP = 64  # GIF, the most finely divided format, takes two steps for 256 bytes

Reader = Generator[int, bytes, None]
"""Reads one container. It asks for its input by what it yields: n > 0 for exactly n bytes, n < 0 to skip -n bytes, ANY
for all that is there. It returns once the image is complete (bytes behind an image are common and harmless) and raises
InvalidImage."""

ANY = 0


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

    def feed(self, piece: bytes | memoryview) -> None:
        """Look at the next bytes; raises InvalidImage as soon as they can't belong to an image of this format."""
        self._seen += len(piece)
        data = self._held + bytes(piece) if self._held else piece
        start = 0
        while not self._complete and start < len(data):
            used = len(data) - start if self._wanted == ANY else min(abs(self._wanted), len(data) - start)
            if self._wanted < 0:
                self._wanted += used
                if self._wanted == 0:
                    self._advance(b"")
            elif used < self._wanted:
                break
            else:
                self._advance(bytes(data[start : start + used]))
            start += used
        self._held = b"" if self._complete else bytes(data[start:])

    def finish(self) -> None:
        """End the image; raises InvalidImage where it is not complete."""
        if not self._complete:
            raise InvalidImage(f"the {self._label} image is truncated: it ends before its last part")

    def _advance(self, data: bytes) -> None:
        # A file made of countless tiny parts is no picture but an attempt to keep the processor busy.
        self._steps += 1
        require(self._steps < _FREE_STEPS + self._seen // _BYTES_PER_STEP, "too many tiny parts")
        try:
            self._wanted = self._reader.send(data)
        except StopIteration:
            self._complete = True


def require(condition: bool, what: str) -> None:
    """Raise InvalidImage, which says that this part of the container is damaged, unless `condition` holds."""
    if not condition:
        raise InvalidImage(f"the image is damaged, or something else behind an image's first bytes: {what}")
