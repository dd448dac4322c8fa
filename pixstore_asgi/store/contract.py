"""The ImageStore protocol: the contract of every store. `contract_tests` has a test for each of its sentences.

A store sees opaque bytes: it neither encrypts nor checks proofs. Each save writes a new, immutable body. Then it moves
the image's pointer to that body in one step, so a reader gets one version or another, never a mixture. Tokens rise
strictly per id. A deleted id keeps its last token, so tokens also rise across a delete.

An image may have variants: images of their own, under ids of `core.ids.variant_id`. The image is called their original.
An original and its variants are an image group. A write to the original changes its whole group in one step: a commit
replaces or deletes the variants, `delete` deletes them, and `raise_epoch` raises the epoch of each. A variant may also
be written, deleted and revoked alone. `rules` has the checks that all stores share; MemoryStore is the reference.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from ..core.images import DirectoryLimit, ImageMeta, Past, RewrappedKey, StoredImage, Tombstone

CHUNK_BYTES = 256 * 1024
"""Length of each chunk of a stream; the last one may be shorter. It bounds a reader's memory without slowing it."""

WHOLE_BYTES = 4 * CHUNK_BYTES
"""A body of at most this length is read whole before any of it is sent, in one round trip if the store can."""


class Expect(Enum):
    """The state that an image must have before a write, else it raises StoreConflict; for ABSENT: ImageExists."""

    ANY = "any state"
    ABSENT = "no image"
    PRESENT = "an image"


Expected = Expect | bytes
"""An Expect, or the `version` (16 bytes) that must be the image's current one."""


@dataclass(frozen=True, slots=True)
class CommitTerms:
    """The conditions and extras of a commit.

    Attributes:
        checks: Check values of the key ring. The last one belongs to the secret that wrapped the key, and ends with the
            store's id. The commit stores it, and `key_checks` returns it from then on.
        expect: The required state of the image. If a variant is written alone: the required state of its original.
        token: The new token, 1 to 2**53 - 1, if the image is copied from another store. None: the store takes the
            maximum of the clock in epoch ms and the last token + 1. The last token is the highest in the group, deleted
            images included; for a variant that is written alone, its own. A variant's token is never below its
            original's.
        past: Only for an image copied from another store. The image gets this `created_ms`, and the higher of this
            epoch and its own. None: `created_ms` stays; a new image gets the clock's time. A variant that is written
            alone takes `created_ms` and epoch from its original.
        limit: The usage that the commit may leave in the image's directory, unless it does not grow. Concurrent commits
            with a limit never exceed it together. Only a store with `usage` (inspection.Countable) gets one.
    """

    checks: Sequence[bytes] = ()
    expect: Expected = Expect.ANY
    token: int | None = None
    past: Past | None = None
    limit: DirectoryLimit | None = None


NO_TERMS = CommitTerms()
"""The terms of a commit that accepts any state of the image and brings no check values."""


class KeyChecks(NamedTuple):
    """The check values in a store, of secrets in use and of retired secrets."""

    in_use: frozenset[bytes]
    retired: frozenset[bytes]


class ImageStream(Protocol):
    """One version of an image, open for reading: an async iterator of ciphertext chunks.

    The stream can be read to its last chunk, even if any process updates or deletes the image or runs gc meanwhile. One
    task reads it. If that task is cancelled, at any chunk, `aclose` frees the resources.
    """

    @property
    def image(self) -> StoredImage:
        """The image's row as it was when the stream was opened. Its meta describes the bytes of this stream."""
        ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> bytes:
        """Return the next chunk: CHUNK_BYTES, or the rest. All chunks together have `image.meta.size` bytes.

        Raises StoreError, and ends, if stored bytes are missing. It never pads a body or mixes versions.
        """
        ...

    def skip(self, most: int) -> int:
        """Skip chunks at the front, at most `most` bytes, without reading them. Return the number of skipped bytes.

        Call it before the first chunk is read. Only whole chunks are skipped, so the result may be less than `most`. A
        stream that has all chunks in memory may skip none.
        """
        ...

    async def aclose(self) -> None:
        """Close the stream, so that it yields no more chunks. Repeated calls do nothing."""
        ...


