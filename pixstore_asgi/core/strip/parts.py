"""The parts that a format's rule divides an image into: kept, dropped, blanked, or read by the rule."""

from collections.abc import Generator

Kept = list[bytes | memoryview]


class Part:
    """The next `length` bytes of an image. `serve` takes them as they arrive and appends the kept ones."""

    def __init__(self, length: int) -> None:
        self.left = length

    @property
    def answer(self) -> bytes:
        """The value that the rule receives when the part is complete."""
        return b""

    def serve(self, view: memoryview, kept: Kept) -> memoryview:
        """Consume the bytes of `view` that belong to this part, append the kept ones to `kept`, return the rest."""
        own = view[: self.left]
        self.left -= len(own)
        self._use(own, kept)
        return view[len(own) :]

    def _use(self, own: memoryview, kept: Kept) -> None:
        """Handle bytes of this part. By default they are dropped."""


Rule = Generator[Part, bytes, None]
"""Strips one container. It yields part after part, is sent the answer of each, and returns at the end of the image;
bytes after that are dropped. It raises InvalidImage if the container is damaged."""


class Drop(Part):
    """Removes bytes."""


class Keep(Part):
    """Keeps bytes."""

    def _use(self, own: memoryview, kept: Kept) -> None:
        kept.append(own)


class Blank(Part):
    """Replaces bytes by as many zeros."""

    def _use(self, own: memoryview, kept: Kept) -> None:
        kept.append(bytes(len(own)))


class Take(Part):
    """Removes bytes and gives them to the rule, which can put them back."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self._held = bytearray()

    @property
    def answer(self) -> bytes:
        return bytes(self._held)

    def _use(self, own: memoryview, kept: Kept) -> None:
        self._held += own


class Read(Take):
    """Keeps bytes and gives them to the rule."""

    def _use(self, own: memoryview, kept: Kept) -> None:
        self._held += own
        kept.append(own)


class Put(Part):
    """Inserts bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data = data

    def _use(self, own: memoryview, kept: Kept) -> None:
        kept.append(self._data)
