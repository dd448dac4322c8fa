"""Payload: the answer to one image request, ready to be sent."""

import warnings
from types import TracebackType
from typing import Protocol, Self

from ..core.wire import encode_state
from ..errors import WireState

RawHeaders = list[tuple[bytes, bytes]]
"""Headers as ASGI has them: pairs of lower-case name and value."""

PAYLOAD_HEADERS: RawHeaders = [
    (b"content-type", b"application/octet-stream"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    # Otherwise a compressing middleware of the application would waste time on ciphertext.
    (b"content-encoding", b"identity"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""The headers of every answer to an image request or batch. A batch has only these: its size is not known yet."""

BLOB_HEADERS: RawHeaders = [
    (b"content-type", b"application/octet-stream"),
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-encoding", b"identity"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"accept-ranges", b"bytes"),
]
"""The headers of every response with bare ciphertext. Caches may keep the response, because a version never changes."""

_STATE_HEADERS = [(b"x-pixstore-state", state.label.encode()) for state in sorted(WireState)]
_MISSING_ID = WireState.MISSING_ID  # a module's global is read faster than an enum's member


def payload_headers(state: WireState, size: int) -> RawHeaders:
    """Return the headers of a wire payload of `size` bytes."""
    return [*PAYLOAD_HEADERS, (b"content-length", str(size).encode()), _STATE_HEADERS[state]]


class Pieces(Protocol):
    """The bytes of a payload in pieces: an ImageStream, or a part of one."""

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None: ...


class Payload:
    """One wire payload: its state, its exact size in bytes, and an async iterator of its bytes.

    It may hold an open stream of the store. The stream closes after the last piece, on `aclose()`, at the end of `async
    with`, and on an error or cancellation during iteration. A payload that is dropped with an open stream gives a
    ResourceWarning.

    Frameworks that accept async iterators can send it directly: `Response(payload, payload.status, payload.headers)` in
    Quart. For Starlette, FastAPI and Litestar use PayloadResponse. It also disconnects a client that stops reading.

    Attributes:
        state: The WireState.
        size: The number of bytes.
        in_memory: Whether all bytes are in memory. Sending then uses no connection of the store.
    """

    __slots__ = ("_head", "_held", "in_memory", "size", "state")

    def __init__(
        self,
        state: WireState,
        *,
        head: bytes | None = None,
        size: int = 1,
        stream: Pieces | None = None,
        in_memory: bool = True,
    ) -> None:
        self.state = state
        self.size = size
        self.in_memory = in_memory
        self._head = encode_state(state) if head is None else head
        self._held = None if stream is None else _Held(stream, repr(self))

    @property
    def whole(self) -> bytes | None:
        """All bytes of the payload, or None if it has a stream. Read this property before any iteration.

        If it is not None, the caller has nothing to read or close.
        """
        return self._head if self._held is None else None

    @property
    def status(self) -> int:
        """The HTTP status: 200, or 400 if the request had no image id."""
        return 400 if self.state is _MISSING_ID else 200

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers, by lower-case name; content-length is `size`."""
        return {name.decode(): value.decode() for name, value in payload_headers(self.state, self.size)}

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece: the head with the first chunk of ciphertext, then chunk by chunk.

        Raises:
            StoreError: The store has lost part of the image.
        """
        head, self._head = self._head, b""
        if self._held is None or self._held.stream is None:
            if head:
                return head
            raise StopAsyncIteration
        try:
            return head + await anext(self._held.stream)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Close the stream of the store. After that, no more bytes can be read. Repeated calls do nothing."""
        self._head = b""
        if self._held is not None and (stream := self._held.stream) is not None:
            self._held.stream = None
            await stream.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Payload({self.state.label}, size={self.size})"


class _Held:
    """Holds the stream of a payload, and warns if the stream is dropped without being closed.

    It is a class of its own so that a payload without a stream needs no finalizer.
    """

    __slots__ = ("_payload", "stream")

    def __init__(self, stream: Pieces, payload: str) -> None:
        self.stream: Pieces | None = stream
        self._payload = payload

    def __del__(self) -> None:
        if self.stream is not None:
            warnings.warn(f"{self._payload} was neither read to its end nor closed", ResourceWarning, stacklevel=2)
