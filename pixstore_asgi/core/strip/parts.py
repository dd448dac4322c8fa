"""Parts of an image, and what becomes of them: kept, dropped, blanked, or looked at by the rule of its format."""

from collections.abc import Generator

Kept = list[bytes | memoryview]


class Part:
    """The next `length` bytes of an image. Served with what arrives, it says what of that is kept."""

    def __init__(self, length: int) -> None:
        self.left = length

    @property
    def answer(self) -> bytes:
        """What the rule learns of the part, once nothing of it is left to come."""
        return b""

    def serve(self, view: memoryview, kept: Kept) -> memoryview:
        """Use up as much of `view` as belongs to this part, add what stays to `kept`, and return the rest."""
        own = view[: self.left]
        self.left -= len(own)
        self._use(own, kept)
        return view[len(own) :]

    def _use(self, own: memoryview, kept: Kept) -> None:
        """Do with these bytes what this kind of part is for."""


Rule = Generator[Part, bytes, None]
"""What stays of one container. It yields part after part, is sent the answer of each, and returns at the image's end,
behind which everything is dropped. It raises InvalidImage where the container is damaged."""


class Drop(Part):
    """Bytes that go."""


class Keep(Part):
    """Bytes that stay."""

    def _use(self, own: memoryview, kept: Kept) -> None:
        kept.append(own)


class Blank(Part):
    """Bytes in whose place as many zeros stand."""

    def _use(self, own: memoryview, kept: Kept) -> None:
        kept.append(bytes(len(own)))


class Take(Part):
    """Bytes that the rule looks at, and that go unless it puts them back."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self._held = bytearray()

    @property
    def answer(self) -> bytes:
        """These bytes."""
        return bytes(self._held)

    def _use(self, own: memoryview, kept: Kept) -> None:
        self._held += own


class Read(Take):
    """Bytes that the rule looks at, and that stay."""

    def _use(self, own: memoryview, kept: Kept) -> None:
        self._held += own
        kept.append(own)


class Put(Part):
    """Bytes that stand in the image from now on: none of it, but between its parts."""

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data = data

    def _use(self, own: memoryview, kept: Kept) -> None:
        kept.append(self._data)
