"""The second URL of a version's ciphertext, such as a CDN's, for its record."""

import logging
import re
from collections.abc import Callable

from ..core.events import event
from ..core.images import StoredImage
from ..errors import ConfigError

_log = logging.getLogger("pixstore_asgi")

_BASE = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?|/([^\s/?#][^\s?#]*)?", re.IGNORECASE)

CiphertextUrl = str | Callable[[str], str | None]
"""The URL of a PixstoreApp's mount, or a function from the id of a version, as hex, to a URL or None."""


class CiphertextUrls:
    """Gives the URLs of one Pixstore. Raises ConfigError if `ciphertext_url` is neither a base nor a function."""

    def __init__(self, ciphertext_url: CiphertextUrl) -> None:
        is_base = isinstance(ciphertext_url, str) and _BASE.fullmatch(ciphertext_url)
        if not is_base and not callable(ciphertext_url):
            raise ConfigError(
                "ciphertext_url must be the URL or path of a mounted PixstoreApp without query, such as "
                '"https://cdn.example/pixstore-image", or a function from a version\'s id to a URL'
            )
        self._ciphertext_url = ciphertext_url

    def url_of(self, image: StoredImage) -> str | None:
        """Return the URL of an image's current version, or None."""
        given, version = self._ciphertext_url, image.meta.version.hex()
        if isinstance(given, str):
            return f"{given.rstrip('/')}/-/blob/{version}?id={image.id}"
        try:
            url = given(version)
        except Exception:  # of the application's function: the image is served without it
            _log.exception(
                "ciphertext_url failed for image %r", image.id, extra=event("ciphertext_url_failed", image_id=image.id)
            )
            return None
        if url is None or isinstance(url, str):
            return url
        _log.error(
            "ciphertext_url must return a URL or None, not %s",
            type(url).__name__,
            extra=event("ciphertext_url_failed", image_id=image.id),
        )
        return None
