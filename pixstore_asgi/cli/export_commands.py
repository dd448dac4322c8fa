"""`pixstore-asgi export`: images to elsewhere."""

from pathlib import Path

import click

from ..pixstore import Pixstore
from ..transfer.files_export import export_files
from ..transfer.folder import Folder
from ..transfer.listing import list_ids
from ..transfer.npm_export import DATABASE_NAME, IMAGES_NAME, export_npm, open_npm_target
from .databases import Database, NewPath, blobs, existing_database
from .errors import plain_errors
from .moves import Move
from .stores import made

_TO = click.option(
    "--to",
    "folder",
    type=NewPath(file_okay=False, path_type=Path),
    metavar="DIR",
    required=True,
    help="The folder to write to; made where there is none.",
)
_DIRECTORY = click.option("--directory", metavar="NAME", help="Only the images of this directory.  [default: all]")


@click.group("export")
def export_to() -> None:
    """Write images to another store or to files."""


@export_to.command()
@existing_database
@blobs
@_TO
@_DIRECTORY
@click.option("--all-formats", is_flag=True, help="Also gif and avif, which its imageFormats must then list.")
def npm(database: Database, blobs: str | None, folder: Path, directory: str | None, all_formats: bool) -> None:
    """Write a store that the npm package pixstore 3.2.1 serves.

    Ids, tokens, keys and ciphertext stay the same, so pictures in browsers' caches stay good.

    THE KEYS LIE IN CLEAR in the database it writes, as they do in every database of that package: whoever can read the
    folder can read every picture. The folder and its files are made for you alone (modes 0700 and 0600).

    Nothing that is there is overwritten. Run it again to go on after an interruption: what is there already is skipped.
    What can't be written is listed at the end with the reason, and makes the exit code 1.
    """
    move = Move("Writing", f"written to {folder}")

    async def steps() -> None:
        store = await made(database, blobs)
        async with Pixstore(store) as pix:
            ids = await list_ids(store, directory)
            with open_npm_target(folder) as target:
                await move.follow(export_npm(pix, ids, target, all_formats=all_formats), len(ids))

    with plain_errors():
        move.run(steps())
    click.echo(f"Its databasePath is {folder / DATABASE_NAME}, which holds the keys in clear;")
    click.echo(f"its imageRootDir is {folder / IMAGES_NAME}.")
    move.end()


@export_to.command()
@existing_database
@blobs
@_TO
@_DIRECTORY
def images(database: Database, blobs: str | None, folder: Path, directory: str | None) -> None:
    """Write images as plain files: name.png, or directory/name.png.

    THE FILES ARE IN CLEAR: whoever can read the folder can see the pictures. The folder and its files are made for you
    alone (modes 0700 and 0600).

    Nothing that is there is overwritten. Run it again to go on after an interruption: what is there already is skipped.
    What can't be written is listed at the end with the reason, and makes the exit code 1.
    """
    move = Move("Writing", f"written to {folder}, in clear")

    async def steps() -> None:
        store = await made(database, blobs)
        async with Pixstore(store) as pix:
            ids = await list_ids(store, directory)
            with Folder(folder, create=True) as target:
                await move.follow(export_files(pix, ids, target), len(ids))

    with plain_errors():
        move.run(steps())
        move.end()
