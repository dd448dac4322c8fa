"""The commands `pixstore-asgi keys`: list secrets, rewrap keys, retire a secret, and separate a copy."""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import click

from ..core.hidden import hide
from ..core.ids import number_of
from ..core.keyring import KeyRing
from ..keys import rotation
from ..keys.find import find_ring
from ..keys.rotation import KeyStatus, OnRewrapped
from ..store.contract import ImageStore
from .frame import json_option, progress_bar, run
from .stores import Database, blobs, check_made, existing_database, opened, opened_as_made

_T = TypeVar("_T")


@click.group()
def keys() -> None:
    """Complete the rotation of a secret.

    \b
    1. Roll out PIXSTORE_SECRET="new old" everywhere, then PIXSTORE_SECRET="old new".
    2. pixstore-asgi keys rewrap
    3. pixstore-asgi keys retire KEY_ID, with the old secret's key id from `keys status`
    4. Wait 40 s (twice proof_window_ms) until all proofs of the old secret expire. Roll out PIXSTORE_SECRET="new".

    A key id is public: 8 hexadecimal digits that are derived from the secret and the database's id. They reveal nothing
    about the secret.

    Bodies stay the same, so only `separate` takes --blobs.
    """


@keys.command()
@existing_database
@json_option
def status(database: Database, as_json: bool) -> None:
    """List secrets, by their key ids, with the number of keys under each.

    Each image has a key, and so has each variant. The list has the secrets that the database knows, and those given by
    PIXSTORE_SECRET or the key file, oldest to newest.
    """

    states = run(_call(database, rotation.key_status))
    if as_json:
        click.echo(json.dumps([_as_json(state) for state in states], indent=2))
        return
    click.echo("key id          keys")
    for state in states:
        click.echo(f"{state.key_id}  {state.images:>10,}  {_role_of(state)}")


@keys.command()
@existing_database
@json_option
def rewrap(database: Database, as_json: bool) -> None:
    """Wrap the keys of all images under the newest secret, the last one in PIXSTORE_SECRET.

    The application keeps running; pictures in browsers' caches stay valid. You may stop the command at any time and run
    it again to continue. If other processes still save under an older secret, the remaining keys are listed on stderr,
    and the exit code is 1.
    """
    work = _Rewrapping()

    async def rewrap_all(store: ImageStore, ring: KeyRing) -> list[KeyStatus]:
        await work.run(lambda show: rotation.rewrap_keys(store, ring, show))
        return [state for state in await rotation.key_status(store, ring) if state.images and not state.signs]

    def stopped() -> str:
        return f"Stopped after {number_of(work.done, 'key')}. Run the same command again to continue."

    left = run(_call(database, rewrap_all), stopped=stopped)
    _tell_rewrapped(work.done, left, as_json=as_json)


@dataclass
class _Rewrapping:
    """One run of `rewrap`, with a progress bar on a terminal."""

    done: int = 0
    is_stopped: bool = False

    async def run(self, rewrap: Callable[[OnRewrapped], Awaitable[int]]) -> None:
        """Rewrap all keys and count them."""
        with progress_bar("Rewrapping", 0) as bar:

            def show(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - self.done)
                self.done = done
                if self.is_stopped:
                    raise asyncio.CancelledError

            rewrapping = asyncio.ensure_future(rewrap(show))
            try:
                self.done = await asyncio.shield(rewrapping)
            except asyncio.CancelledError:
                # A thread still writes the current batch: wait for it, to count it. A second Ctrl-C ends this
                # wait, and a third one interrupts the closing of the store.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self.is_stopped = True
                await rewrapping
                raise


def _tell_rewrapped(rewrapped: int, left: list[KeyStatus], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"rewrapped": rewrapped, "left": sum(state.images for state in left)}))
    else:
        click.echo(f"{number_of(rewrapped, 'key')} rewrapped")
    for state in left:
        click.echo(
            f"{number_of(state.images, 'key')} left under {state.key_id}, because other processes save with it:",
            err=True,
        )
    if left:
        click.echo("roll the secrets out to them in the order given here, and run the same command again", err=True)
        sys.exit(1)


@keys.command()
@existing_database
@blobs
@json_option
def separate(database: Database, blobs: str | None, as_json: bool) -> None:
    """Make a copy of a database independent of its original.

    In one step, the copy gets a new database id, and its keys are wrapped again for this id. After that, the copy's
    records are valid only for the copy, and it can't read rows of other databases. A folder in --blobs belongs to the
    new id from then on. Run the command on the copy, before an application opens it. The secret stays the same: give
    the copy another secret if other people or machines use it.
    """

    async def steps() -> int:
        async with opened_as_made(database, blobs) as store:  # else the folder would stay with the old id
            return await rotation.assign_new_database_id(store)

    images = run(steps())
    if as_json:
        click.echo(json.dumps({"separated": images}))
    else:
        click.echo(f"{database} has its own id now, with {number_of(images, 'key')}; its secrets have new key ids.")


@keys.command(context_settings={"ignore_unknown_options": True})  # click would print a secret that begins with --
@click.argument("key_ids", metavar="KEY_ID", nargs=-1)  # click would print every further argument
@existing_database
@json_option
def retire(key_ids: tuple[str, ...], database: Database, as_json: bool) -> None:
    """Retire a secret that no image needs, so that the database opens without it.

    KEY_ID: as `keys status` lists it. First make sure that no process signs with this secret, because the store will
    refuse the saves of such a process.
    """

    if len(key_ids) != 1:
        raise click.UsageError("give one KEY_ID, as `pixstore-asgi keys status` lists it")
    (key_id,) = key_ids
    is_retired = run(_call(database, lambda store, ring: rotation.retire_key(store, ring, hide(key_id))))
    if as_json:
        click.echo(json.dumps({"retired": key_id if is_retired else None}))
    elif not is_retired:
        click.echo(
            f"{database} does not know secret {key_id}, though PIXSTORE_SECRET lists it: there is nothing to retire."
        )
    else:
        click.echo(
            f"{database} opens without secret {key_id} now: take it out of PIXSTORE_SECRET everywhere, but no sooner "
            "than 40 s (twice proof_window_ms) after the last process has signed with it."
        )


async def _call(database: Database, work: Callable[[ImageStore, KeyRing], Awaitable[_T]]) -> _T:
    """Open the store, and return the result of `work` with the store and its key ring. No bucket is opened, because
    the bodies stay the same.
    """
    await check_made(database)
    async with opened(database, None) as store:
        return await work(store, await find_ring(store, None))


def _as_json(state: KeyStatus) -> dict[str, Any]:
    found = asdict(state)
    return {"key_id": found.pop("key_id"), "keys": found.pop("images"), **found}


def _role_of(state: KeyStatus) -> str:
    if state.retired:
        return "retired"
    if state.signs:
        return "signs"
    return "loaded" if state.loaded else "not loaded"
