"""HostTransaction: writes images within a transaction of the application. Only the application ends the transaction."""

import sys
from collections.abc import Sequence
from typing import Any

import asyncpg

from ...core.images import StoredImage, Usage
from ...errors import InputError, StoreBusy
from ...process import Clock, running_loop
from ..contract import Expect, Expected, ImageWriter
from ..objects import Bodies
from ..rules import GroupCommit
from ..tables import images, writes
from ..tables.bodies import begin_write
from ..tables.keys import AdmissionNeeded, admit_alone
from ..tables.transaction import Operation, R
from .database import Database
from .errors import InTheWay, translated
from .transaction import Names, Transaction


class HostTransaction:
    """Writes images, and reads their rows, on a connection of the application.

    A body of more than 1 MiB is staged over the store's own connections while it arrives. If the application rolls
    back, the body stays invisible and gc removes it. Each write has a savepoint, so a refused write changes nothing.
    Other writes to the same image or its variants wait until the transaction ends. A new secret becomes known to the
    store over another connection, before the commit, if one is free and this transaction has not saved before.
    """

    def __init__(
        self, database: Database, names: Names, connection: Any, clock_ms: Clock, bodies: Bodies | None
    ) -> None:
        database.check_not_inherited()
        self._database = database
        self._connection = _as_asyncpg(connection)
        self._names = names
        self._clock_ms = clock_ms
        self._bodies = bodies
        self._check_in_transaction()

    async def get(self, image_id: str) -> StoredImage | None:
        """Return one image as this transaction sees it, or None."""
        return (await self._run(images.get_many, [image_id])).get(image_id)

    async def usage(self, *, after: str | None = None, before: str | None = None) -> Usage:
        """Return the usage of all images between these bounds, as this transaction sees them."""
        return await self._run(images.usage, after, before)

    async def begin_write(self, image_id: str, version: bytes) -> ImageWriter:
        """Begin a new version of an image."""
        return await begin_write(self._database, image_id, version, self._clock_ms, self._commit, self._bodies)

    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        """Delete an image and return whether there was one."""
        return await self._run(writes.delete, image_id, expect)

    async def _commit(self, new: GroupCommit) -> Sequence[StoredImage]:
        may_admit = False
        while True:
            try:
                return await self._run(writes.commit, new, may_admit=may_admit)
            except AdmissionNeeded:  # the savepoint's rollback has released the lock "keys"
                may_admit = not await self._is_admitted(new.terms.checks)

    async def _is_admitted(self, checks: Sequence[bytes]) -> bool:
        """Admit a new secret over another connection, because this one would block other saves until it commits.

        Return False if that is not possible: this transaction has saved already, or no connection is free.
        """
        if await self._run(_holds_keys):  # it has saved already
            return False
        try:
            await self._database.write(admit_alone, checks)
        except InTheWay:  # another one has saved already, and this one would wait for that, too
            raise
        except StoreBusy:  # no connection is free
            return False
        return True

    def _check_in_transaction(self) -> None:
        if not self._connection.is_in_transaction():
            raise InputError(
                "the connection is in no transaction: save within `async with connection.transaction()`; "
                "a transaction of psycopg or SQLAlchemy begins with its first statement, or flush()"
            )

    async def _run(self, operation: "Operation[..., R]", *args: Any, **kwargs: Any) -> R:
        with translated():
            self._check_in_transaction()  # it may have ended while the image arrived
            try:
                async with self._connection.transaction():
                    tx = Transaction(self._connection, self._names)
                    await _check_isolation(tx)
                    return await operation(tx, *args, **kwargs)
            except asyncpg.UndefinedTableError:
                raise InputError(
                    "the connection is to another database than the store, or its tables are missing: "
                    "connect to the store's database"
                ) from None


def _as_asyncpg(connection: Any) -> Any:
    """Return an asyncpg connection unchanged, or a psycopg connection as a PsycopgConnection. Raises InputError."""
    if isinstance(connection, asyncpg.Connection | asyncpg.pool.PoolConnectionProxy):
        if getattr(connection, "_loop", None) not in (None, running_loop()):
            raise InputError("the connection belongs to another event loop: save in the loop that opened it")
        return connection
    psycopg = sys.modules.get("psycopg")  # the application has imported it if it has a connection
    if psycopg is None or not isinstance(connection, psycopg.AsyncConnection):
        raise InputError(
            f"connection must be one of asyncpg's or an AsyncConnection of psycopg, not {type(connection).__name__}"
        )
    if not hasattr(psycopg, "AsyncRawCursor"):
        raise InputError("the connection is of a psycopg before 3.2: install a newer one")
    from .psycopg_connection import PsycopgConnection

    return PsycopgConnection(connection)


async def _holds_keys(tx: Transaction) -> bool:
    return await tx.has_lock("keys")


async def _check_isolation(tx: Transaction) -> None:
    row = await tx.one("SELECT current_setting('transaction_isolation')")
    if row != ("read committed",):
        raise InputError("the transaction must be READ COMMITTED: at other levels it can't see what others committed")
