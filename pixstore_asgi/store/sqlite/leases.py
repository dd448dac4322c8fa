"""Leases: they show gc the bodies that any process of this machine is reading or writing.

A lease is a shared lock on one byte of a side file, the byte at the body's id. To remove a body, gc must first get the
exclusive lock on that byte, through another descriptor. When a process ends, the kernel releases its leases.

The locks are open file description locks (fcntl(2), F_OFD_SETLK). Unlike POSIX locks they belong to the descriptor, so
other code of the process can't release them by closing the file. On systems without them, leases work within this
process only, and bodies are kept for a grace period instead.
"""

import errno
import os
import struct
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from ...process import generation
from ...threads import Lock
from .write_lock import Descriptor

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

IN_USE = 0
"""A lease id below the ids of all bodies. Each process that has the database open holds this lease."""

BACKUP = (1 << 62) - 1
"""A lease id above the ids of all bodies. While a backup holds this lease, gc removes no body outside the database."""

_FILES = 1 << 62
"""The base of the lease ids for open files, above the ids of all bodies."""

_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, length, pid


def is_read_locked(number: int, first: int, length: int) -> bool:
    """Return whether another open file description has a shared lock on some of these bytes. False if the system can't
    tell.

    number: a descriptor of the file. Shared locks of SQLite count too, also those of this process.
    """
    if not _has_ofd_locks():
        return False
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, first, length, 0)
    try:
        kind: int = _FLOCK.unpack(fcntl.fcntl(number, fcntl.F_OFD_GETLK, asked))[0]
    except OSError:  # a file system without locks
        return False
    return kind == fcntl.F_RDLCK


def _has_ofd_locks() -> bool:
    return fcntl is not None and hasattr(fcntl, "F_OFD_SETLK") and struct.calcsize("P") == 8


class Leases:
    """The leases of one open store. Every method may be called from any thread.

    `are_shared`: whether other processes see the leases. `release` never waits for the mutex, because Python's garbage
    collector may call it (in a stream's `__del__`) on a thread that already holds the mutex.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._generation = generation()
        self._counts: Counter[int] = Counter()
        self._released: deque[int] = deque()  # released by a caller, but still counted and locked
        self._mutex = Lock()
        self._holding = _ByteLocks.open(path)
        self._claiming = _ByteLocks.open(path) if self._holding else None
        self.are_shared = self._claiming is not None

    def acquire(self, body: int) -> bool:
        """Take a lease on a body and return True. Return False if gc is removing the body."""
        with self._locked():
            if body not in self._counts and self._holding and not self._holding.share(body):
                return False
            self._counts[body] += 1
            return True

    def release(self, body: int) -> None:
        """Release one lease on a body. After the last one, gc may remove the body. Does nothing after `close`."""
        # A forked child shares the descriptors: giving a lease back there would take it from the parent.
        if not self._is_inherited:
            self._released.append(body)
            self._settle()

    def claim(self, body: int) -> bool:
        """Claim a body for removal and return True. Return False if any process has a lease on it."""
        with self._locked():
            return body not in self._counts and (self._claiming is None or self._claiming.exclude(body))

    def unclaim(self, body: int) -> None:
        """Release the claim on a body."""
        with self._locked():
            if self._claiming:
                self._claiming.unlock(body)

    def are_in_place(self) -> bool:
        """Return whether the side file is still the one at its path. If it was removed, other processes don't see its
        locks.
        """
        with self._locked():
            return self._holding is None or self._holding.are_in(self._path)

    def is_held(self, body: int) -> bool:
        """Return whether any process has a lease on a body."""
        with self._locked():
            return body in self._counts or (self._holding is not None and self._holding.is_shared(body))

    def hold_files(self, key: int) -> None:
        """Hold a shared lock until `close`, so that other stores see which log and index this store has open.

        key: the number that identifies this log and index (`OpenFiles.key`).
        """
        with self._locked():
            if self._holding:
                self._holding.share(_FILES + key)

    def are_files_held(self, key: int) -> bool:
        """Return whether another store has the log and index with this key open."""
        return self.is_held(_FILES + key)

    def begin_alone(self) -> bool:
        """Keep other processes from opening the database and return True. Return False if one already has it open."""
        with self._locked():
            if not self._holding or not self._claiming:
                return True
            self._holding.unlock(IN_USE)
            is_alone = self._claiming.exclude(IN_USE)
            if not is_alone:
                self._holding.share(IN_USE)
            return is_alone

    def end_alone(self) -> None:
        """Let other processes open the database again."""
        with self._locked():
            if self._holding and self._claiming:
                self._claiming.unlock(IN_USE)
                self._holding.share(IN_USE)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the mutex during the block. Also unlock bodies that were released before or during it."""
        try:
            with self._mutex:
                self._give_back()
                yield
        finally:
            self._settle()

    def _settle(self) -> None:
        """Unlock the bodies in `_released`. If a thread holds the mutex, do nothing: that thread unlocks them
        afterwards.
        """
        while self._released and self._mutex.acquire(blocking=False):
            try:
                self._give_back()
            finally:
                self._mutex.release()

    def _give_back(self) -> None:
        while self._released:
            body = self._released.popleft()
            if body in self._counts:
                self._counts[body] -= 1
                if not self._counts[body]:
                    del self._counts[body]
                    if self._holding:
                        self._holding.unlock(body)

    @property
    def _is_inherited(self) -> bool:
        return self._generation != generation()

    def __len__(self) -> int:
        return len(self._counts.keys() - {IN_USE})

    def close(self) -> None:
        """Release all leases. Repeated calls do nothing."""
        # In a forked child, the mutex may stay locked: a thread of the parent may have held it at the fork.
        with nullcontext() if self._is_inherited else self._mutex:
            self._counts.clear()
            for locks in (self._holding, self._claiming):
                if locks:
                    locks.close()
            self._holding = self._claiming = None


class _ByteLocks:
    """Locks on single bytes of a file, through one descriptor."""

    def __init__(self, file: Descriptor) -> None:
        self._file = file
        self.close = file.close

    @classmethod
    def open(cls, path: Path) -> "_ByteLocks | None":
        """Return the locks of a file, or None if the system has none. Creates the file if it is missing."""
        if not _has_ofd_locks():
            return None
        locks = cls(Descriptor.of(path))
        try:
            locks.share(0)
            locks.unlock(0)
        except OSError:  # a file system without such locks
            locks.close()
            return None
        return locks

    def share(self, byte: int) -> bool:
        """Take a shared lock on a byte. Return False if another descriptor holds it exclusively."""
        return self._set(fcntl.F_RDLCK, byte)

    def exclude(self, byte: int) -> bool:
        """Take an exclusive lock on a byte. Return False if another descriptor has it."""
        return self._set(fcntl.F_WRLCK, byte)

    def is_shared(self, byte: int) -> bool:
        """Return whether another descriptor has a lock on a byte. This call changes no lock."""
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        kind: int = _FLOCK.unpack(fcntl.fcntl(self._file.number, fcntl.F_OFD_GETLK, asked))[0]
        return kind != fcntl.F_UNLCK

    def are_in(self, path: Path) -> bool:
        """Return whether these locks belong to the file that is at a path now."""
        try:
            return os.path.samestat(os.fstat(self._file.number), os.stat(path))
        except FileNotFoundError:
            return False

    def unlock(self, byte: int) -> None:
        self._set(fcntl.F_UNLCK, byte)

    def _set(self, kind: int, byte: int) -> bool:
        try:
            fcntl.fcntl(self._file.number, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        return True
