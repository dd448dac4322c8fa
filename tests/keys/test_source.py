"""Secrets from a function: it is called at open and if a secret is missing, never per image."""

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import Pixstore, PixstoreError, WireState
from pixstore_asgi.errors import SecretError
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.memory import MemoryStore
from tests.support.payloads import served
from tests.support.samples import OTHER_SECRET, SECRET, picture

WRONG: list[Any] = [
    OSError("the vault is sealed"),
    SecretError("of their own"),
    *([], None, ["short"], [OTHER_SECRET], {SECRET}, {}, 7),
]


class Vault:
    """A source that returns its secrets after a delay, counts its calls, and raises a secret that is an error."""

    def __init__(self, *secrets: Any) -> None:
        self.secrets: Any = list(secrets)
        self.asked = 0

    async def __call__(self) -> Any:
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.secrets, Exception):
            raise self.secrets
        return self.secrets


async def test_a_source_is_called_once_at_open(tmp_path: Path) -> None:
    """Saves, records and reads call the source no more, and the store has these secrets."""
    vault = Vault(OTHER_SECRET, SECRET)
    async with Pixstore(tmp_path / "pixstore.db", secret=vault) as pix:
        records = [await pix.save_image(picture()) for _ in range(3)]
        for record in records:
            assert await served(pix, record) == (WireState.SUCCESS, picture())
    assert vault.asked == 1
    async with Pixstore(tmp_path / "pixstore.db", secret=[OTHER_SECRET, SECRET]) as pix:
        assert await served(pix, records[0]) == (WireState.SUCCESS, picture())


async def test_a_rotation_needs_no_restart() -> None:
    """Requests with proofs or rows of a newer secret share one call of the source, and all succeed."""
    store, vault = MemoryStore(), Vault(SECRET)
    async with Pixstore(store, secret=vault) as old:
        before = await old.save_image(picture())
        async with Pixstore(store, secret=[SECRET, OTHER_SECRET]) as new:
            saved = await new.save_image(picture("webp"))
            updated = await new.update_image(before.id, picture("jpeg"))
            vault.secrets = [SECRET, OTHER_SECRET]
            answers = await asyncio.gather(*(served(old, record) for _ in range(20) for record in (saved, updated)))
            assert set(answers) == {(WireState.SUCCESS, picture("webp")), (WireState.SUCCESS, picture("jpeg"))}
        assert vault.asked == 2


@pytest.mark.parametrize("operation", ["record", "records", "read", "updated"])
async def test_a_row_of_a_new_secret_calls_the_source(operation: str) -> None:
    """Each operation that reads a row under an unknown secret calls the source."""
    store, vault = MemoryStore(), Vault(SECRET)
    async with Pixstore(store, secret=vault) as old, Pixstore(store, secret=[SECRET, OTHER_SECRET]) as new:
        before = await old.save_image(picture())
        await new.update_image(before.id, picture("webp"))
        vault.secrets = [SECRET, OTHER_SECRET]
        if operation == "record":
            assert await old.get_image_record(before.id)
        elif operation == "records":
            assert len(await old.get_image_records([before.id])) == 1
        elif operation == "read":
            found = await old.read_image(before.id)
            assert found is not None
            assert found.data == picture("webp")
        else:
            assert await served(old, before) == (WireState.UPDATED, picture("webp"))
        assert vault.asked == 2


