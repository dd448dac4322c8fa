"""Imports plain pictures, from files, objects of a bucket or bytes.

The id of a picture follows from its name, and its token is the time of the file's last change. So no list of finished
files is needed:

- A repeated import finds each picture under the same id, and compares its bytes.
- A changed file has a higher token than the picture.
- A picture that was updated in the store since then has a higher token than the file.
- A picture that was deleted in the store has left its id there. Its file may get a new time, as by a copy.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..core.ids import is_image_id
from ..core.padding import padding
from ..decoding.pool import DecodingKilled
from ..errors import ImageTooLarge, InputError, IntegrityError, StoreConflict
from ..pixstore import Pixstore, parts_of
from ..saving.sealing import Encryption, begin_sealing
from ..saving.source import read_pieces, stripped, viewed
from ..store.inspection import pages_of
from .folder import Folder, ReadFile
from .plain_names import file_path, plain_image_id
from .steps import REFUSALS, Outcome, Step, run_together

_AT_ONCE = 8  # pictures at the same time. Each needs memory of about five times its size.
_LARGE_BYTES = 8 * 1024 * 1024  # pictures above this size are imported one at a time
_ATTEMPTS = 3


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
        dry_run: Do everything except writing.
    """

    place: PlainPlace
    target: Pixstore
    directory: str | None = None
    updates: bool = False
    dry_run: bool = False
    _large_in_turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    async def steps(self, entries: AsyncIterator[Entry]) -> AsyncIterator[Step]:
        """Yield a step for each entry, in the order in which they are done.

        Raises InputError if the entries can't be read, and StoreError if the bucket or the target fails.
        """
        decoder = parts_of(self.target).options.decoder
        at_once = min(decoder.processes + 1, _AT_ONCE) if decoder else _AT_ONCE  # a picture must not wait for a minute
        async with aclosing(run_together(self._works(entries), at_once)) as steps:
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
            return await self._take(entry.name, image_id)
        except (*REFUSALS, DecodingKilled) as error:
            return Step(image_id, Outcome.LEFT, str(error), name=entry.name)

    async def _take(self, name: str, image_id: str) -> Step:
        max_bytes = parts_of(self.target).options.limits.max_bytes
        try:
            file = await self.place.read(name, max_bytes=min(max_bytes, _LARGE_BYTES))
        except ImageTooLarge:
            async with self._large_in_turn:
                return await self._save(name, image_id, await self.place.read(name, max_bytes=max_bytes))
        return await self._save(name, image_id, file)

    async def _save(self, name: str, image_id: str, file: ReadFile) -> Step:
        outcome = await _take_over(
            self.target, image_id, file.data, file.modified_ms, updates=self.updates, dry_run=self.dry_run
        )
        return Step(image_id, outcome, bytes=len(file.data), name=name)


async def import_plain_image(
    pix: Pixstore,
    name: str,
    data: bytes,
    *,
    image_id: str | None = None,
    directory: str | None = None,
    modified_ms: int = 1,
    update: bool = False,
) -> str:
    """Save a plain picture under the id that follows from its name, unless it is there already. Repeat it at will.

    Args:
        pix: The application's Pixstore.
        name: The old name, unique in the application: `avatars/ada.png`.
        data: The picture.
        image_id: Another id for it.
        directory: The directory of the id that follows from the name, as in `save_image`.
        modified_ms: The time of its last change, in epoch milliseconds. It becomes the token. A picture that was
            updated in the store after this time stays so, and a deleted one stays deleted.
        update: Replace the picture if it is older than `modified_ms` and has other bytes.

    Returns:
        The id.

    Raises:
        InvalidImage: As in `save_image`.
        InputError: The name, the id or the directory is invalid.
        StoreConflict: The store has another picture under this id, or had one that was deleted.
        StoreError: The store failed.
    """
    data = viewed(data)
    wanted = plain_image_id(name, directory) if image_id is None else image_id
    await _take_over(pix, wanted, data, modified_ms, updates=update)
    return wanted


