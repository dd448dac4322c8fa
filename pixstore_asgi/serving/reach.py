"""Reach: which images were asked for so lately that keeping them in memory would have paid."""

_LEAST_BYTES = 4096  # what a request counts at least, so that the memory of ids is small beside what they are about


class Reach:
    """Remembers which images were asked for while the last bodies were read, of half to all of `max_bytes`.

    A cache of as many bytes would still hold an image that is asked for again within reach, and would have lost most
    others: keeping those in memory pays for nobody.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._read_bytes = 0
        # Two generations, each of half of the bytes: a set costs a request less than an order of all ids.
        self._lately: set[str] = set()
        self._before: set[str] = set()

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._lately or image_id in self._before

    def ask(self, image_id: str) -> None:
        """Remember that an image is asked for."""
        self._lately.add(image_id)
        self.read(_LEAST_BYTES)  # ids that are unknown, or whose bodies are too large to be kept, count too

    def read(self, size: int) -> None:
        """Count a body of `size` bytes that was read."""
        self._read_bytes += size
        if self._read_bytes * 2 > self._max_bytes:
            self._before, self._lately, self._read_bytes = self._lately, set(), 0

    def clear(self) -> None:
        """Forget all of them."""
        self._lately, self._before, self._read_bytes = set(), set(), 0
