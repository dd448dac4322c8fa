"""Decisions: the answer to one request, whether it came alone or in a batch."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from pixstore_asgi import ImageRecord, Payload, Pixstore, StoreError, WireState
from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.core.proof import ProofKeys, ProofTerms, ProofWindows
from pixstore_asgi.core.requests import ImageRequest
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.serving.decide import FORBIDDEN, Answer, Decisions, Inquiry, Refusal, Rule
from pixstore_asgi.serving.proofs import RecordTerms
from pixstore_asgi.store.contract import ImageStream
from pixstore_asgi.store.memory import MemoryStore
from tests.support.clock import FixedClock
from tests.support.samples import OTHER_SECRET, SECRET, picture

NOW_MS = 1_795_559_350_000


class FailingStore(MemoryStore):
    """A store that fails on each read of an image."""

    def read_nowait(self, image_id: str) -> tuple[StoredImage, Sequence[bytes]] | None:
        raise StoreError("the disk is gone")

    async def open_stream(self, image_id: str) -> ImageStream | None:  # type: ignore[override]
        raise StoreError("the disk is gone")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW_MS)


@pytest.fixture
async def pix(clock: FixedClock) -> AsyncIterator[Pixstore]:
    async with Pixstore(MemoryStore(), secret=SECRET, clock_ms=clock) as opened:
        yield opened


def request_of(record: ImageRecord) -> ImageRequest:
    return ImageRequest(record.id, record.token, record.stateless_proof)


def state_of(answer: Answer) -> WireState | None:
    return answer.state if isinstance(answer, Payload) else None


def inquiry_of(request: ImageRequest, rule: Rule | None = None) -> Inquiry:
    inquiry = Inquiry(request)
    inquiry.rule = rule
    return inquiry


async def answer_alone(decisions: Decisions, request: ImageRequest, rule: Rule) -> WireState | None:
    return state_of(await decisions.answer(inquiry_of(request, rule)))


async def answer_in_turn(decisions: Decisions, request: ImageRequest, rule: Rule) -> WireState | None:
    inquiry = Inquiry(request)
    await decisions.check(inquiry)
    inquiry.rule = rule
    return state_of(await decisions.answer(inquiry))


Answered = Callable[[Decisions, ImageRequest, Rule], Awaitable[WireState | None]]
ways = pytest.mark.parametrize("answered", [answer_alone, answer_in_turn])
"""As a GET is answered, and as an image of a batch."""


@ways
async def test_a_newer_key_goes_to_proofs_that_outlast_the_rule(
    pix: Pixstore, clock: FixedClock, answered: Answered
) -> None:
    """A proof that ends while the application's rule is asked opens the version it was made for, and no newer one."""
    same = await pix.save_image(picture())
    old = await pix.save_image(picture())
    await pix.update_image(old.id, picture("webp"))

    async def slow(image_id: str) -> Refusal:
        clock.now_ms = NOW_MS + 60_000
        return None

    for record, state in ((same, WireState.SUCCESS), (old, WireState.INVALID_PROOF)):
        clock.now_ms = NOW_MS
        assert await answered(parts_of(pix).decisions, request_of(record), slow) is state


@ways
async def test_a_rule_decides_on_what_is_proven(pix: Pixstore, answered: Answered) -> None:
    """The rule is asked for the ids of proven requests alone; None, a state and "forbidden" are its answers."""
    record, asked = await pix.save_image(picture()), list[str]()
    refusals: list[Refusal] = [None, WireState.INTERNAL_ERROR, "forbidden", None]

    async def rule(image_id: str) -> Refusal:
        asked.append(image_id)
        return refusals.pop(0)

    for state in (WireState.SUCCESS, WireState.INTERNAL_ERROR, None):
        assert await answered(parts_of(pix).decisions, request_of(record), rule) is state
    assert asked == [record.id] * 3
    unproven = request_of(record)._replace(proof="A" * 48)
    assert await answered(parts_of(pix).decisions, unproven, rule) is WireState.INVALID_PROOF
    assert asked == [record.id] * 3


@pytest.mark.parametrize("sent", [ProofTerms(), ProofTerms(b"ada"), ProofTerms(b"bob")])
@pytest.mark.parametrize("wanted", [ProofTerms(), ProofTerms(b"ada"), ProofTerms(b"bob")])
async def test_terms_come_with_the_request(pix: Pixstore, sent: ProofTerms, wanted: ProofTerms) -> None:
    """One Pixstore issues and checks proofs of several audiences; each is good for its own alone."""
    saved = await pix.save_image(picture())
    parts = parts_of(pix)
    image = await parts.store.get(saved.id)
    assert image is not None
    record = parts.proofs.record(await parts.life.opened(), [image], RecordTerms(sent))
    payload = await parts.decisions.answer(Inquiry(request_of(record), wanted))
    assert state_of(payload) is (WireState.SUCCESS if sent == wanted else WireState.INVALID_PROOF)


