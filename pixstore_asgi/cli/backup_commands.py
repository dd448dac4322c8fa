"""`pixstore-asgi backup` and `restore`."""

from pathlib import Path

import click

from ..store.sqlite import backup as sqlite_backup
from .databases import DatabaseFileType
from .errors import plain_errors
from .moves import SOURCE, images_of

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--database",
    type=DatabaseFileType(exists=True),
    metavar="PATH",
    required=True,
    help="The application's Pixstore database, in use or not: a SQLite file, or its URL.",
)
@click.option("--to", "target", type=_FILE, metavar="FILE", required=True, help="The backup to write: a new file.")
def backup(database: Path, target: Path) -> None:
    """Copy a database while it is in use.

    The backup is a database of its own, checked as a whole, for you alone (mode 0600), and holds the images of one
    moment. The secret, or the key file, is not in it: keep that in another place.
    """
    with plain_errors():
        click.echo(f"{images_of(sqlite_backup.back_up(database, target))} backed up to {target}")


@click.command()
@click.option("--from", "source", type=SOURCE, metavar="FILE", required=True, help="The backup; it stays as it is.")
@click.option(
    "--database",
    type=DatabaseFileType(),
    metavar="PATH",
    required=True,
    help="The database that it takes the place of, if any: a SQLite file, or its URL.",
)
def restore(source: Path, database: Path) -> None:
    """Put a backup in a database's place.

    STOP EVERY PROCESS that uses the database first; while one has it open, nothing happens. WHAT WAS SAVED SINCE the
    backup is gone afterwards. The backup is checked before, and a database is never left half restored.
    """
    with plain_errors():
        click.echo(f"{images_of(sqlite_backup.restore(source, database))} restored to {database}")
