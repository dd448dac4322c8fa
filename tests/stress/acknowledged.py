"""The acknowledged state of each image, in memory that processes share: no later answer may be older."""

import mmap
import os
from pathlib import Path

from pixstore_asgi.core.images import StoredImage

_STATE, _EPOCH = 0, 1


class Acknowledged:
    """The least that may be answered for each image, by its number.

    State: twice the token of the last version that was acknowledged, and one more once that is deleted. Two processes
    that note at once may leave the lesser of both, never too much.
    """

    def __init__(self, path: Path, images: int) -> None:
        size = images * 16
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.posix_fallocate(number, 0, size)
        self._values = memoryview(mmap.mmap(number, size)).cast("Q")
        os.close(number)

    def state(self, number: int) -> int:
        """Return an image's state."""
        return self._values[2 * number + _STATE]

    def epoch(self, number: int) -> int:
        """Return an image's epoch."""
        return self._values[2 * number + _EPOCH]

    def note_state(self, number: int, state: int) -> None:
        """Note that nothing before a state may be answered any more."""
        self._note(2 * number + _STATE, state)

    def note_image(self, number: int, image: StoredImage) -> None:
        """Note that nothing before an image that was read, or written, may be answered any more."""
        self._note(2 * number + _STATE, 2 * image.token)
        self._note(2 * number + _EPOCH, image.epoch)

    def _note(self, slot: int, value: int) -> None:
        self._values[slot] = max(value, self._values[slot])
