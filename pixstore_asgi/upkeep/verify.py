"""Verifies a store: reads every image and checks its tag, and finds bodies that no image needs."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from ..core.cipher import TagCheck, unwrap_key
from ..core.keyring import KeyRing
from ..errors import IntegrityError, StoreBusy, StoreError
from ..store.contract import ImageStore
from ..store.files import BodyFolder
from ..store.files.streams import FileStream
from ..store.inspection import Fault, Inspectable, pages_of_ids
from ..store.objects import Bodies, versions_among

_READINGS = 2  # if an image was replaced while it was read, the second reading reads its new version


class Reading(NamedTuple):
    """One image that was read: its fault, or None if it is intact, and the number of bytes that were read."""

    image_id: str
    fault: Fault | None
    bytes: int


async def verify_images(store: ImageStore, ring: KeyRing) -> AsyncIterator[Reading]:
    """Read each image and variant of an open store.

    Checks the length, wrapped key and tag of each. The tag covers every byte of the ciphertext. Unwrapping the key also
    checks the id and the meta in the row. An image that is deleted meanwhile has no fault.

    Args:
        store: The open store.
        ring: Its key ring.

    Raises:
        StoreBusy: The store does not answer.
        StoreError: The images can't be listed.
    """
    async for page in pages_of_ids(store):
        for image_id in page:
            yield await _reading_of(store, ring, image_id)


async def verify_rest(store: ImageStore) -> AsyncIterator[Fault]:
    """Yield other faults of an open store: damaged pages, lost or stray bodies, unknown objects in its object store.

    Yields nothing for a store that can't be inspected. Raises StoreBusy if the store does not answer.
    """
    if not isinstance(store, Inspectable):
        return
    async for fault in store.faults():
        yield fault
    if store.bodies:
        async for fault in _stray_objects(store, store.bodies):
            yield fault


async def _reading_of(store: ImageStore, ring: KeyRing, image_id: str) -> Reading:
    reason = ""
    for _ in range(_READINGS):
        try:
            size = await _read(store, ring, image_id)
        except StoreBusy:
            raise
        except (IntegrityError, StoreError) as error:
            reason = str(error)
        else:
            return Reading(image_id, None, size)
    return Reading(image_id, Fault(f"image {image_id}", reason), 0)


async def _read(store: ImageStore, ring: KeyRing, image_id: str) -> int:
    stream = await store.open_stream(image_id)
    if stream is None:
        return 0
    try:
        meta = stream.image.meta
        check = TagCheck(key=unwrap_key(ring, image_id, meta), iv=meta.iv, tag=meta.tag)
        async for chunk in stream:
            check.update(chunk)
        check.finish()
    except IntegrityError as error:
        if isinstance(stream, FileStream):
            raise IntegrityError(f"{error}; its file is {stream.path}", error.reason) from error
        raise
    else:
        return meta.size
    finally:
        await stream.aclose()


async def _stray_objects(store: Inspectable, bodies: Bodies) -> AsyncIterator[Fault]:
    kind = "file" if isinstance(bodies, BodyFolder) else "object"
    stray: set[str] = set()
    async for names in bodies.names():
        versions = versions_among(names)
        unknown = await store.unknown_bodies(versions)
        stray.update({*names} - {version.hex() for version in versions}, (version.hex() for version in unknown))
    if not stray:
        return
    async for names in bodies.names():  # gc may have removed object and row between the two queries
        for name in stray.intersection(names):
            yield Fault(f"{kind} {name}", "no row of the database has it")
