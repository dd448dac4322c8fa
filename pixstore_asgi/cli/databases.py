"""Options that name a store: a database by the path of a SQLite file or by its URL, and a bucket."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import click
from click.shell_completion import CompletionItem

from ..errors import ConfigError
from ..store.connect import bucket_at, scheme_of, sqlite_path

_EMPTY = "it is empty: is a variable not set?"


def filled(_: click.Context, __: click.Parameter, value: str) -> str:
    """Take an option's text. An empty one, which may mean anything, ends in a usage error."""
    if not value:
        raise click.BadParameter(_EMPTY)
    return value


class NewPath(click.Path):
    """A path; an empty one, which would be the working directory, and a URL, which may hold a password, end in a usage
    error that repeats neither."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path of an option's text."""
        if not os.fspath(value):
            self.fail(_EMPTY, param, ctx)
        if "://" in os.fspath(value):
            self.fail("this is a path, and no URL", param, ctx)
        return super().convert(value, param, ctx)


@dataclass(frozen=True, slots=True)
class Database:
    """What an option names. store: what Pixstore takes. file: its SQLite file, or None where the store has none."""

    store: str | Path = field(repr=False)  # a URL may hold a password
    file: Path | None

    def __str__(self) -> str:
        if self.file is not None:
            return os.fspath(self.file)
        parts = urlsplit(str(self.store))
        # The rest of the URL may hold a password, and so may all of it where a password has a slash in it.
        if "@" in f"{parts.path}{parts.query}{parts.fragment}":
            return f"{parts.scheme}://…"
        schema = dict(parse_qsl(parts.query)).get("schema")
        behind = f"?schema={schema}" if schema else ""
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{behind}"


class DatabaseType(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """A path or a store's URL, as a Database. exists: a SQLite file must be there already."""

    name = "database"

    def __init__(self, *, exists: bool = False) -> None:
        self._path = NewPath(exists=exists, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Database:
        """Return the Database of an option's text. A URL of no known store, or of no file, ends in a usage error."""
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


class BucketType(click.ParamType):  # type: ignore[type-arg]  # as above
    """A bucket's URL, as its text."""

    name = "bucket"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the URL of an option's text. One that names no bucket ends in a usage error."""
        try:
            bucket_at(value)
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        return str(value)


existing_database = click.option(
    "--database",
    type=DatabaseType(exists=True),
    metavar="PATH",
    required=True,
    help="The application's Pixstore database, or its store's URL.",
)
"""Puts `--database` on a command: one that is there already."""

blobs = click.option(
    "--blobs", type=BucketType(), metavar="URL", help="As the application's blobs, if its bodies are in a bucket."
)
"""Puts `--blobs` on a command."""
