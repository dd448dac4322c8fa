"""Turns the pieces of an image into ciphertext in the store, in one pass: checks the format, pads, encrypts and
writes.
"""

import asyncio
import hmac
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Self

from ..core.cipher import Sealer, wrap_key
from ..core.formats import FORMAT_BYTES, SNIFF_BYTES, agreed_format, sniff
from ..core.hidden import HiddenBytes
from ..core.images import IV_BYTES, KEY_BYTES, VERSION_BYTES, Details, ImageMeta, Seal, StoredImage
from ..core.keyring import KeyRing
from ..core.padding import padding
from ..errors import IntegrityError
from ..process import in_thread
from ..store.contract import CHUNK_BYTES, CommitTerms, ImageWriter
from ..store.inspection import ImageWrites
from .options import OnProgress
from .source import Piece, one_piece, read_head, with_head


@dataclass(frozen=True, slots=True)
class Encryption:
    """How to encrypt one image.

    Args:
        key: 32 bytes, hidden.
        iv: The GCM nonce, 12 bytes.
        format: The name of the format, if the image was encrypted in another store.
        tag: The expected GCM tag, if the image was encrypted in another store.
        pad: Whether to pad the ciphertext to a length of core/padding.py.
    """

    key: HiddenBytes
    iv: bytes
    format: str | None = None
    tag: bytes | None = None
    pad: bool = False

    @classmethod
    def fresh(cls, *, pad: bool = False) -> Self:
        """Return an encryption with a random key and nonce. Every new version gets its own."""
        return cls(HiddenBytes(secrets.token_bytes(KEY_BYTES)), secrets.token_bytes(IV_BYTES), pad=pad)

    @classmethod
    def of(cls, seal: Seal) -> Self:
        """Return the encryption that gives the same ciphertext as this seal. It adds no padding."""
        return cls(HiddenBytes(seal.key), seal.iv, seal.format, seal.tag)


class Sealing:
    """Encrypts one image. Iterate it to get the ciphertext; after that, `tag` and `meta` are known.

    Raises InvalidImage if the head is not of an accepted format, or not of the format that the encryption names.

    Args:
        head: The first bytes of the image: at least SNIFF_BYTES, or the whole image.
        pieces: The rest of the image.
        allowed: The names of the accepted formats.
        encryption: How to encrypt the image.
    """

    def __init__(
        self, head: memoryview, pieces: AsyncIterator[Piece], allowed: frozenset[str], encryption: Encryption
    ) -> None:
        self._pieces = with_head(head, pieces)
        self._reader = sniff(bytes(head[:SNIFF_BYTES]), allowed)
        self._iv, self._given_tag, self._pad = encryption.iv, encryption.tag, encryption.pad
        self._padding_bytes = 0
        self._format_byte = FORMAT_BYTES[agreed_format(self._reader.name, encryption.format)]
        self._sealer = Sealer(key=encryption.key, iv=encryption.iv, format_byte=self._format_byte)

    @property
    def format(self) -> str:
        """The name of the format that the image's bytes have. `meta` may have another name of the same media type."""
        return self._reader.name

    @property
    def taken(self) -> int:
        """The number of bytes of the image encrypted so far, without the padding."""
        return max(self._sealer.size - 1 - self._padding_bytes, 0)

    @property
    def tag(self) -> bytes:
        """The GCM tag, 16 bytes. It is known after the whole image was encrypted."""
        return self._sealer.tag

    def meta(self, version: bytes) -> ImageMeta:
        """Return the meta of this version, after the whole image was encrypted. Its `wrapped_key` is still empty."""
        return ImageMeta(
            version=version,
            format=self._format_byte,
            iv=self._iv,
            tag=self._sealer.tag,
            size=self._sealer.size,
            sha256=None,
            wrapped_key=b"",
        )

    async def __aiter__(self) -> AsyncIterator[memoryview | bytes]:
        """Yield the ciphertext. Each piece is valid until the next one is requested.

        Raises InvalidImage for a damaged container, IntegrityError if the tag is not the expected one, and the errors
        of the pieces.
        """
        if self._given_tag is None:
            async for ciphertext in self._sealed():
                yield ciphertext
            return
        # Two different images under one key and nonce would reveal both. So hold the ciphertext in memory, not on disk,
        # until the tag shows that this is the same image.
        held = [bytes(ciphertext) async for ciphertext in self._sealed()]
        if not hmac.compare_digest(self.tag, self._given_tag):
            raise IntegrityError("the seal does not belong to this image", "tag")
        for piece in held:
            yield piece

    async def _sealed(self) -> AsyncIterator[memoryview]:
        async for piece in self._pieces:
            if len(piece) <= CHUNK_BYTES:
                for _ in self._reader.feed(piece):
                    await asyncio.sleep(0)  # let the event loop run
                yield self._sealer.update(piece)
                continue
            await in_thread(list, self._reader.feed(piece))
            for part in _in_chunks(piece, self._sealer.size):
                yield self._sealer.update(part)
                await asyncio.sleep(0)  # let the event loop run
        self._reader.finish()
        # Pad only after the reader has seen the end: zeros could complete a truncated image.
        behind = padding(self._reader.name, self._sealer.size) if self._pad else b""
        for part in _in_chunks(behind, self._sealer.size):
            self._padding_bytes += len(part)
            yield self._sealer.update(part)
            await asyncio.sleep(0)
        self._sealer.finish()


