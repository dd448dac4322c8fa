"""From an image in memory or in the store to its payload."""

from ..core.cipher import unwrap_key
from ..core.images import StoredImage
from ..core.wire import UPDATED_HEAD_BYTES, encode_state, encode_updated_head
from ..errors import WireState
from ..store.contract import ImageStream
from .cache import CachedImage, ImageCache
from .payload import Payload
from .rings import Rings, with_ring

_HEAD_BYTES = {WireState.SUCCESS: 1, WireState.UPDATED: UPDATED_HEAD_BYTES}


async def load_payload(images: ImageCache, rings: Rings, image_id: str, token: int | None) -> Payload:
    """Return the payload of an image for a client that holds its version `token`.

    A key is unwrapped for Updated only. Raises StoreError, or IntegrityError where the row was changed.
    """
    opened = await images.open(image_id)
    if opened is None:
        return Payload(WireState.NOT_FOUND)
    if isinstance(opened, CachedImage):
        return await _from_memory(rings, opened, token)
    return await _from_store(rings, opened, token)


async def load_outline(images: ImageCache, image_id: str, token: int | None) -> Payload:
    """Return the payload without its bytes, as a HEAD request wants it; state and size are the same."""
    image = await images.get(image_id)
    return _payload(image, _state(image, token), b"") if image else Payload(WireState.NOT_FOUND, head=b"")


async def _from_memory(rings: Rings, cached: CachedImage, token: int | None) -> Payload:
    image, state = cached.image, _state(cached.image, token)
    if state is WireState.UPDATED:
        head = await _updated_head(rings, image)
        return _payload(image, state, head, cached.read(with_state=False))
    if cached.pieces and len(cached.pieces) == 1:
        return _payload(image, state, cached.pieces[0])
    return _payload(image, state, b"", cached.read(with_state=True))


async def _from_store(rings: Rings, stream: ImageStream, token: int | None) -> Payload:
    image, state = stream.image, _state(stream.image, token)
    try:
        head = await _updated_head(rings, image) if state is WireState.UPDATED else encode_state(state)
    except BaseException:
        await stream.aclose()
        raise
    return _payload(image, state, head, stream, in_memory=False)


def _state(image: StoredImage, token: int | None) -> WireState:
    return WireState.SUCCESS if token == image.token else WireState.UPDATED


def _payload(
    image: StoredImage, state: WireState, head: bytes, stream: ImageStream | None = None, *, in_memory: bool = True
) -> Payload:
    return Payload(state, head=head, size=_HEAD_BYTES[state] + image.meta.size, stream=stream, in_memory=in_memory)


async def _updated_head(rings: Rings, image: StoredImage) -> bytes:
    key = await with_ring(rings, lambda ring: unwrap_key(ring, image.id, image.meta))
    return encode_updated_head(image.token, key, image.meta.iv, image.meta.tag)
