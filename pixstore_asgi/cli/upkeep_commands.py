"""The commands that look after a store: `pixstore-asgi verify`, `gc`, `stats` and `pixstore-asgi doctor`."""

import json
import sys
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

import click

from ..core.ids import Count, number_of
from ..errors import PixstoreError, SecretError, StoreBusy, StoreError
from ..keys.find import find_configured_ring
from ..store.connect import bodies_at
from ..store.contract import ImageStore
from ..store.files import BodyFolder
from ..store.inspection import Fault, Inspectable
from ..transfer.steps import printable
from ..upkeep.doctor import Finding, examine, examine_bodies
from ..upkeep.probe import examine_mount
from ..upkeep.stats import Amount, Stats, exposition, stats_of
from ..upkeep.verify import verify_images, verify_rest
from .frame import framed, json_option, progress_bar, run, size_of
from .stores import Database, blobs, check_made, count_of, existing_database, opened, opened_as_made

_GC_BATCH = 100  # bodies in one transaction, which has a time limit; large bodies take long


@dataclass
class Verification:
    """The findings of `verify` so far. count: the number of images read. is_complete: whether all images were read."""

    count: Count = field(default_factory=Count)
    faults: list[Fault] = field(default_factory=list)
    is_complete: bool = False

    async def run(self, store: ImageStore) -> None:
        """Read a whole store, and show the progress on a terminal."""
        ring = await find_configured_ring(store)
        if ring is None:
            raise SecretError(
                "set PIXSTORE_SECRET to the secret of this store, or copy its key file beside it: without it no image "
                "can be checked"
            )
        is_read, read_bytes = False, 0
        try:
            with progress_bar("Reading", await count_of(store)) as bar:
                async for image_id, fault, size in verify_images(store, ring):
                    self.count, read_bytes = self.count.plus(image_id), read_bytes + size
                    self._add(fault)
                    bar.update(1, read_bytes)
            is_read = True
        except StoreBusy:
            raise
        except StoreError as error:  # check the database and the bucket anyway
            self._add(Fault("the database", f"{error}; the images after it were not read"))
        async for fault in verify_rest(store):
            self._add(fault)
        self.is_complete = is_read

    def _add(self, fault: Fault | None) -> None:
        self.faults += [fault] if fault else []

    def show(self, *, as_json: bool) -> None:
        """Print the findings."""
        if as_json:
            listed = [fault._asdict() for fault in self.faults]
            found = {**self.count._asdict(), "complete": self.is_complete, "faults": listed}
            click.echo(json.dumps(found, indent=2))
            return
        if not (self.count.total or self.faults or self.is_complete):  # the frame prints the error
            return
        click.echo(f"{self.count} read")
        if not self.faults:
            click.echo("all is well" if self.is_complete else "no fault so far")
            return
        click.echo(f"{number_of(len(self.faults), 'fault')}:")
        for fault in self.faults:
            click.echo(f"  {printable(fault.what)}: {printable(fault.reason)}")


@click.command()
@existing_database
@blobs
@json_option
def verify(database: Database, blobs: str | None, as_json: bool) -> None:
    """Read every image and list the damaged ones.

    Checks the length, wrapped key and tag of each image and variant; the tag covers every byte. Then checks the
    database's tables, and the bucket's objects or the folder's files. The application may keep running. Lists each
    fault with its image, body, object or file. The exit code is 1 if there is a fault. Needs the secret:
    PIXSTORE_SECRET, or the key file beside the database.
    """
    verification = Verification()

    async def steps() -> None:
        async with opened_as_made(database, blobs, only_reads=True) as store:
            await verification.run(store)

    run(
        steps(),
        lambda _: verification.show(as_json=as_json),  # after an error too
        stopped="Stopped before the end: the rest was not checked.",
    )
    sys.exit(1 if verification.faults else 0)


