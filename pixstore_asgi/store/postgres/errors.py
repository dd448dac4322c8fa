"""Checks the URL of PostgreSQL, and translates errors of the server and of asyncpg into StoreErrors."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg

from ...core.hidden import Hidden
from ...errors import ConfigError, PixstoreError, StoreBusy, StoreDamaged, StoreError, StoreFull

_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]*\]|[^:\[\]]*)(:(\d{1,5}))?")
_HIGHEST_PORT = 65535
_UNREADABLE = (
    "the URL of PostgreSQL can't be read: write "
    "postgresql://user:password@host:port/database, and percent-encode all characters of "
    "user and password except letters, digits and -._~: @ is %40, # is %23"
)
_HIDDEN = (
    "the password in the URL of PostgreSQL is ***, as str() of SQLAlchemy's URL writes it: pass "
    "url.render_as_string(hide_password=False)"
)

AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # the server sent a last message that answers no request
)
"""Errors that are raised if the server can't be reached or the connection is lost. A retry may help."""

_FULL = (asyncpg.TooManyConnectionsError,)
_IN_THE_WAY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_ADVICE: list[tuple[type[BaseException], str]] = [
    (asyncpg.InvalidPasswordError, "it refused the user or the password: correct them in the URL"),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "it refused the user: create the role if it is missing, otherwise allow it in pg_hba.conf; the server's log "
        "has the reason",
    ),
    (asyncpg.InvalidCatalogNameError, "there is no such database: create it first, or name another one"),
    (
        asyncpg.InsufficientPrivilegeError,
        "the user lacks a privilege: to make the tables, let the user own the schema (CREATE SCHEMA … AUTHORIZATION …)"
        " or GRANT CREATE ON DATABASE … TO …; to bring them up to date, let the user own them; to use them, grant the"
        " schema and its tables",
    ),
    (asyncpg.DiskFullError, "its disk is full: make room and try again"),
    (asyncpg.UndefinedTableError, "tables are missing: restore them from a backup, or open the store again"),
    (asyncpg.ReadOnlySQLTransactionError, "it is read-only, as a standby is: name the primary"),
    (
        asyncpg.TargetServerAttributeNotMatched,
        "no host of the URL is of the kind that target_session_attrs requires; the default, "
        "primary, also accepts a server that is set to read only",
    ),
    (asyncpg.DataCorruptedError, "a table is damaged: see its log, and restore it from a backup"),
    (asyncpg.IndexCorruptedError, "an index is damaged: see its log, and REINDEX"),
]
_KINDS: dict[type[BaseException], type[StoreError]] = {
    asyncpg.ReadOnlySQLTransactionError: StoreBusy,  # temporary, during a failover
    asyncpg.TargetServerAttributeNotMatched: StoreBusy,
    asyncpg.DiskFullError: StoreFull,
    asyncpg.DataCorruptedError: StoreDamaged,
    asyncpg.IndexCorruptedError: StoreDamaged,
}
_UNKNOWN_OPTION = re.compile(r'(?:unrecognized configuration parameter|unsupported startup parameter:?) "?([\w.]+)')


class ConnectionLost(StoreBusy):
    """The connection was lost: the operation may or may not have been committed."""

    away = "database"


class InTheWay(StoreBusy):
    """Another transaction held a lock for too long. This transaction was rolled back."""


@contextmanager
def translated(at: str = "") -> Iterator[None]:
    """Translate errors of asyncpg into StoreErrors with a remedy. at: " at host:port" for the message, or empty."""
    try:
        yield
    except PixstoreError:
        raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError, *AWAY, ValueError) as error:
        raise translate(error, at) from None  # their texts quote rows and URLs, which may hold secrets


@contextmanager
def translated_for(address: Hidden[str]) -> Iterator[None]:
    """Translate errors of the block, which connects to an address. The message names the hosts of the address."""
    with translated(at(address)):
        yield


def at(address: Hidden[str]) -> str:
    """Return " at host:port" for a checked URL, or an empty text."""
    hosts = hosts_of(address())
    return f" at {hosts}" if hosts else ""


