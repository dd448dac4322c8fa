"""`pixstore-asgi doctor`."""

import asyncio
import json
import sys

import click

from ..upkeep.doctor import Finding, examine
from ..upkeep.reach import examine_mount
from .databases import Database, blobs, existing_database
from .errors import plain_errors
from .output import json_option
from .stores import check_made, opened


@click.command()
@existing_database
@blobs
@click.option(
    "--url", metavar="URL", help="The mount as browsers reach it, such as https://pictures.example/pixstore-image."
)
@json_option
def doctor(database: Database, blobs: str | None, url: str | None, as_json: bool) -> None:
    """Tell what is not as it should be, and what to do.

    Looks at the secret, the database and its clock, the bucket, file modes, the disk and its file system; with --url
    also at what stands before the application: HTTPS, paths, caching, compression, CORS, its clock. Changes nothing.
    What is not well makes the exit code 1.
    """
    if url is not None and not url.startswith(("https://", "http://")):
        raise click.UsageError("--url is no http or https URL")

    async def steps() -> list[Finding]:
        await check_made(database)
        async with opened(database, blobs) as store:
            return [finding async for finding in examine(store)]

    with plain_errors():
        found = [*asyncio.run(steps()), *(examine_mount(url) if url else ())]
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in found], indent=2))
    else:
        for about, says, remedy in found:
            click.echo(f"{'look' if remedy else 'ok':<4}  {about}: {says}" + (f"\n      {remedy}" if remedy else ""))
    sys.exit(1 if any(finding.remedy for finding in found) else 0)
