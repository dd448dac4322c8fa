"""The group of all commands, and the commands `secret`, `serve` and `demo`."""

import secrets
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from starlette.applications import Starlette

from .. import Pixstore, PixstoreMiddleware
from ..core.proof import DEFAULT_WINDOW_MS
from ..errors import InputError
from .backup_commands import backup, restore
from .copy_commands import copy
from .exchange_commands import export_to, import_from
from .frame import framed, run
from .installed import documents_folder, require
from .keys_commands import keys
from .server import exit_on_signals, listen, run_server, url_of
from .stores import Database, DatabaseType, blobs, filled, is_made, opened_as_made
from .upkeep_commands import doctor, gc, stats, verify
from .variants_command import variants

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
_DATABASE = DatabaseType()
_PORT = click.IntRange(0, 65535)
# click does not wrap a paragraph that begins with \b. So the path stays on one line.
_DOCUMENTS = f"\b\nThe documents of this version are in\n{folder}" if (folder := documents_folder()) else None


class _Commands(click.Group):
    """A group whose commands exit with code 130 after Ctrl-C. click's own code, 1, here means an error or a finding."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with framed():
            return super().invoke(ctx)


@click.group(cls=_Commands, context_settings=_SETTINGS, epilog=_DOCUMENTS)
@click.version_option(package_name="pixstore-asgi", message="%(package)s %(version)s")
def commands() -> None:
    """Encrypted images for ASGI applications.

    \b
    New here?  pixstore-asgi demo --open
    """


for command in (backup, restore, copy, import_from, export_to, variants, keys, verify, gc, stats, doctor):
    commands.add_command(command)


@commands.command()
def secret() -> None:
    """Print a new secret.

    All processes that open the same database need the same secret:

    \b
        export PIXSTORE_SECRET=$(pixstore-asgi secret)

    Keep it: without it, the images in the database are lost.
    """
    click.echo(secrets.token_urlsafe(32))


@commands.command()
@click.option(
    "--database",
    type=_DATABASE,
    metavar="PATH",
    required=True,
    help="The application's SQLite database, or its store's URL.",
)
@blobs
@click.option("--create", is_flag=True, help="Create the store if it does not exist.")
@click.option(
    "--host",
    callback=filled,
    metavar="HOST",
    default="127.0.0.1",
    help="Address to listen on.  [default: 127.0.0.1]",
)
@click.option("--port", type=_PORT, metavar="PORT", default=8000, help="0 uses any free port.  [default: 8000]")
@click.option(
    "--allow-origin",
    "origins",
    metavar="ORIGIN",
    multiple=True,
    default=["*"],
    help="Origin of pages that may read payloads, such as https://app.example; repeatable.  [default: *, all of them]",
)
@click.option(
    "--proof-window-ms",
    type=click.IntRange(min=1),
    metavar="MS",
    default=DEFAULT_WINDOW_MS,
    help=f"As the application's proof_window_ms.  [default: {DEFAULT_WINDOW_MS}]",
)
@click.option("--bind-token/--no-bind-token", default=True, help="As the application's bind_token.  [default: bound]")
def serve(
    database: Database,
    blobs: str | None,
    create: bool,
    host: str,
    port: int,
    origins: tuple[str, ...],
    proof_window_ms: int,
    bind_token: bool,
) -> None:
    """Serve image requests in a separate process.

    The application runs in another process: it saves images and gives records to its pages. This process answers the
    image requests of these pages, below /pixstore-image. Both processes need the same database and the same secret:
    PIXSTORE_SECRET, or else the key file beside the database. Set the option `endpoint` of the pages' client to the
    address that this command prints.
    """
    if not create:
        run(_check_existing(database, blobs))
    with framed(), exit_on_signals():
        pix = Pixstore(database.store, blobs=blobs, proof_window_ms=proof_window_ms, bind_token=bind_token)
        app = PixstoreMiddleware(Starlette(), pix, allow_origins=origins)
        with listen(host, port) as listener:
            greeting = f"Serving the images of {database} on {url_of(listener)}pixstore-image  (Ctrl-C stops it)"
            run_server(app, listener, life=pix, on_ready=lambda: click.echo(greeting), log_level="info")


async def _check_existing(database: Database, blobs: str | None) -> None:
    if not await is_made(database, blobs):
        raise InputError(
            f"there is no store at {database}: the application creates it when it starts; check the path or URL, or "
            "pass --create to create an empty store"
        )
    async with opened_as_made(database, blobs):  # else each long image would be an InternalError
        pass


@commands.command()
@click.option("--port", type=_PORT, metavar="PORT", default=8000, help="0 uses any free port.  [default: 8000]")
@click.option(
    "--database",
    type=_DATABASE,
    metavar="PATH",
    help="The SQLite database, or the URL of the store, for the pictures.  [default: a temporary one]",
)
@click.option(
    "--pictures",
    type=click.IntRange(0, 1000),
    metavar="N",
    default=100,
    help="How many pictures to paint for a new gallery.  [default: 100]",
)
@click.option("--open/--no-browser", "opens", default=False, help="Open the page in a browser.  [default: no browser]")
def demo(port: int, database: Database | None, pictures: int, opens: bool) -> None:
    """Show a gallery of encrypted pictures.

    Without --database, it leaves nothing behind: the pictures are in a temporary folder, which is deleted at the end.
    """
    require("demo", "PIL")
    from ..demo.app import create_app, create_pixstore

    with framed(), exit_on_signals(), listen("127.0.0.1", port) as listener, _place_of(database) as place:
        app = create_app(create_pixstore(place), pictures=pictures)
        url = url_of(listener)

        def greet() -> None:
            click.echo(f"Pixstore demo on {url}  (Ctrl-C stops it)")
            if opens:
                _open_page(url)

        run_server(app, listener, life=app.router.lifespan_context(app), on_ready=greet, log_level="warning")


def _open_page(url: str) -> None:
    # Some browsers block the caller, and their page needs the server meanwhile. So start them in a thread.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


@contextmanager
def _place_of(database: Database | None) -> Iterator[str | Path]:
    if database is not None:
        yield database.store
        return
    with tempfile.TemporaryDirectory(prefix="pixstore-demo-") as folder:
        yield Path(folder) / "pixstore.db"
