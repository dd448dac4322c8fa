"""`pixstore-asgi doctor`."""

import asyncio
import json
import sys
from urllib.parse import urlsplit

import click

from ..errors import PixstoreError
from ..transfer.totals import printable
from ..upkeep.doctor import Finding, examine
from ..upkeep.probe import examine_mount
from .databases import Database, blobs, existing_database
from .errors import plain_errors
from .output import json_option
from .stores import check_made, opened


def _mount(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    """Check the address of a mount, and say nothing of it: it may hold a password."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme in ("https", "http") and parts.hostname and not (parts.query or parts.fragment)
    except ValueError:
        is_plain = False
    if not is_plain or "@" in url or not url.isprintable() or " " in url:
        raise click.BadParameter("it is to be https://host/path, with no user, query or fragment")
    return url


@click.command()
@existing_database
@blobs
@click.option(
    "--url",
    callback=_mount,
    metavar="URL",
    help="The mount as browsers reach it, such as https://pictures.example/pixstore-image.",
)
@json_option
def doctor(database: Database, blobs: str | None, url: str | None, as_json: bool) -> None:
    """Tell what is not as it should be.

    Looks at the secret, the database and its clock, the bucket, file modes, the disk and its file system; with --url
    also at what stands before the application: HTTPS, caching, compression, CORS, its clock. Changes nothing, but that
    a store of an earlier version is brought up to this one. What is not well makes the exit code 1.
    """

    async def steps() -> list[Finding]:
        found = []
        try:
            await check_made(database)
            async with opened(database, blobs) as store:
                async for finding in examine(store):
                    found.append(finding)  # noqa: PERF401  what was found before an error stays
        except PixstoreError as error:  # what stands before the application may be looked at all the same
            found.append(Finding("store", "can't be read", str(error)))
        return found

    with plain_errors():
        found = [*asyncio.run(steps()), *(examine_mount(url) if url else ())]
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in found], indent=2))
    else:
        for about, says, remedy in found:
            click.echo(f"{'look' if remedy else 'ok':<4}  {about}: {printable(says)}")
            if remedy:
                click.echo(f"      {printable(remedy)}")
    sys.exit(1 if any(finding.remedy for finding in found) else 0)
