"""Admission: which images are requested often enough to be kept in the cache."""

_LEAST_BYTES = 4096  # the least that one request counts, so that the remembered ids stay small beside the cache


class Admission:
    """Remembers the images that were requested while the last bodies were read, between half of `max_bytes` and all of
    it.

    An image that is requested again within this time would still be in a cache of that size. Most others would have
    been evicted before their next request, so they are not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._read_bytes = 0
        # Two generations, each of half the bytes: cheaper per request than keeping all ids in order.
        self._current: set[str] = set()
        self._previous: set[str] = set()

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._current or image_id in self._previous

    def add_request(self, image_id: str) -> None:
        """Remember a request for an image."""
        self._current.add(image_id)
        self.add_read(_LEAST_BYTES)  # unknown ids, and images too large for the cache, count too

    def add_read(self, size: int) -> None:
        """Count a body of `size` bytes that was read from the store."""
        self._read_bytes += size
        if self._read_bytes * 2 > self._max_bytes:
            self._previous, self._current, self._read_bytes = self._current, set(), 0

    def clear(self) -> None:
        """Forget all requests."""
        self._current, self._previous, self._read_bytes = set(), set(), 0
