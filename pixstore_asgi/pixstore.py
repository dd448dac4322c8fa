"""Pixstore: what an application calls to save, update, delete and hand out encrypted images."""

import logging
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from .core.events import event
from .core.formats.names import MEDIA_TYPES
from .core.hidden import hidden_text, hide
from .core.ids import as_token, is_image_id, is_served_id, range_of_directory, variant_id
from .core.images import ExportedImage, Image, ImageInfo, Seal
from .core.keyring import Secret
from .core.proof import DEFAULT_WINDOW_MS, terms_of
from .core.record import ImageRecord
from .core.request import ImageRequest
from .decoding.task import Variant
from .errors import InputError
from .health.drain import Drain
from .health.readiness import Readiness
from .keys import rotation
from .keys.find import SecretSource, given_secrets
from .keys.secrets import Secrets
from .life import Life
from .saving.backfill import Backfill
from .saving.limits import DEFAULT_MAX_IMAGE_BYTES
from .saving.options import OnProgress, SaveOptions
from .saving.save import Saves, new_id, not_found, revoke
from .saving.sealing import Encryption
from .saving.source import ImageData, read_file, viewed
from .serving.ciphertext_urls import CiphertextUrl, CiphertextUrls
from .serving.decide import Decisions, Inquiry
from .serving.export import read_variants, read_verified
from .serving.payload import Payload
from .serving.proofs import EVERYBODY, Proofs, record_terms
from .serving.rings import with_ring
from .store.clock import Clock, wall_clock_ms
from .store.connect import StoreTarget, connect
from .store.contract import ImageStore
from .store.transactions import within

_log = logging.getLogger("pixstore_asgi")


