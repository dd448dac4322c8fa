"""The requests of a load balancer: /-/live and /-/ready."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import Pixstore, PixstoreApp, PixstoreMiddleware, StoreError, health
from pixstore_asgi.errors import SecretError
from pixstore_asgi.store.contract import KeyChecks
from pixstore_asgi.store.memory import MemoryStore
from tests.support.asgi import client
from tests.support.requests import headers
from tests.support.samples import OTHER_SECRET, SECRET, picture

_EVERY_S = 0.2
NEW_SECRET = "a-newer-secret-for-tests-0123456789-abcdefghijk"


class AskedStore(MemoryStore):
    """A memory store that counts the questions of readiness, and can fail or fall silent."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.was_asked = asyncio.Event()
        self.is_away = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def key_checks(self) -> KeyChecks:
        self.asked += 1
        self.was_asked.set()
        await self.answers.wait()
        if self.is_away:
            raise StoreError("postgresql://user@secret-host/secret-database is away")
        return await super().key_checks()


async def ready(pix: Pixstore) -> tuple[int, Any]:
    async with client(PixstoreApp(pix)) as http:
        response = await http.get("/-/ready")
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, response.json()


@pytest.mark.parametrize(("path", "answer"), [("/-/live", {"live": True}), ("/-/ready", {"ready": True})])
async def test_a_process_that_can_serve_says_so(pix: Pixstore, path: str, answer: dict[str, bool]) -> None:
    """200 with JSON that no cache keeps, for GET and HEAD, mounted or below the middleware's route, without a proof."""
    wrapped = PixstoreMiddleware(PixstoreApp(pix), pix, authorize=lambda scope, image_id: False)
    for app, mount in ((PixstoreApp(pix), ""), (wrapped, "/pixstore-image")):
        async with client(app) as http:
            get, head = await http.get(mount + path), await http.head(mount + path)
            assert (await http.post(mount + path)).status_code == 405
        assert (get.status_code, get.json()) == (200, answer)
        assert dict(get.headers) == {
            "content-type": "application/json",
            "content-length": str(len(get.content)),
            "cache-control": "no-store",
        }
        assert (head.status_code, head.headers, head.content) == (200, get.headers, b"")


@pytest.mark.parametrize("path", ["/-/ready/", "/-/%72eady", "/-/live/", "/%2D/live", "/-%2Fready", "/-/ready%2F"])
async def test_there_is_one_spelling(pix: Pixstore, path: str) -> None:
    """A rule of a proxy that hides the address by its path hides it in every spelling: others are 404."""
    async with client(PixstoreMiddleware(PixstoreApp(pix), pix)) as http:
        assert (await http.get(f"/pixstore-image{path}")).status_code == 404


async def test_ready_opens_the_store(tmp_path: Path) -> None:
    """A mount without a lifespan becomes ready by being asked, as it would by an image request; live opens nothing."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    async with client(PixstoreApp(pix)) as http:
        assert (await http.get("/-/live")).status_code == 200
        assert not (tmp_path / "pixstore.db").exists()
        assert (await http.get("/-/ready")).status_code == 200
    assert (tmp_path / "pixstore.db").exists()
    await pix.close()


async def test_a_store_that_cannot_open_is_not_ready(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """503 with a reason that names no path; the log names it; the process is live all the same."""
    pix = Pixstore(tmp_path / "nowhere" / "pixstore.db", secret=SECRET)
    assert await ready(pix) == (503, {"ready": False, "reason": "store"})
    assert "nowhere" in caplog.text
    async with client(PixstoreApp(pix)) as http:
        assert (await http.get("/-/live")).status_code == 200


async def test_a_missing_secret_is_not_ready(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where images are under a secret that is not there, from the start or since another process saved."""
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as pix:
        await pix.save_image(picture())
        async with Pixstore(tmp_path / "pixstore.db", secret=[SECRET, NEW_SECRET]) as other:
            await other.save_image(picture())
        assert await ready(pix) == (503, {"ready": False, "reason": "secret"})
    assert "was written with secret" in caplog.text
    assert await ready(Pixstore(tmp_path / "pixstore.db", secret=OTHER_SECRET)) == (
        503,
        {"ready": False, "reason": "secret"},
    )


async def test_a_new_secret_is_found_when_it_is_needed() -> None:
    """Where the secrets come from a function, readiness asks it for the one that another process began to use."""
    store, secrets = MemoryStore(), [SECRET]

    async def ask() -> list[str]:
        return secrets

    async with Pixstore(store, secret=ask) as pix, Pixstore(store, secret=[SECRET, NEW_SECRET]) as other:
        record = await other.save_image(picture())
        secrets = [SECRET, NEW_SECRET]
        assert await ready(pix) == (200, {"ready": True})
        assert await pix.read_image(record.id)


async def test_a_secret_that_nothing_needs_may_be_missing(tmp_path: Path) -> None:
    """A secret that the store knows but no image needs does not make the process unready."""
    async with Pixstore(tmp_path / "pixstore.db", secret=OTHER_SECRET) as old:
        await old.delete_image((await old.save_image(picture())).id)
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as pix:
        assert await ready(pix) == (200, {"ready": True})


