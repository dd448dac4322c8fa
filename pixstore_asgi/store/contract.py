"""The ImageStore protocol: the contract of every store. `contract_tests` has a test for each of its sentences.

A store sees opaque bytes: it neither encrypts nor checks proofs. Each save writes a new, immutable body and moves the
image's pointer to it in one step, so a reader gets one version or another, never a mixture. Tokens rise strictly per
id. A deleted id keeps its last token, so tokens rise across a delete too.

An image may have variants: images of their own, under ids of `core.ids.variant_id`. The image is their original. An
original and its variants are an image group. A write to the original changes its whole group in one step: a commit
replaces or deletes the variants, a delete deletes them, and a raised epoch is raised for all. A variant may also be
written, deleted and revoked alone. `rules` has the checks that all stores share; MemoryStore is the reference.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from ..core.images import ImageMeta, Past, RewrappedKey, StoredImage, Tombstone

CHUNK_BYTES = 256 * 1024
"""Length of every piece that a stream yields, except the last one: bounded memory per reader at full speed."""

WHOLE_BYTES = 4 * CHUNK_BYTES
"""A body of at most this length is read whole before any of it is sent: in one trip, if the store can do that."""


class Expect(Enum):
    """The state in which a write expects the image that it changes."""

    ANY = "any state"
    ABSENT = "no image"
    PRESENT = "an image"


Expected = Expect | bytes
"""An Expect, or the `version` (16 bytes) that must be the current one."""


@dataclass(frozen=True, slots=True)
class CommitTerms:
    """The conditions and extras of a commit.

    Attributes:
        checks: Check values of the key ring. The last one belongs to the secret that wrapped the key, and ends with the
            store's id. From this commit on the store knows it (`key_checks`).
        expect: The required state of the image; if a variant is written alone, the required state of its original.
        token: The new token, 1 to 2**53 - 1, of an image from another store. Without it the new token is max(clock in
            epoch ms, last token + 1). The last token is the highest in the group, deleted images included. For a
            variant that is written alone it is the variant's own. A variant's token is never below its original's.
        past: For an image from another store. The image gets this `created_ms`, and the higher of this epoch and its
            own. Without it `created_ms` stays, or is the clock for a new image. A variant written alone takes both from
            its original.
    """

    checks: Sequence[bytes] = ()
    expect: Expected = Expect.ANY
    token: int | None = None
    past: Past | None = None


NO_TERMS = CommitTerms()
"""The terms of a commit in any state, without check values."""


class KeyChecks(NamedTuple):
    """The check values that a store knows: of secrets that keys were wrapped under, and of retired secrets."""

    in_use: frozenset[bytes]
    retired: frozenset[bytes]


class ImageStream(Protocol):
    """One version of an image, open for reading: an async iterator of ciphertext chunks.

    It stays readable to its end through every update, delete and sweep of any process. One task reads it. The task may
    be cancelled at any chunk; then `aclose` frees the resources.
    """

    @property
    def image(self) -> StoredImage:
        """The image when the stream was opened. Its meta belongs to these bytes."""
        ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> bytes:
        """Return the next chunk: CHUNK_BYTES, or the rest. All chunks together have `image.meta.size` bytes.

        Raises StoreError if stored bytes are missing. The stream then ends early, and nothing is padded or mixed.
        """
        ...

    def skip(self, most: int) -> int:
        """Skip chunks at the front, at most `most` bytes, without reading them. Return the number of skipped bytes.

        Only whole chunks are skipped, before the first one is read. A stream with all chunks in memory may skip none.
        """
        ...

    async def aclose(self) -> None:
        """Close the stream, which then yields no more chunks. Repeated calls do nothing."""
        ...


class ImageWriter(Protocol):
    """One new version being written, invisible before `commit`. Leaving `async with` uncommitted aborts it.

    One task writes. It may be cancelled at any step: the written bytes are then dropped. A cancelled commit may have
    happened, but only completely. After any `commit` or `abort`, also a failed one, the write has ended: `write` and
    `commit` raise StoreError.
    """

    async def write(self, piece: bytes | memoryview) -> None:
        """Append ciphertext, a piece of any length. The caller may reuse its memory after this returns.

        The writer may store the piece while the next one arrives. So its StoreError may be raised by a later `write` or
        by `commit`.
        """
        ...

    async def commit(
        self,
        meta: ImageMeta,
        terms: CommitTerms = NO_TERMS,
        *,
        variants: "Sequence[tuple[ImageWriter, ImageMeta]] | None" = (),
    ) -> Sequence[StoredImage]:
        """Make this version the image's current one, in one step.

        Args:
            meta: The meta of the written bytes. Its `version` and `size` must match the write.
            terms: The conditions of the commit.
            variants: Writers of this store for variants of this image, with their metas. Their versions become current
                in the same step, with the image's token, `created_ms` and epoch. A variant's token is always above its
                own last one, and its epoch never falls. Other variants of the image are deleted in that step. None
                keeps them, for a copy that brings variants one by one.

        Returns:
            The image, followed by its `variants`.

        Raises:
            StoreConflict: The image is not as expected, or the token of `terms` is not above its last one.
            StoreError: A meta belongs to another write, or a writer is not for a variant of this image in this store.
            SecretError: `rules.admit` refuses the checks.
            StoreBusy: Other writers held the store for too long.

        If it raises, the group stays unchanged. All these writes have ended in any case.
        """
        ...

    async def abort(self) -> None:
        """Drop the written bytes. Does nothing after `commit` or another `abort`. Never raises: a sweep removes
        leftovers.
        """
        ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.abort()


class ImageStore(Protocol):
    """Keeps encrypted images by id: text that `is_image_id` or `is_variant_id` accepts, at most 226 ASCII characters.

    Errors: methods raise only StoreError: StoreConflict if an image is not as expected, StoreBusy if the caller may try
    again. Other exceptions are translated. No message holds a key or a password.

    Cancellation: a cancelled read leaves nothing behind. A cancelled write has happened as a whole or not at all. The
    store takes further calls.

    Concurrency: any number of tasks call it at once, also in event loops of several threads, and other processes may
    have the same images. Every method sees all writes that had returned, in any process, before it was called.

    A store is made without I/O. All methods except `open` and `close` are called on an open store only. Each event loop
    opens and closes it for itself: a close leaves it open in the others (`loops.PerLoop`).
    """

    @property
    def key_file(self) -> Path | None:
        """The path for a key file beside this store, or None if the store has no such place."""
        ...

    @property
    def max_body_bytes(self) -> int | None:
        """The longest body that the store takes, in bytes, or None if it sets no limit."""
        ...

    async def open(self) -> None:
        """Make the store ready in this event loop: create or migrate its tables and files. Repeated calls do nothing.

        Several processes and event loops may open it at the same time. If it fails it raises StoreError and holds
        nothing.
        """
        ...

    async def close(self) -> None:
        """Close this event loop's connections and files, and those of event loops that ended without a close.

        Repeated calls do nothing. `open` makes the store ready again.
        """
        ...

    async def database_id(self) -> bytes:
        """Return this store's own id. `core.images.database_id_of` made it from random bytes when the store was made.

        All processes with the same images get the same id, and so do copies of the store.
        """
        ...

    async def separate(self, database_id: bytes, check: bytes, rewrap: Callable[[StoredImage], bytes]) -> int:
        """Give this store a new id, a new wrapped key for each image, and a single check value, all in one step.

        rewrap: returns an image's new wrapped key, on any thread. If it raises, the error is passed on and nothing has
        changed. Return the number of images. Raises StoreBusy if the store can see that other processes have it open.
        """
        ...

    async def key_checks(self) -> KeyChecks:
        """Return the check values of all secrets that wrapped keys here. A new store has none."""
        ...

    async def key_usage(self) -> dict[bytes, int]:
        """Return the number of images by the first KEY_ID_BYTES of their wrapped key, as one snapshot.

        These 4 bytes are the public id of the secret that wrapped the key. The call may read every row.
        """
        ...

    async def replace_wrapped_keys(self, wrapped: Sequence[RewrappedKey], *, checks: Sequence[bytes] = ()) -> int:
        """Replace wrapped keys in one step, if the version is still current and still has the key `was`. Return their
        number.

        Tokens, versions, times and bodies stay. An epoch rises only if its RewrappedKey has a higher one. The store
        keeps no copy of the old wrapped keys. Raises SecretError if `rules.admit` refuses the checks.

        wrapped: at most one for each image, maybe none. checks: as in CommitTerms.
        """
        ...

    async def retire_key_check(self, check: bytes) -> None:
        """Refuse further wrapped keys of this secret, known or unknown, in one step.

        Raises StoreConflict while an image's wrapped key begins with the first KEY_ID_BYTES of this check value.
        """
        ...

    async def get(self, image_id: str) -> StoredImage | None:
        """Return one image, or None if there is none."""
        ...

    async def get_many(self, image_ids: Collection[str]) -> dict[str, StoredImage]:
        """Return the existing images among these ids, by id, as one snapshot. Any number of ids; duplicates are
        allowed.
        """
        ...

    async def open_stream(self, image_id: str) -> ImageStream | None:
        """Open the current version for reading, or return None if there is no image."""
        ...

    def read_nowait(self, image_id: str) -> tuple[StoredImage, Sequence[bytes]] | None:
        """Return the current version with its whole body in pieces, or None if that needs a wait.

        None also if there is no image, or its body is longer than WHOLE_BYTES; `open_stream` then tells which. This
        runs on the event loop's thread for every image that is not in memory. A store behind a network returns None.
        """
        ...

    async def begin_write(self, image_id: str, version: bytes) -> ImageWriter:
        """Begin a new version of an image, which may or may not exist. Any number of writes may run at the same time.

        version: 16 random bytes, drawn only for this write, or the version of an image that is copied from another
        store. An interrupted or concurrent copy begins the same version again; if one of these writes fails, the body
        of the other stays.
        """
        ...

    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        """Delete an image and return whether there was one. Its wrapped key is erased; its id keeps its token.

        An original's variants are deleted in the same step, even if there is no original. Raises StoreConflict if the
        image is not as expected; then nothing changes.
        """
        ...

    async def raise_epoch(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        """Add one to the epoch of an image's proofs. Return whether there is an image. Version and token stay.

        The epochs of an original's variants rise too. The first epoch is 0, and an id keeps its last one across a
        delete. Raises StoreConflict if the image is not as expected; then nothing changes.
        """
        ...

    async def raise_epochs(self, *, after: str | None = None, before: str | None = None) -> int:
        """Add one to the epochs of all images between these bounds, in one step. Return the number of originals among
        them.
        """
        ...

    async def list(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100, originals_only: bool = False
    ) -> "list[StoredImage]":
        """Return up to `limit` (at least 1) images in the order of their ids, by code point.

        after, before: exclusive bounds, which need not be ids; None or "" sets no bound. originals_only: leave variants
        out.
        """
        ...

    async def list_tombstones(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100
    ) -> Sequence[Tombstone]:
        """Return up to `limit` (at least 1) deleted images, with the order and the bounds of `list`."""
        ...

    async def put_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        """Raise the last tokens and epochs of deleted or unknown ids to at least these, in one step. Skip existing
        images.

        tombstones: at most one for an id.
        """
        ...

    def stamps(self, image_ids: Sequence[str]) -> Sequence[Hashable]:
        """Return a version stamp for each of these ids, in their order. Any number of ids; duplicates are allowed.

        A stamp equals an earlier one of the same id only if nothing in that image's group was written in between. So a
        caller that takes a stamp, then reads the image, and later gets an equal stamp has the current image. A value
        never comes back, also after further writes of any process, a close and an open. It may change with writes to
        other images.

        This runs for every request and must be cheap. A store that can't tell without waiting returns a new object each
        time.
        """
        ...

    async def sweep(self, *, limit: int = 100) -> int:
        """Remove up to `limit` unused bodies: replaced, deleted or abandoned ones. Return the number removed.

        A body is in use while any process reads or writes it. Readers see no change.
        """
        ...
