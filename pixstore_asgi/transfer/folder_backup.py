"""Backs up a SQLite store with bodies in a folder to a database and a folder of its own, and restores such a backup.

Both put the bodies in place first, synced, and then replace the database. At the end a backup removes the bodies that
none of its rows names. So the database and its folder are complete at each moment.
"""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

from ..process import in_thread
from ..store.files.copying import FolderCopy
from ..store.objects import Owner
from ..store.sqlite import backup as sqlite_backup
from ..store.sqlite.rows import bodies_of, database_id, owner_in
from .steps import Outcome, Step


async def back_up_with_folder(database: Path, target: Path, folder: FolderCopy) -> AsyncGenerator[Step, None]:
    """Back up a SQLite store, in use or not. Yield a step for each image. An image whose body is missing is LEFT.

    Args:
        database: The store's file.
        target: The file of the backup. It is replaced at the end.
        folder: The folder of the backup; its source is the store's folder.

    Raises:
        StoreBusy: Another run makes this backup, or a process has it open.
        StoreError: The database, a folder or the target can't be used, or is another store's. The earlier backup stays.
    """
    with sqlite_backup.rows_of(database, target) as rows:
        attach = partial(_attach, folder, database_id(rows), target)
        attach()
        names: set[str] = set()
        async for step in _taken(rows, folder, names):
            yield step
        attach()  # another backup may have taken the folder meanwhile
        sqlite_backup.put_in_place(rows, target)
        attach()
        folder.remove_others(names)


async def restore_with_folder(backup: Path, database: Path, folder: FolderCopy) -> AsyncGenerator[Step, None]:
    """Replace a SQLite store by a backup of it. Yield a step for each image. An image whose body is missing is LEFT.

    Other bodies in the folder stay there, because a newer backup may name them.

    Args:
        backup: The file of the backup.
        database: The store's file, which may be missing or damaged.
        folder: The store's folder, which may be missing; its source is the backup's folder.

    Raises:
        StoreBusy: A process has the database open.
        StoreError: The backup is not sound, or the database or folder is another store's. Nothing is changed.
    """
    with sqlite_backup.restoring(backup, database) as rows:
        _attach(folder, database_id(rows.copy), rows.database)
        names: set[str] = set()
        async for step in _taken(rows.copy, folder, names):
            yield step
        rows.put_in_place()
        _attach(folder, database_id(rows.database), rows.database)  # it is another file now
        folder.count_others(names)


def _attach(folder: FolderCopy, own_id: bytes, file: Path) -> None:
    """Check both folders. The one that takes the bodies belongs to the database in `file` from now on."""
    folder.source.attach_to(Owner(own_id, is_new=False))
    folder.check_apart()
    folder.attach_to(owner_in(file, Owner(own_id, is_new=True)))


async def _taken(rows: Path, folder: FolderCopy, names: set[str]) -> AsyncGenerator[Step, None]:
    """Bring the bodies of these rows into a folder, and sync them. Add their names to `names`."""
    for bodies in bodies_of(rows):
        names.update(body.name for body in bodies if body.name)
        taking = asyncio.ensure_future(in_thread(folder.take, bodies))
        try:
            taken = await asyncio.shield(taking)
        finally:
            await asyncio.wait([taking])  # even at Ctrl-C: else a second run could use the folder at the same time
        for body, (size, fault) in zip(bodies, taken, strict=True):
            yield Step(body.image_id, Outcome.LEFT if fault else Outcome.MOVED, fault, size)
    folder.sync_taken()
