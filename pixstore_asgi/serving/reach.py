"""Reach: which images were asked for so lately that keeping them in memory would have paid."""

from collections import OrderedDict

_LEAST_BYTES = 4096  # what one image counts at least, so that the memory of them is small beside what it is about


class Reach:
    """Remembers which images were asked for while the last `max_bytes` of bodies were read.

    A cache of as many bytes would still hold an image that is asked for again within reach, and would have lost any
    other: keeping that one in memory pays for nobody.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._read_bytes = 0
        # From the least to the most lately asked for, each with what was read by then.
        self._asked: OrderedDict[str, int] = OrderedDict()

    def ask(self, image_id: str) -> bool:
        """Tell whether an image was asked for within reach, and remember that it is asked for now."""
        last = self._asked.pop(image_id, None)
        while len(self._asked) * _LEAST_BYTES > self._max_bytes:  # ids that are unknown, or too large to be kept
            self._asked.popitem(last=False)
        self._asked[image_id] = self._read_bytes
        return last is not None and self._read_bytes - last <= self._max_bytes

    def read(self, size: int) -> None:
        """Count a body of `size` bytes that was read; what is out of reach by it is forgotten."""
        self._read_bytes += max(size, _LEAST_BYTES)
        while self._asked and self._read_bytes - self._asked[oldest := next(iter(self._asked))] > self._max_bytes:
            del self._asked[oldest]

    def clear(self) -> None:
        """Forget all of them."""
        self._asked.clear()
