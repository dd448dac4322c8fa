"""Issues the proofs in the records of one Pixstore, and checks the proofs of requests."""

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from secrets import token_bytes
from typing import Literal, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key

from ..core import proof
from ..core.cipher import unwrap
from ..core.events import event
from ..core.ids import VARIANT_MARK, original_of, variant_name
from ..core.images import StoredImage
from ..core.keyring import KeyRing
from ..core.proof import ProofKeys, ProofTerms, ProofWindows, Proven, claims_sealed
from ..core.recipient import CURVE, KeySealer, Recipient
from ..core.record import ImageRecord
from ..core.requests import ImageRequest
from ..errors import ConfigError, InputError, IntegrityError, ProofError, RecipientError
from ..process import Clock

_log = logging.getLogger("pixstore_asgi")

UNPROVEN = -1
"""The value of `window_ms` that turns proof checks off. Records then contain proofs with the default window."""

EVERYBODY = ProofTerms()
"""The terms of a proof that is not bound to an audience."""


_BASE = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?|/([^\s/?#][^\s?#]*)?", re.IGNORECASE)

RecordKind = Literal["plain", "sealed"]
"""The records of a Pixstore: sealed ones only if a call has a recipient, or only sealed ones."""

CiphertextUrl = str | Callable[[str], str | None]
"""A second place from which browsers can fetch ciphertext, such as a CDN.

The URL at which a PixstoreApp is mounted, or a function that takes a version's id in hex and returns a URL or None.
"""


class RecordTerms(NamedTuple):
    """The properties of a record beside its image: the terms of its proof, and the page that it is sealed to."""

    proof: ProofTerms = EVERYBODY
    recipient: Recipient | None = None


_PLAIN = RecordTerms()


def check_recipient(recipient: object) -> None:
    """Raise InputError if this is neither a Recipient nor None."""
    if not isinstance(recipient, Recipient | None):
        raise InputError(f"recipient must be that of recipient_of(request), not {type(recipient).__name__}")


class Proofs:
    """Issues and checks the proofs of one Pixstore.

    window_ms: length of a proof window in milliseconds, or -1 for no checks. bind_token: whether a proof is valid only
    with the token of its record. old_secrets: True accepts proofs under all secrets of the ring, False only under the
    newest. ciphertext_url: the second place of ciphertext that records name, or None. records: "sealed" lets no answer
    contain a key in clear. Raises ConfigError for an invalid window, ciphertext_url or records.
    """

    def __init__(
        self,
        *,
        window_ms: int,
        bind_token: bool,
        old_secrets: bool,
        ciphertext_url: CiphertextUrl | None,
        records: RecordKind,
        clock_ms: Clock,
    ) -> None:
        is_number = isinstance(window_ms, int) and not isinstance(window_ms, bool)
        if not is_number or not (1 <= window_ms <= proof.MAX_WINDOW_MS or window_ms == UNPROVEN):
            raise ConfigError("proof_window_ms must be a positive number of milliseconds, or -1 for no checks")
        if ciphertext_url is not None:
            _check_url(ciphertext_url)
        if records not in ("plain", "sealed"):
            raise ConfigError('records must be "plain" or "sealed"')
        self.are_checked = window_ms != UNPROVEN
        self.windows = ProofWindows(window_ms) if self.are_checked else ProofWindows()
        self._bind_token = bind_token
        self._clock_ms = clock_ms
        self._old_secrets = old_secrets
        self._ciphertext_url = ciphertext_url
        self._only_sealed = records == "sealed"
        self._keys: ProofKeys | None = None

    def now_ms(self) -> int:
        """Return the time by the clock of the Pixstore, in epoch milliseconds."""
        return self._clock_ms()

    def need_recipient(self, recipient: Recipient | None) -> None:
        """Raise RecipientError if there is none although this Pixstore hands out only sealed records.

        The records of writes also name the new image, so they need no recipient.
        """
        if recipient is None and self._only_sealed:
            raise RecipientError(
                "this Pixstore hands out only sealed records: the request needs the header Pixstore-Recipient, and the "
                "call recipient=recipient_of(request), with cookie=True for a page that the server renders",
                "missing",
            )

    def terms(self, audience: str | None, recipient: Recipient | None) -> RecordTerms:
        """Return the terms of records that are read for an audience and a page.

        Raises InputError if the audience is invalid, or the error of `check_recipient` or `need_recipient`.
        """
        if audience is None and recipient is None and not self._only_sealed:
            return _PLAIN
        check_recipient(recipient)
        self.need_recipient(recipient)
        terms = EVERYBODY if audience is None else proof.terms_of(audience)
        if terms is None:
            raise InputError(
                "audience must be a text of 1 to 65535 bytes; leave it out for a record that is bound to none"
            )
        return RecordTerms(terms, recipient)

    def record(self, ring: KeyRing, images: Sequence[StoredImage], terms: RecordTerms) -> ImageRecord:
        """Return the record of the first image. The following images are its variants.

        Without a recipient, a Pixstore of sealed records returns a record that no page can open. Raises IntegrityError
        if a row was changed outside this package.
        """
        return self._records(ring, images, terms, first=images[0].id)[images[0].id]

    def records(self, ring: KeyRing, images: Iterable[StoredImage], terms: RecordTerms) -> dict[str, ImageRecord]:
        """Return the records of the originals among these images, by id. All proofs have the same time.

        The record of an original contains the records of its variants. Each original must come before its variants: a
        variant without its original before it is left out.
        """
        return self._records(ring, images, terms)

    def _records(
        self, ring: KeyRing, images: Iterable[StoredImage], terms: RecordTerms, *, first: str | None = None
    ) -> dict[str, ImageRecord]:
        """Return records of images by id. A variant's record is inside its original's record.

        first: the id of an image that gets its own record in any case, even if it is a variant.
        """
        now_ms = self.now_ms()
        expires_at_ms = self.windows.expires_at_ms(now_ms) if self.are_checked else None
        sealer = self._sealer(terms.recipient)
        records: dict[str, ImageRecord] = {}
        for image in images:
            if VARIANT_MARK not in image.id or image.id == first:
                records[image.id] = self._record(ring, image, terms.proof, sealer, now_ms, expires_at_ms)
            elif original := records.get(original_of(image.id)):
                try:
                    record = self._record(ring, image, terms.proof, sealer, now_ms, expires_at_ms)
                except IntegrityError as error:
                    if error.reason == "unknown-key":  # a newer key ring may have it
                        raise
                    _log.error(
                        "a record lacks a variant: %s", error, extra=event("record_lacks_variant", image_id=image.id)
                    )
                    continue
                original.add_variant(variant_name(image.id), record)
        return records

    def check(self, ring: KeyRing, request: ImageRequest, terms: ProofTerms | None) -> Proven:
        """Return the facts in a request's proof.

        terms: the terms that the proof must match, or None to refuse every proof. Raises ProofError if the proof is not
        valid now.
        """
        image_id, token, sent = request
        if not self.are_checked:
            return Proven(0, None, claims_sealed(sent or ""))
        if terms is None:
            raise ProofError("audience", "the request has no audience")
        if self._bind_token and not token:
            raise ProofError("token", "the token of the request is missing or malformed")
        bound = token if self._bind_token and token else 0
        keys, now_ms = self._keys_of(ring), self.now_ms()
        return keys.verify(terms, sent or "", image_id=image_id, token=bound, now_ms=now_ms)

    def check_update(self, proven: Proven) -> None:
        """Raise ProofError if the client must not get a newer version, because its answer contains a key in clear."""
        if proven.is_sealed or self._only_sealed:
            raise ProofError("sealed", "the image has another version, and its key must be sealed in a fresh record")

    def _keys_of(self, ring: KeyRing) -> ProofKeys:
        wanted = ring if self._old_secrets else ring.newest
        if self._keys is None or self._keys.ring is not wanted:
            self._keys = ProofKeys(wanted, self.windows)
        return self._keys

    def _record(
        self,
        ring: KeyRing,
        image: StoredImage,
        terms: ProofTerms,
        sealer: KeySealer | None,
        now_ms: int,
        expires_at_ms: int | None,
    ) -> ImageRecord:
        token = image.token if self._bind_token else 0
        return ImageRecord.create(
            id=image.id,
            token=image.token,
            unwrapped=unwrap(ring, image.id, image.meta),  # may raise, so before the proof is made
            iv=image.meta.iv,
            tag=image.meta.tag,
            proof=self._keys_of(ring).issue(
                terms,
                image_id=image.id,
                token=token,
                epoch=image.epoch,
                now_ms=now_ms,
                is_sealed=sealer is not None,
            ),
            proof_expires_at=expires_at_ms,
            ciphertext_url=None if self._ciphertext_url is None else _url_of(image, self._ciphertext_url),
            sealer=sealer,
        )

    def _sealer(self, recipient: Recipient | None) -> KeySealer | None:
        """Return the sealer of one answer, or None if its records are plain."""
        if recipient is None and self._only_sealed:
            # The private key of this pair is not kept.
            recipient = Recipient(generate_private_key(CURVE).public_key())
        return None if recipient is None else KeySealer(recipient, generate_private_key(CURVE), token_bytes)


def _check_url(ciphertext_url: CiphertextUrl) -> None:
    is_base = isinstance(ciphertext_url, str) and _BASE.fullmatch(ciphertext_url)
    if not is_base and not callable(ciphertext_url):
        raise ConfigError(
            "ciphertext_url must be the URL or path of a mounted PixstoreApp without query, such as "
            '"https://cdn.example/pixstore-image", or a function from a version\'s id to a URL'
        )


def _url_of(image: StoredImage, ciphertext_url: CiphertextUrl) -> str | None:
    """Return the URL of the ciphertext of an image's current version, or None."""
    version = image.meta.version.hex()
    if isinstance(ciphertext_url, str):
        return f"{ciphertext_url.rstrip('/')}/-/blob/{version}?id={image.id}"
    try:
        url = ciphertext_url(version)
    except Exception:  # the application's function failed: make the record without this URL
        _log.exception(
            "ciphertext_url failed for image %r", image.id, extra=event("ciphertext_url_failed", image_id=image.id)
        )
        return None
    if url is None or isinstance(url, str):
        return url
    _log.error(
        "ciphertext_url must return a URL or None, not %s",
        type(url).__name__,
        extra=event("ciphertext_url_failed", image_id=image.id),
    )
    return None
