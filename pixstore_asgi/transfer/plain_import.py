"""Imports plain pictures from the files of a folder or the objects of a bucket."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from ..decoding.pool import DecodingKilled
from ..errors import ImageTooLarge, InputError
from ..pixstore import Pixstore, parts_of
from .folder import Folder, ReadFile
from .plain_image import take_over
from .plain_names import file_path, plain_image_id
from .steps import REFUSALS, Outcome, Step, run_together

_MOST_TOGETHER = 8  # pictures at the same time. Each needs memory of about five times its size.
_LARGE_BYTES = 8 * 1024 * 1024  # pictures above this size are imported one at a time


def _as_flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


class Entry(NamedTuple):
    """One file to import. image_id: its id, or an empty text for the id that follows from the name."""

    name: str
    image_id: str = ""


class PlainPlace(Protocol):
    """A folder or a bucket's prefix with plain pictures."""

    def names(self) -> AsyncIterator[str]:
        """Yield the names of all files."""
        ...

    async def read(self, name: str, *, max_bytes: int) -> ReadFile:
        """Return a file's bytes and time. Raises one of REFUSALS if this file can't be read."""
        ...


class PlainFolder:
    """A folder of plain pictures. Its names are those of files in all subfolders."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def names(self) -> AsyncIterator[str]:
        """Yield the names of all files."""
        for path in self._folder.files():
            yield "/".join(path)

    async def read(self, name: str, *, max_bytes: int) -> ReadFile:
        """Return a file's bytes and time. Raises InputError or ImageTooLarge."""
        return await asyncio.to_thread(self._folder.read_whole, file_path(name), max_bytes=max_bytes)


@dataclass(frozen=True, slots=True)
class PlainImport:
    """One import. Iterate `steps`: one step for each file.

    Args:
        place: The files.
        target: A Pixstore with the options of the application. In a dry run without a store, one in memory.
        directory: The directory of ids that follow from names.
        updates: Replace a picture of an earlier import if its file has changed since.
        restores: Save a picture again if it was deleted in the store since.
        dry_run: Do everything except writing.
    """

    place: PlainPlace
    target: Pixstore
    directory: str | None = None
    updates: bool = False
    restores: bool = False
    dry_run: bool = False
    _large_in_turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    async def steps(self, entries: AsyncIterator[Entry]) -> AsyncIterator[Step]:
        """Yield a step for each entry, in the order in which they are done.

        Raises InputError if the entries can't be read, and StoreError if the bucket or the target fails.
        """
        decoder = parts_of(self.target).options.decoder
        most = _MOST_TOGETHER
        if decoder:  # a picture must not wait for a minute
            most = min(decoder.processes + 1, most)
        async with aclosing(run_together(self._works(entries), most)) as steps:
            async for step in steps:
                yield step

    async def _works(self, entries: AsyncIterator[Entry]) -> AsyncIterator[Coroutine[Any, Any, Step]]:
        taken = set[str]()
        async for entry in entries:
            yield self._step(entry, is_taken=self.updates and entry.image_id in taken)
            if entry.image_id:
                taken.add(entry.image_id)

    async def _step(self, entry: Entry, *, is_taken: bool) -> Step:
        image_id = entry.image_id
        try:
            if is_taken:  # an update would replace the picture of the earlier row
                raise InputError("an earlier row of the list has its id: give it another id")
            image_id = image_id or plain_image_id(entry.name, self.directory)
            return await self._import(entry.name, image_id)
        except (*REFUSALS, DecodingKilled) as error:
            return Step(image_id, Outcome.LEFT, str(error), name=entry.name)

    async def _import(self, name: str, image_id: str) -> Step:
        max_bytes = parts_of(self.target).options.limits.max_bytes
        try:
            file = await self.place.read(name, max_bytes=min(max_bytes, _LARGE_BYTES))
        except ImageTooLarge:
            async with self._large_in_turn:
                return await self._save(name, image_id, await self.place.read(name, max_bytes=max_bytes))
        return await self._save(name, image_id, file)

    async def _save(self, name: str, image_id: str, file: ReadFile) -> Step:
        outcome = await take_over(
            self.target,
            image_id,
            file.data,
            file.modified_ms,
            updates=self.updates,
            restores=self.restores,
            dry_run=self.dry_run,
            named=_as_flag,
        )
        return Step(image_id, outcome, bytes=len(file.data), name=name)