class Pixstore:
    """Encrypted images in one store, and the records and proofs that let a page read them.

    store: a path, a URL (sqlite:///…, postgresql://…) or an ImageStore.
    blobs: s3://bucket/prefix, where new ciphertext is kept in place of the database.
    secret: at least 43 characters of text or 32 bytes, or a list of them, oldest to newest; all verify, the last signs.
        Or an async function that returns such a list: asked once at open, again by `reload_secrets`, and at most once
        in 10 s where a proof or a row names a secret that is not there.
        Default: the environment variable PIXSTORE_SECRET (several separated by white space), else a key file beside
        the SQLite database, made together with it.
    proof_window_ms: a proof lives one to two of these, in milliseconds; -1 turns checks off for `open_payload`.
    bind_token: whether a proof is good with its record's token alone.
    verify_old_secrets: whether a proof under an older secret of the list is good, as rolling deployments want it; False
        once one has leaked. It unwraps keys all the same.
    image_formats: which of png, webp, jpg, jpeg, gif and avif are accepted.
    max_image_bytes: the longest image accepted.
    strip_metadata: whether EXIF but for the orientation, GPS, XMP, IPTC, comments, embedded thumbnails and what follows
        a picture's end are removed from what is saved; pixels and colours stay as they are.
    check_pixels: whether every picture must decode, in a process of its own within limits. variants: smaller copies to
        make of each, which are saved with it, and whose records its own carries. placeholder: whether its records carry
        a ThumbHash. These take the extra `images`, and hold a picture in memory while it is saved.
    pad_to: "bucket" for ciphertext whose length does not tell which picture it is: it is rounded up, by at most 12 %.
    upload_timeout_s: how long an upload may bring nothing, or less than 1 KiB/s, in seconds. max_upload_s: how long it
        may be waited for in all. For images that come in pieces, not as bytes.
    cache_bytes: how much ciphertext each event loop keeps in memory, of images that are asked for again before as much
        of others was read; it is served only while it is the store's current version, of which another program's writes
        to a SQLite database tell within a second. 0 keeps none.
    drain_s: how long after SIGTERM all is still served while `/-/ready` is 503, before the server gets the signal, in
        seconds; under uvicorn, and for one Pixstore of a process.
    ciphertext_url: where pages find ciphertext besides, such as a CDN: the URL of a PixstoreApp's mount that has
        public_ciphertext=True, or a function from the id of a version, 32 hex digits, to a URL or None.
    clock_ms: returns epoch milliseconds, for proofs, and for the tokens of a store that is given as a path or URL.

    The constructor does no I/O: the store opens with `open`, `async with`, `lifespan` or on first use, in each event
    loop for itself. Raises ConfigError for an option that can't work; every method raises PixstoreErrors only.
    """

    def __init__(
        self,
        store: StoreTarget = "pixstore.db",
        *,
        blobs: str | None = None,
        secret: Secret | Sequence[Secret] | SecretSource | None = None,
        proof_window_ms: int = DEFAULT_WINDOW_MS,
        bind_token: bool = True,
        verify_old_secrets: bool = True,
        image_formats: Sequence[str] = ("png", "webp", "jpg", "jpeg"),
        max_image_bytes: int = DEFAULT_MAX_IMAGE_BYTES,
        strip_metadata: bool = False,
        check_pixels: bool = False,
        variants: Sequence[Variant] = (),
        placeholder: bool = False,
        pad_to: Literal["bucket"] | None = None,
        upload_timeout_s: float = 60,
        max_upload_s: float = 3600,
        cache_bytes: int = 64 * 1024 * 1024,
        drain_s: float = 0,
        ciphertext_url: CiphertextUrl | None = None,
        clock_ms: Clock = wall_clock_ms,
    ) -> None:
        hidden = hide(secret)
        del secret  # see hidden.py
        self._store = connect(store, blobs, clock_ms)
        self._drain = Drain(drain_s)
        secrets = Secrets(self._store, given_secrets(hidden))
        self._life = Life(self._store, secrets, cache_bytes, on_open=self._before_open, on_close=self._before_close)
        self._readiness = Readiness(self._life.check, self._drain)
        self._options = SaveOptions.of(
            self._store,
            image_formats=image_formats,
            max_image_bytes=max_image_bytes,
            upload_timeout_s=upload_timeout_s,
            max_upload_s=max_upload_s,
            strip_metadata=strip_metadata,
            check_pixels=check_pixels,
            variants=variants,
            placeholder=placeholder,
            pad_to=pad_to,
        )
        self._variants = [variant.name for variant in variants]
        self._saves = Saves(self._store, self._life.opened, self._options)
        self._backfill = Backfill(self._store, self._life.opened, self.export_image, self._options)
        self._proofs = Proofs(
            window_ms=proof_window_ms,
            bind_token=bind_token,
            old_secrets=verify_old_secrets,
            urls=None if ciphertext_url is None else CiphertextUrls(ciphertext_url),
            clock_ms=clock_ms,
        )
        self._decisions = Decisions(self._life, self._proofs)

    @property
    def checks_proofs(self) -> bool:
        """Whether `open_payload` checks proofs: not with proof_window_ms=-1."""
        return self._proofs.are_checked

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media types of the images accepted, such as "image/png", sorted."""
        return tuple(sorted({MEDIA_TYPES[name] for name in self._options.formats}))

    # Life

    async def open(self) -> None:
        """Open the store; every `open` wants its `close`. Raises SecretError or StoreError."""
        await self._life.open()

    async def close(self) -> None:
        """Take one `open` of this event loop back; after the last one only `open` opens the store again in it."""
        await self._life.close()

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

    async def ping(self) -> None:
        """Ask the store, by one small query, whether it answers and no secret is missing, as `/-/ready` does.

        Raises SecretError or StoreError. It waits for a store that is silent: give it a time limit.
        """
        await self._life.check()

    async def reload_secrets(self) -> None:
        """Ask the function that `secret` is for the secrets again, or read PIXSTORE_SECRET or the key file again.

        Raises SecretError, with its cause, where that fails or leaves out a secret that images are under; those of
        before then stay in use.
        """
        await self._life.reload()

    # Writing

    async def save_image(
        self,
        data: ImageData,
        *,
        directory: str | None = None,
        strip_metadata: bool | None = None,
        on_progress: OnProgress | None = None,
        connection: object = None,
    ) -> ImageRecord:
        """Encrypt and store a new image and return its record.

        data: bytes, an async iterator of bytes, or anything with an async `read(n)`. directory: 1 to 64 of
        `[A-Za-z0-9_-]`, becomes the part of the id before the colon. strip_metadata: in place of the option of that
        name. on_progress: called with the number of the image's bytes taken so far, after each piece. connection: an
        asyncpg connection to the store's PostgreSQL, within whose transaction the image is stored: with the
        application's own rows, or not at all. Raises InvalidImage (ImageTooLarge, UploadTimeout), InputError or
        StoreError; then nothing is stored. Cancelled in its last moment, or with the database lost in it, the image may
        be stored all the same.
        """
        saves, data = await self._saves_within(connection), viewed(data)
        saves = saves.override(strip_metadata=strip_metadata, on_progress=on_progress)
        saved = await saves.create(new_id(directory), data)
        return self._proofs.record(*saved)

    async def save_image_from_file(
        self,
        path: str | os.PathLike[str],
        *,
        directory: str | None = None,
        strip_metadata: bool | None = None,
        on_progress: OnProgress | None = None,
    ) -> ImageRecord:
        """Store the image in a file; as `save_image`. Raises InputError where the file can't be read."""
        return await self.save_image(
            read_file(path), directory=directory, strip_metadata=strip_metadata, on_progress=on_progress
        )

    async def import_image(
        self, image_id: str, data: ImageData, *, token: int, seal: Seal | None = None, if_token: int | None = None
    ) -> ImageRecord:
        """Store an image that has its id and token from elsewhere, and return its record.

        seal: how this very image was encrypted there; it is then encrypted to the same bytes, so that what browsers
        hold of it stays good, and held in memory until that is sure. if_token: replace the version of this token; a
        variant, `id~name`, takes that of its original, which must be there. Raises InputError for an id or token that
        can't be, or a token a day ahead of the clock, StoreConflict where there is such an image (or not the one to
        replace) or a deleted one had as high a token, IntegrityError where the seal is another's; as `save_image`.
        """
        data, encryption = viewed(data), Encryption.of(seal) if seal else None
        saved = await self._saves.take_over(image_id, data, token=token, encryption=encryption, if_token=if_token)
        return self._proofs.record(*saved)

    async def update_image(
        self,
        image_id: str,
        data: ImageData,
        *,
        if_token: int | None = None,
        strip_metadata: bool | None = None,
        on_progress: OnProgress | None = None,
        connection: object = None,
    ) -> ImageRecord:
        """Replace an image and return its new record, with a higher token and a new key.

        Readers see the old or the new version, with its variants, never a mixture; when several update at once, the
        last one stays. if_token: replace only the version of this token. strip_metadata, on_progress, connection: as
        `save_image`'s. Raises ImageNotFound, StoreConflict where the image has another token, and what `save_image`
        raises; then the image stays as it was.
        """
        saves, data = await self._saves_within(connection), viewed(data)
        saves = saves.override(strip_metadata=strip_metadata, on_progress=on_progress)
        saved = await saves.update(image_id, data, if_token=if_token)
        return self._proofs.record(*saved)

    async def update_image_from_file(
        self,
        image_id: str,
        path: str | os.PathLike[str],
        *,
        if_token: int | None = None,
        strip_metadata: bool | None = None,
        on_progress: OnProgress | None = None,
    ) -> ImageRecord:
        """Replace an image by the one in a file; as `update_image`."""
        return await self.update_image(
            image_id, read_file(path), if_token=if_token, strip_metadata=strip_metadata, on_progress=on_progress
        )

    async def delete_image(self, image_id: str, *, connection: object = None) -> bool:
        """Delete an image with its variants, and tell whether there was one.

        Their keys are overwritten, and their ids keep their last tokens. connection: as `save_image`'s.
        """
        await self._life.opened()
        if not is_image_id(image_id):
            return False
        self._life.images.forget(image_id)
        store = self._store if connection is None else within(self._store, connection)
        return await store.delete(image_id)

    async def revoke(
        self, image_id: str | None = None, *, directory: str | None = None, if_token: int | None = None
    ) -> int:
        """Make every proof that was issued before for an image, or all of a directory, InvalidProof from now on.

        It holds in every process from the next request on; new records work at once. Return for how many images that
        was done. if_token: only where the image has this token, else StoreConflict. Raises ImageNotFound, InputError.
        """
        await self._life.opened()
        return await revoke(self._store, image_id, directory, if_token)

    async def reseal_image(self, image_id: str, *, if_token: int | None = None) -> ImageRecord:
        """Encrypt an image anew, under another key and with a higher token, for when its key is out; return its record.

        Revoke it first: until a proof ends, who has it fetches the new version with its key. All of it is in memory
        meanwhile. Raises ImageNotFound, StoreConflict where its token is not `if_token` or it was updated meanwhile,
        and so has another key, and what `read_image` raises.
        """
        found = await self.export_image(image_id)
        if found is None:
            raise not_found(image_id)
        saved = await self._saves.reseal([found, *await self.export_variants(image_id)], if_token)
        return self._proofs.record(*saved)

    # Secrets

    async def key_status(self) -> list[rotation.KeyStatus]:
        """Return what each secret is needed for, of those that the store knows and those that are loaded here."""
        ring = await self._life.opened()
        return await rotation.key_status(self._store, ring)

    async def rewrap_keys(self, on_progress: rotation.OnRewrapped | None = None) -> int:
        """Wrap the keys of all images under the secret that signs, and return for how many that was done.

        It may be interrupted and repeated, and goes on while processes serve and save. What they save meanwhile under
        another secret may be left, as `key_status` then tells. on_progress: called with (done, total) after each batch.
        Raises StoreError, and, when all others are done, IntegrityError for an image whose key does not unwrap.
        """
        ring = await self._life.opened()
        return await rotation.rewrap_keys(self._store, ring, on_progress)

    async def retire_key(self, key_id: str) -> bool:
        """Retire a secret, so that the store opens without it. Processes that still sign with it can't save any more.

        key_id: as in `key_status`. Return False if the store does not know the secret, though it is loaded here.
        Raises SecretError for the secret that signs, one that images are under, and an unknown key id.
        """
        named = hide(key_id)
        del key_id  # it may be the secret itself: see hidden.py
        ring = await self._life.opened()
        return await rotation.retire_key(self._store, ring, named)

    # Reading

    async def image_exists(self, image_id: str) -> bool:
        """Tell whether there is an image, or a variant `id~name`, under this id."""
        await self._life.opened()
        return is_served_id(image_id) and await self._life.images.get(image_id) is not None

    async def get_image_record(self, image_id: str, *, audience: str | None = None) -> ImageRecord | None:
        """Return a fresh record of an image, or None. Its proof is good for one to two windows from now.

        None for a variant too. audience: the session, user or tenant that the proof is made for, 1 to 65535 bytes of
        UTF-8; it is good only for requests of the same one (PixstoreApp's `audience`). Raises InputError.
        """
        terms = record_terms(audience)
        await self._life.opened()
        if not is_image_id(image_id):
            return None
        if self._variants:
            return (await self.get_image_records([image_id], audience=audience)).get(image_id)
        image = await self._life.images.get(image_id)
        return await with_ring(self._life, lambda ring: self._proofs.record(ring, [image], terms)) if image else None

    async def get_image_records(
        self, image_ids: Iterable[str], *, audience: str | None = None
    ) -> dict[str, ImageRecord]:
        """Return fresh records of the images that exist among these ids, by id, in the order of the ids; one query.

        audience: as `get_image_record`'s.
        """
        terms = record_terms(audience)
        if isinstance(image_ids, str):
            raise InputError("image_ids is a list of ids, not one text; for one image there is get_image_record")
        await self._life.opened()
        known = [image_id for image_id in image_ids if is_image_id(image_id)]
        wanted = [*known, *(variant_id(image_id, name) for image_id in known for name in self._variants)]
        images = await self._life.images.get_many(wanted)
        found = [images[image_id] for image_id in wanted if image_id in images]
        return await with_ring(self._life, lambda ring: self._proofs.records(ring, found, terms))

    async def read_image(self, image_id: str) -> Image | None:
        """Return an image, or a variant `id~name`, decrypted and verified, or None. All of it is in memory.

        Raises IntegrityError where what is stored was changed, StoreError where part of it is missing.
        """
        found = await self.export_image(image_id)
        return found.image if found else None

    async def export_image(self, image_id: str) -> ExportedImage | None:
        """Return an image, or a variant `id~name`, with token, seal and ciphertext for `import_image`, or None.

        It is verified, it carries the key, and all of it is in memory. Raises as `read_image`.
        """
        await self._life.opened()
        return await read_verified(self._store, self._life, image_id) if is_served_id(image_id) else None

    async def export_variants(self, image_id: str) -> list[ExportedImage]:
        """Return the variants of an image, verified, as `export_image` returns the image itself."""
        await self._life.opened()
        return await read_variants(self._store, self._life, image_id) if is_image_id(image_id) else []

    async def list_images(
        self, *, directory: str | None = None, after: str | None = None, limit: int = 100, variants: bool = False
    ) -> list[ImageInfo]:
        """Return up to `limit` images in the order of their ids, those after the id `after`.

        directory: only ids that begin with it and a colon. variants: list these too, as `id~name`. What it returns
        holds no key and no proof. Raises InputError for a limit below 1 or a directory that can't be.
        """
        if limit < 1:
            raise InputError(f"limit must be at least 1, not {limit}")
        start, end = range_of_directory(directory)
        await self._life.opened()
        after = max(start, after or "")
        images = await self._store.list(after=after, before=end, limit=limit, originals_only=not variants)
        return [ImageInfo.of(image) for image in images]

    async def open_payload(
        self,
        image_id: str | None,
        *,
        token: int | str | None = None,
        proof: str | None = None,
        audience: str | None = None,
    ) -> Payload:
        """Answer one image request, for an endpoint of the application's own: read the payload or close it.

        token: the request's token, as an integer or as the header's text. proof: the record's statelessProof. audience:
        whom the request comes from; only a proof that was made for that audience is good, without it only one that was
        made for none. Never raises for what a client sent or for a failing store: the payload's state tells
        (docs/wire-format.md).
        """
        proof = hidden_text(proof)
        request = ImageRequest(image_id or "", as_token(token), proof)
        answer = await self._decisions.answer(Inquiry(request, EVERYBODY if audience is None else terms_of(audience)))
        assert isinstance(answer, Payload)  # no rule was given that forbids it
        return answer

    async def _saves_within(self, connection: object) -> Saves:
        if connection is None:
            return self._saves
        await self._life.opened()
        return self._saves.within(within(self._store, connection))

    def _before_open(self) -> None:
        self._drain.begin()
        if not self.checks_proofs:
            _log.warning("proof_window_ms=-1: served without checking proofs", extra=event("proofs_unchecked"))

    async def _before_close(self) -> None:
        self._drain.end()
        if self._options.decoder:
            await self._options.decoder.close()


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one Pixstore, for the other packages of this project and for its tests."""

    store: ImageStore
    life: Life
    proofs: Proofs
    decisions: Decisions
    backfill: Backfill
    readiness: Readiness


def parts_of(pixstore: Pixstore) -> Parts:
    """Return the parts of a Pixstore."""
    return Parts(
        store=pixstore._store,
        life=pixstore._life,
        proofs=pixstore._proofs,
        decisions=pixstore._decisions,
        backfill=pixstore._backfill,
        readiness=pixstore._readiness,
    )
