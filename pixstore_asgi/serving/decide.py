"""Decides the answer to an image request that came alone or in a batch.

`decide` is plain code, without `await`. It returns the answer, or a Wait for one of these: the opening of the store,
newer secrets, the application's rule, or the image. `answer` awaits the Wait and calls `decide` again.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Literal

from ..core.cipher import unwrap_key
from ..core.events import event
from ..core.ids import is_served_id
from ..core.images import StoredImage
from ..core.keyring import KeyRing
from ..core.proof import ProofTerms, Proven
from ..core.requests import ImageRequest
from ..core.wire import UPDATED_HEAD_BYTES, encode_state, encode_updated_head
from ..errors import IntegrityError, PixstoreError, ProofError, WireState
from ..store.contract import WHOLE_BYTES, ImageStream
from .cache import ImageCache
from .entries import CachedImage
from .payload import Payload
from .proofs import EVERYBODY, Proofs
from .rings import NamedBy, Rings

_log = logging.getLogger("pixstore_asgi")

Forbidden = Literal["forbidden"]
FORBIDDEN: Final = "forbidden"
"""The answer to a request that the application's rule refuses."""

Refusal = WireState | Forbidden | None
"""Why a request is refused, or None if it is not."""

Rule = Callable[[str], Awaitable[Refusal]]
"""Asks the application's own rule about one image of a request: takes the image id and raises nothing."""

Answer = Payload | Forbidden

_SUCCESS, _UPDATED = WireState.SUCCESS, WireState.UPDATED  # a module's global is read faster than an enum's member
_SUCCESS_HEAD = encode_state(_SUCCESS)


Wait = Callable[[], Awaitable[object]]
"""A function without arguments. The caller awaits its result before the next call of `decide`."""


class Inquiry:
    """One image request, with everything known about it so far. Its fields, each with the step or Wait that sets it:

    request, terms           the caller; the proof must match the terms, and None refuses every proof
    rule                     the caller: the application's rule, if there is one
    has_body                 the caller: False for a HEAD request
    is_timed                 `ServedRequest.image`: whether `decide` sets `passed_ns`
    images, proven           the step `_check`
    is_checked               the step `_check`, or `refuse` or `fail`
    refusal                  `refuse` or `fail`, or the Wait `ask_rule`
    is_asked                 the Wait `ask_rule`
    passed_ns                `decide`, before the image is looked up
    may_be_late              `check`; after each Wait, `answer`
    renewed_by               the step `_renewal`, once for a proof and once for a row
    is_found, image          the step `_find`, or the Wait `_get_row` (HEAD) or `_open`
    body                     the step `_find`, or the Wait `_open`
    stream, in_memory        the Wait `_open`; the step `_payload` takes the stream
    """

    # Defaults in the class: most requests set few of these.
    rule: Rule | None = None
    has_body = True
    is_timed = False

    is_checked = False  # whether id and proof were checked
    proven: Proven  # the facts in the proof
    is_asked = False  # whether the rule was asked
    refusal: Refusal = None
    passed_ns = 0  # when proof and rule were checked, by time.perf_counter_ns
    renewed_by: tuple[NamedBy, ...] = ()
    may_be_late = False  # time has passed since the proof was checked

    images: ImageCache  # the cache of the running event loop
    is_found = False
    image: StoredImage | None = None
    body: bytes | None = None  # the Success payload of the image, if it is one piece
    stream: ImageStream | None = None  # the ciphertext, if `body` is None
    # Whether the stream comes from the cache. It then begins with Success's state byte, unless the answer is Updated.
    in_memory = True

    def __init__(self, request: ImageRequest, terms: ProofTerms | None = EVERYBODY) -> None:
        self.request = request
        self.terms = terms

    async def ask_rule(self) -> None:
        """Ask the application's rule, and set `refusal` to its result."""
        assert self.rule is not None
        self.refusal = await self.rule(self.request.image_id)
        self.is_asked = True

    def refuse(self, state: WireState, reason: object) -> None:
        """Refuse the request because of its id or proof."""
        self.refusal, self.is_checked = state, True
        self.log_refusal(reason)

    def fail(self, error: PixstoreError) -> WireState:
        """Refuse the request because of this error, and log the error. Return the state of the answer."""
        if isinstance(error, ProofError):
            self.refuse(WireState.INVALID_PROOF, error)
            return WireState.INVALID_PROOF
        self.refusal, self.is_checked = WireState.INTERNAL_ERROR, True
        image_id = self.request.image_id
        _log.error("image %r can't be served: %s", image_id, error, extra=event("image_failed", image_id=image_id))
        return WireState.INTERNAL_ERROR

    def log_refusal(self, reason: object) -> None:
        """Log why the request is refused."""
        image_id = self.request.image_id
        _log.debug(
            "a request for image %.200r is refused: %s",
            image_id,
            reason,
            extra=event("request_refused", image_id=image_id),
        )


