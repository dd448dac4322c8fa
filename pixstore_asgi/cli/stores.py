"""Options that name a store (path or URL of a database, and a bucket), and the functions that open it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import click
from click.shell_completion import CompletionItem

from ..errors import ConfigError, InputError, StoreError
from ..store.connect import bodies_at, connect, scheme_of, sqlite_path
from ..store.contract import ImageStore
from ..store.files import BodyFolder
from ..store.inspection import Inspectable, lacks_its_bucket
from ..store.objects import Bodies, versions_among

_EMPTY = "it is empty: check that the variable is set"


def filled(_: click.Context, __: click.Parameter, value: str) -> str:
    """Return the text of an option. An empty text is a usage error."""
    if not value:
        raise click.BadParameter(_EMPTY)
    return value


class NewPath(click.Path):
    """The type of an option that is a path. It refuses a URL, and an empty text, which would be the working directory.

    The error does not repeat the URL, because it may contain a password.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path that an option's text names."""
        if not os.fspath(value):
            self.fail(_EMPTY, param, ctx)
        if "://" in os.fspath(value):
            self.fail("give a path, not a URL", param, ctx)
        return super().convert(value, param, ctx)


SOURCE = NewPath(exists=True, dir_okay=False, path_type=Path)
"""The type of an option that names an existing database."""


@dataclass(frozen=True, slots=True)
class Database:
    """The store that an option names. store: the argument for Pixstore. file: the SQLite file, or None."""

    store: str | Path = field(repr=False)  # a URL may hold a password
    file: Path | None

    def __str__(self) -> str:
        if self.file is not None:
            return os.fspath(self.file)
        parts = urlsplit(str(self.store))
        # Hide the parts that may contain a password. If the password has a slash, these may be all parts.
        if "@" in f"{parts.path}{parts.query}{parts.fragment}":
            return f"{parts.scheme}://…"
        schema = dict(parse_qsl(parts.query)).get("schema")
        behind = f"?schema={schema}" if schema else ""
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{behind}"