class ImageWriter(Protocol):
    """One new version while it is written, invisible before `commit`. Leaving `async with` without a commit aborts it.

    One task writes. If it is cancelled, at any step, the written bytes are dropped. A cancelled commit may have
    happened, but only completely. Any `commit` or `abort`, also a failed one, ends the write. After that, `write` and
    `commit` raise StoreError.
    """

    async def write(self, piece: bytes | memoryview) -> None:
        """Append ciphertext, a piece of any length. The caller may reuse the piece's memory after this returns.

        The writer may store the piece while the next one arrives. If that fails, a later `write` or `commit` raises the
        StoreError.
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
            variants: Writers of this store for variants of this image, each with its meta. Their versions become
                current in the same step, and get the image's token, `created_ms` and epoch. But a variant's token is
                always above its own last one, and its epoch never falls. Other variants of the image are deleted in
                that step. None keeps them, for a copy that brings variants one by one.

        Returns:
            The image, followed by its `variants`.

        Raises:
            StoreConflict: The image is not as expected, or the token in `terms` is not above the image's last token.
            DirectoryFull: The commit exceeds the limit in `terms`.
            StoreError: A meta belongs to another write, or a writer is not for a variant of this image in this store.
            SecretError: This key ring may not wrap keys here; see `rules.admit`.
            StoreBusy: Other writers held the store for too long.

        If it raises, the group stays unchanged. In any case this writer and those of `variants` have ended.
        """
        ...

    async def abort(self) -> None:
        """Drop the written bytes. Does nothing after `commit` or `abort`. Never raises: gc removes leftovers."""
        ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.abort()


