"""Exports images as plain files, or into a store of the npm package.

Plain files are decrypted: `name.png` or `directory/name.png`. A variant is beside its original, such as
`name~thumb.webp`. A store of the npm package is a database of ids, tokens and keys, and a folder of images.
"""

import json
import os
import sqlite3
import stat
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..core.hidden import Hidden, hide
from ..core.ids import is_variant_id, original_of
from ..core.images import ExportedImage, Seal
from ..core.record import encode_base64
from ..errors import ImageNotFound, InputError, InvalidImage, PixstoreError, StoreConflict, StoreError
from ..pixstore import Pixstore
from .folder import FilePath, Folder
from .npm_source import KNOWN_FORMATS, TABLE, file_of
from .steps import Outcome, Step, each_of, printable, step_of

DATABASE_NAME = ".pixstore.sqlite"
IMAGES_NAME = "pixstore-images"
_UNCOMMITTED_ROWS = 100  # rows in one transaction; after an interruption, the next export writes them again


async def export_files(
    pix: Pixstore, image_ids: Iterable[str] | AsyncIterable[str], folder: Folder
) -> AsyncIterator[Step]:
    """Write images into a folder, unencrypted. Yield one step for each id. Raises StoreError if reading or writing
    fails.
    """
    async for image_id in each_of(image_ids):
        yield await step_of(image_id, _write_file(pix, image_id, folder))


async def _write_file(pix: Pixstore, image_id: str, folder: Folder) -> Step:
    found = await _exported(pix, image_id)
    is_written = folder.place(_plain_file_of(image_id, found.image.format), found.image.data)
    return Step(image_id, Outcome.MOVED if is_written else Outcome.PRESENT, bytes=len(found.image.data))


def _plain_file_of(image_id: str, format_name: str) -> FilePath:
    # An id is safe as a file name, because it contains no dot and no slash, and does not begin with `~`.
    return file_of(image_id, f".{'jpg' if format_name == 'jpeg' else format_name}")


async def _exported(pix: Pixstore, image_id: str) -> ExportedImage:
    image = await pix.export_image(image_id)
    if image is None:
        raise ImageNotFound("it was deleted meanwhile")
    return image


class NpmTarget:
    """The database and the images folder of an npm store that is being written."""

    def __init__(self, connection: sqlite3.Connection, path: Path, images: Folder) -> None:
        self._connection = connection
        self._path = path
        self._images = images
        self._uncommitted = 0

    def add(self, image: ExportedImage) -> bool:
        """Write one image. Return False if it already exists.

        Raises InputError if another version of the image, or another file, exists.
        """
        row = hide((image.token, _meta(image.seal)))
        known = hide(self._run("SELECT token, meta FROM image_records WHERE id = ?", hide((image.id,))))
        if known() and known()[0] != row():
            raise InputError(f"{self._path.name} has another version of it already")
        is_written = self._images.place(file_of(image.id), image.ciphertext)
        if not known():
            self._run("INSERT INTO image_records (id, token, meta) VALUES (?, ?, ?)", hide((image.id, *row())))
            self._uncommitted += 1
            if self._uncommitted == _UNCOMMITTED_ROWS:
                self.commit()
        return is_written or not known()

    def token_of(self, image_id: str) -> object:
        """Return the token of an image in the npm store, or None if it has no such image."""
        known = self._run("SELECT token FROM image_records WHERE id = ?", hide((image_id,)))
        return known[0][0] if known else None

    def commit(self) -> None:
        """Commit the rows written so far."""
        with _writing(self._path):
            self._connection.commit()
        self._uncommitted = 0

    def _run(self, statement: str, values: Hidden[tuple[object, ...]]) -> list[tuple[object, ...]]:
        with _writing(self._path):
            return self._connection.execute(statement, values()).fetchall()


@contextmanager
def open_npm_target(folder: Path) -> Iterator[NpmTarget]:
    """Create an npm store in `folder`, or open the one of an earlier export.

    The folder gets mode 0700 and its files 0600, because the keys are unencrypted there. Raises InputError if the
    folder has other content, or if other users may write to it.
    """
    with Folder(folder, create=True, own=True), Folder(folder / IMAGES_NAME, create=True, follow=False) as images:
        path = folder / DATABASE_NAME
        with closing(_connect(path)) as connection:
            target = NpmTarget(connection, path, images)
            try:
                yield target
            finally:
                target.commit()


async def export_npm(
    pix: Pixstore, image_ids: Iterable[str] | AsyncIterable[str], target: NpmTarget, *, all_formats: bool = False
) -> AsyncIterator[Step]:
    """Write images into an npm store. Yield one step for each id. Raises StoreError if reading or writing fails.

    A variant becomes an image of its own after its original, because the npm package has no variants. all_formats: also
    export gif and avif. The npm package serves these only if its option imageFormats lists them.
    """
    async for image_id in each_of(image_ids):
        yield await step_of(image_id, _add_to_npm(pix, image_id, target, all_formats))


async def _add_to_npm(pix: Pixstore, image_id: str, target: NpmTarget, all_formats: bool) -> Step:
    image = await _exported(pix, image_id)
    if image.seal.format not in KNOWN_FORMATS and not all_formats:
        raise InvalidImage(f"npm's pixstore does not know {image.seal.format}: pass --all-formats to write it anyway")
    if is_variant_id(image_id):
        await _check_original(pix, original_of(image_id), target)
    return Step(image_id, Outcome.MOVED if target.add(image) else Outcome.PRESENT, bytes=len(image.ciphertext))


async def _check_original(pix: Pixstore, image_id: str, target: NpmTarget) -> None:
    # Read the token after the variant. If it is still the same, the variant belongs to this version of the original.
    original = await pix.get_image_record(image_id)
    if original is None or original.token != target.token_of(image_id):
        raise StoreConflict("its original was skipped, or was updated meanwhile")


def _meta(seal: Seal) -> str:
    fields = {"key": seal.key, "iv": seal.iv, "tag": seal.tag}
    text = {name: encode_base64(value) for name, value in fields.items()}
    return json.dumps(text, separators=(",", ":"))  # as JSON.stringify writes it, so that equal rows have equal text


def _connect(path: Path) -> sqlite3.Connection:
    with _writing(path):
        _make_private(path)
        connection = sqlite3.connect(path)
        try:
            _require_npm(connection, path)
            connection.execute(TABLE)
            connection.commit()
        except BaseException:
            connection.close()
            raise
    return connection


def _make_private(path: Path) -> None:
    """Create the file if it is missing. SQLite itself would follow a link, and would let every user read the keys."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        status = os.fstat(file)
    finally:
        os.close(file)
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid():
        raise InputError(f"{path} is there already and belongs to another user: export to another folder")
    if mode & 0o077:
        raise InputError(f"{path} is there already and can be read by others (mode {mode:04o}): run chmod 600 on it")


def _require_npm(connection: sqlite3.Connection, path: Path) -> None:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if tables and tables != {"image_records"}:
        raise InputError(f"{path} is another program's database: export to another folder")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except PixstoreError:
        raise
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path} can't be written: {printable(error)}") from error
