"""Imports one plain picture.

The id of a picture follows from its name, and its token is the time of the file's last change. So no list of finished
files is needed:

- A repeated import finds the picture under the same id, and compares its bytes.
- A changed file has a higher token than the picture.
- A picture that was updated in the store since then has a higher token than the file.
- A picture that was deleted in the store has left its id there. Its file may get a new time, as by a copy.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..core.ids import is_image_id
from ..core.padding import padding
from ..errors import InputError, IntegrityError, StoreConflict
from ..pixstore import Pixstore, parts_of
from ..saving.sealing import Encryption, begin_sealing
from ..saving.source import read_pieces, stripped, viewed
from ..store.inspection import pages_of
from .folder import Folder
from .plain_names import file_path, plain_image_id
from .steps import Outcome

_ATTEMPTS = 3
_UNKNOWN_TIME = 1


async def import_plain_image(
    pix: Pixstore,
    name: str,
    data: bytes,
    *,
    image_id: str | None = None,
    directory: str | None = None,
    modified_ms: int = 1,
    update: bool = False,
    restore_deleted: bool = False,
) -> str:
    """Save a plain picture under the id that follows from its name, unless it is there already. It may be repeated.

    Args:
        pix: The application's Pixstore.
        name: The old name, unique in the application: `avatars/ada.png`.
        data: The picture.
        image_id: Another id for it, such as the key of its row. As in `save_image`, with its directory.
        directory: The directory of the id that follows from the name, as in `save_image`.
        modified_ms: The time of its last change, in epoch milliseconds. It becomes the token. A picture that was
            updated in the store after this time stays so, and a deleted one stays deleted. 1: the time is unknown.
        update: Replace the picture if it has other bytes and is not newer than `modified_ms`. A picture of unknown time
            replaces none.
        restore_deleted: Save the picture again, under a higher token, if it was deleted in the store since.

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
    await take_over(pix, wanted, data, modified_ms, updates=update, restores=restore_deleted)
    return wanted


async def import_plain_file(
    pix: Pixstore,
    folder: str | os.PathLike[str],
    name: str,
    *,
    image_id: str | None = None,
    directory: str | None = None,
    update: bool = False,
    restore_deleted: bool = False,
) -> str:
    """Save a plain file as `import_plain_image` does, and as `pixstore-asgi import files` does. The file stays.

    Args:
        pix: The application's Pixstore.
        folder: The folder of the application's pictures.
        name: The path of the file below the folder. It follows no link.
        image_id: As in `import_plain_image`.
        directory: As in `import_plain_image`.
        update: As in `import_plain_image`.
        restore_deleted: As in `import_plain_image`.

    Returns:
        The id.

    Raises:
        InputError: The file can't be read, or changes meanwhile.
        ConfigError: The system can't open files without following links (Windows).
    """
    path, max_bytes = file_path(name), parts_of(pix).options.limits.max_bytes
    with Folder(Path(folder)) as opened:
        file = await asyncio.to_thread(opened.read_whole, path, max_bytes=max_bytes)
    return await import_plain_image(
        pix,
        name,
        file.data,
        image_id=image_id,
        directory=directory,
        modified_ms=file.modified_ms,
        update=update,
        restore_deleted=restore_deleted,
    )


def as_argument(option: str) -> str:
    """Return an option as the text of an error names it to a caller of these functions."""
    return f"{option}=True"


async def take_over(
    pix: Pixstore,
    image_id: str,
    data: bytes | memoryview,
    modified_ms: int,
    *,
    updates: bool = False,
    restores: bool = False,
    dry_run: bool = False,
    named: Callable[[str], str] = as_argument,
) -> Outcome:
    """Save a picture, unless the store has the same bytes. Compare the saved bytes with those of the source.

    named: returns an option as the texts of errors name it.
    """
    if not is_image_id(image_id):
        raise InputError(f"{image_id!r:.80} is not a valid image id: see docs/wire-format.md")
    data = viewed(data)
    wanted = await _as_saved(pix, data)
    modified_ms = min(max(modified_ms, _UNKNOWN_TIME), parts_of(pix).proofs.now_ms())
    for attempt in range(1, _ATTEMPTS + 1):
        stored = await _stored(pix, image_id, wanted)
        if stored and stored.is_same:
            return Outcome.PRESENT
        if stored:
            token = _token_after(stored.token, modified_ms, updates=updates, named=named)
        else:
            token = await _token_above(pix, image_id, modified_ms, restores=restores, named=named)
        if dry_run:
            await _check(pix, data)
            return Outcome.MOVED
        try:
            await pix.import_image(image_id, data, token=token, if_token=stored.token if stored else None)
            break
        except StoreConflict:  # perhaps another process has just saved it
            if attempt == _ATTEMPTS:
                raise
    saved = await _stored(pix, image_id, wanted)
    if saved is None:
        await _token_above(pix, image_id, token, restores=False, named=named)  # raises if it was deleted meanwhile
    if saved is None or (saved.token == token and not saved.is_same):
        raise IntegrityError("the store returned other bytes than were saved: run `pixstore-asgi verify`", "bytes")
    return Outcome.MOVED


def _may_replace(stored: int, modified_ms: int) -> bool:
    # A file may change twice within the resolution of its time, which is a second in S3. The application gives its
    # updates a higher token.
    return stored < modified_ms or stored == modified_ms > _UNKNOWN_TIME


def _token_after(stored: int, modified_ms: int, *, updates: bool, named: Callable[[str], str]) -> int:
    """Return a token for a picture that replaces the one with the token `stored`.

    Raises StoreConflict unless it may replace that picture.
    """
    if not _may_replace(stored, modified_ms):
        raise StoreConflict(
            "the store has another picture under its id, or a newer version, or saved it with another strip_metadata: "
            f"to replace it, give the file a later time and pass {named('update')}"
        )
    if not updates:
        raise StoreConflict(
            f"its file has changed since, or another picture has its id: pass {named('update')} to replace that picture"
        )
    return max(modified_ms, stored + 1)


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
    image, rest = memoryview(found.image.data)[: wanted.size], found.image.data[wanted.size :]
    is_same = hashlib.sha256(image).digest() == wanted.sha256
    return _Stored(found.token, is_same and rest in (b"", padding(found.image.format, wanted.size + 1)))


async def _token_above(pix: Pixstore, image_id: str, token: int, *, restores: bool, named: Callable[[str], str]) -> int:
    """Return a token for a picture that is not in the store, above that of its deletion.

    Raises StoreConflict if it was deleted, unless it is restored.
    """
    before = f"{image_id}!"  # "!" is below all characters of ids
    async for page in pages_of(parts_of(pix).store.list_tombstones, after=image_id[:-1], before=before):
        for deleted in page:
            if deleted.id == image_id:
                if not restores:
                    raise StoreConflict(
                        f"it was deleted in the store since: pass {named('restore_deleted')} to import it again"
                    )
                return max(token, deleted.token + 1)
    return token


async def _check(pix: Pixstore, data: bytes | memoryview) -> None:
    """Raise the error that saving this picture would raise, without saving it."""
    options = parts_of(pix).options
    sealing = await begin_sealing(read_pieces(data, options.limits), options.formats, Encryption.fresh())
    async for _ in sealing:
        pass
    if options.decoder:
        await options.decoder.decode([data], sealing.format)
