"""Pixstore: the object that an application calls to save, update, delete and serve encrypted images."""

import logging
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple, Self

from .core.events import event
from .core.formats import MEDIA_TYPES
from .core.hidden import hidden_text, hide
from .core.ids import as_token, is_image_id
from .core.images import DirectoryLimit, ExportedImage, Image, ImageInfo, Seal, Usage
from .core.keyring import Secret
from .core.proof import DEFAULT_WINDOW_MS, terms_of
from .core.recipient import Recipient
from .core.record import ImageRecord
from .core.requests import ImageRequest
from .decoding.task import Focus, Variant
from .health import Drain, Readiness
from .keys import rotation
from .keys.find import SecretSource, given_secrets
from .keys.secrets import Secrets
from .life import Life
from .process import Clock, wall_clock_ms
from .saving.backfill import Backfill
from .saving.options import DEFAULT_MAX_IMAGE_BYTES, OnProgress, SaveOptions
from .saving.save import Saves, checked_id, new_id, not_found, revoke
from .saving.sealing import Encryption
from .saving.source import ImageData, read_file, viewed
from .serving.decide import Decisions, Inquiry
from .serving.payload import Payload
from .serving.proofs import EVERYBODY, CiphertextUrl, Proofs, RecordKind, RecordTerms, check_recipient
from .serving.reading import Reading
from .store.connect import BodiesTarget, StorePlace, StoreTarget, connect
from .store.contract import ImageStore
from .store.inspection import within

_log = logging.getLogger("pixstore_asgi")


