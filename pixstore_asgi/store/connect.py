"""From what an application writes, a path or a URL, to an ImageStore; a driver is imported when it is asked for."""

import os
from urllib.parse import unquote, urlsplit

from ..errors import ConfigError
from .contract import ImageStore

StoreTarget = str | os.PathLike[str] | ImageStore


def connect(target: StoreTarget) -> ImageStore:
    """Return the store for a file path, a URL (sqlite:///relative.db, sqlite:////absolute.db) or a store itself.

    Does no I/O. Raises ConfigError for anything else.
    """
    if not isinstance(target, str | os.PathLike):
        if not hasattr(target, "open_stream"):
            raise ConfigError("store must be a path, a URL or an ImageStore")
        return target
    path = os.fspath(target)
    if "://" in path:
        path = _path_of_url(path)
    if isinstance(path, bytes):
        raise ConfigError("store must be a path of text, a URL or an ImageStore")
    if not path or path == ":memory:" or "\0" in path or not _is_encodable(path):
        raise ConfigError("store names no file; for images in memory pass pixstore_asgi.store.memory.MemoryStore()")
    from .sqlite.store import SqliteStore

    return SqliteStore(path)


def _is_encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def _path_of_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError("store is no URL that can be read; known is sqlite:///path/to/pixstore.db") from None
    if parts.scheme != "sqlite":
        # The rest of the URL may hold a password.
        raise ConfigError(f"a store can't be at {parts.scheme}://…; known is sqlite:///path/to/pixstore.db")
    if parts.netloc or parts.query or parts.fragment:
        raise ConfigError("a sqlite URL is sqlite:///relative/path or sqlite:////absolute/path and nothing more")
    return unquote(parts.path.removeprefix("/"))
