"""A backup of a store that is no single file: one of SQLite, which holds the rows and bodies of one moment.

It is written beside its place and put there as a whole, so that a file with a backup's name is always a whole backup. A
backup of before is brought up to date in a copy: what has not changed since is not read from the store again.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

from ..core.keyring import KeyRing
from ..errors import InputError
from ..store.contract import ImageStore
from ..store.inspection import Freezable
from ..store.sqlite import SqliteStore
from ..store.sqlite import backup as sqlite_backup
from .steps import Step
from .store_copy import copy_store


async def back_up_store(source: ImageStore, target: Path, *, ring: KeyRing | None = None) -> AsyncGenerator[Step, None]:
    """Bring the backup at `target`, made where there is none, up to an open store, a step for each image.

    ring: the source's, to check each image that is read. What is interrupted leaves `target` as it was, and goes on
    from `<target>.part` the next time. Raises InputError for a backup of another origin, StoreBusy where another run
    makes it or a process has it open, StoreError where either side fails.
    """
    with sqlite_backup.part_of(target) as part:
        async with aclosing(_copied(source, SqliteStore(part), ring)) as steps:
            async for step in steps:
                yield step
        sqlite_backup.put_in_place(part, target)


async def _copied(source: ImageStore, copy: SqliteStore, ring: KeyRing | None) -> AsyncGenerator[Step, None]:
    async with AsyncExitStack() as stack:
        if isinstance(source, Freezable):
            source = await stack.enter_async_context(source.snapshot())
        await copy.open()
        stack.push_async_callback(copy.close)
        if await copy.has_bodies_elsewhere():
            raise InputError("the earlier backup has rows alone, whose bodies are in a bucket: name a new one")
        async for step in await stack.enter_async_context(aclosing(copy_store(source, copy, ring=ring))):
            yield step
