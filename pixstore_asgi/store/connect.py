"""Makes the ImageStore for a path or a URL. Imports a database driver only when a store needs it."""

import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ..core.hidden import hidden_text
from ..errors import ConfigError
from ..process import Clock, wall_clock_ms
from .contract import ImageStore
from .files import BodyFolder

_SQLITE_URL = "a sqlite URL is sqlite:///relative/path or sqlite:////absolute/path and nothing more"

if TYPE_CHECKING:
    from .s3 import S3Bucket

StoreTarget = str | os.PathLike[str] | ImageStore
BodiesTarget = str | os.PathLike[str]


class StorePlace:
    """The two arguments of `connect`. The repr hides them, because a URL may hold a password."""

    def __init__(self, target: StoreTarget, blobs: BodiesTarget | None) -> None:
        self.target = target
        self.blobs = blobs

    def texts(self) -> dict[str, str]:
        """Return the command line's options `database` and `blobs` for this place.

        The result is empty if the target is a store, because its place is no text.
        """
        if not isinstance(self.target, str | os.PathLike):
            return {}
        given = {"database": self.target, "blobs": self.blobs}
        return {name: hidden_text(os.fspath(place)) for name, place in given.items() if place is not None}


class Driver(NamedTuple):
    """One kind of store. example: a URL of its scheme. connect: makes the store for a URL and options, without I/O."""

    example: str
    connect: Callable[..., ImageStore]


def connect(
    target: StoreTarget, blobs: BodiesTarget | None = None, clock_ms: Clock = wall_clock_ms, **options: Any
) -> ImageStore:
    """Return the store for a path or URL, without I/O. If the target is a store, return it unchanged.

    Raises ConfigError for any other target, and for a store together with `blobs`.

    target: a file path, a URL (sqlite:///relative.db, sqlite:////absolute.db, postgresql://user@host/db) or a store.
    blobs: the place of bodies instead of the database: s3://bucket/prefix for all, a folder for those above 1 MiB.
    clock_ms, options: used only if the target is a path or URL.
    """
    if not isinstance(target, str | os.PathLike):
        if not hasattr(target, "open_stream"):
            raise ConfigError(f"store must be a path, a URL or an ImageStore{_advice(target)}")
        if blobs is not None:
            raise ConfigError("blobs needs a path or URL: pass bodies=S3Bucket(…) to a store that you make yourself")
        return target
    text = os.fspath(target)
    if isinstance(text, bytes):
        raise ConfigError("store must be a path of text, a URL or an ImageStore")
    driver = DRIVERS[scheme_of(text)]
    return driver.connect(text, bodies=None if blobs is None else bodies_at(blobs), clock_ms=clock_ms, **options)


def _advice(target: object) -> str:
    """Return advice, for error messages, on URL objects of SQLAlchemy and Pydantic. str() may hide their password."""
    library = type(target).__module__.partition(".")[0]
    if library == "sqlalchemy":
        return ': of SQLAlchemy\'s URL pass url.set(drivername="postgresql").render_as_string(hide_password=False)'
    return ": for Pydantic's URL pass str(url)" if library in ("pydantic", "pydantic_core") else ""


def scheme_of(target: str) -> str:
    """Return the scheme of a store's URL, or "sqlite" for a path. Raises ConfigError for an unknown scheme."""
    if "://" not in target:
        if target.lower().startswith("sqlite:"):
            raise ConfigError(_SQLITE_URL)
        if re.match(r"postgres(ql)?(:|//)|.*\bpassword\s*=", target, re.IGNORECASE | re.DOTALL):  # may hold a password
            raise ConfigError(f"PostgreSQL needs a URL, such as {_POSTGRES.example}")
        return "sqlite"
    known = " or ".join(dict.fromkeys(driver.example for driver in DRIVERS.values()))
    try:
        scheme = urlsplit(target).scheme
    except ValueError:  # if there are several hosts, newer Pythons accept brackets only at the first one
        how = "in a password [ is %5B and ] is %5D, and several hosts, one of them IPv6, stand behind ?host="
        raise ConfigError(f"store is not a valid URL: {how}; known are {known}") from None
    kind, _, driver = scheme.partition("+")
    if driver and kind in DRIVERS:
        raise ConfigError(f"{scheme}:// names a driver of SQLAlchemy: drop +{driver}, so that the URL is {kind}://…")
    if scheme not in DRIVERS:
        # The rest of the URL may hold a password.
        raise ConfigError(f"there is no store for {scheme}://…; known are {known}")
    return scheme


def sqlite_path(target: str) -> str:
    """Return the path of the database file that a path or a sqlite URL names. Raises ConfigError if it names
    no file.
    """
    path = _path_of_url(target) if "://" in target else target
    if not path or path == ":memory:" or "\0" in path or not _is_encodable(path):
        raise ConfigError("store names no file; for images in memory pass pixstore_asgi.store.memory.MemoryStore()")
    return path


def _path_of_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc or parts.query or parts.fragment:
        raise ConfigError(_SQLITE_URL)
    return unquote(parts.path.removeprefix("/"))


def _is_encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def _connect_sqlite(target: str, **options: Any) -> ImageStore:
    path = sqlite_path(target)
    from .sqlite.store import SqliteStore

    return SqliteStore(path, **options)


def _connect_postgres(target: str, **options: Any) -> ImageStore:
    if isinstance(options.get("bodies"), BodyFolder):
        raise ConfigError(
            "bodies in a folder need a SQLite database: several hosts use one PostgreSQL, and no check can tell that "
            "all of them have the same folder; use a bucket"
        )
    if not find_spec("asyncpg"):
        raise ConfigError("a store in PostgreSQL needs asyncpg: pip install '.[postgres]' in the checkout")
    from .postgres.errors import check_url, without_schema
    from .postgres.store import DEFAULT_SCHEMA, PostgresStore

    check_url(target)
    url, schema = without_schema(target)
    return PostgresStore(url, schema=DEFAULT_SCHEMA if schema is None else schema, **options)


def bodies_at(place: BodiesTarget) -> "S3Bucket | BodyFolder":
    """Return the bucket or folder for a URL or a path, without I/O. Raises ConfigError."""
    if isinstance(place, os.PathLike):
        return BodyFolder(place)
    if not isinstance(place, str):
        raise ConfigError("blobs must be a folder's path or URL, or the URL of a bucket: s3://bucket/prefix")
    if place.startswith("file:"):
        parts = urlsplit(place)
        if parts.netloc or parts.query or parts.fragment or not parts.path.startswith("/"):
            raise ConfigError("the URL of a folder is file:///absolute/path and nothing more")
        return BodyFolder(unquote(parts.path))
    if "://" not in place and not re.match("s3:", place, re.IGNORECASE):
        return BodyFolder(place)
    if not find_spec("obstore"):
        raise ConfigError("blobs in S3 need obstore: pip install '.[s3]' in the checkout")
    from .s3 import S3Bucket

    return S3Bucket(place)


_POSTGRES = Driver("postgresql://user@host/database", _connect_postgres)
DRIVERS = {
    "sqlite": Driver("sqlite:///path/to/pixstore.db", _connect_sqlite),
    "postgresql": _POSTGRES,
    "postgres": _POSTGRES,
}
"""The drivers by the scheme of their URLs."""
