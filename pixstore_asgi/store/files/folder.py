"""BodyFolder: keeps long bodies as files below a folder."""

import errno
import os
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile

from ...core.images import StoredImage
from ...errors import ConfigError, StoreError
from ...process import in_thread
from ..contract import WHOLE_BYTES
from ..durable import give_to_owner_of, make_private_folder, may_be_planted, sync, write_all
from ..mounts import file_system_of, is_of_network
from ..objects import Owner
from .errors import FolderAway, translated
from .record import NAME, Record
from .streams import FileStream, FileUpload

_UNFINISHED_RECORD = f".{NAME}."
PARTS = "parts"
_PART = re.compile(r"([0-9a-f]{32})\.[0-9a-f]{8}")
_SUBFOLDERS = {PARTS, *(f"{number:02x}" for number in range(256))}
_IGNORED = {"lost+found"}  # a file system's own folder, if the folder is a mount point
_LISTED_AT_ONCE = 1000


class BodyFolder:
    """Keeps bodies above 1 MiB as files below a folder. Shorter ones stay in the database.

    The file of a body is named after its version and lies in one of 256 subfolders. An upload writes and syncs it under
    a temporary name in `parts`, and renames it. The commit happens after the rename. The file never changes later.
    The folder belongs to one database, which its file `pixstore-bodies` names: see `Record`.

    Args:
        path: The folder. If it is missing and the database has no bodies outside it yet, it is created (mode 0700).

    Raises:
        ConfigError: The path is empty, or no path of this system. Or the system is Windows.
    """

    smallest_bytes = WHOLE_BYTES + 1
    only_reads = False
    """Set it before `attach` if the store will only read bodies. It may be a copy, or on a network file system."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not hasattr(os, "pread"):
            raise ConfigError("blobs can't be a folder on Windows: leave it out, or name a bucket (s3://bucket/prefix)")
        try:
            name = os.fsencode(path)
        except UnicodeEncodeError:
            name = b"\0"
        if not name:
            raise ConfigError("blobs is empty: leave it out, or None, to keep bodies in the database")
        if b"\0" in name:
            raise ConfigError("blobs names no folder: a path has neither NUL nor characters that no file name can have")
        self.path = Path(os.fsdecode(name)).absolute()
        self._database_id: bytes | None = None
        self._identity: tuple[int, int] | None = None

    @property
    def place(self) -> str:
        """The folder's real path. Two paths of the same folder have equal values."""
        return os.path.realpath(self.path)

    def __str__(self) -> str:
        return str(self.path)

    async def open(self) -> None:
        """Do nothing: `attach` makes the folder ready, because it needs the database's id."""

    async def attach(self, read_owner: Callable[[], Awaitable[Owner]]) -> bool:
        owner = await read_owner()
        await in_thread(self._attach, owner._replace(file=None) if self.only_reads else owner)
        return True

    async def has_owner(self) -> bool:
        return bool((await in_thread(self._record)).ids)

    async def close(self) -> None:
        """Do nothing: a body's file is open only while it is read or written."""

    async def is_empty(self) -> bool:
        """Return whether the folder has no bodies."""
        return not await in_thread(lambda: any(self._names()))

    def upload(self, name: str) -> FileUpload:
        return FileUpload(self.path, self.part_of(name), self.file_of(name), self.check)

    async def open_stream(self, image: StoredImage, name: str) -> FileStream:
        return await in_thread(FileStream, self.path, image, self.file_of(name), self.check)

    async def has(self, name: str) -> bool:
        return await in_thread(self._has, name)

    async def remove(self, names: Sequence[str]) -> None:
        await in_thread(self._remove, names)

    async def unfinished(self) -> Mapping[str, str]:
        return await in_thread(self._unfinished)

    async def remove_unfinished(self, parts: Sequence[str]) -> None:
        await in_thread(self._remove_parts, parts)

    async def names(self) -> AsyncIterator[Sequence[str]]:
        names = self._names()
        while some := await in_thread(lambda: list(islice(names, _LISTED_AT_ONCE))):
            yield some

    def file_of(self, name: str) -> Path:
        return self.path / name[:2] / name

    def part_of(self, name: str) -> Path:
        """Return the path of a new unfinished file of this body. gc removes it after its process was killed."""
        return self.path / PARTS / f"{name}.{secrets.token_hex(4)}"

    def check_free(self) -> None:
        """Raise StoreError if a new database can't take this folder. Create nothing."""
        with translated(self.path):
            self._check_file_system()
            if os.path.lexists(self.path) and not self._is_empty():
                raise StoreError(self._of_others(is_new=True))
            folder = self.path if self.path.exists() else self.path.parent
            if not folder.exists():
                raise StoreError(f"the folder {folder} does not exist: create it, or mount it")
            TemporaryFile(dir=folder).close()

    def _attach(self, owner: Owner) -> None:
        with translated(self.path):
            self._check_file_system()
        self.attach_to(owner)

    def _check_file_system(self) -> None:
        kind = file_system_of(self.path)
        if is_of_network(kind) and not self.only_reads:
            raise StoreError(
                f"the folder {self.path} is on a network file system ({kind}), where syncs and locks are not "
                "reliable: name a folder on a local disk, or a bucket"
            )

    def attach_to(self, owner: Owner) -> None:
        """Check that this folder belongs to the database, as `attach` does, but on any file system."""
        with translated(self.path):
            try:
                self._prepare(owner)
            except FileNotFoundError as error:
                raise StoreError(f"the folder {self.path} does not exist: create it, or mount it") from error

    def _prepare(self, owner: Owner) -> None:
        if owner.file and self.path.exists() and may_be_planted(self.path, owner.file):
            raise StoreError(
                f"the folder {self.path} belongs to another user, who may have put it there: give it to the user of "
                "the database (chown), or name another folder"
            )
        record = self._record()
        if owner.is_new and not record.ids:
            record = self._claim(Record.of(owner.database_id, owner.file, self.path))
        if not record.ids:
            raise StoreError(self._of_others(owner.is_new))
        if owner.database_id not in record.ids:
            raise StoreError(
                f"the folder {self.path} holds the bodies of another database: name a new folder, or restore that "
                "database from a backup"
            )
        if owner.file:
            self._take_over(record, owner)
        self._make_subfolders()
        self._database_id, self._identity = owner.database_id, self._identity_now()

    def _take_over(self, record: Record, owner: Owner) -> None:
        """Record the database's file. Raise StoreError if the recorded one is another file with the same id, because
        each of the two would remove bodies that the other one needs. If the recorded file can't be seen, as in a
        container without it, only the file itself may have a new path: a copy would remove what was saved since.
        """
        wanted, other = Record.of(owner.database_id, owner.file, self.path), record.file_from(self.path)
        if record == wanted:
            return
        if record.file != wanted.file and other and owner.is_copy(other):
            raise StoreError(
                f"the folder {self.path} belongs to the database {other}: name another folder, or move that database "
                "away first"
            )
        if record.file != wanted.file and record.inode and wanted.inode not in (0, record.inode):
            raise StoreError(
                f"the folder {self.path} belongs to the database {other}, which is not there for this process, and "
                f"{owner.file} is another file, perhaps a copy: open the original; or if it is gone for good, remove "
                f"the lines that begin with file: from {self.path / NAME}"
            )
        try:
            self._write_record(wanted)
        except OSError as error:  # a folder that can't be written to loses no body either
            if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
                raise

    def _make_subfolders(self) -> None:
        """Make the subfolders that are missing. Sync their names, because another process may not have done so yet."""
        for name in _SUBFOLDERS - self._found_subfolders():
            make_private_folder(self.path / name, self.path)
        sync(self.path)

    def _found_subfolders(self) -> set[str]:
        """Return the names of the subfolders that are there. Raise StoreError if one leads elsewhere."""
        device, found = os.stat(self.path).st_dev, set()
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.name in _SUBFOLDERS:
                    # Behind a link, a command of root would change files of other programs.
                    if not entry.is_dir(follow_symlinks=False):
                        raise StoreError(f"{entry.path} is no folder, or a link: replace it with a folder")
                    if entry.stat(follow_symlinks=False).st_dev != device:
                        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
                    found.add(entry.name)
        return found

    def _claim(self, wanted: Record) -> Record:
        """Make the folder a database's own, if it is missing or empty. Return its record: another process may write it
        at this moment.
        """
        make_private_folder(self.path, self.path.parent)
        with suppress(PermissionError):  # an administrator has made the folder, in one that we may not list
            sync(self.path.parent)
        if self._is_empty():
            self._write_record(wanted, is_first=True)
        return self._record()

    def _is_empty(self) -> bool:
        return all(name in _IGNORED or name.startswith(_UNFINISHED_RECORD) for name in os.listdir(self.path))

    def add_owner(self, database_id: bytes) -> None:
        with translated(self.path):
            self.check()
            record = self._record()
            self._write_record(record._replace(ids=(*record.ids, database_id)))

    def _record(self) -> Record:
        with translated(self.path):
            return Record.read(self.path)

    def _write_record(self, record: Record, *, is_first: bool = False) -> None:
        """Write the record, in one step. is_first: keep one that another process has written."""
        written = self.path / f"{_UNFINISHED_RECORD}{secrets.token_hex(4)}"
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            give_to_owner_of(self.path, descriptor)
            write_all(descriptor, record.pack())
            os.fsync(descriptor)
            if is_first:
                with suppress(FileExistsError):
                    os.link(written, self.path / NAME)
            else:
                os.replace(written, self.path / NAME)
        finally:
            os.close(descriptor)
            written.unlink(missing_ok=True)
        sync(self.path)

    def _of_others(self, is_new: bool) -> str:
        if is_new:
            return f"the folder {self.path} holds other files: name an empty folder, or one that does not exist yet"
        if not self.path.exists():
            return (
                f"the folder {self.path} is missing, but this database has bodies outside its tables: check blobs=, "
                "and mount the folder or restore it from a backup"
            )
        return (
            f"the folder {self.path} is not the one of this database, which has bodies elsewhere: check that blobs= "
            "names the place of its saves and that it is mounted, or restore it from a backup"
        )

    def _identity_now(self) -> tuple[int, int] | None:
        with suppress(FileNotFoundError, NotADirectoryError):
            found = os.stat(self.path)
            return found.st_dev, found.st_ino
        return None

    def check(self) -> None:
        """Raise FolderAway if the folder is missing, or does not belong to the database of `attach`."""
        found = self._identity_now()
        if found is None or found != self._identity:
            if self._database_id not in self._record().ids:
                raise FolderAway(self.path)
            self._make_subfolders()
            self._identity = found  # the folder is back: a new mount has another number

    def _has(self, name: str) -> bool:
        with translated(self.path):
            self.check()
            return self.file_of(name).exists()

    def _names(self) -> Iterator[str]:
        """Yield the names of all files in the subfolders, except the unfinished files in `parts`.

        The name of a file in a wrong subfolder begins with the subfolder's name and a slash.
        """
        with translated(self.path):
            self.check()
            for folder in sorted(self.path.iterdir()):
                if folder.is_dir() and folder.name not in _IGNORED | {PARTS}:
                    with suppress(FileNotFoundError):  # removed at this moment
                        names = sorted(os.listdir(folder))
                        yield from (
                            name if self.file_of(name).parent == folder else f"{folder.name}/{name}" for name in names
                        )

    def _remove(self, names: Sequence[str]) -> None:
        with translated(self.path):
            self.check()
            folders = set()
            for name in names:
                file = self.file_of(name)
                with suppress(FileNotFoundError):
                    file.unlink()
                if file.parent.exists():  # even if the file is missing: another process may have just removed it
                    folders.add(file.parent)
            for folder in folders:
                sync(folder)

    def _unfinished(self) -> dict[str, str]:
        with translated(self.path):
            self.check()
            with suppress(FileNotFoundError):
                return {part[0]: part[1] for part in map(_PART.fullmatch, os.listdir(self.path / PARTS)) if part}
            return {}

    def _remove_parts(self, parts: Sequence[str]) -> None:
        with translated(self.path):
            self.check()
            for part in parts:
                with suppress(FileNotFoundError):
                    os.unlink(self.path / PARTS / part)