async def test_a_secret_that_is_needed_again_is_missed_again(tmp_path: Path) -> None:
    """Once a request has named a secret that is not there, and images are under it, the process is not ready."""
    async with Pixstore(tmp_path / "pixstore.db", secret=OTHER_SECRET) as other:
        await other.delete_image((await other.save_image(picture())).id)
        async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as pix:
            await pix.ping()
            record = await other.save_image(picture())
            async with client(PixstoreApp(pix)) as http:
                await http.get(f"/{record.id}", headers=headers(record))
            assert await ready(pix) == (503, {"ready": False, "reason": "secret"})


async def test_a_source_that_fails_keeps_nobody_from_serving() -> None:
    """Where no image needs a secret, none is asked for, though a proof has named one and the source is away."""
    store, is_away = MemoryStore(), False

    async def ask() -> str:
        if is_away:
            raise OSError("the vault is sealed")
        return SECRET

    async with Pixstore(store, secret=OTHER_SECRET) as old, Pixstore(store, secret=ask) as pix:
        record = await old.save_image(picture())
        await old.delete_image(record.id)
        await pix.ping()
        is_away = True
        async with client(PixstoreApp(pix)) as http:
            await http.get(f"/{record.id}", headers=headers(record))
        assert await ready(pix) == (200, {"ready": True})


async def test_ping_tells_what_is_in_the_way() -> None:
    """Nothing where the store answers, and else the very error, which `/-/ready` keeps to itself."""
    store = AskedStore()
    async with Pixstore(store, secret=SECRET) as pix:
        await pix.ping()
        store.is_away = True
        with pytest.raises(StoreError, match="is away"):
            await pix.ping()
        store.is_away = False
        await pix.save_image(picture())
    with pytest.raises(SecretError, match="was written with secret"):
        await Pixstore(store, secret=OTHER_SECRET).ping()


async def test_many_who_ask_are_one_question() -> None:
    """However many ask at once, and soon after, the store is asked once, though the first of them has left."""
    store = AskedStore()
    async with Pixstore(store, secret=SECRET) as pix:
        store.asked = 0
        store.was_asked.clear()
        store.answers.clear()
        leaves = asyncio.create_task(ready(pix))
        others = [asyncio.create_task(ready(pix)) for _ in range(50)]
        await store.was_asked.wait()
        leaves.cancel()
        store.answers.set()
        assert await asyncio.gather(*others) == [(200, {"ready": True})] * 50
        assert store.asked == 1


@pytest.fixture
def quick_readiness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readiness waits a fifth of its usual times."""
    monkeypatch.setattr(health, "_ASK_EVERY_S", _EVERY_S)
    monkeypatch.setattr(health, "_ANSWER_WITHIN_S", 2 * _EVERY_S)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_readiness")
async def test_a_store_that_is_away_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    """A store that is away or silent is 503 within a time limit, logged once, and asked again after a while."""
    store = AskedStore()
    async with Pixstore(store, secret=SECRET) as pix:
        store.is_away = True
        for _ in range(2):
            assert await ready(pix) == (503, {"ready": False, "reason": "store"})
            await asyncio.sleep(_EVERY_S)
        assert caplog.text.count("secret-host") == 1
        store.is_away = False
        assert await ready(pix) == (200, {"ready": True})
        await asyncio.sleep(_EVERY_S)
        store.answers.clear()
        assert await ready(pix) == (503, {"ready": False, "reason": "store"})
        assert f"no answer within {2 * _EVERY_S} s" in caplog.text
        store.answers.set()
        await asyncio.sleep(_EVERY_S)
        assert await ready(pix) == (200, {"ready": True})


@pytest.mark.slow
@pytest.mark.usefixtures("quick_readiness")
async def test_why_a_store_was_silent_is_told_once_it_is_known(caplog: pytest.LogCaptureFixture) -> None:
    """A store that is silent at first and then fails, as one that waits for its database, is told both, once each."""
    store = AskedStore()
    async with Pixstore(store, secret=SECRET) as pix:
        store.answers.clear()
        for _ in range(2):
            assert await ready(pix) == (503, {"ready": False, "reason": "store"})
        assert "secret-host" not in caplog.text
        store.is_away = True
        store.answers.set()
        for _ in range(3):
            assert await ready(pix) == (503, {"ready": False, "reason": "store"})
            await asyncio.sleep(_EVERY_S)
        assert (caplog.text.count(f"no answer within {2 * _EVERY_S} s"), caplog.text.count("secret-host")) == (1, 1)
        store.is_away = False
        assert await ready(pix) == (200, {"ready": True})
        assert [record.levelname for record in caplog.records if record.message == "ready again"] == ["WARNING"]


async def test_a_process_that_drains_is_not_ready() -> None:
    """From SIGTERM on readiness is off, while images are served; the signal reaches the server's handler later."""
    handed_on = asyncio.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: handed_on.set())
    try:
        store = AskedStore()
        async with Pixstore(store, secret=SECRET, drain_s=0.2) as pix:
            record = await pix.save_image(picture())
            os.kill(os.getpid(), signal.SIGTERM)
            asked = store.asked
            assert await ready(pix) == (503, {"ready": False, "reason": "draining"})
            assert store.asked == asked
            assert not handed_on.is_set()
            assert await pix.read_image(record.id)
            await handed_on.wait()
            assert await ready(pix) == (503, {"ready": False, "reason": "draining"})
    finally:
        signal.signal(signal.SIGTERM, before)
