"""Pixstore: what an application calls to save, update, delete and hand out encrypted images."""

import asyncio
import hmac
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import anyio

from .core.cipher import unwrap_key, wrap_key
from .core.formats.names import MEDIA_TYPES, check_formats, format_name
from .core.hidden import Hidden, hide
from .core.ids import as_token, checked_directory, is_image_id, range_of_directory
from .core.images import IV_BYTES, KEY_BYTES, VERSION_BYTES, ExportedImage, Image, ImageInfo, Seal, StoredImage
from .core.keyring import KeyRing, Secret
from .core.record import ImageRecord
from .errors import (
    ConfigError,
    ImageNotFound,
    InputError,
    IntegrityError,
    PixstoreError,
    StoreConflict,
    StoreError,
    WireState,
)
from .keys.find import find_ring
from .saving.sealing import ImageData, SealedUpload, UploadLimits
from .serving.cache import ImageCache
from .serving.export import read_verified
from .serving.payload import Payload, load
from .serving.proofs import Issuer
from .store.connect import StoreTarget, connect
from .store.contract import CHUNK_BYTES, Expect, Expected, running_loop, wall_clock_ms

_log = logging.getLogger("pixstore_asgi")

OnProgress = Callable[[int], None]
"""Called with the number of an image's bytes taken so far."""

_MAX_IMAGE_BYTES = (CHUNK_BYTES << 16) - 1
_MAX_AHEAD_MS = 24 * 60 * 60 * 1000  # of the clock: more than clocks and time zones differ by mistake


@dataclass(frozen=True, slots=True)
class _Sealing:
    """How an image is to be encrypted. format and tag: where it was so elsewhere, for it must come out the same."""

    key: Hidden[bytes]
    iv: bytes
    format: str | None = None
    tag: bytes | None = None


