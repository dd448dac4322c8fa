"""From the pieces of an image to its ciphertext: sniffed, followed, padded and encrypted in one pass."""

import asyncio
import hmac
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Self

import anyio.to_thread

from ..core.cipher import Sealer
from ..core.formats.names import FORMAT_BYTES, agreed_format
from ..core.formats.sniff import SNIFF_BYTES, sniff
from ..core.hidden import HiddenBytes
from ..core.images import IV_BYTES, KEY_BYTES, ImageMeta, Seal
from ..core.padding import padding
from ..errors import IntegrityError
from ..store.contract import CHUNK_BYTES
from .source import Piece, read_head


@dataclass(frozen=True, slots=True)
class Encryption:
    """What one image is encrypted with.

    key: 32 bytes, hidden. iv: 12 bytes. format and tag: where it was encrypted elsewhere and must come out the same.
    pad: whether its ciphertext gets the length of a bucket.
    """

    key: HiddenBytes
    iv: bytes
    format: str | None = None
    tag: bytes | None = None
    pad: bool = False

    @classmethod
    def fresh(cls, *, pad: bool = False) -> Self:
        """Return a random key and nonce, as every new version gets."""
        return cls(HiddenBytes(secrets.token_bytes(KEY_BYTES)), secrets.token_bytes(IV_BYTES), pad=pad)

    @classmethod
    def of(cls, seal: Seal) -> Self:
        """Return what gives the ciphertext of this seal again, which is not padded anew."""
        return cls(HiddenBytes(seal.key), seal.iv, seal.format, seal.tag)


class Sealing:
    """One image on its way to ciphertext: iterate it, then `tag` and `meta` are known.

    head: its first pieces, at least SNIFF_BYTES of it or all there is. pieces: the rest of it. allowed: the names of
    the formats accepted. Raises InvalidImage for a head that is of none of them, or not of the encryption's format.
    """

    def __init__(
        self, head: memoryview, pieces: AsyncIterator[Piece], allowed: frozenset[str], encryption: Encryption
    ) -> None:
        self._head = head
        self._pieces = pieces
        self._reader = sniff(bytes(head[:SNIFF_BYTES]), allowed)
        self._iv, self._given_tag, self._pad = encryption.iv, encryption.tag, encryption.pad
        self._padding_bytes = 0
        self._format_byte = FORMAT_BYTES[agreed_format(self._reader.name, encryption.format)]
        self._sealer = Sealer(key=encryption.key, iv=encryption.iv, format_byte=self._format_byte)

    @property
    def format(self) -> str:
        """The name of the format that the image's bytes are of."""
        return self._reader.name

    @property
    def taken(self) -> int:
        """How many of the image's bytes were encrypted so far, its padding not counted."""
        return max(self._sealer.size - 1 - self._padding_bytes, 0)

    @property
    def tag(self) -> bytes:
        """The GCM tag, 16 bytes, once all is encrypted."""
        return self._sealer.tag

    def meta(self, version: bytes) -> ImageMeta:
        """Return what is known of the whole image, its key not yet wrapped."""
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
        """Yield the ciphertext, each piece good until the next one.

        Raises InvalidImage for a damaged container, IntegrityError where the tag given is not that of the image, and
        what the pieces raise.
        """
        if self._given_tag is None:
            async for ciphertext in self._sealed():
                yield ciphertext
            return
        # Another image under the same key and nonce would give both away: none of it may get out of here, to disk
        # neither.
        held = [bytes(ciphertext) async for ciphertext in self._sealed()]
        if not hmac.compare_digest(self.tag, self._given_tag):
            raise IntegrityError("the seal is not that of this image", "tag")
        for piece in held:
            yield piece

    async def _sealed(self) -> AsyncIterator[memoryview]:
        async for piece in self._all_pieces():
            if len(piece) <= CHUNK_BYTES:
                for _ in self._reader.feed(piece):
                    await asyncio.sleep(0)  # the event loop goes on
                yield self._sealer.update(piece)
                continue
            await anyio.to_thread.run_sync(list, self._reader.feed(piece))
            for part in _in_chunks(piece, self._sealer.size):
                yield self._sealer.update(part)
                await asyncio.sleep(0)  # the event loop goes on
        self._reader.finish()
        # Only now: zeros could pass for the last bytes of an image that was cut off.
        behind = padding(self._reader.name, self._sealer.size) if self._pad else b""
        for part in _in_chunks(behind, self._sealer.size):
            self._padding_bytes += len(part)
            yield self._sealer.update(part)
            await asyncio.sleep(0)
        self._sealer.finish()

    async def _all_pieces(self) -> AsyncIterator[Piece]:
        head, self._head = self._head, memoryview(b"")
        yield head
        async for piece in self._pieces:
            yield piece


def _in_chunks(piece: Piece, sealed: int) -> Iterator[memoryview]:
    """Cut a piece where its ciphertext, of which there are `sealed` bytes before it, comes to the end of a chunk."""
    view = memoryview(piece)
    while view:
        room = CHUNK_BYTES - sealed % CHUNK_BYTES
        yield view[:room]
        sealed += len(view[:room])
        view = view[room:]


async def begin_sealing(pieces: AsyncIterator[Piece], allowed: frozenset[str], encryption: Encryption) -> Sealing:
    """Read an image's first bytes and return its sealing. Raises what Sealing and the pieces raise."""
    head = await read_head(pieces, SNIFF_BYTES)
    return Sealing(head, pieces, allowed, encryption)
