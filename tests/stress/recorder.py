"""Records the calls by which this process changes files below a folder: those of Python, and those of SQLite."""

import _sqlite3
import ctypes
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from tests.stress.disk import Step

_IGNORED = ("-shm", ".lock")  # SQLite and the store make them again
_WRITE, _TRUNCATE, _SYNC = 2, 3, 4  # in sqlite3_io_methods
_SYNCED_WITH_FOLDER = 0x800 | 0x4000 | 0x80000  # SQLITE_OPEN_MAIN_JOURNAL, …SUPER_JOURNAL, …WAL
_CREATE = 0x4
_POINTER, _INT = ctypes.c_void_p, ctypes.c_int


class _IoMethods(ctypes.Structure):
    """sqlite3_io_methods (sqlite.org/c3ref/io_methods.html)."""

    _fields_ = (("version", _INT), ("methods", _POINTER * 18))


class _Vfs(ctypes.Structure):
    """sqlite3_vfs (sqlite.org/c3ref/vfs.html)."""

    _fields_ = (
        ("version", _INT),
        ("file_bytes", _INT),
        ("longest_path", _INT),
        ("next", _POINTER),
        ("name", ctypes.c_char_p),
        ("data", _POINTER),
        ("open", _POINTER),
        ("delete", _POINTER),
        ("others", _POINTER * 14),
    )


_OPEN = ctypes.CFUNCTYPE(_INT, _POINTER, _POINTER, _POINTER, _INT, _POINTER)
_DELETE = ctypes.CFUNCTYPE(_INT, _POINTER, _POINTER, _INT)
_METHODS: dict[int, Any] = {
    _WRITE: ctypes.CFUNCTYPE(_INT, _POINTER, _POINTER, _INT, ctypes.c_int64),
    _TRUNCATE: ctypes.CFUNCTYPE(_INT, _POINTER, ctypes.c_int64),
    _SYNC: ctypes.CFUNCTYPE(_INT, _POINTER, _INT),
}


