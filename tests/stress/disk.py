"""A disk that forgets: replays recorded calls, and returns the files that a power failure may leave."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

_SECTOR_BYTES = 512
Step = tuple[Any, ...]
"""One recorded call: its name and its arguments, see Disk."""

_Names = dict[str, int | str]
_Change = tuple[str, int | str | None, str | None]
"""A name, its new entry or None, and the path that the file had before, if it was renamed."""


@dataclass
class _File:
    """content: what is on the disk for certain. pending: writes (offset, bytes) and new lengths since the last sync."""

    content: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)


@dataclass
class _Folder:
    """names: the entries on the disk for certain, each a file's number or a folder's path. pending: later changes."""

    names: "_Names" = field(default_factory=dict)
    pending: "list[_Change]" = field(default_factory=list)


class Disk:
    """The files below one folder, in the state after some steps.

    Steps: write(file, offset, bytes), resize(file, length), sync(file), mkdir(path), name(path, file), unname(path),
    rename(path, new path, file), syncdir(path). A file is a number, a path is relative to the folder, "." is the folder
    itself. A file that is renamed never has both names or none, as in ext4, XFS and Btrfs.

    folders: those that are there for certain from the beginning.
    """

    def __init__(self, folders: Iterable[str] = ()) -> None:
        self._files: dict[int, _File] = {}
        self._folders = {".": _Folder()}
        for path in folders:
            self.do(("mkdir", path))
        self.do(("syncdir", "."))

    def do(self, step: Step) -> None:
        match step:
            case "write", file, offset, data:
                self._file(file).pending.append((offset, data))
            case "resize", file, length:
                self._file(file).pending.append(length)
            case "sync", file:
                found = self._file(file)
                _apply(found.content, found.pending)
                found.pending.clear()
            case "mkdir", path:
                self._folders[path] = _Folder()
                self._change(path, path)
            case "name", path, file:
                self._change(path, file)
            case "unname", path:
                self._change(path, None)
            case "rename", path, new_path, file:
                self._change(new_path, file, path)
            case "syncdir", path:
                self._sync(self._folders[path])

    def write_to(self, place: Path, chance: random.Random, kept: float) -> None:
        """Write files as a power failure may leave them. kept: how likely each call since the last sync had effect."""
        names, changes = {path: dict(folder.names) for path, folder in self._folders.items()}, []
        for path, folder in self._folders.items():
            some = [change for change in folder.pending if chance.random() < kept]
            _rename(names[path], some)
            changes += some
        for _, _, before in changes:
            if before is not None:
                names[str(PurePosixPath(before).parent)].pop(PurePosixPath(before).name, None)
        self._write_folder(".", place, names, lambda file: _content(file, chance, kept))

    def _write_folder(
        self, path: str, place: Path, names: dict[str, _Names], content_of: Callable[[_File], bytes]
    ) -> None:
        (place / path).mkdir(mode=0o700)
        for name, entry in names[path].items():
            if isinstance(entry, str):
                self._write_folder(entry, place, names, content_of)
            else:
                (place / path / name).write_bytes(content_of(self._file(entry)))

    def _file(self, number: int) -> _File:
        return self._files.setdefault(number, _File())

    def _change(self, path: str, entry: int | str | None, before: str | None = None) -> None:
        place = PurePosixPath(path)
        self._folders[str(place.parent)].pending.append((place.name, entry, before))

    def _sync(self, folder: _Folder) -> None:
        _rename(folder.names, folder.pending)
        for _, _, before in folder.pending:
            if before is not None:
                place = PurePosixPath(before)
                source = self._folders[str(place.parent)]
                source.names.pop(place.name, None)
                source.pending = [change for change in source.pending if change[0] != place.name]
        folder.pending = []


def _rename(names: _Names, changes: Iterable[_Change]) -> None:
    for name, entry, _ in changes:
        if entry is None:
            names.pop(name, None)
        else:
            names[name] = entry


def _apply(content: bytearray, changes: Iterable[tuple[int, bytes] | int]) -> None:
    for change in changes:
        start, data = (change, b"") if isinstance(change, int) else change
        content.extend(bytes(max(0, start - len(content))))
        if isinstance(change, int):
            del content[change:]
        else:
            content[start : start + len(data)] = data


def _content(file: _File, chance: random.Random, kept: float) -> bytes:
    """Return a file's certain bytes with each later write kept, lost, or cut at the end of a sector."""
    changes: list[tuple[int, bytes] | int] = []
    for change in file.pending:
        if chance.random() < kept:
            changes.append(change)
        elif kept and not isinstance(change, int) and chance.random() < 0.5:
            start, data = change
            changes.append((start, data[: chance.randrange(len(data) + 1) // _SECTOR_BYTES * _SECTOR_BYTES]))
    content = bytearray(file.content)
    _apply(content, changes)
    return bytes(content)
