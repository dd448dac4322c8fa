"""`pixstore-asgi copy`: one store's images to another store."""

from contextlib import AsyncExitStack
from pathlib import Path

import click

from ..errors import SecretError
from ..keys.file import read_key_file
from ..keys.find import find_configured_ring, is_in_environment
from ..store.connect import bucket_at
from ..store.inspection import lacks_its_bucket
from ..transfer.store_copy import copy_store
from .frame import framed
from .moves import Move
from .stores import BucketType, Database, DatabaseType, check_made, check_prefix, count_of, is_made, opened

_UNCHECKED = "No secret was at hand, so the images were copied without being decrypted to check them."
_UNREAD = "No image at all could be read: is --from-blobs the bucket and prefix that the source has its bodies in?"
_BODIES_HERE = (
    "The target has bodies in a bucket, and --to-blobs was not given: those of the images above lie in its database."
)
_ONE_MORE = "Once the source takes no more writes, the same command copies what it has taken since: the last pass."


@click.command()
@click.option(
    "--from",
    "source",
    type=DatabaseType(exists=True),
    metavar="URL",
    required=True,
    help="The store to copy, in use or not: a SQLite file, or a store's URL. It stays as it is.",
)
@click.option(
    "--to",
    "target",
    type=DatabaseType(),
    metavar="URL",
    required=True,
    help="A new store, made where there is none, or an earlier copy to go on with.",
)
@click.option(
    "--from-blobs",
    type=BucketType(),
    metavar="URL",
    help="Where the source has its bodies, if in a bucket: s3://bucket/prefix.",
)
@click.option(
    "--to-blobs", type=BucketType(), metavar="URL", help="Where the target is to have its bodies, if in a bucket."
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, write nothing.")
def copy(source: Database, target: Database, from_blobs: str | None, to_blobs: str | None, dry_run: bool) -> None:
    """Copy one store's images into another.

    Ids, tokens, keys, ciphertext and the database's id stay the same. So the ids in your tables, the pictures in
    browsers' caches and the issued records stay valid. Deleted images stay deleted, and revoked proofs stay revoked.

    The application keeps using the source meanwhile. Run the command again to continue after an interruption, and to
    follow the source: it skips images that are there already, and deletes those that were deleted since. Then stop the
    application, run the command a last time, which is short, and start the application with the new store. Nothing else
    may write to the new store before.

    No secret is needed. If there is one (PIXSTORE_SECRET, or the key file beside the source), each image is decrypted
    to check it. Images that can't be copied are listed at the end with the reason; then the exit code is 1.
    """
    with framed():
        _check_places(source, target, from_blobs, to_blobs)
    done = f"would be copied to {target}; nothing was written" if dry_run else f"copied to {target}"
    deleted = "would be deleted there" if dry_run else "deleted there, as in the source"
    move = Move("Checking" if dry_run else "Copying", done, deleted, goes_on=not dry_run)
    notes: list[str] = []

    async def steps() -> None:
        await check_made(source)
        async with opened(source, from_blobs) as store, AsyncExitStack() as stack:
            ring = await find_configured_ring(store)
            is_there = await is_made(target)
            if to_blobs:
                await check_prefix(to_blobs, target if is_there else None)
            into = None if dry_run and not is_there else await stack.enter_async_context(opened(target, to_blobs))
            await move.follow(copy_store(store, into, ring=ring, dry_run=dry_run), await count_of(store))
            notes.extend([] if ring else [_UNCHECKED])
            notes.extend([_UNREAD] if from_blobs and move.has_read_nothing else [])
            notes.extend([_BODIES_HERE] if move.report.moved and await lacks_its_bucket(into) else [])
            if into is not None and not dry_run:
                notes.append(_what_opens(store.key_file, into.key_file))

    move.run(steps())
    if move.has_changed and not dry_run:
        notes.append(_ONE_MORE)
    for note in notes:
        click.echo(note)
    move.end()


def _check_places(source: Database, target: Database, from_blobs: str | None, to_blobs: str | None) -> None:
    if _is_same(source, target):
        raise click.UsageError("--to names the store that --from names: choose another one")
    places = [bucket_at(blobs).place for blobs in (from_blobs, to_blobs) if blobs is not None]
    if len(set(places)) < len(places):  # the gc of one store would remove bodies of the other
        raise click.UsageError("--to-blobs names the place that --from-blobs names: give another prefix")


def _is_same(source: Database, target: Database) -> bool:
    if source.file is None or target.file is None:
        return source.store == target.store
    return target.file.exists() and target.file.samefile(source.file)


def _what_opens(source_file: Path | None, target_file: Path | None) -> str:
    """Return a note that names the secret for the target, and how to provide it."""
    if is_in_environment() or source_file is None or not source_file.exists():
        return "It opens with the source's secret."
    if target_file is None:
        return f"It opens with the secret in {source_file}: set PIXSTORE_SECRET to what that file holds."
    if _hold_the_same(source_file, target_file):
        return f"It opens with the secret in {target_file}."
    return (
        f"It opens with the secret in {source_file}: copy that file to {target_file}, or set PIXSTORE_SECRET to what "
        "it holds."
    )


def _hold_the_same(one: Path, other: Path) -> bool:
    try:
        return other.exists() and read_key_file(one) == read_key_file(other)
    except SecretError:
        return False
