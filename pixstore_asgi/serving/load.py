"""From an image in memory or in the store to its payload."""

from ..core.cipher import unwrap_key
from ..core.images import StoredImage
from ..core.keyring import KeyRing
from ..core.wire import UPDATED_HEAD_BYTES, encode_state, encode_updated_head
from ..errors import WireState
from ..store.contract import ImageStream
from .cache import CachedImage, ImageCache
from .payload import Payload

_HEAD_BYTES = {WireState.SUCCESS: 1, WireState.UPDATED: UPDATED_HEAD_BYTES}


async def load_payload(images: ImageCache, ring: KeyRing, image_id: str, token: int | None) -> Payload:
    """Return the payload of an image for a client that holds its version `token`.

    A key is unwrapped for Updated only. Raises StoreError, or IntegrityError where the row was changed.
    """
    opened = await images.open(image_id)
    if opened is None:
        return Payload(WireState.NOT_FOUND)
    if isinstance(opened, CachedImage):
        return _from_memory(ring, opened, token)
    return await _from_store(ring, opened, token)


async def load_outline(images: ImageCache, image_id: str, token: int | None) -> Payload:
    """Return the payload without its bytes, as a HEAD request wants it; state and size are the same."""
    image = await images.get(image_id)
    return _payload(image, _state(image, token), b"") if image else Payload(WireState.NOT_FOUND, head=b"")


def _from_memory(ring: KeyRing, cached: CachedImage, token: int | None) -> Payload:
    image, state = cached.image, _state(cached.image, token)
    if state is WireState.UPDATED:
        return _payload(image, state, _updated_head(ring, image), cached.read(with_state=False))
    if cached.pieces and len(cached.pieces) == 1:
        return _payload(image, state, cached.pieces[0])
    return _payload(image, state, b"", cached.read(with_state=True))


async def _from_store(ring: KeyRing, stream: ImageStream, token: int | None) -> Payload:
    image, state = stream.image, _state(stream.image, token)
    try:
        head = _updated_head(ring, image) if state is WireState.UPDATED else encode_state(state)
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


def _updated_head(ring: KeyRing, image: StoredImage) -> bytes:
    key = unwrap_key(ring, image.id, image.meta)
    return encode_updated_head(image.token, key, image.meta.iv, image.meta.tag)
