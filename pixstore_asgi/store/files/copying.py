"""FolderCopy: a folder of bodies that takes its bodies from another folder, for a backup or a restore."""

import errno
import os
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from ...errors import StoreDamaged, StoreError
from ..durable import give_to_owner_of, sync, write_all
from ..objects import versions_among
from .errors import translated
from .folder import BodyFolder

_PIECE_BYTES = 1 << 20
_RESULTS = ("linked", "copied", "there already", "removed", "of no image")  # in the order of the report


class DamagedSource(StoreDamaged):
    """The source has no complete, readable file of a body."""


class NamedBody(NamedTuple):
    """A body that an image's row names. name: None if the body is in the database."""

    image_id: str
    size: int
    name: str | None


class Taken(NamedTuple):
    """The result of taking one body. bytes: how many were copied. fault: why the body could not be taken, or ""."""

    bytes: int = 0
    fault: str = ""


class FolderCopy(BodyFolder):
    """A folder that takes bodies from the folder `source`. Attach both folders first.

    A body that is here with its length is not taken again, because bodies never change. A new one becomes a hard link
    if both folders are on one file system and have one owner, else a copy. The copy shares its blocks with the source
    if the file system can do that.

    counts: the number of bodies by result.
    """

    def __init__(self, path: str | os.PathLike[str], source: BodyFolder) -> None:
        super().__init__(path)
        self.source = source
        self.counts: Counter[str] = Counter(dict.fromkeys(_RESULTS, 0))
        self._changed: set[Path] = set()
        self._taken: set[str] = set()

    def check_apart(self) -> None:
        """Raise StoreError if this is the source at another path: a backup would remove new bodies of the store."""
        with translated(self.path):
            if self.path.exists() and self.path.samefile(self.source.path):
                raise StoreError(f"the folders {self.path} and {self.source} are the same one: name another folder")

    def take(self, bodies: Sequence[NamedBody]) -> list[Taken]:
        """Take bodies from the source.

        Raises StoreError if this folder can't be written to, or the source is missing.
        """
        return [Taken() if body.name is None else self._take(body.name, body.size) for body in bodies]

    def _take(self, name: str, size: int) -> Taken:
        try:
            way = self._bring(name, size)
        except DamagedSource as error:
            return Taken(fault=str(error))
        self.counts[way] += 1
        return Taken(size if way == "copied" else 0)

    def _bring(self, name: str, size: int) -> str:
        file, part = self.file_of(name), self.part_of(name)
        with translated(self.path), suppress(FileNotFoundError):
            if file.lstat().st_size == size:
                self._changed.add(file.parent)  # a killed run may have renamed it without a sync
                self._taken.add(name)
                return "there already"
        with closing(_Source(self.source, name, size)) as source, translated(self.path):
            try:
                is_linked = self._link(source, part)
                if not is_linked:
                    self._copy(source, part)
                os.replace(part, file)
            finally:
                part.unlink(missing_ok=True)
        self._changed.add(file.parent)
        self._taken.add(name)
        return "linked" if is_linked else "copied"

    def _link(self, source: "_Source", part: Path) -> bool:
        # The owner of a link is the source's. The application could not read a body of another user.
        if source.status.st_uid != self.path.stat().st_uid:
            return False
        with suppress(OSError, NotImplementedError):  # no links between these two, in this system, or too many of them
            os.link(source.path, part, follow_symlinks=False)
            if os.path.samestat(part.lstat(), source.status):
                return True
        part.unlink(missing_ok=True)  # another file is at that path now, or the call failed after it made the link
        return False

    def _copy(self, source: "_Source", part: Path) -> None:
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            give_to_owner_of(self.path, number)
            source.copy_to(number)
            os.fsync(number)
        finally:
            os.close(number)

    def sync_taken(self) -> None:
        """Sync the names of all taken bodies."""
        with translated(self.path):
            for place in self._changed:
                sync(place)
        self._changed.clear()

    def remove_others(self, names: Collection[str]) -> None:
        """Remove all bodies except those in `names`, and all unfinished ones.

        Raises StoreError if a body that was taken is missing: gc on the backup may have removed it meanwhile.
        """
        found = self._found()
        others = found.difference(names)
        self._remove(list(others))
        self._remove_parts(list(self._unfinished()))
        self.counts["removed"] = len(others)
        if missing := len(self._taken - found):
            raise StoreError(
                f"another program, perhaps gc, removed files from the folder {self.path} during this run "
                f"(missing: {missing}): run the same command again"
            )

    def count_others(self, names: Collection[str]) -> None:
        """Count the bodies except those in `names`."""
        self.counts["of no image"] = len(self._found().difference(names))

    def _found(self) -> set[str]:
        return {version.hex() for version in versions_among(list(self._names()))}


class _Source:
    """The open file of a body. Raises DamagedSource if it is missing, not readable, or has another length than `size`.

    status: the result of `fstat`.
    """

    def __init__(self, folder: BodyFolder, name: str, size: int) -> None:
        self.path = folder.file_of(name)
        self._size = size
        with translated(folder.path):
            try:
                self._number = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                folder.check()
                raise self._fault("is missing") from None
        self.status = os.fstat(self._number)
        if self.status.st_size != size:
            self.close()
            raise self._fault("has another length than the image")

    def close(self) -> None:
        os.close(self._number)

    def copy_to(self, number: int) -> None:
        """Write the whole body to an empty file with this descriptor."""
        if not self._cloned_to(number):
            os.lseek(number, 0, os.SEEK_SET)
            os.ftruncate(number, 0)
            for start in range(0, self._size, _PIECE_BYTES):
                write_all(number, self._read(start))

    def _cloned_to(self, number: int) -> bool:
        """Let the system copy the file, if it can. It shares the blocks of both files if the file system can."""
        if not hasattr(os, "copy_file_range"):
            return False
        done = 0
        with suppress(OSError):
            while done < self._size and (some := os.copy_file_range(self._number, number, self._size - done, done)):
                done += some
        return done == self._size

    def _read(self, start: int) -> bytes:
        try:
            piece = os.pread(self._number, _PIECE_BYTES, start)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            raise self._fault("can't be read: check the disk") from error
        if len(piece) != min(_PIECE_BYTES, self._size - start):
            raise self._fault("is cut short")
        return piece

    def _fault(self, fault: str) -> DamagedSource:
        return DamagedSource(f"its file {self.path} {fault}")
