"""From the pieces of an image to its ciphertext: sniffed, followed and encrypted in one pass."""

import hmac
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

import anyio.to_thread

from ..core.cipher import Sealer
from ..core.formats.names import FORMAT_BYTES, agreed_format
from ..core.formats.sniff import SNIFF_BYTES, sniff
from ..core.hidden import Hidden, hide
from ..core.images import IV_BYTES, KEY_BYTES, ImageMeta, Seal
from ..errors import IntegrityError

_INLINE_BYTES = 256 * 1024  # more than this is sealed in a worker thread: the event loop goes on


@dataclass(frozen=True, slots=True)
class Encryption:
    """What one image is encrypted with.

    key: 32 bytes, hidden. iv: 12 bytes. format and tag: where it was encrypted elsewhere and must come out the same.
    """

    key: Hidden[bytes]
    iv: bytes
    format: str | None = None
    tag: bytes | None = None

    @classmethod
    def fresh(cls) -> Self:
        """Return a random key and nonce, as every new version gets."""
        return cls(hide(secrets.token_bytes(KEY_BYTES)), secrets.token_bytes(IV_BYTES))

    @classmethod
    def of(cls, seal: Seal) -> Self:
        """Return what gives the ciphertext of this seal again."""
        return cls(hide(seal.key), seal.iv, seal.format, seal.tag)


class Sealing:
    """One image on its way to ciphertext: iterate it, then `tag` and `meta` are known.

    head: its first pieces, at least SNIFF_BYTES of it or all there is. pieces: the rest of it. allowed: the names of
    the formats accepted. Raises InvalidImage for a head that is of none of them, or not of the encryption's format.
    """

    def __init__(
        self, head: bytes, pieces: AsyncIterator[bytes], allowed: frozenset[str], encryption: Encryption
    ) -> None:
        self._head = head
        self._pieces = pieces
        self._reader = sniff(head[:SNIFF_BYTES], allowed)
        self._iv, self._given_tag = encryption.iv, encryption.tag
        self._format_byte = FORMAT_BYTES[agreed_format(self._reader.name, encryption.format)]
        self._sealer = Sealer(key=encryption.key(), iv=encryption.iv, format_byte=self._format_byte)

    @property
    def taken(self) -> int:
        """How many of the image's bytes were encrypted so far."""
        return max(self._sealer.size - 1, 0)

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
            sha256=self._sealer.sha256,
            wrapped_key=b"",
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the ciphertext.

        Raises InvalidImage for a damaged container, IntegrityError where the tag given is not that of the image, and
        what the pieces raise.
        """
        if self._given_tag is None:
            async for ciphertext in self._sealed():
                yield ciphertext
            return
        # Another image under the same key and nonce would give both away: none of it may get out of here, to disk
        # neither.
        held = [ciphertext async for ciphertext in self._sealed()]
        if not hmac.compare_digest(self.tag, self._given_tag):
            raise IntegrityError("the seal is not that of this image", "tag")
        for ciphertext in held:
            yield ciphertext

    async def _sealed(self) -> AsyncIterator[bytes]:
        head, self._head = self._head, b""
        yield await self._seal(head)
        async for piece in self._pieces:
            yield await self._seal(piece)
        self._reader.finish()
        self._sealer.finish()

    async def _seal(self, piece: bytes) -> bytes:
        if len(piece) > _INLINE_BYTES:
            return await anyio.to_thread.run_sync(self._read_and_seal, piece)
        return self._read_and_seal(piece)

    def _read_and_seal(self, piece: bytes) -> bytes:
        self._reader.feed(piece)
        return self._sealer.update(piece)


async def begin_sealing(pieces: AsyncIterator[bytes], allowed: frozenset[str], encryption: Encryption) -> Sealing:
    """Read an image's first bytes and return its sealing. Raises what Sealing and the pieces raise."""
    head = b""
    async for piece in pieces:
        head += piece
        if len(head) >= SNIFF_BYTES:
            break
    return Sealing(head, pieces, allowed, encryption)
