"""`pixstore-asgi backup` and `restore`."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from ..core.keyring import KeyRing
from ..errors import InputError
from ..keys.find import find_configured_ring
from ..store.contract import ImageStore
from ..store.sqlite import backup as sqlite_backup
from ..transfer.store_backup import back_up_store
from ..transfer.store_copy import copy_store
from .frame import framed
from .moves import SOURCE, Move
from .stores import (
    BucketType,
    Database,
    DatabaseType,
    NewPath,
    blobs,
    check_prefix,
    count_of,
    existing_database,
    is_made,
    opened,
    opened_as_made,
)


class _File(NewPath):
    """A path. "-", which often means stdout, is a usage error."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path of an option."""
        if str(value) == "-":
            self.fail("a backup is a database, which can't be written to stdout: name a file", param, ctx)
        return super().convert(value, param, ctx)


_FILE = _File(dir_okay=False, path_type=Path)


@click.command()
@existing_database
@blobs
@click.option(
    "--to",
    "target",
    type=_FILE,
    metavar="FILE",
    required=True,
    help="The backup: a new file, or, of PostgreSQL or with --blobs, an earlier one.",
)
def backup(database: Database, blobs: str | None, target: Path) -> None:
    """Copy a store to a file while it is in use.

    The backup is a SQLite database that only you can read (mode 0600). It holds the images of one moment. The command
    checks its pages, and that no part is missing; run `verify` to check that its images decrypt. The secret, or the key
    file, is not in it: store that in another place.

    PostgreSQL, or with --blobs: FILE may be an earlier backup of the same store. Then only changes since are read. An
    interrupted backup leaves FILE unchanged, and the same command continues it. With a secret, each image that is read
    is decrypted to check it.

    Without --blobs, the backup of a SQLite file with bodies in a bucket does not contain these bodies.
    """
    if database.file is not None and blobs is None:
        with framed(stopped="Stopped: no backup was made."):
            count = sqlite_backup.back_up(database.file, target)
        with framed():
            click.echo(f"{count} backed up to {target}")
            _tell_of_rows_alone(target)
        return
    if database.file is not None and target.exists() and target.samefile(database.file):
        raise click.UsageError("--to names the database itself: choose another file")
    target = Path(os.path.realpath(target))  # the target of a link, not the link
    move = Move("Backing up", f"brought into {target}.part", "deleted there, as in the store", "in it already")

    async def steps() -> None:
        async with _of_one_moment(database, blobs, target.parent) as (store, ring):
            await move.follow(back_up_store(store, target, ring=ring), await count_of(store))
        move.done = f"backed up to {target}"

    move.run(steps())
    move.end()


@click.command()
@click.option(
    "--from", "source", type=SOURCE, metavar="FILE", required=True, help="The backup; its images stay as they are."
)
@click.option(
    "--database",
    type=DatabaseType(),
    metavar="PATH",
    required=True,
    help="The SQLite file that it takes the place of, if there is one, or the URL of a new store.",
)
@click.option(
    "--blobs", type=BucketType(), metavar="URL", help="Where the store is to have its bodies, if in a bucket."
)
def restore(source: Path, database: Database, blobs: str | None) -> None:
    """Put a backup in a database's place.

    SQLite: STOP EVERY PROCESS that uses the database first; if one has it open, nothing is restored. IMAGES SAVED SINCE
    the backup are lost. The backup is checked first, and a database is never left half restored. A file of another
    program, or the images of another store, are not overwritten.

    PostgreSQL, or with --blobs: the store must be a new one. After an interruption the same command continues.
    """
    if database.file is not None and blobs is None:
        with framed(stopped="Stopped: the database is as it was. The same command restores it."):
            count = sqlite_backup.restore(source, database.file)
        with framed():
            click.echo(f"{count} restored to {database}")
            _tell_of_rows_alone(database.file)
        return
    move = Move("Restoring", f"restored to {database}")

    async def steps() -> None:
        async with opened(Database(source, source), None) as store:
            if blobs:
                await check_prefix(blobs, database if await is_made(database) else None)
            async with opened(database, blobs) as into:
                ring = await find_configured_ring(store)
                await move.follow(copy_store(store, into, ring=ring), await count_of(store))

    move.run(steps())
    move.end()


def _tell_of_rows_alone(database: Path) -> None:
    if sqlite_backup.has_bodies_elsewhere(database):
        click.echo("The backup has rows alone: bodies are in the bucket, and with --blobs they are backed up too.")


@asynccontextmanager
async def _of_one_moment(
    database: Database, blobs: str | None, folder: Path
) -> AsyncIterator[tuple[ImageStore, KeyRing | None]]:
    """Open a snapshot of a store, with its key ring if there is a secret. folder: for the copied SQLite file."""
    async with opened_as_made(database, blobs) as store:
        ring = await find_configured_ring(store)
        if database.file is None:
            yield store, ring
            return
        with _folder_in(folder) as place:
            rows = place / "rows.db"
            sqlite_backup.back_up(database.file, rows)
            async with opened(Database(rows, rows), blobs) as frozen:
                yield frozen, ring


@contextmanager
def _folder_in(folder: Path) -> Iterator[Path]:
    try:
        made = TemporaryDirectory(prefix=".pixstore-", dir=folder)
    except OSError as error:
        raise InputError(f"{folder} can't be written to ({error.strerror}): name a file elsewhere") from error
    with made as name:
        yield Path(name)
