"""Proofs: how long they are valid, which values they are bound to, and when they are not checked."""

from pathlib import Path

import pytest

from pixstore_asgi import (
    Pixstore,
    WireState,
)
from pixstore_asgi.store.memory import MemoryStore
from tests.support.clock import FixedClock
from tests.support.payloads import served
from tests.support.samples import OTHER_SECRET, SECRET, picture


async def test_proofs_live_one_to_two_windows() -> None:
    """A proof is good until the record's `proof_expires_at`, and not from then on."""
    clock = FixedClock()
    async with Pixstore(MemoryStore(), secret=SECRET, clock_ms=clock) as pix:
        record = await pix.save_image(picture())
        expires_at = record.proof_expires_at
        assert expires_at is not None
        assert 20_000 <= expires_at - clock.now_ms <= 40_000
        clock.now_ms = expires_at - 1
        assert (await served(pix, record))[0] == WireState.SUCCESS
        clock.now_ms = expires_at
        assert (await served(pix, record))[0] == WireState.INVALID_PROOF


async def test_a_bound_token_keeps_a_leaked_proof_from_the_key(tmp_path: Path) -> None:
    """With the token bound, a leaked id and proof open nothing; unbound they open the image, as npm's do."""
    for bind_token, without_token in ((True, WireState.INVALID_PROOF), (False, WireState.UPDATED)):
        async with Pixstore(MemoryStore(), secret=SECRET, bind_token=bind_token) as pix:
            record = await pix.save_image(picture())
            for token in (None, record.token + 1, "not a token"):
                async with await pix.open_payload(record.id, token=token, proof=record.stateless_proof) as payload:
                    assert payload.state == without_token
            assert await served(pix, record) == (WireState.SUCCESS, picture())


async def test_unproven_serves_without_a_proof(caplog: pytest.LogCaptureFixture) -> None:
    """proof_window_ms=-1 serves any id from open_payload, warns when it opens, and its records never expire."""
    async with Pixstore(MemoryStore(), secret=SECRET, proof_window_ms=-1) as pix:
        assert "without checking proofs" in caplog.text
        record = await pix.save_image(picture())
        assert record.proof_expires_at is None
        assert record.stateless_proof
        async with await pix.open_payload(record.id) as payload:
            assert payload.state == WireState.UPDATED
        assert (await pix.open_payload("../x")).state == WireState.INVALID_PROOF


async def test_a_proof_is_another_for_every_image_and_version(pix: Pixstore) -> None:
    """No two images or versions share a proof, a key or an iv."""
    records = [await pix.save_image(picture()) for _ in range(3)]
    records.append(await pix.update_image(records[0].id, picture()))
    for name in ("stateless_proof", "key", "iv", "tag"):
        assert len({getattr(record, name) for record in records}) == len(records)


async def test_another_length_of_windows_revives_no_proof(tmp_path: Path) -> None:
    """A proof made with one window length is never valid with another."""
    clock, path = FixedClock(), tmp_path / "pixstore.db"
    async with (
        Pixstore(path, secret=SECRET, clock_ms=clock) as before,
        Pixstore(path, secret=SECRET, clock_ms=clock, proof_window_ms=20_001) as after,
    ):
        record = await before.save_image(picture())
        number = clock.now_ms // 20_000
        for now_ms in (clock.now_ms, number * 20_001, (number + 1) * 20_001):
            clock.now_ms = now_ms
            assert (await served(after, record))[0] is WireState.INVALID_PROOF


async def test_an_old_secret_verifies_as_long_as_that_is_wanted() -> None:
    """Proofs under every secret of the list are good, or with verify_old_secrets=False under the last alone."""
    store = MemoryStore()
    async with (
        Pixstore(store, secret=SECRET) as old,
        Pixstore(store, secret=[SECRET, OTHER_SECRET]) as rolling,
        Pixstore(store, secret=[SECRET, OTHER_SECRET], verify_old_secrets=False) as strict,
    ):
        record = await old.save_image(picture())
        assert (await served(rolling, record))[0] is WireState.SUCCESS
        assert (await served(strict, record))[0] is WireState.INVALID_PROOF
        for issuer in (rolling, strict):
            fresh = await issuer.get_image_record(record.id)
            assert await served(strict, fresh) == (WireState.SUCCESS, picture())  # the old secret unwraps all the same
