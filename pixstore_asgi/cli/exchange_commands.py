"""The commands `pixstore-asgi import` and `export`: move images from the npm package, and to it or to plain files."""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack
from pathlib import Path
from typing import TypeVar

import click

from ..pixstore import Pixstore
from ..saving.options import DEFAULT_MAX_IMAGE_BYTES
from ..transfer.exports import DATABASE_NAME, IMAGES_NAME, export_files, export_npm, open_npm_target
from ..transfer.folder import Folder
from ..transfer.npm_import import ALL_FORMATS, NpmImport
from ..transfer.npm_source import EXTENSION, open_npm_source
from ..transfer.steps import Step, count_ids, ids_of
from .frame import Move
from .plain_commands import import_files, import_s3
from .stores import SOURCE, Database, DatabaseType, NewPath, blobs, existing_database, is_made, opened, opened_as_made

_T = TypeVar("_T")

_TO = click.option(
    "--to",
    "folder",
    type=NewPath(file_okay=False, path_type=Path),
    metavar="DIR",
    required=True,
    help="The folder to write to; created if it does not exist.",
)
_DIRECTORY = click.option("--directory", metavar="NAME", help="Only the images of this directory.  [default: all]")


@click.group("export")
def export_to() -> None:
    """Write images to another store or to files."""


@export_to.command("npm")
@existing_database
@blobs
@_TO
@_DIRECTORY
@click.option(
    "--all-formats",
    is_flag=True,
    help="Also write gif and avif; the imageFormats of the npm store must then list them.",
)
def export_to_npm(
    database: Database, blobs: str | None, folder: Path, directory: str | None, all_formats: bool
) -> None:
    """Write a store that the npm package pixstore 3.2.1 serves.

    Ids, tokens, keys and ciphertext stay the same, so pictures in browsers' caches stay valid.

    THE KEYS ARE IN CLEAR in the database it writes, as in every database of that package: everyone with access to the
    folder can read every picture. Only you can read the folder and its files (modes 0700 and 0600).

    Existing files are not overwritten. Run it again to continue after an interruption: existing images are skipped.
    Images that can't be written are listed at the end with the reason; then the exit code is 1.
    """
    move = Move("Writing", f"written to {folder}")
    move.notes.append(f"Its databasePath is {folder / DATABASE_NAME}, which holds the keys in clear;")
    move.notes.append(f"its imageRootDir is {folder / IMAGES_NAME}.")
    _export(
        move,
        database,
        blobs,
        directory,
        lambda: open_npm_target(folder),
        lambda pix, ids, target: export_npm(pix, ids, target, all_formats=all_formats),
    )


@export_to.command("images")
@existing_database
@blobs
@_TO
@_DIRECTORY
def export_images(database: Database, blobs: str | None, folder: Path, directory: str | None) -> None:
    """Write images as plain files: name.png, or directory/name.png.

    THE FILES ARE IN CLEAR: everyone with access to the folder can see the pictures. Only you can read the folder and
    its files (modes 0700 and 0600).

    Existing files are not overwritten. Run it again to continue after an interruption: existing images are skipped.
    Images that can't be written are listed at the end with the reason; then the exit code is 1.
    """
    move = Move("Writing", f"written to {folder}, in clear")
    _export(move, database, blobs, directory, lambda: Folder(folder, create=True), export_files)


def _export(
    move: Move,
    database: Database,
    blobs: str | None,
    directory: str | None,
    opened: Callable[[], AbstractContextManager[_T]],
    export: Callable[[Pixstore, AsyncIterable[str], _T], AsyncIterator[Step]],
) -> None:
    async def steps() -> None:
        async with opened_as_made(database, blobs, only_reads=True) as store, Pixstore(store) as pix:
            total = await count_ids(store, directory)
            with opened() as target:
                await move.follow(export(pix, ids_of(store, directory), target), total)

    move.run(steps())


@click.group("import")
def import_from() -> None:
    """Take over another store, or plain files."""


import_from.add_command(import_files)
import_from.add_command(import_s3)


@import_from.command("npm")
@click.option(
    "--database", type=SOURCE, metavar="PATH", required=True, help="The databasePath of the npm store, a SQLite file."
)
@click.option(
    "--images",
    type=NewPath(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    required=True,
    help="The imageRootDir of the npm store, the folder with its image files.",
)
@click.option(
    "--into",
    type=DatabaseType(),
    metavar="PATH",
    required=True,
    help="The application's Pixstore database, or its store's URL; created if it does not exist.",
)
@blobs
@click.option("--dry-run", is_flag=True, help="Read and check everything, write nothing.")
@click.option("--update", is_flag=True, help="Replace images of an earlier import if there is a newer version now.")
@click.option(
    "--reseal",
    is_flag=True,
    help="For a store with imageFormats that did not begin with png, webp, jpg, jpeg, gif, avif: "
    "give images with a wrong format byte a new key and token. Browsers fetch these again.",
)
@click.option(
    "--max-image-bytes",
    type=click.IntRange(1, 2**34 - 1),
    metavar="BYTES",
    default=DEFAULT_MAX_IMAGE_BYTES,
    help=f"Skip larger images.  [default: {DEFAULT_MAX_IMAGE_BYTES >> 20} MiB]",
)
@click.option(
    "--extension",
    metavar="TEXT",
    default=EXTENSION,
    help=f"The imageExtension of the npm store.  [default: {EXTENSION}]",
)
def import_from_npm(
    database: Path,
    images: Path,
    into: Database,
    blobs: str | None,
    dry_run: bool,
    update: bool,
    reseal: bool,
    max_image_bytes: int,
    extension: str,
) -> None:
    """Take over a store of the npm package pixstore 3.2.1.

    Ids, tokens, keys and ciphertext stay the same, so the ids in your tables and the pictures in browsers' caches stay
    valid. The source is only read; first stop the server that writes to it. Every image is decrypted, checked and
    stored, with its key wrapped under your secret: PIXSTORE_SECRET, or else the key file beside the database.

    Run it again to continue after an interruption: existing images are skipped. Images that can't be taken over are
    listed at the end with the reason; then the exit code is 1.

    \b
    By default, the package keeps its images here:
        --database .pixstore-test.sqlite --images pixstore-test-images
    """
    if into.file is not None and into.file.exists() and into.file.samefile(database):
        raise click.UsageError("--into names the npm package's own database: choose another path")
    done = f"would be taken over into {into}; nothing was written" if dry_run else f"taken over into {into}"
    move = Move("Checking" if dry_run else "Taking over", done, goes_on=not dry_run)

    async def steps() -> None:
        with open_npm_source(database, images, extension=extension) as source:
            async with AsyncExitStack() as stack:
                target = None
                is_there = await is_made(into, blobs)
                if is_there or not dry_run:
                    place = opened_as_made(into, blobs) if is_there else opened(into, blobs)
                    store = await stack.enter_async_context(place)
                    target = Pixstore(store, image_formats=ALL_FORMATS, max_image_bytes=max_image_bytes)
                    await stack.enter_async_context(target)
                run = NpmImport(source, target, max_image_bytes, updates=update, reseals=reseal, dry_run=dry_run)
                await move.follow(run.steps(), source.count())

    move.run(steps())