@ways
async def test_an_error_is_logged_once(answered: Answered, caplog: pytest.LogCaptureFixture) -> None:
    """An error of the store is InternalError for the page, and one log line with the image and the reason."""

    async def rule(image_id: str) -> Refusal:
        return None

    async with Pixstore(FailingStore(), secret=SECRET) as pix:
        record = await pix.save_image(picture())
        assert await answered(parts_of(pix).decisions, request_of(record), rule) is WireState.INTERNAL_ERROR
    (line,) = [entry for entry in caplog.records if entry.levelno >= logging.ERROR]
    assert line.getMessage() == f"image {record.id!r} can't be served: the disk is gone"


async def test_a_store_that_is_not_usable_here_is_logged_once(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """Without an event loop, as in a forked child, a request is InternalError and one log line."""
    record = await pix.save_image(picture())
    with caplog.at_level(logging.DEBUG, "pixstore_asgi"):
        answer = await asyncio.to_thread(parts_of(pix).decisions.decide, Inquiry(request_of(record)))
    assert isinstance(answer, Payload)
    assert answer.state is WireState.INTERNAL_ERROR
    (line,) = caplog.records
    assert line.getMessage().startswith(f"image {record.id!r} can't be served: pixstore_asgi runs under asyncio only")


async def test_a_request_does_not_show_its_proof(pix: Pixstore) -> None:
    """The repr of a request, which error trackers record, has its id and token only."""
    record = await pix.save_image(picture())
    assert repr(request_of(record)) == f"ImageRequest(image_id={record.id!r}, token={record.token})"


REFUSALS: dict[str, dict[str, Any]] = {
    "it has no image id": {"image_id": ""},
    "it has no proof": {"proof": None},
    "this is not an image id": {"image_id": "../x"},
    "the proof is refused: not-canonical": {"proof": "A" * 47},
    "the proof is refused: version": {"proof": "A" * 48},
    "the proof is refused: token, the token of the request is missing or malformed": {"token": None},
    "the proof is refused: mac": {"token": 7},
    "the proof is refused: expired, 1 ms too late": {"now_ms": NOW_MS + 30_000},
    "the proof is refused: not-yet-valid, 1 ms too early": {"now_ms": NOW_MS - 15_001},
    "the proof is refused: epoch, it has epoch 0, but the image has epoch 1": {"is_revoked": True},
    "the proof is refused: audience, the request has no audience": {"terms": None},
    "the application's rule forbids it": {"rule": "forbidden"},
}


@pytest.mark.parametrize("reason", REFUSALS)
async def test_the_log_has_the_true_reason(
    pix: Pixstore, clock: FixedClock, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each refusal logs one line at debug level with the id and the exact reason, and without the proof."""
    record = await pix.save_image(picture())
    wanted = dict(REFUSALS[reason])

    async def forbid(image_id: str) -> Refusal:
        return "forbidden"

    clock.now_ms = wanted.pop("now_ms", NOW_MS)
    terms = wanted.pop("terms", ProofTerms())
    if wanted.pop("is_revoked", False):
        await pix.revoke(record.id)
    rule = forbid if wanted.pop("rule", None) else None
    request = request_of(record)._replace(**wanted)
    with caplog.at_level(logging.DEBUG, "pixstore_asgi"):
        inquiry = inquiry_of(request, rule)
        inquiry.terms = terms
        answer = await parts_of(pix).decisions.answer(inquiry)
    assert answer == FORBIDDEN or state_of(answer) in (3, 4, 5)
    (line,) = caplog.records
    assert (line.levelno, line.getMessage()) == (
        logging.DEBUG,
        f"a request for image {request.image_id!r} is refused: {reason}",
    )


async def test_the_log_names_the_secret_that_is_missing(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """A proof of a secret that is not in the ring is refused with that secret's public id."""
    record = await pix.save_image(picture())
    foreign = KeyRing(OTHER_SECRET)
    keys = ProofKeys(foreign, ProofWindows())
    proof = keys.issue(ProofTerms(), image_id=record.id, token=record.token, now_ms=0)
    with caplog.at_level(logging.DEBUG, "pixstore_asgi"):
        await parts_of(pix).decisions.answer(Inquiry(request_of(record)._replace(proof=proof)))
    assert f"unknown-key, it was signed under secret {foreign.signing.key_id.hex()}" in caplog.text
