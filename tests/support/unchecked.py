"""A cache over a store whose bodies are no images, so that no key is there to check their tags."""

from pixstore_asgi.core.cipher import TagCheck
from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.keys.secrets import Secrets
from pixstore_asgi.life import Life
from pixstore_asgi.serving.cache import ImageCache
from pixstore_asgi.store.contract import ImageStore


class _AnyBody(TagCheck):
    """Accepts any body."""

    def __init__(self) -> None:
        pass

    def update(self, piece: bytes) -> None:
        pass

    def finish(self) -> None:
        pass


class UncheckedCache(ImageCache):
    """Keeps any body of a store."""

    def __init__(self, store: ImageStore, max_bytes: int) -> None:
        secrets = Secrets(store, None)
        super().__init__(store, max_bytes, Life(store, secrets, max_bytes, on_open=_nothing, on_close=_nothing_awaited))

    async def _begin_check(self, image: StoredImage) -> TagCheck:
        return _AnyBody()


def _nothing() -> None:
    pass


async def _nothing_awaited() -> None:
    pass