@click.command()
@existing_database
@blobs
@click.option(
    "--sweep-grace-s",
    type=click.IntRange(0, 10**9),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="The application's sweep_grace_s, never less: readers and uploads depend on it.",
)
@click.option(
    "--orphans",
    is_flag=True,
    help="Also remove the files of the folder in --blobs that no row names, as `verify` lists them.",
)
def gc(database: Database, blobs: str | None, sweep_grace_s: int, orphans: bool) -> None:
    """Remove bodies that no image needs.

    The application does this itself, a little with each write. Use this command for a store with few writes. Bodies
    that are being read stay. In PostgreSQL, a bucket and a folder, bodies that were replaced within the last
    --sweep-grace-s seconds stay too. Run it only on the database in use. On a backup, it could remove bodies from the
    bucket or folder that the current database needs.

    After a database was restored to an earlier moment than its folder, the files of images saved since are orphans.
    Run --orphans only if you will restore no newer backup.
    """
    if orphans and not (blobs and isinstance(bodies_at(blobs), BodyFolder)):
        raise click.UsageError("--orphans needs a folder in --blobs: another store may have objects in a bucket")
    removed = left = 0

    async def steps() -> None:
        nonlocal removed, left
        async with opened_as_made(database, blobs, sweep_grace_s=sweep_grace_s) as store:
            unused = 0
            if isinstance(store, Inspectable):
                if orphans:
                    await store.adopt_orphans()
                unused = (await store.unused()).bodies
            with progress_bar("Removing", unused) as bar:
                while some := await store.sweep(limit=_GC_BATCH):
                    removed += some
                    bar.update(some)
            left = (await store.unused()).bodies if isinstance(store, Inspectable) else 0

    def report(error: BaseException | None) -> None:
        if removed or error is None:
            click.echo(f"{_bodies_of(removed)} removed")
        if left:
            click.echo(f"{_bodies_of(left)} kept for now: within --sweep-grace-s, or in use")

    run(steps(), report, stopped="Stopped. Run the same command again to continue.")


@click.command()
@existing_database
@json_option
@click.option("--prometheus", "for_prometheus", is_flag=True, help="Print gauges in the text format of Prometheus.")
def stats(database: Database, as_json: bool, for_prometheus: bool) -> None:
    """Count images and bytes.

    Counts them by directory, and by the key id of the secret that wraps their keys. Also counts the bodies in a bucket
    or a folder, and the bodies that gc would remove. It reads only rows, so it takes no --blobs.
    """
    if as_json and for_prometheus:
        raise click.UsageError("give --json or --prometheus, not both")

    async def steps() -> Stats:
        await check_made(database)
        async with opened(database, None) as store:
            return await stats_of(store)

    found = run(steps())
    if as_json:
        parts = {"outside": found.outside, "unused": found.unused}
        counts = {name: part._asdict() if part else None for name, part in parts.items()}
        click.echo(json.dumps({**asdict(found), **counts}, indent=2))
    elif for_prometheus:
        click.echo(exposition(found), nl=False)
    else:
        _show_stats(found)


def _show_stats(stats: Stats) -> None:
    click.echo(f"{_text_of(stats.all)}; {stats.deleted:,} deleted")
    for name, amount in sorted(stats.directories.items()):
        click.echo(f"  {printable(name) + ':' if name else 'no directory':<24} {_text_of(amount)}")
    for key_id, images in stats.keys.items():
        click.echo(f"  {'secret ' + key_id:<24} {number_of(images, 'key')}")
    if stats.outside and stats.outside.bodies:
        click.echo(f"  {'outside the database':<24} {_bodies_of(stats.outside.bodies)}, {size_of(stats.outside.bytes)}")
    if stats.unused:
        bodies, size, free = stats.unused
        click.echo(f"  {'to be swept':<24} {_bodies_of(bodies)}, {size_of(size)} in the database; {size_of(free)} free")


def _bodies_of(count: int) -> str:
    return f"{count:,} {'body' if count == 1 else 'bodies'}"


def _text_of(amount: Amount) -> str:
    return f"{Count(amount.images, amount.variants)}, {size_of(amount.bytes)}"


def _mount(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    """Check the address of a mount. The error does not repeat the address, because it may contain a password."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme in ("https", "http") and parts.hostname and not (parts.query or parts.fragment)
    except ValueError:
        is_plain = False
    if not is_plain or "@" in url or not url.isprintable() or " " in url:
        raise click.BadParameter("write https://host/path, without user, query or fragment")
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
    """Find problems of a store and its machine.

    Checks the secret, the database and its clock, file modes, the disk and its file system. With --blobs it also checks
    the bucket, or the folder with its disk, modes and owner. With --url it also checks the connection to the
    application: HTTPS, caching, compression, CORS and the server's clock. It changes nothing, except that it migrates a
    store of an earlier version. The exit code is 1 if there is a problem.
    """
    found: list[Finding] = []

    async def steps() -> None:
        part = "store"
        try:
            await check_made(database, blobs)
            async with opened(database, None) as store:
                async for finding in examine(store):
                    found.append(finding)
            part = "bodies"
            async with opened_as_made(database, blobs) as store:
                async for finding in examine_bodies(store):
                    found.append(finding)
        except PixstoreError as error:  # check the connection to the application anyway
            found.append(Finding(part, "can't be read", str(error)))

    run(steps())
    with framed():
        found += examine_mount(url) if url else ()
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in found], indent=2))
    else:
        for about, says, remedy in found:
            click.echo(f"{'look' if remedy else 'ok':<4}  {about}: {printable(says)}")
            if remedy:
                click.echo(f"      {printable(remedy)}")
    sys.exit(1 if any(finding.remedy for finding in found) else 0)
