"""The command `pixstore-asgi copy`, which copies a store to another store."""

from contextlib import AsyncExitStack
from pathlib import Path

import click

from ..errors import SecretError
from ..keys.file import read_key_file
from ..keys.find import configured_place, find_configured_ring
from ..store.connect import bodies_at
from ..store.files import BodyFolder
from ..store.inspection import lacks_its_bucket
from ..transfer.store_copy import copy_store
from .frame import Move, framed
from .stores import (
    Database,
    DatabaseType,
    PlaceType,
    check_prefix,
    count_of,
    is_made,
    opened,
    opened_as_made,
    overlap,
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
    type=PlaceType(),
    metavar="PLACE",
    help="The bucket or folder with the bodies of the source, if they are outside its database.",
)
@click.option(
    "--to-blobs",
    type=PlaceType(),
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
        existing = opened_as_made(source, from_blobs, option="--from-blobs", only_reads=True)
        async with existing as store, AsyncExitStack() as stack:
            ring = await find_configured_ring(store)
            if to_blobs:
                await check_prefix(to_blobs, target if is_there else None)
            folder = to_blobs and bodies_at(to_blobs)
            if dry_run and not is_there and isinstance(folder, BodyFolder):
                folder.check_free()
            into = None if dry_run and not is_there else await stack.enter_async_context(opened(target, to_blobs))
            await move.follow(copy_store(store, into, ring=ring, dry_run=dry_run), await count_of(store))
            move.notes.extend([] if ring else [_UNCHECKED])
            move.notes.extend([_UNREAD] if from_blobs and move.has_read_nothing else [])
            move.notes.extend([_BODIES_HERE] if move.report.moved and await lacks_its_bucket(into) else [])
            if into is not None and not dry_run:
                move.notes.append(_what_opens(store.key_file, into.key_file))
                move.notes.extend([_ONE_MORE] if move.has_changed else [])
                if to_blobs:
                    move.notes.append(f"Start the application with {target} and blobs={bodies_at(to_blobs)}.")

    move.run(steps())


def _check_places(source: Database, target: Database, from_blobs: str | None, to_blobs: str | None) -> None:
    if _is_same(source, target):
        raise click.UsageError("--to and --from name the same store: choose another target")
    if from_blobs and to_blobs and overlap(from_blobs, to_blobs):  # gc of one store could remove bodies of the other
        raise click.UsageError("--to-blobs and --from-blobs need two places, neither inside the other")


def _is_same(source: Database, target: Database) -> bool:
    if source.file is None or target.file is None:
        return source.store == target.store
    return target.file.exists() and target.file.samefile(source.file)


def _what_opens(source_file: Path | None, target_file: Path | None) -> str:
    """Return a note for the user: which secret the target needs, and how to provide it."""
    if configured_place() or source_file is None or not source_file.exists():
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