class Recorder:
    """steps: the recorded calls, in their order. A call is recorded when it has ended, a sync also when it begins."""

    def __init__(self, root: Path) -> None:
        self.steps: list[Step] = []
        self._root = os.path.realpath(root)
        self._numbers: dict[str, int] = {}
        self._files_made = 0
        self._syncs = itertools.count()
        self._descriptors: dict[int, str | int] = {}
        self._of_sqlite: dict[int, tuple[int, str, bool]] = {}
        self._kept: list[object] = []  # SQLite has pointers to them
        self._tables: dict[int, int] = {}

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record during the block. SQLite must have no file open before it and after it."""
        calls = {name: getattr(self, f"_{name}") for name in ("open", "close", "write", "fsync", "replace", "link")}
        calls |= {"mkdir": self._mkdir, "unlink": self._unlink, "fdatasync": self._fsync}
        self._real = {name: getattr(os, name) for name in calls}
        library = ctypes.CDLL(_sqlite3.__file__)
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        default = library.sqlite3_vfs_find(None)
        recorded = self._recorded_vfs(default.contents)
        library.sqlite3_vfs_register(ctypes.byref(recorded), 1)
        try:
            with mock.patch.multiple(os, **calls):
                yield
        finally:
            library.sqlite3_vfs_register(default, 1)

    def _relative(self, path: Any) -> str | None:
        """Return a path relative to the recorded folder, or None if it is not recorded."""
        text = os.path.abspath(os.fsdecode(path))
        if text.endswith(_IGNORED) or not f"{text}/".startswith(f"{self._root}/"):
            return None
        return os.path.relpath(text, self._root)

    def _number(self, path: str) -> int:
        """Return the number of the file at a path. If it is new, record its name."""
        if path not in self._numbers:
            self._files_made += 1
            self._numbers[path] = self._files_made
            self.steps.append(("name", path, self._files_made))
        return self._numbers[path]

    def _open(self, path: Any, flags: int, *args: Any, **named: Any) -> int:
        descriptor: int = self._real["open"](path, flags, *args, **named)
        if (relative := self._relative(path)) is not None:
            self._descriptors[descriptor] = relative if os.path.isdir(path) else self._number(relative)
        return descriptor

    def _close(self, descriptor: int) -> None:
        self._descriptors.pop(descriptor, None)
        self._real["close"](descriptor)

    def _write(self, descriptor: int, data: Any) -> int:
        written: int = self._real["write"](descriptor, data)
        file = self._descriptors.get(descriptor)
        if isinstance(file, int):
            start = os.lseek(descriptor, 0, os.SEEK_CUR) - written
            self.steps.append(("write", file, start, bytes(data)[:written]))
        return written

    def _fsync(self, descriptor: int) -> None:
        file, sync = self._descriptors.get(descriptor), self._begin()
        self._real["fsync"](descriptor)
        if file is not None:
            self.steps.append(("sync" if isinstance(file, int) else "syncdir", file, sync))

    def _begin(self) -> int:
        """Record that a sync begins, and return its number."""
        sync = next(self._syncs)
        self.steps.append(("begin", sync))
        return sync

    def _replace(self, source: Any, target: Any) -> None:
        before, after = self._relative(source), self._relative(target)
        assert before is not None
        assert after is not None
        self._real["replace"](source, target)
        self._numbers[after] = self._numbers.pop(before)
        self.steps.append(("rename", before, after, self._numbers[after]))

    def _link(self, source: Any, target: Any) -> None:
        self._real["link"](source, target)
        before, after = self._relative(source), self._relative(target)
        assert before is not None
        assert after is not None
        self._numbers[after] = self._numbers[before]
        self.steps.append(("name", after, self._numbers[after]))

    def _mkdir(self, path: Any, *args: Any, **named: Any) -> None:
        self._real["mkdir"](path, *args, **named)
        if (relative := self._relative(path)) is not None:
            self.steps.append(("mkdir", relative))

    def _unlink(self, path: Any, *args: Any, **named: Any) -> None:
        self._real["unlink"](path, *args, **named)
        self._forget(self._relative(path))

    def _forget(self, path: str | None) -> None:
        if path is not None and path in self._numbers:
            del self._numbers[path]
            self.steps.append(("unname", path))

    def _recorded_vfs(self, default: _Vfs) -> _Vfs:
        """Return a copy of SQLite's default VFS that records."""
        recorded = _Vfs.from_buffer_copy(default)
        real_open, real_delete = _OPEN(default.open), _DELETE(default.delete)

        def open_file(vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
            code: int = real_open(vfs, name, file, flags, out)
            path = self._relative(ctypes.string_at(name)) if name and not code else None
            self._of_sqlite.pop(file, None)
            if path is not None:
                self._record_file(file, path, is_synced=bool(flags & _CREATE and flags & _SYNCED_WITH_FOLDER))
            return code

        def delete(vfs: int, name: int, syncs: int) -> int:
            code: int = real_delete(vfs, name, syncs)
            path = self._relative(ctypes.string_at(name))
            if code == 0 and path is not None:
                self._forget(path)
                if syncs:
                    self.steps.append(("syncdir", os.path.dirname(path) or ".", self._begin()))
            return code

        callbacks = _OPEN(open_file), _DELETE(delete)
        recorded.name = b"recorded"
        recorded.open, recorded.delete = (ctypes.cast(callback, _POINTER) for callback in callbacks)
        self._kept += [recorded, *callbacks]
        return recorded

    def _record_file(self, file: int, path: str, *, is_synced: bool) -> None:
        """Let SQLite call the recorder for an open file. is_synced: its first sync also syncs its folder."""
        self._of_sqlite[file] = self._number(path), os.path.dirname(path) or ".", is_synced
        methods = _POINTER.from_address(file)
        real = methods.value
        assert real is not None
        if real not in self._tables:
            table = _IoMethods.from_buffer_copy(_IoMethods.from_address(real))
            for index, kind in _METHODS.items():
                callback = kind(self._recorded(index, kind(table.methods[index])))
                table.methods[index] = ctypes.cast(callback, _POINTER)
                self._kept.append(callback)
            self._kept.append(table)
            self._tables[real] = ctypes.addressof(table)
        methods.value = self._tables[real]

    def _recorded(self, index: int, real: Callable[..., int]) -> Callable[..., int]:
        def write(file: int, data: int, length: int, start: int) -> int:
            code = real(file, data, length, start)
            if file in self._of_sqlite:
                self.steps.append(("write", self._of_sqlite[file][0], start, ctypes.string_at(data, length)))
            return code

        def truncate(file: int, length: int) -> int:
            code = real(file, length)
            if file in self._of_sqlite:
                self.steps.append(("resize", self._of_sqlite[file][0], length))
            return code

        def sync(file: int, flags: int) -> int:
            begun = self._begin()
            code = real(file, flags)
            if file in self._of_sqlite and code == 0:
                number, folder, is_synced = self._of_sqlite[file]
                self.steps.append(("sync", number, begun))
                if is_synced:
                    self.steps.append(("syncdir", folder, begun))
                    self._of_sqlite[file] = number, folder, False
            return code

        calls: dict[int, Callable[..., int]] = {_WRITE: write, _TRUNCATE: truncate, _SYNC: sync}
        return calls[index]
