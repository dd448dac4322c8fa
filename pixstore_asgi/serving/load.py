"""From an image in memory or in the store to its payload."""

from typing import NamedTuple

from ..core.cipher import unwrap_key
from ..core.images import StoredImage
from ..core.keyring import KeyRing
from ..core.request import ImageRequest
from ..core.wire import UPDATED_HEAD_BYTES, encode_state, encode_updated_head
from ..errors import ProofError, WireState
from ..store.contract import WHOLE_BYTES, ImageStream
from .cache import CachedImage, ImageCache
from .payload import Payload
from .rings import Rings, with_ring

_HEAD_BYTES = {WireState.SUCCESS: 1, WireState.UPDATED: UPDATED_HEAD_BYTES}


async def load_payload(images: ImageCache, rings: Rings, request: ImageRequest, epoch: int | None) -> Payload:
    """Return the payload of the image that is asked for, for a client that holds the version of its token.

    epoch: of the request's proof, None where none was checked. A key is unwrapped for Updated only. Raises ProofError
    where the proof's epoch is over, StoreError, or IntegrityError where the row was changed.
    """
    if found := images.at_hand(request.image_id):
        return await _from_whole(rings, *found, request, epoch)
    opened = await images.open(request.image_id)
    if opened is None:
        return Payload(WireState.NOT_FOUND)
    if isinstance(opened, CachedImage):
        return await _from_memory(rings, opened, request, epoch)
    return await _from_store(rings, opened, request, epoch)


class WholePayload(NamedTuple):
    """A payload that is one piece in memory."""

    state: WireState
    body: bytes


def payload_at_hand(images: ImageCache, ring: KeyRing, request: ImageRequest, epoch: int | None) -> WholePayload | None:
    """Return what `load_payload` does where the image is at hand as one piece; None where only that can tell.

    Raises what it raises.
    """
    found = images.at_hand(request.image_id)
    return _whole(ring, *found, request, epoch) if found else None


async def load_outline(images: ImageCache, request: ImageRequest, epoch: int | None) -> Payload:
    """Return the payload without its bytes, as a HEAD request wants it; state and size are the same."""
    image = await images.get(request.image_id)
    return _payload(image, _state(image, request, epoch), b"") if image else Payload(WireState.NOT_FOUND, head=b"")


async def _from_whole(
    rings: Rings, image: StoredImage, body: bytes, request: ImageRequest, epoch: int | None
) -> Payload:
    state, whole = await with_ring(rings, lambda ring: _whole(ring, image, body, request, epoch))
    return _payload(image, state, whole)


def _whole(ring: KeyRing, image: StoredImage, body: bytes, request: ImageRequest, epoch: int | None) -> WholePayload:
    """Return the payload of an image whose Success payload is `body`."""
    state = _state(image, request, epoch)
    return WholePayload(state, _updated_head(ring, image) + body[1:] if state is WireState.UPDATED else body)


async def _from_memory(rings: Rings, cached: CachedImage, request: ImageRequest, epoch: int | None) -> Payload:
    image = cached.image
    if cached.pieces and len(cached.pieces) == 1:
        return await _from_whole(rings, image, cached.pieces[0], request, epoch)
    state = _state(image, request, epoch)
    if state is WireState.UPDATED:
        stream = cached.read(with_state=False)  # now: what is read stays counted, whatever comes meanwhile
        return _payload(image, state, await _found_head(rings, image), stream)
    return _payload(image, state, b"", cached.read(with_state=True))


async def _from_store(rings: Rings, stream: ImageStream, request: ImageRequest, epoch: int | None) -> Payload:
    image = stream.image
    try:
        state = _state(image, request, epoch)
        is_whole = image.meta.size <= WHOLE_BYTES
        chunks = [chunk async for chunk in stream] if is_whole else []
        head = await _found_head(rings, image) if state is WireState.UPDATED else encode_state(state)
        if is_whole:
            # A copy costs less than sending it piece by piece, within a time limit and with an eye on the client.
            return _payload(image, state, type(head)(b"".join([head, *chunks])))  # hidden if the head is
        return _payload(image, state, head, stream, in_memory=False)
    except BaseException:
        await stream.aclose()
        raise


def _state(image: StoredImage, request: ImageRequest, epoch: int | None) -> WireState:
    if epoch not in (None, image.epoch):
        raise ProofError("epoch", f"it is of epoch {epoch}, and the image of {image.epoch}")
    return WireState.SUCCESS if request.token == image.token else WireState.UPDATED


def _payload(
    image: StoredImage, state: WireState, head: bytes, stream: ImageStream | None = None, *, in_memory: bool = True
) -> Payload:
    return Payload(state, head=head, size=_HEAD_BYTES[state] + image.meta.size, stream=stream, in_memory=in_memory)


async def _found_head(rings: Rings, image: StoredImage) -> bytes:
    return await with_ring(rings, lambda ring: _updated_head(ring, image))


def _updated_head(ring: KeyRing, image: StoredImage) -> bytes:
    meta = image.meta
    return encode_updated_head(image.token, unwrap_key(ring, image.id, meta), meta.iv, meta.tag)