class Pixstore:
    """Encrypted images in one store, and the records and proofs that let a page read them.

    store: a path, a URL (sqlite:///…) or an ImageStore.
    secret: at least 43 characters of text or 32 bytes, or a list of them, oldest to newest; all verify, the last signs.
        Default: the environment variable PIXSTORE_SECRET (several separated by white space), else a key file beside
        the SQLite database, made together with it.
    proof_window_ms: a proof lives one to two of these, in milliseconds; -1 turns checks off for `open_payload`.
    bind_token: whether a proof is good for its record's version alone.
    image_formats: which of png, webp, jpg, jpeg, gif and avif are accepted.
    max_image_bytes: the longest image accepted.
    upload_timeout_s: how long an upload may bring nothing, or less than 1 KiB/s, in seconds. max_upload_s: how long it
        may be waited for in all. For images that come in pieces, not as bytes.
    cache_bytes: how much ciphertext is kept in memory; it is served only while it is the store's current version. 0
        keeps none.

    The constructor does no I/O: the store opens with `open`, `async with`, `lifespan` or on first use. Raises
    ConfigError for an option that can't work; every method raises PixstoreErrors only.
    """

    def __init__(
        self,
        store: StoreTarget = "pixstore.db",
        *,
        secret: Secret | Sequence[Secret] | None = None,
        proof_window_ms: int = 20_000,
        bind_token: bool = True,
        image_formats: Sequence[str] = ("png", "webp", "jpg", "jpeg"),
        max_image_bytes: int = 32 * 1024 * 1024,
        upload_timeout_s: float = 60,
        max_upload_s: float = 3600,
        cache_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        ring = None if secret is None else hide(secret)
        del secret  # see hidden.py
        self._given_ring = None if ring is None else KeyRing(ring())
        self._store = connect(store)
        if cache_bytes < 0:
            raise ConfigError("cache_bytes must be a number of bytes, or 0 for no cache")
        self._images = ImageCache(self._store, cache_bytes)
        self._issuer = Issuer(window_ms=proof_window_ms, bind_token=bind_token, clock_ms=wall_clock_ms)
        self._formats = check_formats(image_formats)
        if not 1 <= max_image_bytes <= _MAX_IMAGE_BYTES:
            raise ConfigError(f"max_image_bytes must be from 1 to {_MAX_IMAGE_BYTES}")
        self._limits = UploadLimits(max_image_bytes, upload_timeout_s, max_upload_s)
        self._ring: KeyRing | None = None
        self._opens = 0
        self._closed_on: asyncio.AbstractEventLoop | None = None
        self._opening: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    @property
    def checks_proofs(self) -> bool:
        """Whether `open_payload` checks proofs: not with proof_window_ms=-1."""
        return self._issuer.checks_proofs

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media types of the images accepted, such as "image/png", sorted."""
        return tuple(sorted({MEDIA_TYPES[name] for name in self._formats}))

    # Life

    async def open(self) -> None:
        """Open the store; every `open` wants its `close`. Raises SecretError or StoreError."""
        self._opens += 1
        try:
            await self._start()
        except BaseException:
            self._opens = max(0, self._opens - 1)  # a close may have come in between
            raise

    async def close(self) -> None:
        """Take one `open` back; the last one closes the store, and in this event loop only `open` opens it again."""
        if self._opens > 1:
            self._opens -= 1
            return
        self._opens = 0
        async with self._lock():
            self._closed_on = running_loop()
            self._ring = None
            self._images.clear()
            await self._store.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Hold the store open for an application's life: `Starlette(lifespan=pix.lifespan)`."""
        async with self:
            yield

    # Writing

    async def save_image(
        self, data: ImageData, *, directory: str | None = None, on_progress: OnProgress | None = None
    ) -> ImageRecord:
        """Encrypt and store a new image and return its record.

        data: bytes, an async iterator of bytes, or anything with an async `read(n)`. directory: 1 to 64 of
        `[A-Za-z0-9_-]`, becomes the part of the id before the colon. on_progress: called with the number of the image's
        bytes taken so far, after each piece. Raises InvalidImage (ImageTooLarge, UploadTimeout), InputError or
        StoreError; then nothing is stored. Cancelled in its last moment, the image may be stored all the same.
        """
        return await self._write(_new_id(directory), data, Expect.ABSENT, on_progress=on_progress)

    async def save_image_from_file(
        self, path: str | os.PathLike[str], *, directory: str | None = None, on_progress: OnProgress | None = None
    ) -> ImageRecord:
        """Store the image in a file; as `save_image`. Raises InputError where the file can't be read."""
        return await self.save_image(_read_file(path), directory=directory, on_progress=on_progress)

    async def import_image(
        self, image_id: str, data: ImageData, *, token: int, seal: Seal | None = None, if_token: int | None = None
    ) -> ImageRecord:
        """Store an image that has its id and token from elsewhere, and return its record.

        seal: how this very image was encrypted there; it is then encrypted to the same bytes, so that what browsers
        hold of it stays good, and held in memory until that is sure. if_token: replace the version of this token.
        Raises InputError for an id or token that can't be, or a token more than a day ahead of the clock,
        StoreConflict where there is such an image already (or not the one to replace) or a deleted one had that token
        or a higher one, IntegrityError where the seal is another image's, and what `save_image` raises.
        """
        sealing = _Sealing(hide(seal.key), seal.iv, seal.format, seal.tag) if seal else None
        del seal  # see hidden.py
        if not is_image_id(image_id) or as_token(token) != token:
            raise InputError(f"{image_id!r:.80} with token {token!r:.40} can't be an image: README has what can")
        check_token_time(image_id, token)
        expect = Expect.ABSENT if if_token is None else await self._version_to_replace(image_id, if_token)
        return await self._write(image_id, data, expect, token=token, sealing=sealing)

    async def update_image(
        self, image_id: str, data: ImageData, *, if_token: int | None = None, on_progress: OnProgress | None = None
    ) -> ImageRecord:
        """Replace an image and return its new record, with a higher token and a new key.

        Readers see the old or the new version, never a mixture; when several update at once, the last one stays.
        if_token: replace only the version of this token. on_progress: as `save_image`'s. Raises ImageNotFound,
        StoreConflict where the image has another token, and what `save_image` raises; then the image stays as it was.
        """
        expect = await self._version_to_replace(image_id, if_token)
        return await self._write(image_id, data, expect, on_progress=on_progress)

    async def update_image_from_file(
        self,
        image_id: str,
        path: str | os.PathLike[str],
        *,
        if_token: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> ImageRecord:
        """Replace an image by the one in a file; as `update_image`."""
        return await self.update_image(image_id, _read_file(path), if_token=if_token, on_progress=on_progress)

    async def delete_image(self, image_id: str) -> bool:
        """Delete an image and tell whether there was one. Its key is overwritten; its id keeps its last token."""
        await self._opened()
        if not is_image_id(image_id):
            return False
        self._images.forget(image_id)
        return await self._store.delete(image_id)

    # Reading

    async def image_exists(self, image_id: str) -> bool:
        """Tell whether there is an image under this id."""
        await self._opened()
        return is_image_id(image_id) and await self._images.get(image_id) is not None

    async def get_image_record(self, image_id: str) -> ImageRecord | None:
        """Return a fresh record of an image, or None. Its proof is good for one to two windows from now."""
        ring = await self._opened()
        image = await self._images.get(image_id) if is_image_id(image_id) else None
        if image is None:
            return None
        return self._issuer.record(ring, image, unwrap_key(ring, image.id, image.meta), self._issuer.clock_ms())

    async def get_image_records(self, image_ids: Iterable[str]) -> dict[str, ImageRecord]:
        """Return fresh records of the images that exist among these ids, by id, in the order of the ids; one query."""
        if isinstance(image_ids, str):
            raise InputError("image_ids is a list of ids, not one text; for one image there is get_image_record")
        ring = await self._opened()
        known = [image_id for image_id in image_ids if is_image_id(image_id)]
        images = await self._images.get_many(known)
        now_ms = self._issuer.clock_ms()
        return {
            image_id: self._issuer.record(ring, image, unwrap_key(ring, image_id, image.meta), now_ms)
            for image_id in known
            if (image := images.get(image_id))
        }

    async def read_image(self, image_id: str) -> Image | None:
        """Return an image decrypted and verified, or None. All of it is in memory.

        Raises IntegrityError where what is stored was changed, StoreError where part of it is missing.
        """
        found = await self.export_image(image_id)
        return found.image if found else None

    async def export_image(self, image_id: str) -> ExportedImage | None:
        """Return an image, verified, with its token, seal and ciphertext, or None: what `import_image` takes elsewhere.

        It carries the key, and all of it is in memory. Raises as `read_image`.
        """
        ring = await self._opened()
        return await read_verified(self._store, ring, image_id) if is_image_id(image_id) else None

    async def list_images(
        self, *, directory: str | None = None, after: str | None = None, limit: int = 100
    ) -> list[ImageInfo]:
        """Return up to `limit` images in the order of their ids, those after the id `after`.

        directory: only ids that begin with it and a colon. What it returns holds no key and no proof. Raises InputError
        for a limit below 1 or a directory that can't be.
        """
        if limit < 1:
            raise InputError(f"limit must be at least 1, not {limit}")
        start, end = range_of_directory(directory)
        await self._opened()
        images = await self._store.list(after=max(start, after or ""), before=end, limit=limit)
        return [_info(image) for image in images]

    async def open_payload(
        self, image_id: str | None, *, token: int | str | None = None, proof: str | None = None
    ) -> Payload:
        """Answer one image request, for an endpoint of the application's own: read the payload or close it.

        token: the request's token, as an integer or as the header's text. proof: the record's statelessProof. Never
        raises for what a client sent or for a failing store: the payload's state tells (README, "The wire payload").
        """
        try:
            refusal = await self.check_request(image_id, token=token, proof=proof)
        except PixstoreError as error:
            _log.error("image %r can't be served: %s", image_id, error)
            refusal = WireState.INTERNAL_ERROR
        if refusal is not None or image_id is None:
            return Payload(refusal or WireState.MISSING_ID)
        return await self.load_payload(image_id, token=token)

    async def check_request(
        self, image_id: str | None, *, token: int | str | None, proof: str | None
    ) -> WireState | None:
        """Return the state that refuses a request, or None where its proof is good; the first half of `open_payload`.

        Checks the id, then that there is a proof, then the proof; no image is looked up.
        """
        if not image_id:
            return WireState.MISSING_ID
        if self.checks_proofs and not proof:
            return WireState.MISSING_PROOF
        if not is_image_id(image_id) or not isinstance(proof, str | None):
            return WireState.INVALID_PROOF
        ring = self._ring or await self._opened()
        if self.checks_proofs and not self._issuer.is_proven(ring, image_id, as_token(token), proof or ""):
            return WireState.INVALID_PROOF
        return None

    async def load_payload(self, image_id: str, *, token: int | str | None, body: bool = True) -> Payload:
        """Return the payload of an image whose request was checked; the second half of `open_payload`.

        body=False leaves out head and ciphertext (a HEAD request); size and state are the same.
        """
        try:
            ring = self._ring or await self._opened()
            return await load(self._images, ring, image_id, as_token(token), body=body)
        except PixstoreError as error:
            _log.error("image %r can't be served: %s", image_id, error)
            return Payload(WireState.INTERNAL_ERROR)

    async def _start(self) -> None:
        async with self._lock():
            if self._ring is None:
                self._ring = await self._open_store()
                self._closed_on = None

    async def _opened(self) -> KeyRing:
        if self._ring is None:
            # A server has one event loop: what comes there after the close is a use after shutdown. Another loop is
            # another run, such as the next test with a TestClient of its own.
            if self._closed_on is running_loop():
                raise StoreError("this Pixstore was closed: open it again first")
            await self._start()
        assert self._ring is not None
        return self._ring

    def _lock(self) -> asyncio.Lock:
        # One lock per event loop: a lock that a loop left locked must not stop the next one.
        loop = running_loop()
        if self._opening is None or self._opening[0] is not loop:
            self._opening = loop, asyncio.Lock()
        return self._opening[1]

    async def _open_store(self) -> KeyRing:
        if not self.checks_proofs:
            _log.warning("proof_window_ms=-1: open_payload serves images without checking proofs")
        await self._store.open()
        try:
            return await find_ring(self._store, self._given_ring)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._store.close()
            raise

    async def _version_to_replace(self, image_id: str, if_token: int | None) -> Expected:
        await self._opened()
        image = await self._store.get(image_id) if is_image_id(image_id) else None
        if image is None:
            raise _not_found(image_id)
        if if_token not in (None, image.token):
            raise StoreConflict(f"image {image_id} has token {image.token}, not {if_token}: it was updated meanwhile")
        return Expect.PRESENT if if_token is None else image.meta.version

    async def _write(
        self,
        image_id: str,
        data: ImageData,
        expect: Expected,
        *,
        token: int | None = None,
        sealing: _Sealing | None = None,
        on_progress: OnProgress | None = None,
    ) -> ImageRecord:
        ring = await self._opened()
        sealing = sealing or _Sealing(hide(secrets.token_bytes(KEY_BYTES)), secrets.token_bytes(IV_BYTES))
        key = sealing.key
        upload = SealedUpload(data, self._formats, self._limits, key, sealing.iv, sealing.format)
        async with await self._store.begin_write(image_id) as writer:
            async for ciphertext in _checked_pieces(upload, image_id, sealing.tag) if sealing.tag else upload:
                await writer.write(ciphertext)
                if on_progress:
                    on_progress(upload.taken)
            meta = wrap_key(ring, key(), image_id, upload.meta(secrets.token_bytes(VERSION_BYTES)))
            try:
                image = await writer.commit(meta, expect=expect, token=token)
            except StoreConflict:
                if expect is Expect.PRESENT:
                    raise _not_found(image_id) from None
                raise
        return self._issuer.record(ring, image, key(), self._issuer.clock_ms())


def check_token_time(image_id: str, token: int) -> None:
    """Raise InputError for a token from elsewhere that lies more than a day ahead of the clock."""
    # Tokens only rise, also across delete: one near the largest would leave its id no further version, ever.
    if token > wall_clock_ms() + _MAX_AHEAD_MS:
        raise InputError(
            f"the token {token} of image {image_id} is more than a day ahead of this machine's clock: "
            "tokens are epoch milliseconds; set the clock right, or import the image under an earlier token"
        )


def _new_id(directory: str | None) -> str:
    name = secrets.token_urlsafe(16)
    return name if directory is None else f"{checked_directory(directory)}:{name}"


def _info(image: StoredImage) -> ImageInfo:
    # The ciphertext is longer than the image by its format byte.
    name = format_name(image.meta.format) or "unknown"
    return ImageInfo(image.id, image.token, name, image.meta.size - 1, image.created_ms)


def _not_found(image_id: str) -> ImageNotFound:
    return ImageNotFound(f"there is no image {image_id!r}: it was deleted, or never saved here")


async def _checked_pieces(upload: SealedUpload, image_id: str, tag: bytes) -> AsyncIterator[bytes]:
    # Another image under the same key and nonce would give both away: none of it may get out of here, to disk neither.
    pieces = [piece async for piece in upload]
    if not hmac.compare_digest(upload.meta(bytes(VERSION_BYTES)).tag, tag):
        raise IntegrityError(f"the seal of image {image_id} is not that of this image", "tag")
    for piece in pieces:
        yield piece


async def _read_file(path: str | os.PathLike[str]) -> AsyncIterator[bytes]:
    try:
        async with await anyio.open_file(path, "rb") as file:
            while piece := await file.read(CHUNK_BYTES):
                yield piece
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{os.fspath(path)!r} can't be read: {reason}") from error
