"""Versions that are written to a store and wait to become current: an image's, and those of its variants."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from ..core.cipher import wrap_key
from ..core.formats.names import FORMAT_BYTES
from ..core.images import VERSION_BYTES, Details, ImageMeta, StoredImage
from ..core.keyring import KeyRing
from ..store.contract import CommitTerms, ImageWriter
from ..store.transactions import ImageWrites
from .limits import UploadLimits
from .sealing import Encryption, begin_sealing
from .source import Piece, read_pieces, viewed

OnProgress = Callable[[int], None]
"""Called with the number of an image's bytes taken so far."""


@dataclass(frozen=True, slots=True)
class Written:
    """One version of an image, encrypted and written, that nobody sees yet."""

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
    """Encrypt and write a version, which `unless_committed` aborts. Raises InvalidImage and what the pieces raise."""
    sealing = await begin_sealing(pieces, allowed, encryption)
    version = secrets.token_bytes(VERSION_BYTES)
    writer = await unless_committed.enter_async_context(await store.begin_write(image_id, version))
    async for ciphertext in sealing:
        await writer.write(ciphertext)
        if on_progress:
            on_progress(sealing.taken)
    return Written(image_id, writer, encryption, sealing.meta(version), sealing.format)


async def write_bytes(
    unless_committed: AsyncExitStack,
    store: ImageWrites,
    image_id: str,
    data: bytes,
    encryption: Encryption,
    details: Details | None,
) -> Written:
    """Write a version that does not come from a user: it may be of any format, whatever is accepted from users."""
    data = viewed(data)
    pieces = read_pieces(data, UploadLimits(len(data)))
    any_format = frozenset(FORMAT_BYTES)
    written = await write_version(unless_committed, store, image_id, pieces, encryption, any_format)
    return replace(written, details=details)


async def commit_together(ring: KeyRing, written: Sequence[Written], terms: CommitTerms) -> Sequence[StoredImage]:
    """Make an original and its variants current in one step; return them as they are stored, in the same order."""
    metas = [wrap_key(ring, each.encryption.key, each.image_id, each.meta, each.details) for each in written]
    variants = [(each.writer, meta) for each, meta in zip(written[1:], metas[1:], strict=True)]
    return await written[0].writer.commit(metas[0], terms, variants=variants)
