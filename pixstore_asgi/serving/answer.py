"""Answers: what one request for an image gets, decided in one place, whether it came alone or in a batch."""

import logging
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple, Protocol

from ..core.events import event
from ..core.ids import is_served_id
from ..core.keyring import KeyRing
from ..core.proof import ProofTerms
from ..core.request import ImageRequest
from ..core.wire import encode_state
from ..errors import PixstoreError, ProofError, WireState
from .blob import Blob, open_blob
from .cache import ImageCache
from .load import WholePayload, load_outline, load_payload, payload_at_hand
from .payload import Payload
from .proofs import EVERYBODY, Proofs
from .rings import Rings, with_ring

_log = logging.getLogger("pixstore_asgi")

Refusal = WireState | Literal["forbidden"] | None
"""Why a request is refused, if it is: by the wire's states, or by the application's rule."""

Rule = Callable[[str], Awaitable[Refusal]]
"""The application's own rule as it is asked for one image of one request, by its id; it raises nothing."""


class Checked(NamedTuple):
    """What is known of a request before its image is looked up.

    refusal: the state that refuses it, None where its id and proof are good. epoch: the proof's, None where none is
    checked.
    """

    refusal: WireState | None
    epoch: int | None = None


class OpenStore(Rings, Protocol):
    """A store as one event loop reads it."""

    @property
    def at_hand(self) -> ImageCache | None:
        """The images of the running event loop, if the store is open in it."""
        ...

    @property
    def images(self) -> ImageCache:
        """The images of the running event loop."""
        ...


class Answers:
    """Answers the image requests of one Pixstore: id and proof first, then the application's rule, then the store.

    terms: under which a request's proof must have been made; None where that can't be told, and no proof is good.
    rings: opens the store if it is not open yet, and has the key ring and the images in memory. No payload raises for
    what a client sent or for a store that fails: its state tells, and the log has the reason.
    """

    def __init__(self, rings: OpenStore, proofs: Proofs) -> None:
        self.read_times = rings.read_times
        self._rings = rings
        self._proofs = proofs

    def answer_at_once(self, request: ImageRequest) -> WholePayload | None:
        """Return what `answer` does where nothing has to be waited for; None for all else.

        That is for a proof that is good for everybody, and an image that is at hand as one piece.
        """
        images, ring = self._images_at_once(request), self._rings.ring
        if images is None or ring is None:
            return None
        try:
            # The proof first: how long it takes must not tell whether an image is in memory.
            epoch = self._proofs.check(ring, request, EVERYBODY)
        except ProofError:
            return None
        return _at_hand(images, ring, request, epoch)

    def check_at_once(self, request: ImageRequest, terms: ProofTerms | None = EVERYBODY) -> Checked | None:
        """Return what `check` does where the store is open and the proof is good; None for all else."""
        images, ring = self._images_at_once(request), self._rings.ring
        if images is None or ring is None:
            return None
        try:
            return Checked(None, self._proofs.check(ring, request, terms))
        except ProofError:
            return None

    def checked_at_once(
        self, request: ImageRequest, checked: Checked, terms: ProofTerms | None = EVERYBODY
    ) -> WholePayload | None:
        """Return what `answer_checked` does without a rule, where the image is at hand as one piece; None for all
        else."""
        images, ring = self._rings.at_hand, self._rings.ring
        if images is None or ring is None or checked.refusal:
            return None
        payload = _at_hand(images, ring, request, checked.epoch)
        is_late = payload and payload.state is WireState.UPDATED and not self.check_at_once(request, terms)
        return None if is_late else payload

    def _images_at_once(self, request: ImageRequest) -> ImageCache | None:
        return self._rings.at_hand if self._proofs.are_checked and is_served_id(request.image_id) else None

    async def answer(
        self,
        request: ImageRequest,
        *,
        terms: ProofTerms | None = EVERYBODY,
        rule: Rule | None = None,
        has_body: bool = True,
    ) -> Payload | None:
        """Return the payload of a request, None where the rule forbids it. has_body: False for a HEAD request."""
        checked = await self.check(request, terms)
        return await self.answer_checked(request, checked, terms=terms, rule=rule, has_body=has_body)

    async def check(self, request: ImageRequest, terms: ProofTerms | None = EVERYBODY) -> Checked:
        """Check a request's id and proof; no image is looked up."""
        if not request.image_id:
            return Checked(_refused(request, WireState.MISSING_ID, "it names no image"))
        if self._proofs.are_checked and not request.proof:
            return Checked(_refused(request, WireState.MISSING_PROOF, "it has no proof"))
        try:
            if not is_served_id(request.image_id):
                return Checked(_refused(request, WireState.INVALID_PROOF, "this is no image id"))
            epoch = await with_ring(self._rings, lambda ring: self._proofs.check(ring, request, terms))
        except ProofError as error:
            return Checked(_refused(request, WireState.INVALID_PROOF, error))
        except PixstoreError as error:
            return Checked(_failed(request, error))
        return Checked(None, epoch)

    async def answer_checked(
        self,
        request: ImageRequest,
        checked: Checked,
        *,
        terms: ProofTerms | None = EVERYBODY,
        rule: Rule | None = None,
        has_body: bool = True,
    ) -> Payload | None:
        """Return what `answer` returns. checked: what `check` returned for the request, perhaps some time ago."""
        refusal: Refusal = checked.refusal
        if refusal is None and rule is not None:
            refusal = await rule(request.image_id)
        if refusal == "forbidden":
            _log_refusal(request, "the application's rule forbids it")
            return None
        if refusal is not None:
            return Payload(refusal)
        payload = await self._load(request, checked.epoch, has_body)
        # An Updated payload has a new key: only for what is still proven now.
        if payload.state is WireState.UPDATED and (late := await self.check(request, terms)).refusal:
            await payload.aclose()
            return Payload(late.refusal)
        return payload

    async def open_blob(self, image_id: str, version: bytes) -> Blob | None:
        """Return the ciphertext of an image's current version, None where that is another one; no proof is asked for.

        Raises SecretError or StoreError.
        """
        await self._rings.opened()
        return await open_blob(self._rings.images, image_id, version)

    async def _load(self, request: ImageRequest, epoch: int | None, has_body: bool) -> Payload:
        try:
            if has_body:
                return await load_payload(self._rings.images, self._rings, request, epoch)
            return await load_outline(self._rings.images, request, epoch)
        except ProofError as error:
            return Payload(_refused(request, WireState.INVALID_PROOF, error))
        except PixstoreError as error:
            return Payload(_failed(request, error))


def _at_hand(images: ImageCache, ring: KeyRing, request: ImageRequest, epoch: int | None) -> WholePayload | None:
    try:
        return payload_at_hand(images, ring, request, epoch)
    except ProofError as error:
        state = _refused(request, WireState.INVALID_PROOF, error)
        return WholePayload(state, encode_state(state))
    except PixstoreError:
        return None


def _failed(request: ImageRequest, error: PixstoreError) -> WireState:
    _log.error(
        "image %r can't be served: %s", request.image_id, error, extra=event("image_failed", image_id=request.image_id)
    )
    return WireState.INTERNAL_ERROR


def _refused(request: ImageRequest, state: WireState, reason: object) -> WireState:
    _log_refusal(request, reason)
    return state


def _log_refusal(request: ImageRequest, reason: object) -> None:
    _log.debug(
        "a request for image %.200r is refused: %s",
        request.image_id,
        reason,
        extra=event("request_refused", image_id=request.image_id),
    )
