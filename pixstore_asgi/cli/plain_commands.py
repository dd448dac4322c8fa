"""The commands `pixstore-asgi import files` and `import s3`: import plain pictures."""

import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import click

from ..core.ids import checked_directory
from ..errors import ConfigError, InputError
from ..pixstore import Pixstore
from ..saving.options import DEFAULT_MAX_IMAGE_BYTES
from ..store.memory import MemoryStore
from ..transfer.folder import Folder
from ..transfer.npm_import import ALL_FORMATS
from ..transfer.plain_import import Entry, PlainFolder, PlainImport, PlainPlace
from ..transfer.plain_table import ReportFile, all_entries, listed_entries
from .frame import Move, all_of
from .installed import require
from .stores import SOURCE, Database, DatabaseType, NewPath, blobs, is_made, opened, opened_as_made
from .variants_command import variant_options

_MOST_LISTED = 1000


def _directory(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return the directory. An invalid one is a usage error, because it would refuse every file."""
    try:
        return None if value is None else checked_directory(value)
    except InputError as error:
        raise click.BadParameter(str(error)) from error


_plain_options = all_of(
    click.option(
        "--into",
        type=DatabaseType(),
        metavar="PATH",
        required=True,
        help="The application's Pixstore database, or its store's URL; created if it does not exist.",
    ),
    blobs,
    click.option(
        "--csv",
        "table",
        type=SOURCE,
        metavar="FILE",
        help="Take only the files in the column path of this CSV file, with the ids in its column id. Without an id, "
        "a file gets its usual one.",
    ),
    click.option(
        "--report",
        type=NewPath(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write a CSV file with path and id of each picture, or path and reason. A file that is there is replaced.",
    ),
    click.option(
        "--directory", callback=_directory, metavar="NAME", help="The directory of the ids that follow from paths."
    ),
    click.option(
        "--image-format",
        "image_formats",
        type=click.Choice(ALL_FORMATS),
        multiple=True,
        default=ALL_FORMATS,
        metavar="NAME",
        help="A format of the application's image_formats; repeat it.  [default: all formats]",
    ),
    click.option("--strip-metadata", is_flag=True, help="As the application's strip_metadata."),
    click.option("--check-pixels", is_flag=True, help="As the application's check_pixels."),
    variant_options,
    click.option("--update", is_flag=True, help="Replace a picture if its file was changed since."),
    click.option(
        "--restore-deleted", is_flag=True, help="Import a picture again if it was deleted in the store since."
    ),
    click.option("--dry-run", is_flag=True, help="Read and check everything, write nothing."),
    click.option(
        "--max-image-bytes",
        type=click.IntRange(1, 2**34 - 1),
        metavar="BYTES",
        default=DEFAULT_MAX_IMAGE_BYTES,
        help=f"Skip larger files.  [default: {DEFAULT_MAX_IMAGE_BYTES >> 20} MiB]",
    ),
)


@click.command("files")
@click.argument("folder", type=NewPath(exists=True, file_okay=False, path_type=Path))
@_plain_options
def import_files(folder: Path, **options: Any) -> None:
    """Import the plain pictures of a folder and its subfolders.

    FOLDER: only read, never changed. No link in it is followed.

    The id of a picture follows from the path of its file below FOLDER, so it is the same each time. Its token is the
    time of the file's last change. After each save, the stored picture is compared with the file.

    Run it again to continue after an interruption, or to check that every picture is there before you delete the
    files: existing images are compared and skipped. Files that can't be imported are listed at the end with the reason;
    then the exit code is 1.
    """

    @asynccontextmanager
    async def place() -> AsyncIterator[PlainPlace]:
        with Folder(folder) as opened:
            yield PlainFolder(opened)

    _import(place, **options)


def _bucket(_: click.Context, __: click.Parameter, value: str) -> Any:
    """Turn a URL into the place of a bucket. An invalid URL is a usage error."""
    require("s3", "obstore")
    from ..transfer.plain_bucket import place_of

    try:
        return place_of(value)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error


@click.command("s3")
@click.argument("url", callback=_bucket)
@_plain_options
def import_s3(url: Any, **options: Any) -> None:
    """Import the plain pictures of a bucket.

    URL: s3://bucket/prefix, with ?endpoint= and ?region= as in `blobs`. Credentials come from the same places. The
    objects are only read, never changed.

    The id of a picture follows from the key of its object below the prefix: a bucket and a folder with the same names
    give the same ids. All else is as in `import files`.
    """
    from ..transfer.plain_bucket import opened_bucket

    _import(lambda: opened_bucket(url), **options)


def _import(
    open_place: Callable[[], AbstractAsyncContextManager[PlainPlace]],
    into: Database,
    blobs: str | None,
    table: Path | None,
    report: Path | None,
    directory: str | None,
    update: bool,
    restore_deleted: bool,
    dry_run: bool,
    wanted: list[Any],
    **saving: Any,
) -> None:
    done = f"would be imported into {into}; nothing was written" if dry_run else f"imported into {into}"
    move = Move("Checking" if dry_run else "Importing", done, goes_on=not dry_run, of_files=True)
    move.report.most_left = _MOST_LISTED

    async def steps() -> None:
        async with AsyncExitStack() as stack:
            place = await stack.enter_async_context(open_place())

            def entries() -> AsyncIterator[Entry]:
                return listed_entries(table) if table else all_entries(place)

            pix = await stack.enter_async_context(_target(into, blobs, dry_run, {"variants": wanted, **saving}))
            run = PlainImport(place, pix, directory, update, restore_deleted, dry_run)
            on_step = stack.enter_context(ReportFile.opened(report)).add if report else None
            # Only a bar needs the number of files, and to count them takes a while.
            total = await _count(entries()) if sys.stderr.isatty() else 0
            await move.follow(run.steps(entries()), total, on_step)

    move.run(steps())


async def _count(entries: AsyncIterator[Entry]) -> int:
    count = 0
    async for _ in entries:
        count += 1
    return count


@asynccontextmanager
async def _target(into: Database, blobs: str | None, dry_run: bool, options: dict[str, Any]) -> AsyncIterator[Pixstore]:
    """Open the store as a Pixstore. In a dry run without a store, open an empty one in memory."""
    is_there = await is_made(into, blobs)
    if dry_run and not is_there:
        async with Pixstore(MemoryStore(), secret=secrets.token_urlsafe(32), **options) as pix:
            yield pix
    else:
        async with (
            opened_as_made(into, blobs) if is_there else opened(into, blobs) as store,
            Pixstore(store, **options) as pix,
        ):
            yield pix