class Decisions:
    """Decides the image requests of one Pixstore. Checks id and proof first, then the application's rule, then the
    image.

    rings: opens the store on first use, and has the key ring and the image cache. An invalid request or a failing store
    raises no error: the state of the answer reports it, and the reason is logged.
    """

    def __init__(self, rings: Rings, proofs: Proofs) -> None:
        self._rings = rings
        self._proofs = proofs

    async def answer(self, inquiry: Inquiry, step: Answer | Wait | None = None) -> Answer:
        """Return the answer to a request. step: the last result of `decide` for this request, if there is one."""
        try:
            step = step or self.decide(inquiry)
            while callable(step):
                await self._await(inquiry, step)
                step = self.decide(inquiry)
            return step
        finally:
            if inquiry.stream is not None:  # the payload did not take it
                await inquiry.stream.aclose()

    async def check(self, inquiry: Inquiry) -> None:
        """Check the id and the proof of a request now. A later `answer` decides the request."""
        while not inquiry.is_checked and (wait := self._check(inquiry)):
            await self._await(inquiry, wait)
        inquiry.may_be_late = True

    def decide(self, inquiry: Inquiry) -> Answer | Wait:
        """Return the answer to a request, or a Wait to await before the next call."""
        if not inquiry.is_checked and (wait := self._check(inquiry)):
            return wait
        if inquiry.refusal is None and inquiry.rule is not None and not inquiry.is_asked:
            return inquiry.ask_rule
        if inquiry.is_timed and not inquiry.passed_ns:
            inquiry.passed_ns = time.perf_counter_ns()
        if inquiry.refusal is None:
            try:
                return self._find(inquiry) or self._payload(inquiry)
            except PixstoreError as error:
                return Payload(inquiry.fail(error))
        if inquiry.refusal == FORBIDDEN:
            inquiry.log_refusal("the application's rule forbids it")
            return FORBIDDEN
        return Payload(inquiry.refusal)

    async def _await(self, inquiry: Inquiry, wait: Wait) -> None:
        try:
            await wait()
        except PixstoreError as error:
            inquiry.fail(error)
        inquiry.may_be_late = inquiry.is_checked

    def _check(self, inquiry: Inquiry) -> Wait | None:
        """Check id and proof, and set the inquiry's epoch or refusal. Return a Wait if the store is not open, or if the
        proof names an unknown secret.
        """
        request = inquiry.request
        if not request.image_id:
            inquiry.refuse(WireState.MISSING_ID, "it has no image id")
        elif self._proofs.are_checked and not request.proof:
            inquiry.refuse(WireState.MISSING_PROOF, "it has no proof")
        elif not is_served_id(request.image_id):
            inquiry.refuse(WireState.INVALID_PROOF, "this is not an image id")
        else:
            try:
                if (opened := self._rings.opened_nowait()) is None:
                    return self._rings.opened
                inquiry.images, ring = opened
                # Check before the image is looked up: the response time must not tell whether it is in memory.
                inquiry.proven = self._proofs.check(ring, request, inquiry.terms)
                inquiry.is_checked = True
            except ProofError as error:
                if wait := self._renewal(inquiry, ring, error):
                    return wait
                inquiry.fail(error)
            except PixstoreError as error:  # no event loop runs, as in a forked child
                inquiry.fail(error)
        return None

    def _renewal(self, inquiry: Inquiry, ring: KeyRing, error: ProofError | IntegrityError) -> Wait | None:
        """Return a Wait for newer secrets if the proof or the row names an unknown secret, else None.

        A request waits at most twice: once for the proof and once for the row.
        """
        by: NamedBy = "proof" if isinstance(error, ProofError) else "row"
        if error.reason != "unknown-key" or by in inquiry.renewed_by:
            return None
        inquiry.renewed_by += (by,)
        return partial(self._rings.renewed, ring, by)

    def _find(self, inquiry: Inquiry) -> Wait | None:
        """Set the image if it is in memory or can be read without a wait. Otherwise return the Wait that sets it."""
        if inquiry.is_found:
            return None
        if not inquiry.has_body:
            return partial(self._get_row, inquiry)
        found = inquiry.images.find_nowait(inquiry.request.image_id)
        if found is None:
            return partial(self._open, inquiry)
        inquiry.image, inquiry.body = found
        inquiry.is_found = True
        return None

    async def _get_row(self, inquiry: Inquiry) -> None:
        inquiry.image = await inquiry.images.get(inquiry.request.image_id)
        inquiry.is_found = True

    async def _open(self, inquiry: Inquiry) -> None:
        opened = await inquiry.images.open(inquiry.request.image_id)
        inquiry.is_found = True
        if opened is None:
            return
        inquiry.image = opened.image
        if not isinstance(opened, CachedImage):
            inquiry.stream, inquiry.in_memory = opened, False
            self._state(inquiry, opened.image)  # raises for a revoked proof, before the body is read
            if opened.image.meta.size <= WHOLE_BYTES:
                # Joining costs less than sending each piece under a time limit while watching for a disconnect.
                inquiry.body = b"".join([_SUCCESS_HEAD, *[chunk async for chunk in opened]])
        elif opened.pieces and len(opened.pieces) == 1:
            inquiry.body = opened.pieces[0]
        else:
            # Open the stream now: the cache then counts its bytes, even if the image is dropped during a later Wait.
            inquiry.stream = opened.read(with_state=self._state(inquiry, opened.image) is _SUCCESS)

    def _payload(self, inquiry: Inquiry) -> Payload | Wait:
        """Return the payload of the found image, or a Wait for newer secrets."""
        image, body = inquiry.image, inquiry.body
        if image is None:
            return Payload(WireState.NOT_FOUND, head=None if inquiry.has_body else b"")
        state = self._state(inquiry, image)
        if state is _SUCCESS:
            size, head = 1 + image.meta.size, _SUCCESS_HEAD
            if body is not None:
                return Payload(state, head=body, size=size)
            if inquiry.in_memory:
                head = b""  # the stream begins with it
        else:
            ring = self._rings.ring
            assert ring is not None  # the store is open
            try:
                head = _updated_head(ring, image) if inquiry.has_body else b""
                # A newer version with its key is only for a proof that is valid now.
                if inquiry.may_be_late:
                    self._proofs.check(ring, inquiry.request, inquiry.terms)
            except (ProofError, IntegrityError) as error:
                if wait := self._renewal(inquiry, ring, error):
                    return wait
                raise
            size = UPDATED_HEAD_BYTES + image.meta.size
            if body is not None:
                return Payload(state, head=head + body[1:], size=size)
        stream, inquiry.stream = inquiry.stream, None
        return Payload(state, head=head, size=size, stream=stream, in_memory=inquiry.in_memory)

    def _state(self, inquiry: Inquiry, image: StoredImage) -> WireState:
        """Return Success if the client has the current token, else Updated. Raises ProofError if the proof was revoked,
        or if the client must not get a newer version.
        """
        epoch = inquiry.proven.epoch
        if epoch is not None and epoch != image.epoch:
            raise ProofError("epoch", f"it has epoch {epoch}, but the image has epoch {image.epoch}")
        if inquiry.request.token == image.token:
            return _SUCCESS
        self._proofs.check_update(inquiry.proven)
        return _UPDATED


def _updated_head(ring: KeyRing, image: StoredImage) -> bytes:
    meta = image.meta
    return encode_updated_head(image.token, unwrap_key(ring, image.id, meta), meta.iv, meta.tag)