def _in_chunks(piece: Piece, sealed: int) -> Iterator[memoryview]:
    """Cut a piece at the ends of stored chunks. sealed: how many bytes of ciphertext come before this piece."""
    view = memoryview(piece)
    while view:
        room = CHUNK_BYTES - sealed % CHUNK_BYTES
        yield view[:room]
        sealed += len(view[:room])
        view = view[room:]


async def begin_sealing(pieces: AsyncIterator[Piece], allowed: frozenset[str], encryption: Encryption) -> Sealing:
    """Read the first bytes of an image and return a Sealing for it. Raises the errors of Sealing and of the pieces."""
    head = await read_head(pieces, SNIFF_BYTES)
    return Sealing(head, pieces, allowed, encryption)


@dataclass(frozen=True, slots=True)
class Written:
    """One encrypted version that is written to the store, but is not current yet."""

    image_id: str
    writer: ImageWriter
    encryption: Encryption
    meta: ImageMeta
    format: str
    details: Details | None = None


async def write_version(
    unless_committed: AsyncExitStack,
    store: ImageWrites,
    image_id: str,
    pieces: AsyncIterator[Piece],
    encryption: Encryption,
    allowed: frozenset[str],
    on_progress: OnProgress | None = None,
) -> Written:
    """Encrypt a version and write it to the store, without making it current.

    unless_committed: an exit stack that aborts the write unless the version was committed. Raises InvalidImage and the
    errors of the pieces.
    """
    sealing = await begin_sealing(pieces, allowed, encryption)
    version = secrets.token_bytes(VERSION_BYTES)
    writer = await unless_committed.enter_async_context(await store.begin_write(image_id, version))
    async for ciphertext in sealing:
        await writer.write(ciphertext)
        if on_progress and asyncio.iscoroutine(result := on_progress(sealing.taken)):
            await result  # a callback of SyncPixstore runs in the calling thread
    return Written(image_id, writer, encryption, sealing.meta(version), sealing.format)


async def write_bytes(
    unless_committed: AsyncExitStack,
    store: ImageWrites,
    image_id: str,
    data: bytes,
    encryption: Encryption,
    details: Details | None,
) -> Written:
    """Encrypt bytes of any format that are not an upload, and write them as `write_version` does."""
    pieces, any_format = one_piece(memoryview(data)), frozenset(FORMAT_BYTES)
    written = await write_version(unless_committed, store, image_id, pieces, encryption, any_format)
    return replace(written, details=details)


async def commit_together(ring: KeyRing, written: Sequence[Written], terms: CommitTerms) -> Sequence[StoredImage]:
    """Make an original and its variants current in one transaction. Return their rows in the same order.

    written: the original first, then its variants.
    """
    metas = [wrap_key(ring, each.encryption.key, each.image_id, each.meta, each.details) for each in written]
    variants = [(each.writer, meta) for each, meta in zip(written[1:], metas[1:], strict=True)]
    return await written[0].writer.commit(metas[0], terms, variants=variants)