class DatabaseType(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions of click
    """The type of an option that is a path or a store's URL; it becomes a Database. exists: a SQLite file must
    already exist.
    """

    name = "database"

    def __init__(self, *, exists: bool = False) -> None:
        self._path = NewPath(exists=exists, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Database:
        """Return the Database that an option's text names. A URL of an unknown store, or without a file, is a usage
        error.
        """
        try:
            if scheme_of(value) != "sqlite":
                return Database(value, None)
            file: Path = self._path.convert(sqlite_path(value) if "://" in value else value, param, ctx)
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        return Database(file, file)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the names of files."""
        return self._path.shell_complete(ctx, param, incomplete)


class PlaceType(click.ParamType):  # type: ignore[type-arg]
    """The type of an option that is a bucket's URL, a folder's path or its URL. It stays a text."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text. One that names neither a bucket nor a folder is a usage error."""
        try:
            bodies_at(value)
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the names of folders."""
        return [CompletionItem(incomplete, type="dir")]


def overlap(one: str, other: str) -> bool:
    """Return whether two places of bodies are the same, or one folder is inside the other."""
    first, second = bodies_at(one), bodies_at(other)
    if isinstance(first, BodyFolder) and isinstance(second, BodyFolder):
        paths = Path(first.place), Path(second.place)
        return paths[0].is_relative_to(paths[1]) or paths[1].is_relative_to(paths[0])
    return first.place == second.place


existing_database = click.option(
    "--database",
    type=DatabaseType(exists=True),
    metavar="PATH",
    required=True,
    help="The application's Pixstore database, or its store's URL.",
)
"""Adds `--database` to a command: the database must exist."""

blobs = click.option(
    "--blobs",
    type=PlaceType(),
    metavar="PLACE",
    help="As the application's blobs, if it has bodies in a bucket or a folder.",
)
"""Adds `--blobs` to a command."""


@asynccontextmanager
async def opened(
    database: Database, blobs: str | None, *, only_reads: bool = False, **options: Any
) -> AsyncIterator[ImageStore]:
    """Keep a store open during the block. Create it if it is missing. Closing it runs no gc.

    only_reads: the block only reads it. So the folder in `blobs` may belong to another copy of the database.
    """
    # The store may be a backup. Its gc would remove the bodies that were saved to the bucket after the backup.
    store = connect(database.store, blobs, sweeps_at_close=False, **options)
    if isinstance(store, Inspectable) and isinstance(store.bodies, BodyFolder):
        store.bodies.only_reads = only_reads
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_as_made(
    database: Database, blobs: str | None, *, option: str = "--blobs", only_reads: bool = False, **options: Any
) -> AsyncIterator[ImageStore]:
    """Keep an existing store open during the block.

    option: the command's option that gave `blobs`, for error messages. only_reads: see `opened`.

    Raises InputError if there is no store, if it has bodies in a bucket or folder and `blobs` is None, or if `blobs` is
    a folder that does not exist.
    """
    await check_made(database, blobs)
    folder = None if blobs is None else bodies_at(blobs)
    if isinstance(folder, BodyFolder) and not folder.path.exists():
        async with opened(database, None) as store:
            if not await lacks_its_bucket(store):  # opening it with this folder would create the folder
                raise InputError(
                    f"the folder {folder} does not exist, and this store has no bodies outside its database: "
                    f"leave out {option}, or check its path"
                )
        raise InputError(f"the folder {folder} in {option} does not exist: mount it, or check its path")
    async with opened(database, blobs, only_reads=only_reads, **options) as store:
        if await lacks_its_bucket(store):
            raise InputError(
                f"the store {database} has bodies outside its database: "
                f"pass {option} with the bucket or folder that has them"
            )
        yield store


async def check_made(database: Database, blobs: str | None = None) -> None:
    """Raise InputError if the store does not exist, and ConfigError if its database can't be used with `blobs`."""
    if not await is_made(database, blobs):
        where = "path" if database.file else "database and the schema that it names"
        raise InputError(f"there is no store at {database}: check the {where}")


async def is_made(database: Database, blobs: str | None = None) -> bool:
    """Return whether the store exists, or True if this kind of store can't tell. Raises ConfigError if its database
    can't be used with `blobs`.
    """
    store = connect(database.store, blobs)
    return await store.is_made() if isinstance(store, Inspectable) else True


async def count_of(store: ImageStore) -> int:
    """Return the number of images and variants, for a progress bar, or 0 if the store raises a StoreError."""
    try:
        return sum((await store.key_usage()).values())
    except StoreError:
        return 0


async def check_prefix(blobs: str, target: Database | None) -> None:
    """Raise InputError if another store uses the bucket's prefix, because both stores would share objects.

    target: the store that will use the prefix, or None if it does not exist yet.
    """
    bucket = bodies_at(blobs)
    if isinstance(bucket, BodyFolder):  # it knows the database that it belongs to
        return
    await bucket.open()
    try:
        if target is not None:
            async with opened(target, None) as store:
                if isinstance(store, Inspectable) and await store.has_objects():
                    await _check_has_own(store, bucket)
                    return
        if not await bucket.is_empty():
            raise InputError("the prefix has objects, but none of them is the target's: choose another prefix")
    finally:
        await bucket.close()


async def _check_has_own(store: Inspectable, bodies: Bodies) -> None:
    is_empty = True
    async for names in bodies.names():
        versions = versions_among(names)
        if len(await store.unknown_bodies(versions)) < len(versions):
            return
        is_empty = is_empty and not names
    # A target that has only unfinished bodies in a bucket is accepted: its first uploads were interrupted.
    if not is_empty or await store.has_objects(live=True):
        raise InputError("the target has bodies in a bucket, but none of them below this prefix: pass their prefix")
