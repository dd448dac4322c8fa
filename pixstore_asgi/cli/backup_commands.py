"""The commands `pixstore-asgi backup` and `restore`: a store to a file, or to a file and a folder, and back."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from ..core.keyring import KeyRing
from ..errors import InputError
from ..keys.find import find_configured_ring
from ..store.connect import bodies_at
from ..store.contract import ImageStore
from ..store.files import BodyFolder
from ..store.files.copying import FolderCopy
from ..store.sqlite import backup as sqlite_backup
from ..store.sqlite.rows import count_of_images, has_objects
from ..transfer.folder_backup import back_up_with_folder, restore_with_folder
from ..transfer.store_copy import back_up_store, copy_store
from .frame import Move, copy_bar, framed
from .stores import (
    SOURCE,
    Database,
    DatabaseType,
    NewPath,
    PlaceType,
    blobs,
    check_prefix,
    count_of,
    existing_database,
    is_made,
    opened,
    opened_as_made,
    overlap,
)

_ROWS_ALONE = "The backup lacks the bodies that are outside the database."
_OTHERS = (
    "The files of no image may be of a newer backup. `pixstore-asgi gc --orphans` removes them: run it only if you "
    "will restore no newer one."
)


def _no_dash(_: click.Context, __: click.Parameter, value: Path) -> Path:
    """Return the path of an option. "-", which often means stdout, is a usage error."""
    if str(value) == "-":
        raise click.BadParameter("a backup is a database, which can't be written to stdout: name a file")
    return value


@click.command()
@existing_database
@blobs
@click.option(
    "--to",
    "target",
    type=NewPath(dir_okay=False, path_type=Path),
    callback=_no_dash,
    metavar="FILE",
    required=True,
    help="The backup: a new file. For PostgreSQL, or with --blobs, it may be an earlier backup.",
)
@click.option(
    "--to-blobs",
    type=PlaceType(),
    metavar="DIR",
    help="The folder for the backup's bodies above 1 MiB, if --blobs is a folder. It may be an earlier backup's.",
)
def backup(database: Database, blobs: str | None, target: Path, to_blobs: str | None) -> None:
    """Copy a store to a file while it is in use.

    The backup is a SQLite database that only you can read (mode 0600). It holds the images of one moment. The command
    checks the database's pages, and that no part of an image is missing. Run `verify` to check that the images decrypt.
    The secret, or the key file, is not in the backup: store it in another place.

    PostgreSQL, or with --blobs: FILE may be an earlier backup of the same store. Then only later changes are read. An
    interrupted backup leaves FILE unchanged, and the same command continues it. With a secret, each image that is read
    is decrypted to check it.

    With --to-blobs, FILE has the rows, and DIR the files of the folder in --blobs. They become hard links if both
    folders are on one file system and have one owner, else copies. Files that DIR has are not copied again.

    Without --blobs, the backup of a SQLite file does not contain the bodies that are in a bucket or a folder. If there
    are such bodies, the exit code is 1.
    """
    folder = _folder_of_copy(database, blobs, to_blobs, "--to-blobs", "--blobs")
    if database.file is not None and blobs is None:
        with framed(stopped="Stopped: no backup was made."), copy_bar("Backing up") as show:
            count = sqlite_backup.back_up(database.file, target, show)
        with framed():
            click.echo(f"{count} backed up to {target}")
            if has_objects(target):
                advice = "Pass --blobs to back them up too, and --to-blobs if it is a folder."
                click.echo(f"{_ROWS_ALONE} {advice}", err=True)
                sys.exit(1)
        return
    if database.file is not None and target.exists() and target.samefile(database.file):
        raise click.UsageError("--to names the database itself: choose another file")
    target = Path(os.path.realpath(target))  # replace the file that a link names, not the link
    place = f"{target}.part" if folder is None else folder.path
    move = Move("Backing up", f"copied into {place}", "deleted there, as in the store", "in it already")

    async def steps() -> None:
        if database.file is not None and folder is not None:
            async with opened_as_made(database, blobs, only_reads=True) as store:
                await move.follow(back_up_with_folder(database.file, target, folder), await count_of(store))
            move.notes.append(_files_in(folder))
            move.done = f"backed up to {target}"
            return
        async with _of_one_moment(database, blobs, target.parent) as (store, ring):
            await move.follow(back_up_store(store, target, ring=ring), await count_of(store))
        move.done = f"backed up to {target}"

    move.run(steps())


@click.command()
@click.option("--from", "source", type=SOURCE, metavar="FILE", required=True, help="The backup, which stays unchanged.")
@click.option(
    "--database",
    type=DatabaseType(),
    metavar="PATH",
    required=True,
    help="The SQLite file to replace or create, or the URL of a new store.",
)
@click.option(
    "--blobs",
    type=PlaceType(),
    metavar="URL",
    help="The bucket or folder for the bodies of the store, if they are to be in one.",
)
@click.option(
    "--from-blobs",
    type=PlaceType(),
    metavar="DIR",
    help="The folder of the backup, if it was made with --to-blobs.",
)
def restore(source: Path, database: Database, blobs: str | None, from_blobs: str | None) -> None:
    """Replace a database by a backup of it.

    SQLite: STOP EVERY PROCESS that uses the database first. If a process has it open, nothing is restored. IMAGES SAVED
    SINCE the backup are lost. The backup is checked first, and a database is never left half restored. A file of
    another program, or the images of another store, are not overwritten.

    With --from-blobs and a folder in --blobs, the same holds. The folder gets the files of the backup.

    Else, and for PostgreSQL: the store must be a new one. After an interruption the same command continues.
    """
    if database.file is not None and blobs is None and from_blobs is None:
        stopped = "Stopped: the database is unchanged. Run the same command again to restore it."
        with framed(stopped=stopped), copy_bar("Restoring") as show:
            count = sqlite_backup.restore(source, database.file, show)
        with framed():
            click.echo(f"{count} restored to {database}")
            if has_objects(database.file):
                click.echo(f"{_ROWS_ALONE} Pass --from-blobs and --blobs if they are in a folder of the backup.")
        return
    with framed():
        _check_named(database, blobs, from_blobs)
    move = Move("Restoring", f"restored to {database}")
    is_folder = from_blobs is not None and blobs is not None and isinstance(bodies_at(blobs), BodyFolder)
    folder = _folder_of_copy(database, from_blobs, blobs, "--blobs", "--from-blobs") if is_folder else None

    async def steps() -> None:
        if database.file is not None and folder is not None:
            await move.follow(restore_with_folder(source, database.file, folder), count_of_images(source))
            move.notes.append(_files_in(folder))
            move.notes.extend([_OTHERS] if folder.counts["of no image"] else [])
            return
        async with opened_as_made(
            Database(source, source), from_blobs, option="--from-blobs", only_reads=True
        ) as store:
            if blobs:
                await check_prefix(blobs, database if await is_made(database) else None)
            async with opened(database, blobs) as into:
                ring = await find_configured_ring(store)
                await move.follow(copy_store(store, into, ring=ring), await count_of(store))

    move.run(steps())


def _folder_of_copy(
    database: Database, source: str | None, target: str | None, target_option: str, source_option: str
) -> FolderCopy | None:
    """Return the folder that takes the bodies of another one, or None if there is no target.

    Raises UsageError if the two are not separate folders, or the database is not a SQLite file.
    """
    if target is None:
        return None
    folder, into = source and bodies_at(source), bodies_at(target)
    if database.file is None or not (isinstance(folder, BodyFolder) and isinstance(into, BodyFolder)):
        raise click.UsageError(f"{target_option} needs a SQLite database, and {source_option} with a folder")
    if source and overlap(source, target):
        raise click.UsageError(f"{target_option} and {source_option} need two folders, neither inside the other")
    return FolderCopy(into.path, folder)


def _files_in(folder: FolderCopy) -> str:
    counts = ", ".join(f"{count:,} {result}" for result, count in folder.counts.items() if count)
    return f"files in {folder}: {counts or 'none'}"


def _check_named(database: Database, blobs: str | None, from_blobs: str | None) -> None:
    """Raise UsageError if the database has bodies outside it and `blobs` is None, or the backup's folder is missing."""
    if blobs is None and database.file is not None and database.file.exists() and has_objects(database.file):
        raise click.UsageError(
            f"{database} has bodies outside it: pass --blobs with the application's bucket or folder, "
            "or name a new database to get one file"
        )
    folder = from_blobs and bodies_at(from_blobs)
    if isinstance(folder, BodyFolder) and not folder.path.exists():
        raise click.UsageError(f"the folder {folder} in --from-blobs does not exist: check the path")


@asynccontextmanager
async def _of_one_moment(
    database: Database, blobs: str | None, folder: Path
) -> AsyncIterator[tuple[ImageStore, KeyRing | None]]:
    """Open a store, or a copy of its SQLite file, with its key ring if there is a secret. folder: place of the copy."""
    async with opened_as_made(database, blobs, only_reads=True) as store:
        ring = await find_configured_ring(store)
        if database.file is None:
            yield store, ring
            return
        with _folder_in(folder) as place:
            rows = place / "rows.db"
            with sqlite_backup.bodies_kept(database.file):
                sqlite_backup.back_up(database.file, rows)
                async with opened(Database(rows, rows), blobs, only_reads=True) as frozen:
                    yield frozen, ring


@contextmanager
def _folder_in(folder: Path) -> Iterator[Path]:
    try:
        made = TemporaryDirectory(prefix=".pixstore-", dir=folder)
    except OSError as error:
        raise InputError(f"{folder} can't be written to ({error.strerror}): name a file elsewhere") from error
    with made as name:
        yield Path(name)
