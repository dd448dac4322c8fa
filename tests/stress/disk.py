"""A disk that forgets: replays recorded calls, and returns the files that a power failure may leave."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

_SECTOR_BYTES, _PAGE_BYTES = 512, 4096
KEPT = (0, 0, 0.5, 0.9, 1)
"""How likely a power failure keeps a call that no sync has made certain."""

Step = tuple[Any, ...]
"""One recorded call: its name and its arguments, see Disk."""

_Names = dict[str, int | str]
_Write = tuple[int, bytes] | int
_AnyChange = TypeVar("_AnyChange")
_Change = tuple[str, int | str | None, str | None]
"""A name, its new entry or None, and the path that the file had before, if it was renamed."""


@dataclass
class _File:
    """content: the bytes that are certain. pending: later writes (offset, bytes) and new lengths, by their numbers."""

    content: bytearray = field(default_factory=bytearray)
    pending: "dict[int, _Write]" = field(default_factory=dict)


@dataclass
class _Folder:
    """names: the entries on the disk for certain, each a file's number or a folder's path. pending: later changes, by
    their numbers.
    """

    names: "_Names" = field(default_factory=dict)
    pending: "dict[int, _Change]" = field(default_factory=dict)


class Disk:
    """The files below one folder, in the state after some steps.

    Steps: write(file, offset, bytes), resize(file, length), begin(sync), sync(file, sync), mkdir(path),
    name(path, file), unname(path), rename(path, new path, file), syncdir(path, sync). A file and a sync are numbers, a
    path is relative to the folder, "." is the folder itself. A sync makes only the changes from before its begin
    certain, and only at its end. A file that is renamed never has both names or none, as in ext4, XFS and Btrfs.

    folders: those that are there for certain from the beginning.
    """

    def __init__(self, folders: Iterable[str] = ()) -> None:
        self._files: dict[int, _File] = {}
        self._folders = {".": _Folder()} | {path: _Folder({}) for path in folders}
        self._folders["."].names.update({path: path for path in folders})
        self._begun: dict[int, int] = {}
        self._steps = 0

    def do(self, step: Step) -> None:
        self._steps += 1
        match step:
            case "write", file, offset, data:
                self._file(file).pending[self._steps] = offset, data
            case "resize", file, length:
                self._file(file).pending[self._steps] = length
            case "begin", sync:
                self._begun[sync] = self._steps
            case "sync", file, sync:
                found = self._file(file)
                _apply(found.content, _take(found.pending, self._begun[sync]))
            case "mkdir", path:
                self._folders[path] = _Folder()
                self._change(path, path)
            case "name", path, file:
                self._change(path, file)
            case "unname", path:
                self._change(path, None)
            case "rename", path, new_path, file:
                self._change(new_path, file, path)
            case "syncdir", path, sync:
                self._sync(self._folders[path], self._begun[sync])

    def write_to(self, place: Path, chance: random.Random, kept: float | None) -> None:
        """Write files as a power failure may leave them.

        kept: how likely each call that no sync has made certain had effect. None: each file and folder has its own.
        """
        chances = _chances(chance, kept)
        names, changes = {path: dict(folder.names) for path, folder in self._folders.items()}, []
        for path, folder in self._folders.items():
            likely = next(chances)
            some = [change for change in folder.pending.values() if chance.random() < likely]
            _rename(names[path], some)
            changes += some
        for _, _, before in changes:
            if before is not None:
                names[str(PurePosixPath(before).parent)].pop(PurePosixPath(before).name, None)
        self._write_folder(".", place, names, lambda file: _content(file, chance, next(chances)))

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
        self._folders[str(place.parent)].pending[self._steps] = place.name, entry, before

    def _sync(self, folder: _Folder, begun: int) -> None:
        changes = _take(folder.pending, begun)
        _rename(folder.names, changes)
        for _, _, before in changes:
            if before is not None:
                place = PurePosixPath(before)
                source = self._folders[str(place.parent)]
                source.names.pop(place.name, None)
                source.pending = {n: change for n, change in source.pending.items() if change[0] != place.name}


def _chances(chance: random.Random, kept: float | None) -> Iterator[float]:
    while True:
        yield chance.choice(KEPT) if kept is None else kept


def _take(pending: dict[int, _AnyChange], begun: int) -> list[_AnyChange]:
    """Remove the changes from before a sync began, and return them."""
    return [pending.pop(number) for number in [number for number in pending if number < begun]]


def _rename(names: _Names, changes: Iterable[_Change]) -> None:
    for name, entry, _ in changes:
        if entry is None:
            names.pop(name, None)
        else:
            names[name] = entry


def _apply(content: bytearray, changes: Iterable[_Write]) -> None:
    for change in changes:
        start, data = (change, b"") if isinstance(change, int) else change
        content.extend(bytes(max(0, start - len(content))))
        if isinstance(change, int):
            del content[change:]
        else:
            content[start : start + len(data)] = data


def _content(file: _File, chance: random.Random, kept: float) -> bytes:
    """Return a file's certain bytes, with each later write kept, lost, or there in parts."""
    changes: list[_Write] = []
    for change in file.pending.values():
        if chance.random() < kept:
            changes.append(change)
        elif kept and not isinstance(change, int):
            changes += _parts(change, chance)
    content = bytearray(file.content)
    _apply(content, changes)
    return bytes(content)


def _parts(write: tuple[int, bytes], chance: random.Random) -> list[_Write]:
    """Return the parts of a write that have arrived: none, all up to some sector, some pages, or only the length."""
    start, data = write
    match chance.choice(("none", "none", "sectors", "pages", "length")):
        case "sectors":
            return [(start, data[: chance.randrange(len(data) + 1) // _SECTOR_BYTES * _SECTOR_BYTES])]
        case "pages":
            ends = [*range(start // _PAGE_BYTES * _PAGE_BYTES + _PAGE_BYTES, start + len(data), _PAGE_BYTES)]
            spans = zip([start, *ends], [*ends, start + len(data)], strict=True)
            return [(begin, data[begin - start : end - start]) for begin, end in spans if chance.random() < 0.5]
        case "length":
            return [(start + len(data), b"")]
    return []