class ImageStore(Protocol):
    """Keeps encrypted images by id: text that `is_image_id` or `is_variant_id` accepts, at most 226 ASCII characters.

    Errors: methods raise only StoreError and SecretError, and translate other exceptions. After StoreBusy a caller may
    try again. No message holds a key or a password.

    Cancellation: a cancelled read keeps no resource. A cancelled write has happened completely or not at all. The store
    takes further calls after both.

    Concurrency: any number of tasks may call it at the same time, also in event loops of several threads. Other
    processes may use the same images. Every method sees each write, of any process, that had returned before the call.

    A store is made without I/O. All methods except `open` and `close` need an open store. Each event loop opens and
    closes the store for itself: a close leaves it open in the other loops (`process.PerLoop`).
    """

    @property
    def key_file(self) -> Path | None:
        """The path at which a key file may lie beside this store, or None if the store has no such place."""
        ...

    @property
    def max_body_bytes(self) -> int | None:
        """The longest body that the store takes, in bytes, or None if it sets no limit."""
        ...

    async def open(self) -> None:
        """Make the store ready in this event loop: create or migrate its tables and files. Repeated calls do nothing.

        Several processes and event loops may open it at the same time. A failed open raises StoreError and keeps no
        resource.
        """
        ...

    async def close(self) -> None:
        """Close this event loop's connections and files, and those of event loops that ended without a close.

        Repeated calls do nothing. A later `open` makes the store ready again.
        """
        ...

    async def database_id(self) -> bytes:
        """Return this store's own id. `core.images.database_id_of` made it from random bytes when the store was
        created.

        All processes that use the same images get the same id. A copy of the store has the id of its source.
        """
        ...

    async def separate(self, database_id: bytes, check: bytes, rewrap: Callable[[StoredImage], bytes]) -> int:
        """Make this copy of a store independent of its source, in one step. Return the number of images.

        It gives the copy a new id, wraps each image's key again for that id, and replaces all check values by `check`.

        rewrap: returns an image's new wrapped key; called on any thread. If it raises, the error is passed on and
        nothing has changed. Raises StoreBusy if the store can see that other processes have it open.
        """
        ...

    async def key_checks(self) -> KeyChecks:
        """Return the check values of the secrets that wrapped keys here, retired ones too. A new store has none."""
        ...

    async def key_usage(self) -> dict[bytes, int]:
        """Count the images by the first KEY_ID_BYTES of their wrapped key, in one snapshot.

        These 4 bytes are the public id of the secret that wrapped the key. The call may read every row.
        """
        ...

    async def replace_wrapped_keys(self, wrapped: Sequence[RewrappedKey], *, checks: Sequence[bytes] = ()) -> int:
        """Replace the wrapped keys of images, in one step. Return how many keys were replaced.

        A key is replaced if its version is still current. If its RewrappedKey has `was`, the stored key must also equal
        `was`. Tokens, versions, times and bodies stay. An epoch rises only if its RewrappedKey has a higher one. The
        store keeps no copy of the old keys. Raises SecretError if this key ring may not wrap keys here; see
        `rules.admit`.

        wrapped: at most one for each image; may be empty. checks: as in CommitTerms.
        """
        ...

    async def retire_key_check(self, check: bytes) -> None:
        """Retire a secret in one step: refuse new keys wrapped under it. The store need not know this check value.

        Raises StoreConflict if an image's wrapped key begins with the first KEY_ID_BYTES of this check value.
        """
        ...

    async def get(self, image_id: str) -> StoredImage | None:
        """Return one image, or None if there is none."""
        ...

    async def get_many(self, image_ids: Collection[str]) -> dict[str, StoredImage]:
        """Return the existing images among these ids, by id, in one snapshot. There may be many ids, and duplicates."""
        ...

    async def open_stream(self, image_id: str) -> ImageStream | None:
        """Open the current version for reading, or return None if there is no image."""
        ...

    def read_nowait(self, image_id: str) -> tuple[StoredImage, Sequence[bytes]] | None:
        """Return the current version with its whole body in pieces, or None if that needs a wait.

        It also returns None if there is no image, or if the body is longer than WHOLE_BYTES. It runs on the event
        loop's thread for every image that is not cached. A store behind a network returns None.
        """
        ...

    async def begin_write(self, image_id: str, version: bytes) -> ImageWriter:
        """Begin a new version of an image, which may or may not exist. Any number of writes may run at the same time.

        version: 16 random bytes, drawn only for this write. A copy from another store takes the source's version
        instead. A repeated or concurrent copy begins the same version again; if one of these writes fails, the body of
        the other stays.
        """
        ...

    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        """Delete an image and return whether there was one. Its wrapped key is erased; its id keeps its last token.

        An original's variants are deleted in the same step, even if there is no original. If the image is not as
        expected, this raises StoreConflict and changes nothing.
        """
        ...

    async def raise_epoch(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        """Add one to an image's epoch, so that its older proofs are invalid. Return whether there is an image.

        Version and token stay. The epochs of an original's variants rise too. The first epoch is 0, and an id keeps its
        last epoch across a delete. If the image is not as expected, this raises StoreConflict and changes nothing.
        """
        ...

    async def raise_epochs(self, *, after: str | None = None, before: str | None = None) -> int:
        """Add one to the epochs of all images between these bounds, in one step. Return the number of originals."""
        ...

    async def list(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100, originals_only: bool = False
    ) -> "list[StoredImage]":
        """Return up to `limit` (at least 1) images, ordered by id, by code point.

        after, before: exclusive bounds, which need not be ids; None or "" sets no bound. originals_only: leave variants
        out.
        """
        ...

    async def list_tombstones(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100
    ) -> Sequence[Tombstone]:
        """Return up to `limit` (at least 1) deleted images. Order and bounds are those of `list`."""
        ...

    async def put_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        """For each id without an image, raise its last token and epoch to at least those of its tombstone, in one step.

        tombstones: at most one for each id. Ids with an image are skipped.
        """
        ...

    def stamps(self, image_ids: Sequence[str]) -> Sequence[Hashable]:
        """Return a version stamp for each of these ids, in their order. Any number of ids; duplicates are allowed.

        A stamp equals an earlier one of the same id only if nothing in that image's group was written in between. So if
        a caller takes a stamp, then reads the image, and later gets an equal stamp, the image that it read is current.
        A stamp never returns after it has changed, even after writes of any process, a close and an open. Writes to
        other images may change it too.

        It runs for every request. A store that can't tell without waiting returns a new object each time.
        """
        ...

    async def sweep(self, *, limit: int = 100) -> int:
        """Run gc: remove up to `limit` replaced, deleted or abandoned bodies. Return the number removed.

        A body stays while any process reads or writes it. Readers see no change.
        """
        ...
