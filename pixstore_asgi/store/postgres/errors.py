"""PostgreSQL's and asyncpg's errors in our words."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from ...errors import PixstoreError, StoreBusy, StoreError

AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # the server's last words, where nothing was asked
)
"""What is raised where the server is not there, or went away: it may be back soon."""

_FULL = (asyncpg.TooManyConnectionsError,)
_IN_THE_WAY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_ADVICE: list[tuple[type[BaseException], str]] = [
    (asyncpg.InvalidPasswordError, "it refused the user or the password: set them right in the URL"),
    (asyncpg.InvalidAuthorizationSpecificationError, "it refused the user: see its pg_hba.conf"),
    (asyncpg.InvalidCatalogNameError, "there is no such database: create it first, or name another one"),
    (asyncpg.InsufficientPrivilegeError, "the user lacks a privilege: grant it the schema and its tables"),
    (asyncpg.ReadOnlySQLTransactionError, "it only reads, as a standby does: name the primary"),
    (asyncpg.DiskFullError, "its disk is full: make room and try again"),
    (asyncpg.UndefinedTableError, "tables are missing: restore them from a backup, or open the store again"),
    (asyncpg.ClientConfigurationError, "the URL can't be read: it is postgresql://user@host:port/database"),
    (asyncpg.TargetServerAttributeNotMatched, "no host of the URL is of the kind that it asks for"),
]


class ConnectionLost(StoreBusy):
    """The connection was lost: what was under way may have happened or not."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what asyncpg raises into errors of ours that say what to do."""
    try:
        yield
    except PixstoreError:
        raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError, *AWAY, ValueError) as error:
        raise translate(error) from None  # what they say of a row or a URL may hold what must not be seen


def translate(error: Exception) -> StoreError:
    """Return an error of asyncpg's in our words."""
    if isinstance(error, TimeoutError):
        return StoreBusy("PostgreSQL took too long to answer, or all connections of the pool are in use: try again")
    if isinstance(error, ssl.SSLError):
        return StoreError("no secure connection to PostgreSQL can be made: see sslmode and sslrootcert of the URL")
    if isinstance(error, _FULL):
        return StoreBusy("PostgreSQL has no connection left: let pools be smaller, or raise its max_connections")
    if isinstance(error, _IN_THE_WAY):
        return StoreBusy("another write to PostgreSQL was in the way: try again")
    if is_away(error):
        return ConnectionLost("PostgreSQL is not there, or the connection to it was lost: try again")
    for kind, advice in _ADVICE:
        if isinstance(error, kind):
            return StoreError(f"PostgreSQL can't be used: {advice}")
    if isinstance(error, asyncpg.InterfaceError):  # of the client itself: it has seen no row
        return StoreError(f"PostgreSQL can't be used: {error}")
    return StoreError(f"PostgreSQL can't be used ({type(error).__name__}): see its log")


def is_away(error: BaseException) -> bool:
    """Tell whether a connection could not be made or is gone, so that the same may work with another one."""
    is_closed = isinstance(error, asyncpg.InterfaceError) and "closed" in str(error)
    return isinstance(error, AWAY) or is_closed
