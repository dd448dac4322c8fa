"""The commands `pixstore-asgi copy`, `backup` and `restore`. They copy a store to another store or to a file, and
copy the file back.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from ..core.keyring import KeyRing
from ..errors import InputError, SecretError
from ..keys.file import read_key_file
from ..keys.find import find_configured_ring, is_in_environment
from ..store.connect import bodies_at
from ..store.contract import ImageStore
from ..store.files import BodyFolder
from ..store.files.copying import FolderCopy
from ..store.inspection import lacks_its_bucket
from ..store.sqlite import backup as sqlite_backup
from ..store.sqlite.rows import count_of_images, has_objects
from ..transfer.folder_backup import back_up_with_folder, restore_with_folder
from ..transfer.store_copy import back_up_store, copy_store
from .frame import Move, framed
from .stores import (
    SOURCE,
    Database,
    DatabaseType,
    NewPath,
    blobs,
    bodies_place,
    check_prefix,
    count_of,
    existing_database,
    is_made,
    opened,
    opened_as_made,
)

_UNCHECKED = "No secret was found, so the images were copied without being decrypted to check them."
_UNREAD = "No image could be read: check that --from-blobs is the place with the bodies of the source."
_BODIES_HERE = (
    "The target has bodies outside its database, but --to-blobs was not given: the bodies of the "
    "images above are in its database."
)
_ONE_MORE = "When the source gets no more writes, run the same command a last time to copy the changes since."


@click.command()
@click.option(
    "--from",
    "source",
    type=DatabaseType(exists=True),
    metavar="URL",
    required=True,
    help="The store to copy, in use or not: a SQLite file, or a store's URL. It stays unchanged.",
)
@click.option(
    "--to",
    "target",
    type=DatabaseType(),
    metavar="URL",
    required=True,
    help="A new store, created if it does not exist, or an earlier copy to continue.",
)
@click.option(
    "--from-blobs",
    callback=bodies_place,
    metavar="PLACE",
    help="The bucket or folder with the bodies of the source, if they are outside its database.",
)
@click.option(
    "--to-blobs",
    callback=bodies_place,
    metavar="PLACE",
    help="The bucket or folder for the bodies of the target, if they are to be outside its database.",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, write nothing.")
def copy(source: Database, target: Database, from_blobs: str | None, to_blobs: str | None, dry_run: bool) -> None:
    """Copy one store's images into another.

    Ids, tokens, keys, ciphertext and the database's id stay the same. So the ids in your tables, the pictures in
    browsers' caches and the issued records stay valid. Deleted images stay deleted, and revoked proofs stay revoked.

    The application keeps using the source meanwhile. Run the command again to continue after an interruption, and to
    copy later changes: it skips images that the target already has, and deletes images that were deleted in the source.
    At the end, stop the application, run the command a last time, which is quick, and start the application with the
    new store. Until then, nothing else may write to the new store.

    No secret is needed. If there is one (PIXSTORE_SECRET, or the key file beside the source), each image is decrypted
    to check it. Images that can't be copied are listed at the end with the reason. Then the exit code is 1.
    """
    with framed():
        _check_places(source, target, from_blobs, to_blobs)
    done = f"would be copied to {target}; nothing was written" if dry_run else f"copied to {target}"
    deleted = "would be deleted there" if dry_run else "deleted there, as in the source"
    move = Move("Checking" if dry_run else "Copying", done, deleted, goes_on=not dry_run)

    async def steps() -> None:
        is_there = await is_made(target, to_blobs)
        existing = opened_as_made(source, from_blobs, option="--from-blobs")
        async with existing as store, AsyncExitStack() as stack:
            ring = await find_configured_ring(store)
            if to_blobs:
                await check_prefix(to_blobs, target if is_there else None)
            into = None if dry_run and not is_there else await stack.enter_async_context(opened(target, to_blobs))
            await move.follow(copy_store(store, into, ring=ring, dry_run=dry_run), await count_of(store))
            move.notes.extend([] if ring else [_UNCHECKED])
            move.notes.extend([_UNREAD] if from_blobs and move.has_read_nothing else [])
            move.notes.extend([_BODIES_HERE] if move.report.moved and await lacks_its_bucket(into) else [])
            if into is not None and not dry_run:
                move.notes.append(_what_opens(store.key_file, into.key_file))
                move.notes.extend([_ONE_MORE] if move.has_changed else [])

    move.run(steps())


def _check_places(source: Database, target: Database, from_blobs: str | None, to_blobs: str | None) -> None:
    if _is_same(source, target):
        raise click.UsageError("--to and --from name the same store: choose another target")
    places = [bodies_at(blobs).place for blobs in (from_blobs, to_blobs) if blobs is not None]
    if len(set(places)) < len(places):  # otherwise the gc of one store would remove bodies of the other
        raise click.UsageError("--to-blobs and --from-blobs name the same place: choose another one")


def _is_same(source: Database, target: Database) -> bool:
    if source.file is None or target.file is None:
        return source.store == target.store
    return target.file.exists() and target.file.samefile(source.file)


def _what_opens(source_file: Path | None, target_file: Path | None) -> str:
    """Return a note for the user: which secret the target needs, and how to provide it."""
    if is_in_environment() or source_file is None or not source_file.exists():
        return "It opens with the source's secret."
    if target_file is None:
        return f"It opens with the secret in {source_file}: set PIXSTORE_SECRET to the content of that file."
    if _hold_the_same(source_file, target_file):
        return f"It opens with the secret in {target_file}."
    return (
        f"It opens with the secret in {source_file}: copy that file to {target_file}, "
        "or set PIXSTORE_SECRET to its content."
    )


def _hold_the_same(one: Path, other: Path) -> bool:
    try:
        return other.exists() and read_key_file(one) == read_key_file(other)
    except SecretError:
        return False


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
    callback=bodies_place,
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

    Without --blobs, the backup of a SQLite file does not contain the bodies that are in a bucket or a folder.
    """
    folder = _folder_of_copy(database, blobs, to_blobs, "--to-blobs", "--blobs")
    if database.file is not None and blobs is None:
        with framed(stopped="Stopped: no backup was made."):
            count = sqlite_backup.back_up(database.file, target)
        with framed():
            click.echo(f"{count} backed up to {target}")
            _tell_of_rows_alone(target)
        return
    if database.file is not None and target.exists() and target.samefile(database.file):
        raise click.UsageError("--to names the database itself: choose another file")
    target = Path(os.path.realpath(target))  # replace the file that a link names, not the link
    place = f"{target}.part" if folder is None else folder.path
    move = Move("Backing up", f"copied into {place}", "deleted there, as in the store", "in it already")

    async def steps() -> None:
        if database.file is not None and folder is not None:
            async with opened_as_made(database, blobs) as store:
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
    callback=bodies_place,
    metavar="URL",
    help="The bucket or folder for the bodies of the store, if they are to be in one.",
)
@click.option(
    "--from-blobs",
    callback=bodies_place,
    metavar="DIR",
    help="The folder of the backup, if it was made with --to-blobs.",
)
def restore(source: Path, database: Database, blobs: str | None, from_blobs: str | None) -> None:
    """Replace a database by a backup of it.

    SQLite: STOP EVERY PROCESS that uses the database first. If a process has it open, nothing is restored. IMAGES SAVED
    SINCE the backup are lost. The backup is checked first, and a database is never left half restored. A file of
    another program, or the images of another store, are not overwritten.

    With --from-blobs and a folder in --blobs, the same holds: the folder then has the files of the backup. Other files
    in it are removed if the database existed.

    Else, and for PostgreSQL: the store must be a new one. After an interruption the same command continues.
    """
    if database.file is not None and blobs is None and from_blobs is None:
        with framed(stopped="Stopped: the database is unchanged. Run the same command again to restore it."):
            count = sqlite_backup.restore(source, database.file)
        with framed():
            click.echo(f"{count} restored to {database}")
            _tell_of_rows_alone(database.file)
        return
    move = Move("Restoring", f"restored to {database}")
    is_folder = from_blobs is not None and blobs is not None and isinstance(bodies_at(blobs), BodyFolder)
    folder = _folder_of_copy(database, from_blobs, blobs, "--blobs", "--from-blobs") if is_folder else None

    async def steps() -> None:
        if database.file is not None and folder is not None:
            await move.follow(restore_with_folder(source, database.file, folder), count_of_images(source))
            move.notes.append(_files_in(folder))
            return
        async with opened_as_made(Database(source, source), from_blobs, option="--from-blobs") as store:
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
    places = [Path(folder.place), Path(into.place)]
    if places[0].is_relative_to(places[1]) or places[1].is_relative_to(places[0]):
        raise click.UsageError(f"{target_option} and {source_option} need two folders, neither inside the other")
    return FolderCopy(into.path, folder)


def _files_in(folder: FolderCopy) -> str:
    counts = ", ".join(f"{count:,} {what}" for what, count in folder.counts.items() if count)
    return f"files in {folder}: {counts or 'none'}"


def _tell_of_rows_alone(database: Path) -> None:
    if has_objects(database):
        click.echo("The backup lacks the bodies that are outside the database. Pass --blobs to back them up too.")


@asynccontextmanager
async def _of_one_moment(
    database: Database, blobs: str | None, folder: Path
) -> AsyncIterator[tuple[ImageStore, KeyRing | None]]:
    """Open a store, or a copy of its SQLite file, with its key ring if there is a secret. folder: place of the copy."""
    async with opened_as_made(database, blobs) as store:
        ring = await find_configured_ring(store)
        if database.file is None:
            yield store, ring
            return
        with _folder_in(folder) as place:
            rows = place / "rows.db"
            with sqlite_backup.bodies_kept(database.file):
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