class Pixstore:
    """Encrypted images in one store, and the records and proofs that let a page read them.

    The constructor does no I/O. The store opens by `open`, `async with`, `lifespan` or on first use, separately in each
    event loop. Methods raise only PixstoreErrors, but errors of `on_progress` and of an upload's iterator or reader
    pass through.

    Args:
        store: A path, a URL (sqlite:///…, postgresql://…) or an ImageStore, such as `SqliteStore(path)`. Relative paths
            begin at the working directory.
        blobs: The place of new ciphertext outside the database. s3://bucket/prefix takes all of it. A folder, given as
            a path or file:///path, takes ciphertext above 1 MiB. It needs a SQLite database, a local disk, and Linux or
            macOS. None: all ciphertext is in the database.
        secret: At least 43 characters of text or 32 bytes, or a list of such secrets, oldest to newest. All of them
            verify, and the last one signs. Or an async function that returns such a list. The function is called when
            the store opens and by `reload_secrets`. It is also called, at most once in 10 s, if a proof or a row names
            an unknown secret. Default: the environment variable PIXSTORE_SECRET (several secrets separated by white
            space), else a key file beside the SQLite database. The key file is created together with the database.
        proof_window_ms: The length of a proof window in milliseconds. A proof is valid for one to two windows. -1 turns
            the checks of `open_payload` off; PixstoreApp then needs allow_unproven=True.
        bind_token: Whether a proof is valid only with the token of its record. After an update, such a proof gives
            access to the new version until it expires.
        verify_old_secrets: Whether proofs under older secrets of the list are valid. Rolling deployments need True. Set
            it to False after an older secret has leaked. Older secrets unwrap keys in either case.
        image_formats: The accepted formats: any of png, webp, jpg, jpeg, gif and avif.
        max_image_bytes: The largest accepted image, in bytes.
        strip_metadata: Whether to remove EXIF (except the orientation), GPS, XMP, IPTC, comments, embedded thumbnails
            and data after the end of the picture. Pixels and colours stay the same. `save_image` and `update_image` can
            override it.
        check_pixels: Whether to accept only pictures that decode. Each one is decoded in a separate process with
            limits. This option and the next two need the extra `images`, and hold a picture in memory while it is
            saved.
        variants: Smaller copies to make of each image. They are saved with the image, and its record contains their
            records.
        placeholder: Whether records contain a ThumbHash.
        pad_to: "bucket" rounds the length of the ciphertext up by at most 12 %, so that it does not identify the
            picture.
        upload_timeout_s: How long an upload may send nothing, or less than 1 KiB/s, in seconds. This option and the
            next one apply to images that arrive in pieces, not as bytes.
        max_upload_s: How long a whole upload may take, in seconds. 32 MiB at 9 KiB/s take an hour.
        cache_bytes: How many bytes of ciphertext each event loop keeps in memory; 0 for no cache. An image of at most a
            quarter of this size is cached on its second request. If half of this size of other images was read in
            between, the second request may count as a first one. A cached image is served only while it is the current
            version in the store. Writes of other programs to a SQLite database are noticed within a second.
        drain_s: How many seconds the server's shutdown is delayed after SIGTERM. Meanwhile `/-/ready` is 503, and
            requests are still served. It works under uvicorn, for one Pixstore of a process.
        ciphertext_url: Another place of the ciphertext, such as a CDN: the URL of a mounted PixstoreApp with
            public_ciphertext=True, or a function from a version's id (32 hex digits) to a URL or None.
        records: "sealed" hands out only sealed records, and no answer contains a key in clear. `get_image_record` and
            `get_image_records` then need a recipient. "plain" seals only the records of calls with a recipient.
        clock_ms: Returns epoch milliseconds for proofs, and for the tokens of a store that is given as a path or URL.

    Raises:
        ConfigError: An option has an invalid value.
    """

    def __init__(
        self,
        store: StoreTarget = "pixstore.db",
        *,
        blobs: BodiesTarget | None = None,
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
        records: RecordKind = "plain",
        clock_ms: Clock = wall_clock_ms,
    ) -> None:
        hidden = hide(secret)
        del secret  # see hidden.py
        self._place = StorePlace(store, blobs)
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
        self._saves = Saves(self._store, self._life.opened, self._options, clock_ms)
        self._proofs = Proofs(
            window_ms=proof_window_ms,
            bind_token=bind_token,
            old_secrets=verify_old_secrets,
            ciphertext_url=ciphertext_url,
            records=records,
            clock_ms=clock_ms,
        )
        self._decisions = Decisions(self._life, self._proofs)
        self._reading = Reading(self._store, self._life, self._proofs, [variant.name for variant in variants])
        self._backfill = Backfill(self._store, self._life.opened, self._reading.export, self._options)

    @property
    def checks_proofs(self) -> bool:
        """Whether `open_payload` checks proofs. It is False with proof_window_ms=-1."""
        return self._proofs.are_checked

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media types of the accepted images, such as "image/png", in alphabetical order."""
        return tuple(sorted({MEDIA_TYPES[name] for name in self._options.formats}))

    # Life

    async def open(self) -> None:
        """Open the store. Each `open` needs one `close`.

        Raises:
            SecretError: There is no secret, or one that images need is missing.
            StoreError: The store can't be opened.
        """
        await self._life.open()

    async def close(self) -> None:
        """Undo one `open` of this event loop. The last call closes the store, and only a new `open` makes it usable
        again in this loop.
        """
        await self._life.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Keep the store open while an application runs: `Starlette(lifespan=pix.lifespan)`.

        Args:
            app: The application, which is not used.
        """
        async with self:
            yield

    async def ping(self) -> None:
        """Check with one small query that the store answers, and that no secret is missing, as `/-/ready` does.

        The call has no time limit of its own, and waits for a store that does not answer: set a limit.

        Raises:
            SecretError: A secret that images need is missing.
            StoreError: The store does not answer.
        """
        await self._life.check()

    async def reload_secrets(self) -> None:
        """Read the secrets again: call the function given as `secret`, or read PIXSTORE_SECRET or the key file.

        Raises:
            SecretError: Reading failed (see its cause), or a secret that images need is missing. The previous secrets
                stay in use.
        """
        await self._life.reload()

    # Writing

    async def save_image(
        self,
        data: ImageData,
        *,
        directory: str | None = None,
        image_id: str | None = None,
        strip_metadata: bool | None = None,
        focus: Focus | None = None,
        on_progress: OnProgress | None = None,
        max_directory_bytes: int | None = None,
        max_directory_images: int | None = None,
        connection: object = None,
        recipient: Recipient | None = None,
    ) -> ImageRecord:
        """Encrypt and store a new image.

        If the commit is cancelled or loses its connection to the database, the call raises although the image may be
        stored.

        Args:
            data: Bytes, an async iterator of bytes, or an object with an async `read(n)`.
            directory: 1 to 64 characters of `[A-Za-z0-9_-]`. They become the part of the id before the colon.
            image_id: The whole id, instead of a random one: 1 to 64 characters of `[A-Za-z0-9_-]`, or a directory, a
                colon and 1 to 128 of them. If `directory` is given too, the id must be in it. After a delete the id is
                free again. The new image gets a higher token, and proofs of the deleted one open it until they expire,
                as after an update.
            strip_metadata: Replaces the option of the same name for this call.
            focus: The point, such as a face, that variants with fit="cover" keep: (x, y), fractions of the picture's
                width and height as displayed. It is not stored: a later `pixstore-asgi variants` uses the variant's.
            on_progress: Called after each piece with the number of bytes of the image taken so far.
            max_directory_bytes: Refuse the image if it raises the stored bytes of its directory above this limit. They
                are those of `usage`. Concurrent saves with a limit never exceed it together. If the data has an
                attribute `size`, as UploadFile has, an image that does not fit is refused before it is read.
            max_directory_images: The same for the number of images, without variants.
            connection: An asyncpg connection, or an AsyncConnection of psycopg 3.2 or newer, to the store's PostgreSQL.
                The image is stored in the connection's transaction: together with the application's own rows, or not at
                all.
            recipient: The page that the record is sealed to. A background job passes none: with records="sealed" no
                page can open its record.

        Returns:
            The record of the image, with a fresh proof.

        Raises:
            InvalidImage: The data is not an accepted image (also ImageTooLarge, UploadTimeout); nothing is stored.
            ImageExists: There is already an image with this `image_id`; nothing is stored, and the image stays as it
                was. Of concurrent saves under one id, exactly one succeeds.
            DirectoryFull: The image exceeds a limit of its directory; nothing is stored.
            InputError: An argument is wrong; nothing is stored.
            SecretError: This process may not wrap keys in the store.
            StoreError: The store failed; nothing is stored, except perhaps after a lost connection.
        """
        data, limit = viewed(data), DirectoryLimit.of(max_directory_images, max_directory_bytes)
        changes = {"strip_metadata": strip_metadata, "focus": focus, "on_progress": on_progress, "limit": limit}
        saves = await self._saves_for(connection, recipient, changes)
        new = new_id(directory) if image_id is None else checked_id(image_id, directory)
        saved = await saves.create(new, data, is_random=image_id is None)
        return self._proofs.record(*saved, RecordTerms(recipient=recipient))

    async def save_image_from_file(
        self,
        path: str | os.PathLike[str],
        *,
        directory: str | None = None,
        image_id: str | None = None,
        strip_metadata: bool | None = None,
        focus: Focus | None = None,
        on_progress: OnProgress | None = None,
        max_directory_bytes: int | None = None,
        max_directory_images: int | None = None,
        recipient: Recipient | None = None,
    ) -> ImageRecord:
        """Encrypt and store an image from a file. All else is as in `save_image`.

        Args:
            path: The path of the file.
            directory: As in `save_image`.
            image_id: As in `save_image`.
            strip_metadata: As in `save_image`.
            focus: As in `save_image`.
            on_progress: As in `save_image`.
            max_directory_bytes: As in `save_image`.
            max_directory_images: As in `save_image`.
            recipient: As in `save_image`.

        Returns:
            The record of the image, with a fresh proof.

        Raises:
            InputError: The file can't be read.
        """
        others: dict[str, Any] = {"strip_metadata": strip_metadata, "focus": focus, "on_progress": on_progress}
        others |= {"max_directory_bytes": max_directory_bytes, "max_directory_images": max_directory_images}
        others |= {"directory": directory, "image_id": image_id}
        return await self.save_image(read_file(path), recipient=recipient, **others)

    async def import_image(
        self,
        image_id: str,
        data: ImageData,
        *,
        token: int,
        seal: Seal | None = None,
        if_token: int | None = None,
        max_directory_bytes: int | None = None,
        max_directory_images: int | None = None,
        recipient: Recipient | None = None,
    ) -> ImageRecord:
        """Store an image that keeps its id and token from another store.

        Args:
            image_id: Its id there. A variant, `id~name`, needs its original in this store.
            data: As in `save_image`.
            token: Its token there: epoch milliseconds, at most a day ahead of the clock.
            seal: Its seal there. With a seal, the image is encrypted to the same bytes, so that copies in browsers stay
                valid. The image is held in memory until its tag is checked.
            if_token: Replace only the version with this token. For a variant: the token that its original must have.
            max_directory_bytes: As in `save_image`.
            max_directory_images: As in `save_image`.
            recipient: As in `save_image`.

        Returns:
            The record of the image, with a fresh proof.

        Raises:
            InputError: The id or the token is invalid, or the token is more than a day ahead.
            ImageNotFound: There is no image for `if_token`, or no original for a variant.
            StoreConflict: There is an original of this id but no `if_token` (ImageExists); the image's token is not
                `if_token`; or `token` is not above the last token of this id, even of a deleted image.
            IntegrityError: The seal belongs to another image.
            InvalidImage: As in `save_image`.
            DirectoryFull: As in `save_image`.
            StoreError: As in `save_image`.
        """
        data, encryption = viewed(data), Encryption.of(seal) if seal else None
        saves = self._saves.override(limit=DirectoryLimit.of(max_directory_images, max_directory_bytes))
        check_recipient(recipient)
        saved = await saves.take_over(image_id, data, token=token, encryption=encryption, if_token=if_token)
        return self._proofs.record(*saved, RecordTerms(recipient=recipient))

    async def update_image(
        self,
        image_id: str,
        data: ImageData,
        *,
        if_token: int | None = None,
        strip_metadata: bool | None = None,
        focus: Focus | None = None,
        on_progress: OnProgress | None = None,
        max_directory_bytes: int | None = None,
        max_directory_images: int | None = None,
        connection: object = None,
        recipient: Recipient | None = None,
    ) -> ImageRecord:
        """Replace an image by a new version with a higher token and a new key.

        Readers see the old or the new version with its variants, never a mixture. If updates are concurrent, the last
        one wins.

        Args:
            image_id: The id of the image.
            data: As in `save_image`.
            if_token: Replace only the version with this token.
            strip_metadata: As in `save_image`.
            focus: As in `save_image`.
            on_progress: As in `save_image`.
            max_directory_bytes: As in `save_image`.
            max_directory_images: As in `save_image`.
            connection: As in `save_image`.
            recipient: As in `save_image`.

        Returns:
            The new record, with a fresh proof.

        Raises:
            ImageNotFound: There is no such image.
            StoreConflict: The image has another token.
            InvalidImage: As in `save_image`. The image stays as it was, also after the next three errors.
            DirectoryFull: As in `save_image`. A version that is not longer is accepted in any case.
            InputError: As in `save_image`.
            StoreError: As in `save_image`.
        """
        data, limit = viewed(data), DirectoryLimit.of(max_directory_images, max_directory_bytes)
        changes = {"strip_metadata": strip_metadata, "focus": focus, "on_progress": on_progress, "limit": limit}
        saves = await self._saves_for(connection, recipient, changes)
        saved = await saves.update(image_id, data, if_token=if_token)
        return self._proofs.record(*saved, RecordTerms(recipient=recipient))

    async def update_image_from_file(
        self,
        image_id: str,
        path: str | os.PathLike[str],
        *,
        if_token: int | None = None,
        strip_metadata: bool | None = None,
        focus: Focus | None = None,
        on_progress: OnProgress | None = None,
        max_directory_bytes: int | None = None,
        max_directory_images: int | None = None,
        recipient: Recipient | None = None,
    ) -> ImageRecord:
        """Replace an image by a new version from a file. All else is as in `update_image`.

        Args:
            image_id: The id of the image.
            path: The path of the file.
            if_token: As in `update_image`.
            strip_metadata: As in `save_image`.
            focus: As in `save_image`.
            on_progress: As in `save_image`.
            max_directory_bytes: As in `save_image`.
            max_directory_images: As in `save_image`.
            recipient: As in `save_image`.

        Returns:
            The new record, with a fresh proof.

        Raises:
            InputError: The file can't be read.
        """
        others: dict[str, Any] = {"strip_metadata": strip_metadata, "focus": focus, "on_progress": on_progress}
        others |= {"max_directory_bytes": max_directory_bytes, "max_directory_images": max_directory_images}
        return await self.update_image(image_id, read_file(path), if_token=if_token, recipient=recipient, **others)

    async def delete_image(self, image_id: str, *, connection: object = None) -> bool:
        """Delete an image with its variants. Their keys are overwritten. The store keeps their ids and last tokens.

        Args:
            image_id: The id of the image.
            connection: As in `save_image`.

        Returns:
            Whether there was such an image.

        Raises:
            StoreError: The store failed.
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
        """Invalidate all proofs issued so far for an image, or for all images of a directory.

        From its next request on, every process answers InvalidProof to these proofs. New records work immediately.

        Args:
            image_id: The id of the image, unless a directory is given.
            directory: The directory, unless an image is given.
            if_token: Revoke only if the image has this token.

        Returns:
            The number of revoked images.

        Raises:
            ImageNotFound: There is no such image.
            InputError: An argument is wrong.
            StoreConflict: The image has another token.
        """
        await self._life.opened()
        return await revoke(self._store, image_id, directory, if_token)

    async def reseal_image(
        self, image_id: str, *, if_token: int | None = None, recipient: Recipient | None = None
    ) -> ImageRecord:
        """Encrypt an image again, with a new key and a higher token, because its old key has leaked.

        Call `revoke` for the image first. Otherwise the holder of an older proof can fetch the new version with its new
        key until the proof expires. The image is held in memory.

        Args:
            image_id: The id of the image.
            if_token: Replace only the version with this token.
            recipient: As in `save_image`.

        Returns:
            The new record, with a fresh proof.

        Raises:
            ImageNotFound: There is no such image.
            StoreConflict: The image has another token, or was updated meanwhile and so has a new key.
            IntegrityError: As in `read_image`.
            StoreError: As in `read_image`.
        """
        check_recipient(recipient)
        found = await self.export_image(image_id)
        if found is None:
            raise not_found(image_id)
        saved = await self._saves.reseal([found, *await self.export_variants(image_id)], if_token)
        return self._proofs.record(*saved, RecordTerms(recipient=recipient))

    # Secrets

    async def key_status(self) -> list[rotation.KeyStatus]:
        """Report how many images need each secret that the store knows, or that this process has loaded.

        Returns:
            One KeyStatus for each secret.

        Raises:
            SecretError: As in `open`.
            StoreError: The store failed.
        """
        return await rotation.key_status(self._store, await self._life.opened())

    async def rewrap_keys(self, on_progress: rotation.OnRewrapped | None = None) -> int:
        """Wrap the keys of all images under the newest secret, which signs.

        The call may be interrupted and repeated, and runs while other processes serve and save. If these save images
        under an older secret meanwhile, some keys may be left; `key_status` counts them.

        Args:
            on_progress: Called with (done, total) after each batch.

        Returns:
            The number of images rewrapped.

        Raises:
            StoreError: The store failed.
            IntegrityError: The key of an image does not unwrap. It is raised after all other keys are done.
        """
        return await rotation.rewrap_keys(self._store, await self._life.opened(), on_progress)

    async def retire_key(self, key_id: str) -> bool:
        """Retire a secret, so that the store opens without it. Processes that still sign with it can no longer save.

        Args:
            key_id: The id of the secret, as in `key_status`.

        Returns:
            True, or False if the secret is loaded here but the store does not know it.

        Raises:
            SecretError: The secret signs, images need it, it is already retired, or the key id is unknown.
        """
        named = hide(key_id)
        del key_id  # a caller may pass the secret itself by mistake, so hide it
        return await rotation.retire_key(self._store, await self._life.opened(), named)

    # Reading

    async def image_exists(self, image_id: str, *, connection: object = None) -> bool:
        """Return whether there is an image, or a variant `id~name`, with this id.

        Args:
            image_id: The id; any text.
            connection: As in `save_image`. Images that its transaction has saved exist, and variants do not.

        Raises:
            InputError: `connection` is not one of this store.
            StoreError: The store failed.
        """
        if connection is None:
            return await self._reading.exists(image_id)
        await self._life.opened()
        return is_image_id(image_id) and await within(self._store, connection).get(image_id) is not None

    async def get_image_record(
        self, image_id: str, *, audience: str | None = None, recipient: Recipient | None = None
    ) -> ImageRecord | None:
        """Return a fresh record of an image. Its proof is valid for one to two windows.

        Args:
            image_id: The id of the image. The id of a variant gives None.
            audience: The proof is valid only for requests of this session, user or tenant (see PixstoreApp's
                `audience`): 1 to 65535 bytes of UTF-8.
            recipient: The page that the record is sealed to: `recipient_of(request)`.

        Returns:
            The record, or None if there is no such image.

        Raises:
            RecipientError: There is no recipient, but records="sealed" needs one.
            InputError: The audience is invalid.
            IntegrityError: The row was changed outside this package.
            StoreError: The store failed.
        """
        return await self._reading.record(image_id, self._proofs.terms(audience, recipient))

    async def get_image_records(
        self, image_ids: Iterable[str], *, audience: str | None = None, recipient: Recipient | None = None
    ) -> dict[str, ImageRecord]:
        """Return fresh records of several images, with one query.

        Args:
            image_ids: The ids of the images.
            audience: As in `get_image_record`.
            recipient: As in `get_image_record`.

        Returns:
            The records of the images that exist, by id, in the order of the ids.

        Raises:
            RecipientError: As in `get_image_record`.
            InputError: `image_ids` is one text, or the audience is invalid.
            IntegrityError: A row was changed outside this package.
            StoreError: The store failed.
        """
        return await self._reading.records(image_ids, self._proofs.terms(audience, recipient))

    async def read_image(self, image_id: str) -> Image | None:
        """Return a decrypted and verified image. The whole image is in memory.

        Args:
            image_id: The id of an image, or of a variant: `id~name`.

        Returns:
            The image, or None if there is none.

        Raises:
            IntegrityError: The stored image was changed.
            StoreError: Part of it is missing, or the store failed.
        """
        found = await self.export_image(image_id)
        return found.image if found else None

    async def export_image(self, image_id: str) -> ExportedImage | None:
        """Return an image with its token, seal and ciphertext, for `import_image` of another store. It is held in
        memory.

        Args:
            image_id: The id of an image, or of a variant: `id~name`.

        Returns:
            The verified image with its key, or None if there is no such image.

        Raises:
            IntegrityError: The stored image was changed.
            StoreError: Part of it is missing, or the store failed.
        """
        return await self._reading.export(image_id)

    async def export_variants(self, image_id: str) -> list[ExportedImage]:
        """Return the variants of an image. Each is verified and has the form that `export_image` returns.

        Args:
            image_id: The id of the original.

        Raises:
            IntegrityError: As in `export_image`.
            StoreError: As in `export_image`.
        """
        return await self._reading.export_variants(image_id)

    async def list_images(
        self, *, directory: str | None = None, after: str | None = None, limit: int = 100, variants: bool = False
    ) -> list[ImageInfo]:
        """List images in the order of their ids. The result contains no keys and no proofs.

        Args:
            directory: List only the images of this directory.
            after: List only ids after this one.
            limit: The largest number of images to return, at least 1.
            variants: Whether to list variants too, as `id~name`.

        Returns:
            At most `limit` images.

        Raises:
            InputError: The limit or the directory is invalid.
            StoreError: The store failed.
        """
        return await self._reading.list(directory=directory, after=after, limit=limit, variants=variants)

    async def usage(self, directory: str | None = None) -> Usage:
        """Count the images of a directory and their stored bytes. Reads no bodies; 10,000 images take 1 to 2 ms.

        Replaced and deleted images and uploads in progress do not count, although their bytes may still be in the store
        until gc removes them.

        Args:
            directory: The directory. None: all images.

        Returns:
            The number of images without variants, and the bytes of ciphertext with variants and padding.

        Raises:
            InputError: The directory is invalid.
            StoreError: The store failed.
        """
        return await self._reading.usage(directory)

    async def open_payload(
        self,
        image_id: str | None,
        *,
        token: int | str | None = None,
        proof: str | None = None,
        audience: str | None = None,
    ) -> Payload:
        """Answer one image request, for an endpoint of the application's own. Read the payload to its end or close it.

        Args:
            image_id: The requested id; any text, or None.
            token: The token of the request, as an integer or as the text of its header.
            proof: The `statelessProof` of the record.
            audience: The session, user or tenant of the request. Only a proof for this audience is valid. Without it,
                only a proof without an audience is valid.

        Returns:
            The payload. An invalid request or a failing store raises no error: the payload's state reports it
            (docs/wire-format.md).
        """
        proof = hidden_text(proof)
        request = ImageRequest(image_id or "", as_token(token), proof)
        answer = await self._decisions.answer(Inquiry(request, EVERYBODY if audience is None else terms_of(audience)))
        assert isinstance(answer, Payload)  # without a rule, the answer is never Forbidden
        return answer

    async def _saves_for(self, connection: object, recipient: Recipient | None, changes: dict[str, Any]) -> Saves:
        check_recipient(recipient)
        saves = self._saves.override(**changes)
        if connection is None:
            return saves
        await self._life.opened()
        return saves.within(within(self._store, connection))

    def _before_open(self) -> None:
        self._drain.begin()
        if not self.checks_proofs:
            _log.warning("proof_window_ms=-1: served without checking proofs", extra=event("proofs_unchecked"))

    async def _before_close(self) -> None:
        self._drain.end()
        if self._options.decoder:
            await self._options.decoder.close()


class Parts(NamedTuple):
    """The inner objects of one Pixstore, for the other packages of this project and for its tests."""

    place: StorePlace
    store: ImageStore
    life: Life
    proofs: Proofs
    decisions: Decisions
    backfill: Backfill
    readiness: Readiness
    options: SaveOptions


def parts_of(pixstore: Pixstore) -> Parts:
    """Return the inner objects of a Pixstore."""
    return Parts(**{name: getattr(pixstore, f"_{name}") for name in Parts._fields})
