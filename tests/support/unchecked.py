"""A cache over a store with bodies that are no images: no key exists to check their tags."""

from pixstore_asgi.core.cipher import TagCheck
from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.serving.cache import ImageCache, ReadTimes
from pixstore_asgi.store.contract import ImageStore


class _AnyBody(TagCheck):
    """Accepts any body."""

    def __init__(self) -> None:
        pass

    def update(self, piece: bytes) -> None:
        pass

    def finish(self) -> None:
        pass


async def _begin_no_check(image: StoredImage) -> TagCheck:
    return _AnyBody()


def unchecked_cache(store: ImageStore, max_bytes: int) -> ImageCache:
    """Return a cache that keeps any body of a store."""
    return ImageCache(store, max_bytes, _begin_no_check, ReadTimes())
