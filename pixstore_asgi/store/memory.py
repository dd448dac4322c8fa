"""MemoryStore: keeps images in memory only. The reference implementation of ImageStore, for tests and for reading."""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from ..core.ids import VARIANT_MARK, original_of, range_of_directory
from ..core.images import (
    DATABASE_ID_BYTES,
    KEY_ID_BYTES,
    ImageMeta,
    RewrappedKey,
    StoredImage,
    Tombstone,
    Usage,
    database_id_of,
)
from ..process import Clock, wall_clock_ms
from ..threads import RLock
from .contract import CHUNK_BYTES, WHOLE_BYTES, Expect, Expected, KeyChecks
from .rules import NO_ROW, GroupCommit, NewVersion, Row, admit, check_expected, check_unneeded, reached
from .writers import Writer

_BODY = 0  # the id of every body in a Row: bodies have no rows of their own here

P = ParamSpec("P")
R = TypeVar("R")


def _in_turn(
    method: "Callable[Concatenate[MemoryStore, P], Coroutine[Any, Any, R]]",
) -> "Callable[Concatenate[MemoryStore, P], Coroutine[Any, Any, R]]":
    """Make a method hold the store's mutex, so that only one thread uses the store. The method must never wait."""

    async def run(self: "MemoryStore", /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._mutex:
            return await method(self, *args, **kwargs)

    return wraps(method)(run)


@dataclass(frozen=True, slots=True)
class _Version:
    meta: ImageMeta
    body: bytes
    created_ms: int


class MemoryStore:
    """Keeps images in this process's memory, for any number of event loops. `clock_ms` returns epoch milliseconds."""

    key_file = None
    max_body_bytes: int | None = None

    def __init__(self, *, clock_ms: Clock = wall_clock_ms) -> None:
        self._clock_ms = clock_ms
        self._mutex = RLock()
        self._tokens: dict[str, int] = {}
        self._epochs: dict[str, int] = {}
        self._groups: dict[str, set[str]] = {}
        self._versions: dict[str, _Version] = {}
        self._database_id = database_id_of(secrets.token_bytes(DATABASE_ID_BYTES - 1))
        self._key_checks = KeyChecks(frozenset(), frozenset())
        self._changes = 0

    async def open(self) -> None:
        """Does nothing."""

    async def close(self) -> None:
        """Does nothing: saved images stay."""

    async def database_id(self) -> bytes:
        return self._database_id

    @_in_turn
    async def separate(self, database_id: bytes, check: bytes, rewrap: Callable[[StoredImage], bytes]) -> int:
        images = await self.list(limit=len(self._versions) + 1)
        wrapped = [RewrappedKey(image.id, image.meta.version, rewrap(image)) for image in images]
        self._database_id, self._key_checks = database_id, KeyChecks(frozenset([check]), frozenset())
        return await self.replace_wrapped_keys(wrapped)

    async def key_checks(self) -> KeyChecks:
        return self._key_checks

    @_in_turn
    async def key_usage(self) -> dict[bytes, int]:
        return Counter(version.meta.wrapped_key[:KEY_ID_BYTES] for version in self._versions.values())

    @_in_turn
    async def replace_wrapped_keys(self, wrapped: Sequence[RewrappedKey], *, checks: Sequence[bytes] = ()) -> int:
        self._admit(checks)
        self._changes += 1
        return sum(map(self._replace_wrapped_key, wrapped))

    @_in_turn
    async def retire_key_check(self, check: bytes) -> None:
        check_unneeded(check, self._images_under(check))
        in_use, retired = self._key_checks
        self._key_checks = KeyChecks(in_use - {check}, retired | {check})

    @_in_turn
    async def get(self, image_id: str) -> StoredImage | None:
        return self._image(image_id)

    @_in_turn
    async def get_many(self, image_ids: Collection[str]) -> dict[str, StoredImage]:
        return {image_id: image for image_id in image_ids if (image := self._image(image_id))}

    @_in_turn
    async def open_stream(self, image_id: str) -> "_MemoryStream | None":
        image = self._image(image_id)
        return _MemoryStream(image, self._versions[image_id].body) if image else None

    def read_nowait(self, image_id: str) -> tuple[StoredImage, Sequence[bytes]] | None:
        with self._mutex:
            image = self._image(image_id)
            is_whole = image is not None and image.meta.size <= WHOLE_BYTES
            return (image, [self._versions[image_id].body]) if image and is_whole else None

    async def begin_write(self, image_id: str, version: bytes) -> Writer:
        return Writer(image_id, version, self._clock_ms, self._commit, _MemorySink())

    @_in_turn
    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        ids = self._reached(image_id, expect)
        self._delete(ids)
        return image_id in ids

    @_in_turn
    async def list(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100, originals_only: bool = False
    ) -> "list[StoredImage]":
        ids = sorted(image_id for image_id in self._versions if _is_between(image_id, after, before))
        listed = [image_id for image_id in ids if not originals_only or original_of(image_id) == image_id]
        return list((await self.get_many(listed[:limit])).values())

    @_in_turn
    async def usage(self, *, after: str | None = None, before: str | None = None) -> Usage:
        return self._usage(after, before)

    @_in_turn
    async def raise_epoch(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        ids = self._reached(image_id, expect)
        self._raise_epochs(ids)
        return image_id in ids

    @_in_turn
    async def raise_epochs(self, *, after: str | None = None, before: str | None = None) -> int:
        ids = [image_id for image_id in self._versions if _is_between(image_id, after, before)]
        self._raise_epochs(ids)
        return sum(VARIANT_MARK not in image_id for image_id in ids)

    @_in_turn
    async def list_tombstones(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100
    ) -> Sequence[Tombstone]:
        ids = sorted(self._tokens.keys() - self._versions.keys())
        deleted = [image_id for image_id in ids if _is_between(image_id, after, before)]
        return [Tombstone(image_id, self._tokens[image_id], self._epoch(image_id)) for image_id in deleted[:limit]]

    @_in_turn
    async def put_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        for each in tombstones:
            if each.id not in self._versions:
                token = max(each.token, self._tokens.get(each.id, 0))
                self._note(each.id, token, max(each.epoch, self._epoch(each.id)))
        self._changes += 1

    def stamps(self, image_ids: Sequence[str]) -> Sequence[Hashable]:
        return [self._changes] * len(image_ids)

    async def sweep(self, *, limit: int = 100) -> int:
        """Do nothing, and return 0: Python's garbage collector frees a body after its last reader."""
        return 0

    @_in_turn
    async def _commit(self, new: GroupCommit) -> Sequence[StoredImage]:
        """Make new versions of one group current."""
        rows = self._rows_of_group(new.original_id)
        images = new.images(rows)
        if directory := new.limited_directory:
            new.check_room(rows, self._usage(*range_of_directory(directory)))
        self._admit(new.terms.checks)
        self._delete(new.left_out(rows))
        for image, version in zip(images, new.versions, strict=True):
            self._note(image.id, image.token, image.epoch)
            self._versions[image.id] = _Version(image.meta, b"".join(version.chunks), image.created_ms)
        return images

    def _usage(self, after: str | None, before: str | None) -> Usage:
        sizes = {
            image_id: version.meta.size
            for image_id, version in self._versions.items()
            if _is_between(image_id, after, before)
        }
        return Usage(sum(VARIANT_MARK not in image_id for image_id in sizes), sum(sizes.values()))

    def _delete(self, image_ids: Collection[str]) -> None:
        for image_id in image_ids:
            del self._versions[image_id]
        self._changes += 1

    def _note(self, image_id: str, token: int, epoch: int) -> None:
        self._tokens[image_id], self._epochs[image_id] = token, epoch
        self._groups.setdefault(original_of(image_id), set()).add(image_id)

    def _admit(self, checks: Sequence[bytes]) -> None:
        if checks:
            unneeded = admit(checks, self._key_checks, self._database_id, lambda check: self._images_under(check) > 0)
            self._key_checks = self._key_checks._replace(in_use=self._key_checks.in_use - unneeded | {checks[-1]})

    def _images_under(self, check: bytes) -> int:
        key_id = check[:KEY_ID_BYTES]
        return sum(version.meta.wrapped_key.startswith(key_id) for version in self._versions.values())

    def _replace_wrapped_key(self, wrapped: RewrappedKey) -> bool:
        version = self._versions.get(wrapped.image_id)
        if version is None or version.meta.version != wrapped.version:
            return False
        if wrapped.was not in (None, version.meta.wrapped_key):
            return False
        meta = replace(version.meta, wrapped_key=wrapped.wrapped_key)
        self._versions[wrapped.image_id] = replace(version, meta=meta)
        self._epochs[wrapped.image_id] = max(self._epoch(wrapped.image_id), wrapped.epoch)
        return True

    def _raise_epochs(self, image_ids: Collection[str]) -> None:
        for image_id in image_ids:
            self._epochs[image_id] = self._epoch(image_id) + 1
        self._changes += 1

    def _image(self, image_id: str) -> StoredImage | None:
        version = self._versions.get(image_id)
        if version is None:
            return None
        return StoredImage(image_id, self._tokens[image_id], version.meta, version.created_ms, self._epoch(image_id))

    def _epoch(self, image_id: str) -> int:
        return self._epochs.get(image_id, 0)

    def _rows_of_group(self, original: str) -> dict[str, Row]:
        return {image_id: self._row(image_id) for image_id in self._groups.get(original, ())}

    def _row(self, image_id: str) -> Row:
        token, epoch, version = self._tokens[image_id], self._epoch(image_id), self._versions.get(image_id)
        if version is None:
            return Row(token, epoch=epoch)
        return Row(token, _BODY, version.meta.version, version.created_ms, epoch, version.meta.size)

    def _reached(self, image_id: str, expect: Expected) -> Sequence[str]:
        """Return the ids that a delete or revoke affects. Raises StoreConflict if the image is not as expected."""
        rows = self._rows_of_group(original_of(image_id))
        check_expected(image_id, rows.get(image_id, NO_ROW).version, expect)
        return reached(image_id, rows)


def _is_between(image_id: str, after: str | None, before: str | None) -> bool:
    return image_id > (after or "") and not (before and image_id >= before)


class _MemoryStream:
    def __init__(self, image: StoredImage, body: bytes) -> None:
        self.image = image
        self._chunks: Iterator[bytes] = (body[i : i + CHUNK_BYTES] for i in range(0, len(body), CHUNK_BYTES))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration

    def skip(self, most: int) -> int:
        return 0  # the whole body is in memory, so a skip would save nothing

    async def aclose(self) -> None:
        self._chunks = iter(())


class _MemorySink:
    def __init__(self) -> None:
        self._body = bytearray()

    async def write(self, piece: bytes | memoryview) -> None:
        self._body.extend(piece)

    async def finish(self, image_id: str, meta: ImageMeta) -> NewVersion:
        return NewVersion(image_id, meta, chunks=[self._body])

    async def drop(self) -> None:
        self.release()

    def release(self) -> None:
        self._body = bytearray()
