"""Backs a store up into one SQLite file, which holds the rows and bodies of one snapshot.

For stores that are not a single file. The backup is written beside its place and then moved there, so a file with its
name is always complete. An earlier backup is updated in a copy: unchanged images are not read again.
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
    """Make or update the backup at `target` from an open store, one step for each image.

    An interrupted backup leaves `target` unchanged and continues from `<target>.part` the next time.

    Args:
        source: The store.
        target: The file of the backup.
        ring: The key ring of the source, to check each image that is read.

    Raises:
        InputError: The backup has another origin.
        StoreBusy: Another run makes this backup, or a process has it open.
        StoreError: Either side fails.
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
        if await copy.has_objects():
            raise InputError("the earlier backup has only rows, and their bodies are in a bucket: name a new file")
        async for step in await stack.enter_async_context(aclosing(copy_store(source, copy, ring=ring))):
            yield step
