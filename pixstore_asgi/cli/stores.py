"""Options that name a store (path or URL of a database, and a bucket), and functions that open it."""

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
from ..store.connect import bucket_at, connect, scheme_of, sqlite_path
from ..store.contract import ImageStore
from ..store.inspection import Inspectable, lacks_its_bucket
from ..store.objects import Bodies, versions_among

_EMPTY = "it is empty: check that the variable is set"


def filled(_: click.Context, __: click.Parameter, value: str) -> str:
    """Return the text of an option. An empty text is a usage error."""
    if not value:
        raise click.BadParameter(_EMPTY)
    return value


class NewPath(click.Path):
    """A path for a new file. Refuses an empty text, which would be the working directory, and a URL.

    The error does not repeat the URL, which may hold a password.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path of an option's text."""
        if not os.fspath(value):
            self.fail(_EMPTY, param, ctx)
        if "://" in os.fspath(value):
            self.fail("give a path, not a URL", param, ctx)
        return super().convert(value, param, ctx)


SOURCE = NewPath(exists=True, dir_okay=False, path_type=Path)
"""The type of an option that names an existing database."""


@dataclass(frozen=True, slots=True)
class Database:
    """The store named by an option. store: the argument for Pixstore. file: its SQLite file, or None."""

    store: str | Path = field(repr=False)  # a URL may hold a password
    file: Path | None

    def __str__(self) -> str:
        if self.file is not None:
            return os.fspath(self.file)
        parts = urlsplit(str(self.store))
        # The rest of the URL may hold a password. If the password has a slash, any part may.
        if "@" in f"{parts.path}{parts.query}{parts.fragment}":
            return f"{parts.scheme}://…"
        schema = dict(parse_qsl(parts.query)).get("schema")
        behind = f"?schema={schema}" if schema else ""
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{behind}"


class DatabaseType(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """Turns a path or a store's URL into a Database. exists: a SQLite file must already exist."""

    name = "database"

    def __init__(self, *, exists: bool = False) -> None:
        self._path = NewPath(exists=exists, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Database:
        """Return the Database of an option. A URL of an unknown store, or without a file, is a usage error."""
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


def bucket_url(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    """Return the URL of an option. A URL that does not name a bucket is a usage error."""
    try:
        if url is not None:
            bucket_at(url)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error
    return url


existing_database = click.option(
    "--database",
    type=DatabaseType(exists=True),
    metavar="PATH",
    required=True,
    help="The application's Pixstore database, or its store's URL.",
)
"""Adds `--database` to a command: the database must exist."""

blobs = click.option(
    "--blobs", callback=bucket_url, metavar="URL", help="As the application's blobs, if its bodies are in a bucket."
)
"""Adds `--blobs` to a command."""


async def made(database: Database, blobs: str | None) -> ImageStore:
    """Return an existing store, closed. Closing it later does not run gc. Raises InputError if there is none."""
    await check_made(database)
    return _without_gc_at_close(database, blobs)


def _without_gc_at_close(database: Database, blobs: str | None, **options: Any) -> ImageStore:
    # It may be a backup: its rows do not know bodies that were saved to the bucket since.
    return connect(database.store, blobs, sweeps_at_close=False, **options)


@asynccontextmanager
async def opened(database: Database, blobs: str | None, **options: Any) -> AsyncIterator[ImageStore]:
    """Open a store until the block ends; create it if it is missing. Closing it does not run gc."""
    store = _without_gc_at_close(database, blobs, **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_as_made(database: Database, blobs: str | None, **options: Any) -> AsyncIterator[ImageStore]:
    """Open an existing store with its bucket. Raises InputError if there is none, or `blobs` is missing."""
    await check_made(database)
    async with opened(database, blobs, **options) as store:
        if await lacks_its_bucket(store):
            raise InputError(
                "this store has bodies in a bucket: pass --blobs with the value of the application's blobs"
            )
        yield store


async def check_made(database: Database) -> None:
    """Raise InputError if the store does not exist."""
    if not await is_made(database):
        where = "path" if database.file else "database and the schema that it names"
        raise InputError(f"there is no store at {database}: check the {where}")


async def is_made(database: Database) -> bool:
    """Return whether the store exists. Return True for a store that can't tell."""
    store = connect(database.store)
    return await store.is_made() if isinstance(store, Inspectable) else True


async def count_of(store: ImageStore) -> int:
    """Return the number of images for a progress bar, or 0 if rows are damaged."""
    try:
        return sum((await store.key_usage()).values())
    except StoreError:
        return 0


async def check_prefix(blobs: str, target: Database | None) -> None:
    """Raise InputError if the prefix belongs to another store: two copies would share the object of a version.

    target: the store that will use it, or None if it does not exist yet.
    """
    bucket = bucket_at(blobs)
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
    # If the target has only unfinished bodies in a bucket, its first uploads were interrupted.
    if not is_empty or await store.has_objects(live=True):
        raise InputError("the target has bodies in a bucket, but none of them below this prefix: pass their prefix")
