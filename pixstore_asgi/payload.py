"""Payload: the answer to one image request, decided but not yet delivered."""

import warnings
from types import TracebackType
from typing import Self

from ._http import payload_headers, payload_status
from .cipher import unwrap_key
from .errors import WireState
from .keyring import KeyRing
from .records import StoredImage
from .store.base import ImageStore, ImageStream
from .wire import UPDATED_HEAD_BYTES, encode_state, encode_updated_head


class Payload:
    """One wire payload: its state, its exact size in bytes, and an async iterator of its bytes.

    It may hold a stream of the store: it closes when iterated to its end, on `aclose()`, on leaving `async with`, and
    on any error or cancellation while it is iterated; it warns (ResourceWarning) when none of that happened.

    A framework that streams async iterators sends it as it is: `Response(payload, payload.status, payload.headers)` in
    Quart. Starlette, FastAPI and Litestar have PayloadResponse, which also cuts off a client that takes nothing.
    """

    __slots__ = ("_head", "_stream", "size", "state")

    def __init__(
        self, state: WireState, *, head: bytes | None = None, size: int = 1, stream: ImageStream | None = None
    ) -> None:
        self.state = state
        self.size = size
        self._head = encode_state(state) if head is None else head
        self._stream = stream

    @property
    def status(self) -> int:
        """The HTTP status: 200, or 400 where the request had no image id."""
        return payload_status(self.state)

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers, by lower-case name; content-length is `size`."""
        return {name.decode(): value.decode() for name, value in payload_headers(self.state, self.size)}

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece: the head together with the first chunk of ciphertext, then chunk by chunk.

        Raises StoreError where the store has lost part of the image.
        """
        head, self._head = self._head, b""
        if self._stream is None:
            if head:
                return head
            raise StopAsyncIteration
        try:
            return head + await anext(self._stream)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Give the store's stream back; nothing more can be read. Harmless when repeated."""
        stream, self._stream, self._head = self._stream, None, b""
        if stream is not None:
            await stream.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Payload({self.state.label}, size={self.size})"

    def __del__(self) -> None:
        if getattr(self, "_stream", None) is not None:
            warnings.warn(f"{self!r} was neither read to its end nor closed", ResourceWarning, stacklevel=2)


async def load(store: ImageStore, ring: KeyRing, image_id: str, token: int | None, *, body: bool) -> Payload:
    """Return the payload of an image for a client that holds its version `token`.

    body=False leaves out head and ciphertext; size and state are the same. A key is unwrapped for a sent Updated only.
    """
    if not body:
        image = await store.get(image_id)
        return Payload(WireState.NOT_FOUND, head=b"") if image is None else _outline(image, token)
    stream = await store.open_stream(image_id)
    if stream is None:
        return Payload(WireState.NOT_FOUND)
    outline = _outline(stream.image, token)
    if outline.state is WireState.SUCCESS:
        return Payload(outline.state, size=outline.size, stream=stream)
    try:
        head = _updated_head(ring, stream.image)
    except BaseException:
        await stream.aclose()
        raise
    return Payload(outline.state, head=head, size=outline.size, stream=stream)


def _outline(image: StoredImage, token: int | None) -> Payload:
    if token == image.token:
        return Payload(WireState.SUCCESS, head=b"", size=1 + image.meta.size)
    return Payload(WireState.UPDATED, head=b"", size=UPDATED_HEAD_BYTES + image.meta.size)


def _updated_head(ring: KeyRing, image: StoredImage) -> bytes:
    key = unwrap_key(ring, image.id, image.meta)
    return encode_updated_head(image.token, key, image.meta.iv, image.meta.tag)