async def test_a_source_is_called_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proofs of unknown secrets, which any client can send, call the source at most once in 10 s."""
    now_s = 1000.0
    monkeypatch.setattr("pixstore_asgi.keys.secrets.time.monotonic", lambda: now_s)
    vault = Vault(SECRET)
    async with Pixstore(MemoryStore(), secret=vault) as pix, Pixstore(MemoryStore(), secret=OTHER_SECRET) as foreign:
        record = await foreign.save_image(picture())
        for moment, asked in ((1000.0, 2), (1009.9, 2), (1010.0, 3), (1015.0, 3)):
            now_s = moment
            for _ in range(5):
                assert (await served(pix, record))[0] is WireState.INVALID_PROOF
            assert vault.asked == asked


async def test_a_failing_source_takes_no_working_ring_away(caplog: pytest.LogCaptureFixture) -> None:
    """An error or a wrong value of the source is a SecretError or a log line, and the old ring stays in use."""
    vault = Vault(SECRET)
    async with Pixstore(MemoryStore(), secret=vault) as pix:
        record = await pix.save_image(picture())
        for wrong in WRONG:
            vault.secrets = wrong
            with pytest.raises(SecretError) as caught:
                await pix.reload_secrets()
            assert not isinstance(wrong, Exception) or caught.value.__cause__ is wrong
            assert await served(pix, record) == (WireState.SUCCESS, picture())
        async with Pixstore(MemoryStore(), secret=OTHER_SECRET) as foreign:
            stranger = await foreign.save_image(picture())
        vault.secrets = OSError("the vault is sealed")
        with caplog.at_level(logging.ERROR):
            assert (await served(pix, stranger))[0] is WireState.INVALID_PROOF
        assert [line.getMessage() for line in caplog.records] == [
            "the secrets stay as they were: the source of secrets failed: OSError"
        ]
        assert await served(pix, record) == (WireState.SUCCESS, picture())


async def test_a_source_that_fails_at_open_is_a_secret_error() -> None:
    """A source that fails at open is a SecretError, and the next open calls it again."""
    vault = Vault(SECRET)
    pix = Pixstore(MemoryStore(), secret=vault)
    vault.secrets = TimeoutError("no answer")
    with pytest.raises(SecretError, match="the source of secrets failed: TimeoutError"):
        await pix.open()
    vault.secrets = SECRET
    async with pix:
        assert await pix.save_image(picture())


async def test_fixed_secrets_are_not_reloaded() -> None:
    """Without a source, reload_secrets changes nothing, and a proof of an unknown secret is refused."""
    async with Pixstore(MemoryStore(), secret=SECRET) as pix, Pixstore(MemoryStore(), secret=OTHER_SECRET) as foreign:
        record, stranger = await pix.save_image(picture()), await foreign.save_image(picture())
        await pix.reload_secrets()
        assert (await served(pix, stranger))[0] is WireState.INVALID_PROOF
        assert await served(pix, record) == (WireState.SUCCESS, picture())


async def test_a_closed_pixstore_reloads_nothing() -> None:
    """After the close, reload_secrets raises an error and does not call the source."""
    vault = Vault(SECRET)
    pix = Pixstore(MemoryStore(), secret=vault)
    await pix.open()
    await pix.close()
    with pytest.raises(PixstoreError, match="was closed"):
        await pix.reload_secrets()
    assert vault.asked == 1


async def test_concurrent_requests_share_one_call() -> None:
    """Concurrent proofs of an unknown secret share one call of a slow source that fails."""
    vault = Vault(SECRET)
    async with Pixstore(MemoryStore(), secret=vault) as pix, Pixstore(MemoryStore(), secret=OTHER_SECRET) as foreign:
        record = await foreign.save_image(picture())
        vault.secrets = OSError("no answer")
        answers = await asyncio.gather(*(served(pix, record) for _ in range(20)))
        assert {state for state, _ in answers} == {WireState.INVALID_PROOF}
    assert vault.asked == 2


async def test_a_source_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that never answers is given up after its time: an open fails, and an open Pixstore can close."""
    monkeypatch.setattr("pixstore_asgi.keys.find._LONGEST_S", 0.05)

    async def never() -> Any:
        await asyncio.Event().wait()

    with pytest.raises(SecretError, match="source of secrets failed: TimeoutError"):
        await Pixstore(MemoryStore(), secret=never).open()


async def test_a_failure_at_a_request_is_cached() -> None:
    """If requests open the store, as in a bare mount, a failure is cached for a while, but not for open()."""
    vault = Vault(SECRET)
    vault.secrets = OSError("no answer")
    pix = Pixstore(MemoryStore(), secret=vault)
    for _ in range(10):
        with pytest.raises(SecretError, match="source of secrets failed: OSError"):
            await pix.image_exists("a")
    assert vault.asked == 1
    vault.secrets = SECRET
    async with pix:
        assert not await pix.image_exists("a")


async def test_proofs_do_not_delay_rows() -> None:
    """A call of the source for a proof does not delay the call for a row."""
    store, vault = MemoryStore(), Vault(SECRET)
    async with Pixstore(store, secret=vault) as old, Pixstore(store, secret=[SECRET, OTHER_SECRET]) as new:
        stranger = await new.save_image(picture())
        assert (await served(old, stranger))[0] is WireState.INVALID_PROOF
        vault.secrets = [SECRET, OTHER_SECRET]
        assert await old.get_image_record(stranger.id)


async def test_a_cancelled_request_does_not_end_the_search() -> None:
    """The secret of a row is found even if the request that called the source is cancelled."""
    store, asked, answers = MemoryStore(), asyncio.Event(), asyncio.Event()

    async def vault() -> list[str]:
        if not asked.is_set():
            return [SECRET]
        await answers.wait()
        return [SECRET, OTHER_SECRET]

    async with Pixstore(store, secret=vault) as old, Pixstore(store, secret=[SECRET, OTHER_SECRET]) as new:
        stranger = await new.save_image(picture())
        asked.set()
        leaves = asyncio.create_task(old.get_image_record(stranger.id))
        await asyncio.sleep(0.01)
        leaves.cancel()
        await asyncio.wait([leaves])
        answers.set()
        assert await old.get_image_record(stranger.id)


async def test_an_upload_uses_the_secrets_at_its_end(tmp_path: Path) -> None:
    """An upload that ends after a rotation is wrapped under the new secret."""
    vault = Vault(OTHER_SECRET, SECRET)
    async with Pixstore(tmp_path / "pixstore.db", secret=vault) as pix:
        image = picture()

        async def upload() -> AsyncIterator[bytes]:
            yield image[:50]
            vault.secrets = [SECRET, OTHER_SECRET]
            await pix.reload_secrets()
            await pix.rewrap_keys()
            yield image[50:]

        record = await pix.save_image(upload())
        assert await served(pix, record) == (WireState.SUCCESS, image)
    async with Pixstore(tmp_path / "pixstore.db", secret=OTHER_SECRET) as after:
        fresh = await after.get_image_record(record.id)
        assert await served(after, fresh) == (WireState.SUCCESS, image)


def test_the_arguments_of_a_source_do_not_show() -> None:
    """A token that is bound into the source is in no repr of this package."""

    async def fetch(token: str) -> str:
        return SECRET

    pix = Pixstore(MemoryStore(), secret=partial(fetch, "a-token-of-the-vault"))
    assert "a-token-of-the-vault" not in repr(vars(pix)) + repr(vars(parts_of(pix).life))