def translate(error: Exception, at: str = "") -> StoreError:
    """Return the StoreError for an error of asyncpg. at: as in `translated`."""
    if isinstance(error, TimeoutError):
        return StoreBusy(
            f"PostgreSQL{at} took too long to answer, or all connections of the pool are in use: try again"
        )
    if isinstance(error, ssl.SSLError):
        return StoreError("no secure connection to PostgreSQL can be made: see sslmode and sslrootcert of the URL")
    if wrong := _wrong_option(error):
        return StoreError(f"PostgreSQL can't be used: {wrong}")
    if isinstance(error, _FULL):
        return StoreBusy("PostgreSQL has no connection left: make the pools smaller, or raise its max_connections")
    if isinstance(error, _IN_THE_WAY):
        return InTheWay("another write to PostgreSQL was in the way: try again")
    for kind, advice in _ADVICE:  # first: is_away is true for one of these
        if isinstance(error, kind):
            return _KINDS.get(kind, StoreError)(f"PostgreSQL can't be used: {advice}")
    if is_away(error):
        return ConnectionLost(
            f"PostgreSQL can't be reached{at}, or the connection to it was lost: start it, and try again"
        )
    if isinstance(error, asyncpg.InterfaceError):  # raised by the client itself, so it quotes no row
        return StoreError(f"PostgreSQL can't be used: {error}")
    return StoreError(f"PostgreSQL can't be used ({type(error).__name__}): see its log")


def _wrong_option(error: Exception) -> str | None:
    """Return the message about the URL's option that caused an error, or None."""
    text = str(error)
    if isinstance(error, ConnectionError) and "rejected SSL" in text:
        return "it does not support TLS, which sslmode in the URL requires"
    if option := _UNKNOWN_OPTION.match(text):
        return f"it does not know the option {option[1]} in the URL"
    if isinstance(error, asyncpg.ClientConfigurationError):
        if text.startswith("root certificate file"):
            return "sslmode in the URL needs a root certificate, but none is found: name its file with sslrootcert"
        return text.partition("\n")[0]
    return None


def is_away(error: BaseException) -> bool:
    """Return whether a connection was lost or could not be made, so that a retry on another one may work."""
    # If a connection is lost in the middle of an operation, the pool takes it back.
    is_closed = isinstance(error, asyncpg.InterfaceError) and re.search("closed|released back to the pool", str(error))
    return isinstance(error, AWAY) or bool(is_closed)


def without_schema(url: str) -> tuple[str, str | None]:
    """Return a URL without its option `schema`, which the server does not know, and the value of that option or None.

    Raises ConfigError if an option occurs twice.
    """
    parts = urlsplit(url)
    options = parse_qsl(parts.query)
    names = [name for name, _ in options]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(
            f"{twice if twice.isidentifier() else 'an option'} occurs twice in the URL of PostgreSQL: remove one"
        )
    schema = dict(options).get("schema")
    return parts._replace(query=urlencode([each for each in options if each[0] != "schema"])).geturl(), schema


def check_url(url: str) -> None:
    """Raise ConfigError for a URL with a hidden or unescaped password, or a wrong port. The message repeats no part of
    the URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError(_UNREADABLE) from None
    is_torn = parts.fragment or "@" in parts.path or parts.netloc.count("@") > 1
    hosts = [_HOST.fullmatch(host) for host in parts.netloc.rpartition("@")[2].split(",")]
    if is_torn or not all(host and int(host[3] or 0) <= _HIGHEST_PORT for host in hosts):
        raise ConfigError(_UNREADABLE)
    if parts.netloc.rpartition("@")[0].endswith(":***"):
        raise ConfigError(_HIDDEN)


def hosts_of(url: str) -> str | None:
    """Return the hosts and ports of a checked URL as written there, or None if the text may be part of a password."""
    parts = urlsplit(url)
    # A password with a ? ends the authority there, so the text before the ? may be the password's beginning.
    return None if "@" in parts.query else parts.netloc.rpartition("@")[2] or None
