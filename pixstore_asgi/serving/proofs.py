"""Issuer: makes image records with their proofs, and checks the proofs that come back."""

from ..core import proof as proofs
from ..core.images import StoredImage
from ..core.keyring import KeyRing
from ..core.record import ImageRecord
from ..errors import ConfigError, ProofError
from ..store.contract import Clock

UNPROVEN = -1
"""The value of `window_ms` that turns proof checks off; records then carry proofs of the default window."""

_DEFAULT_WINDOW_MS = 20_000


class Issuer:
    """The terms of one Pixstore's proofs.

    window_ms: length of a proof window in milliseconds, or -1. bind_token: whether a proof is good for its record's
    token alone. clock_ms: returns epoch milliseconds. Raises ConfigError for a window that can't be.
    """

    def __init__(self, *, window_ms: int, bind_token: bool, clock_ms: Clock) -> None:
        if isinstance(window_ms, bool) or not isinstance(window_ms, int) or (window_ms < 1 and window_ms != UNPROVEN):
            raise ConfigError("proof_window_ms must be a positive number of milliseconds, or -1 for no checks")
        self.checks_proofs = window_ms != UNPROVEN
        self.terms = proofs.ProofTerms(window_ms=window_ms if self.checks_proofs else _DEFAULT_WINDOW_MS)
        self.clock_ms = clock_ms
        self._bind_token = bind_token

    def record(self, ring: KeyRing, image: StoredImage, key: bytes, now_ms: int) -> ImageRecord:
        """Return a record of an image whose 32-byte key is `key`, its proof as of `now_ms`."""
        bound = image.token if self._bind_token else 0
        return ImageRecord.create(
            id=image.id,
            token=image.token,
            key=key,
            iv=image.meta.iv,
            tag=image.meta.tag,
            proof=proofs.issue(ring, self.terms, image_id=image.id, token=bound, now_ms=now_ms),
            proof_expires_at=proofs.expires_at_ms(self.terms, now_ms) if self.checks_proofs else None,
        )

    def is_proven(self, ring: KeyRing, image_id: str, token: int | None, proof: str) -> bool:
        """Tell whether a proof is good now for this image and the request's token (None: it sent none)."""
        if self._bind_token and token is None:
            return False
        bound = token if self._bind_token and token is not None else 0
        try:
            proofs.verify(ring, self.terms, proof, image_id=image_id, token=bound, now_ms=self.clock_ms())
        except ProofError:
            return False
        return True
