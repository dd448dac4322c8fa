"""The ImageStore protocol: what every store does, in words that its contract tests repeat.

A store sees opaque bytes: it neither encrypts nor checks proofs. Each save writes a new, immutable blob and moves the
image's pointer to it in one step, so a reader gets one version or another, never a mixture. Tokens rise strictly per
id, also across delete: a deleted id keeps its last token.

An image may have variants: images of their own, under ids of `core.ids.variant_id`. It is their original, and with them
a group, whose writes are one step: a commit of the original brings its variants or ends them, a delete is of all of
them, and so is a raised epoch. A variant may also be written, deleted and revoked alone.

The checks that all stores make alike are in `rules`, the tests that any store must pass in `contract_tests`. The small
reference implementation is MemoryStore.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from ..core.images import ImageMeta, Past, RewrappedKey, StoredImage, Tombstone

CHUNK_BYTES = 256 * 1024
"""Length of every piece that a stream yields, but for the last: bounded memory per reader at full speed."""

WHOLE_BYTES = 4 * CHUNK_BYTES
"""Length up to which a body is read whole before any of it is sent: one trip to a store that can do that."""


class Expect(Enum):
    """What a write expects of the image it changes."""

    ANY = "any state"
    ABSENT = "no image"
    PRESENT = "an image"


Expected = Expect | bytes
"""An Expect, or the `version` (16 bytes) that must be the current one."""


@dataclass(frozen=True, slots=True)
class CommitTerms:
    """What a commit keeps to, beside the meta of what was written.

    checks: the key ring's check values, the last one that of the secret which has wrapped the key, which ends with the
    store's id; it is known from this step on (`key_checks`). expect: the state in which the image must be at that
    moment; where a variant is written alone, its original. token: the new token, 1 to 2**53 - 1, for an image that has
    one from elsewhere; without it the new one is max(clock in epoch ms, last token + 1), where the last is the highest
    in the group, or of a variant that is written alone its own, deleted images' too; a variant's is never below its
    original's. past: of an image that is copied
    from another store, whose `created_ms` it then has, and the higher of that epoch and its id's own; without it
    `created_ms` is that of the image, or the clock where there was none, and a variant that is written alone has both
    from its original.
    """

    checks: Sequence[bytes] = ()
    expect: Expected = Expect.ANY
    token: int | None = None
    past: Past | None = None


NO_TERMS = CommitTerms()
"""The terms of a commit that any state suits, and whose secret nobody has to know."""


class KeyChecks(NamedTuple):
    """The check values of the secrets that a store knows: of those that keys were wrapped under, and retired ones."""

    in_use: frozenset[bytes]
    retired: frozenset[bytes]


class ImageStream(Protocol):
    """One version of an image, open for reading: an async iterator of ciphertext chunks.

    It stays readable to its end, whatever happens to the image meanwhile: update, delete or sweep, of any process. One
    task reads it, and may be cancelled at any chunk; `aclose` then frees what it holds.
    """

    @property
    def image(self) -> StoredImage:
        """The image as it was when the stream was opened; its meta is that of these very bytes."""
        ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> bytes:
        """Return the next chunk: CHUNK_BYTES, or what is left; in all `image.meta.size` bytes.

        Raises StoreError where stored bytes are missing: the reader then stops short, nothing is padded or mixed.
        """
        ...

    def skip(self, most: int) -> int:
        """Leave out chunks at the front, at most `most` bytes of them, without reading them; return how many bytes.

        A range of a long body costs no more than its own chunks. Only whole chunks are left out, before the first one
        is taken. A stream with all chunks in memory may leave out none.
        """
        ...

    async def aclose(self) -> None:
        """End the reading; harmless when repeated and after the last chunk. Then there are no further chunks."""
        ...


class ImageWriter(Protocol):
    """One new version being written; nobody sees it before `commit`. Leaving `async with` uncommitted aborts it.

    One task writes, and may be cancelled at any step: what was written is then dropped. A commit that is cancelled
    while it is under way may have happened, but whole. After `commit`, failed or not, and after `abort` the write has
    ended: `write` and `commit` raise StoreError.
    """

    async def write(self, piece: bytes | memoryview) -> None:
        """Append ciphertext, a piece of any length, whose memory is the caller's again once this returns.

        It may be held back and stored while the next one comes in, so a later `write`, or `commit`, may raise the
        StoreError that it met.
        """
        ...

    async def commit(
        self,
        meta: ImageMeta,
        terms: CommitTerms = NO_TERMS,
        *,
        variants: "Sequence[tuple[ImageWriter, ImageMeta]] | None" = (),
    ) -> Sequence[StoredImage]:
        """Make this version the image's current one, in one step; return the image and, behind it, its `variants`.

        meta: of what was written; `version` and `size` are compared. variants: writers that were begun on the same
        store for variants of this image, and their metas: their versions become current in the same step, with the
        image's token, `created_ms` and epoch, but that a variant's token is above its own last one and its epoch never
        falls. Variants that are there and not among them are deleted in that step; None lets them stay, as of an image
        that is copied, whose variants are copied one by one.

        Raises StoreConflict where the image is not as expected or the token of `terms` is not above its last one,
        StoreError where a meta is of another write or a writer not of a variant of it here, SecretError where
        `rules.admit` refuses the checks, StoreBusy where others kept the store from writing for too long; the group
        then stays as it was. All these writes have ended then, whatever came of them.
        """
        ...

    async def abort(self) -> None:
        """Drop what was written; harmless after `commit` and when repeated. Raises nothing: a sweep finds the rest."""
        ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.abort()


class ImageStore(Protocol):
    """Keeps encrypted images by id, which is text that `is_image_id` or `is_variant_id` accepts: at most 226 of ASCII.

    Errors: only StoreError gets out, with StoreConflict for an image that is not as expected and StoreBusy for what
    may be tried again; other exceptions are translated. No text holds a key or a password.

    Cancellation: a read that is cancelled leaves nothing behind; a write that is cancelled has happened whole or not
    at all; the store takes further calls.

    Concurrency: any number of tasks call it at once, in event loops of several threads too, and other processes may
    have the same images. Every method meets all writes that had returned, in any process, before it was called.

    A store is made without I/O. All methods but `open` and `close` are called on an open store only. Each event loop
    opens and closes it for itself: a close leaves it open in the others (`loops.PerLoop`).
    """

    @property
    def key_file(self) -> Path | None:
        """The file where a secret made together with this store may be kept, or None where there is no such place."""
        ...

    @property
    def max_body_bytes(self) -> int | None:
        """The longest body that the store takes, in bytes, or None where it sets no limit."""
        ...

    async def open(self) -> None:
        """Make the store ready in this event loop, creating or migrating what it needs; harmless when repeated.

        Several processes and event loops may do so at once. Raises StoreError where that can't be, and then holds
        nothing.
        """
        ...

    async def close(self) -> None:
        """Give up this event loop's connections and files, and those of event loops that were closed without it.

        Harmless when repeated. `open` makes the store ready again.
        """
        ...

    async def database_id(self) -> bytes:
        """Return this store's own id, which `core.images.database_id_of` made of random bytes when it was made.

        All processes that have the same images see the same one, and so do copies of them.
        """
        ...

    async def separate(self, database_id: bytes, check: bytes, rewrap: Callable[[StoredImage], bytes]) -> int:
        """Give this store another id, another wrapped key for each image, and one check value alone, all in one step.

        rewrap: returns an image's new wrapped key, on whichever thread; what it raises gets out, and nothing has
        changed. Return how many images there are. Raises StoreBusy where others have the store open, if it can tell.
        """
        ...

    async def key_checks(self) -> KeyChecks:
        """Return the check values of the secrets that keys were wrapped under here; none of a new store."""
        ...

    async def key_usage(self) -> dict[bytes, int]:
        """Return how many images there are by the first KEY_ID_BYTES of their wrapped key, all as of one moment.

        These 4 bytes are the public id of the secret that wrapped the key: all that a store knows of it. It may read
        every row.
        """
        ...

    async def replace_wrapped_keys(self, wrapped: Sequence[RewrappedKey], *, checks: Sequence[bytes] = ()) -> int:
        """Replace the wrapped keys of versions that are still current and have the key that it `was`, in one step.

        Return how many were replaced.

        wrapped: at most one for an image, maybe none at all. checks: as CommitTerms has them. Tokens, versions, times
        and bodies stay, and epochs but where one is to rise with its key. Nothing keeps the old wrapped keys. Raises
        SecretError where `rules.admit` refuses the checks.
        """
        ...

    async def retire_key_check(self, check: bytes) -> None:
        """Let a secret wrap nothing here any more, known or not, in one step.

        Raises StoreConflict while the wrapped key of any image begins with the KEY_ID_BYTES that its check value begins
        with.
        """
        ...

    async def get(self, image_id: str) -> StoredImage | None:
        """Return one image, or None where there is none."""
        ...

    async def get_many(self, image_ids: Collection[str]) -> dict[str, StoredImage]:
        """Return the images that exist among these ids, by id, all as of one moment.

        image_ids: any number of them, and the same one more than once.
        """
        ...

    async def open_stream(self, image_id: str) -> ImageStream | None:
        """Open the current version for reading, or return None where there is no image."""
        ...

    def read_at_once(self, image_id: str) -> tuple[StoredImage, Sequence[bytes]] | None:
        """Return the current version with its whole body, in pieces, where that takes no waiting; else None.

        None too where there is no image, or its body is longer than WHOLE_BYTES: `open_stream` then tells. Called on
        the event loop's own thread for every request of an image that is not in memory: a store that reads over a
        network returns None.
        """
        ...

    async def begin_write(self, image_id: str, version: bytes) -> ImageWriter:
        """Begin a new version of an image that may or may not exist; any number of writes to it go on at once.

        version: 16 random bytes, drawn for this write alone, or those of a version that is copied from another store:
        a copy that was cut off, or runs twice at once, begins the same version again. Whatever becomes of the one
        write, the body of the other stays.
        """
        ...

    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        """Delete an image and tell whether there was one; nothing keeps its wrapped key, and its id keeps its token.

        With an original its variants are deleted in the same step, also where they are without it. Raises
        StoreConflict where the image is not as expected; all then stays as it was.
        """
        ...

    async def raise_epoch(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        """Add one to the epoch of an image's proofs and tell whether there is an image; version and token stay.

        With an original's those of its variants rise in the same step. The first epoch is 0, and an id keeps its last
        one, also across delete. Raises StoreConflict where the image is not as expected; all then stays as it was.
        """
        ...

    async def raise_epochs(self, *, after: str | None = None, before: str | None = None) -> int:
        """Add one to the epochs of all images that `list` has between these bounds, in one step.

        Return of how many originals.
        """
        ...

    async def list(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100, originals_only: bool = False
    ) -> "list[StoredImage]":
        """Return up to `limit` (at least 1) images in the order of their ids, by code point.

        after, before: texts, ids or not, that all of them are above and below; None or "" sets no bound.
        originals_only: leave variants out.
        """
        ...

    async def list_tombstones(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100
    ) -> Sequence[Tombstone]:
        """Return up to `limit` (at least 1) deleted images, in the order and between the bounds that `list` has."""
        ...

    async def put_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        """Let ids that have no image keep at least these last tokens and epochs, in one step; others stay as they are.

        tombstones: at most one for an id.
        """
        ...

    def stamps(self, image_ids: Sequence[str]) -> Sequence[Hashable]:
        """Return a value for each of these ids, in their order, that is equal to an earlier one of the same id only
        where nothing of that image's group was written in between.

        Whoever takes a stamp, then reads the image, and gets an equal stamp later holds what is current. So a value
        never comes back: not after further writes of any process, not after the store was closed and opened. It may
        change with writes to other images. A store that can't tell, or would have to wait to do so, returns a new
        object each time; every read then asks it anew. Taken for every request: it must be cheap.

        image_ids: any number of them, and the same one more than once.
        """
        ...

    async def sweep(self, *, limit: int = 100) -> int:
        """Remove up to `limit` bodies that are replaced, deleted or abandoned and in nobody's use; return how many.

        A body that is read or written, by any process, is in use. Nothing that a reader can see changes.
        """
        ...