async def import_plain_file(
    pix: Pixstore,
    folder: str | os.PathLike[str],
    name: str,
    *,
    image_id: str | None = None,
    directory: str | None = None,
    update: bool = False,
) -> str:
    """Save a plain file as `import_plain_image` does, and as `pixstore-asgi import files` does. The file stays.

    Args:
        pix: The application's Pixstore.
        folder: The folder of the application's pictures.
        name: The path of the file below the folder. It follows no link.
        image_id: As in `import_plain_image`.
        directory: As in `import_plain_image`.
        update: As in `import_plain_image`.

    Returns:
        The id.

    Raises:
        InputError: The file can't be read, or changes meanwhile.
        ConfigError: The system can't open files without following links (Windows).
    """
    limits = parts_of(pix).options.limits
    with Folder(Path(folder)) as opened:
        file = await PlainFolder(opened).read(name, max_bytes=limits.max_bytes)
    options: dict[str, Any] = {"image_id": image_id, "directory": directory, "update": update}
    return await import_plain_image(pix, name, file.data, modified_ms=file.modified_ms, **options)


async def _take_over(
    pix: Pixstore,
    image_id: str,
    data: bytes | memoryview,
    modified_ms: int,
    *,
    updates: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Save a picture, unless the store has the same bytes. Compare the saved bytes with those of the source."""
    if not is_image_id(image_id):
        raise InputError(f"{image_id!r:.80} is not a valid image id: see docs/wire-format.md")
    data = viewed(data)
    wanted = await _as_saved(pix, data)
    token = min(max(modified_ms, 1), parts_of(pix).proofs.now_ms())
    for attempt in range(1, _ATTEMPTS + 1):
        there = await _not_deleted(pix, image_id, wanted)
        if there and there.is_same:
            return Outcome.PRESENT
        if there and not (updates and there.token < token):
            raise StoreConflict(_conflict(token, there.token))
        if dry_run:
            await _check(pix, data)
            return Outcome.MOVED
        try:
            await pix.import_image(image_id, data, token=token, if_token=there.token if there else None)
            break
        except StoreConflict:  # perhaps another process has just saved it
            if not there and not await pix.image_exists(image_id):
                raise StoreConflict(_DELETED) from None
            if attempt == _ATTEMPTS:
                raise
    saved = await _not_deleted(pix, image_id, wanted)
    if saved is None or (saved.token == token and not saved.is_same):
        raise IntegrityError("the store returned other bytes than were saved: run `pixstore-asgi verify`", "bytes")
    return Outcome.MOVED


_DELETED = "it was deleted in the store since: to import it again, give it another id"


def _conflict(token: int, there: int) -> str:
    if there < token:
        return "its file has changed since, or another picture has its id: pass --update to replace that picture"
    return "the store has another picture under its id, or a newer version, or saved it with another --strip-metadata"


class _Content(NamedTuple):
    """The SHA-256 and the length of the bytes that a picture has in the store, without padding."""

    sha256: bytes
    size: int


class _Stored(NamedTuple):
    """A picture in the store. is_same: whether it has the bytes of the source."""

    token: int
    is_same: bool


async def _as_saved(pix: Pixstore, data: bytes | memoryview) -> _Content:
    """Return the content that the picture has after a save: with strip_metadata, without its metadata."""
    options, digest, size = parts_of(pix).options, hashlib.sha256(), 0
    pieces = read_pieces(data, options.limits)
    async for piece in stripped(pieces) if options.strip_metadata else pieces:
        digest.update(piece)
        size += len(piece)
    return _Content(digest.digest(), size)


async def _stored(pix: Pixstore, image_id: str, wanted: _Content) -> _Stored | None:
    """Read an image, and compare it. Return None if there is none."""
    found = await pix.export_image(image_id)
    if found is None:
        return None
    image, behind = memoryview(found.image.data)[: wanted.size], found.image.data[wanted.size :]
    is_same = hashlib.sha256(image).digest() == wanted.sha256
    return _Stored(found.token, is_same and behind in (b"", padding(found.image.format, wanted.size + 1)))


async def _not_deleted(pix: Pixstore, image_id: str, wanted: _Content) -> _Stored | None:
    """Read an image, and compare it. Return None if there never was one. Raises StoreConflict if it was deleted."""
    found = await _stored(pix, image_id, wanted)
    if found is None:
        before = f"{image_id}!"  # "!" is below all characters of ids
        async for page in pages_of(parts_of(pix).store.list_tombstones, after=image_id[:-1], before=before):
            if any(each.id == image_id for each in page):
                raise StoreConflict(_DELETED)
    return found


async def _check(pix: Pixstore, data: bytes | memoryview) -> None:
    """Raise the error that saving this picture would raise, without saving it."""
    options = parts_of(pix).options
    sealing = await begin_sealing(read_pieces(data, options.limits), options.formats, Encryption.fresh())
    async for _ in sealing:
        pass
    if options.decoder:
        await options.decoder.decode([data], sealing.format)
