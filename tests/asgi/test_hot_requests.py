"""Hot requests: an answer that needs no wait is decided by plain code, and is the same as one that needed some."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp, WireState
from pixstore_asgi.asgi.app import AppOptions
from pixstore_asgi.errors import StoreError
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.serving.cache import ImageCache
from pixstore_asgi.serving.decide import Decisions
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.sqlite.reads import Pace
from tests.support.asgi import Wire, scope_of
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.clock import FixedClock
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture
from tests.support.sqlite import look_no_more

SIZES = {"small": 300, "one piece": 4 * CHUNK_BYTES - 1, "two pieces": 4 * CHUNK_BYTES}
CORS: dict[str, AppOptions] = {
    "plain": {},
    "origins": {"allow_origins": ["https://app.example"]},
    "host's CORS": {"allow_origins": None},
}


class Site:
    """A Pixstore with images that are in memory, changed, revoked, gone, or were never read, and records of all."""

    def __init__(self, pix: Pixstore, clock: FixedClock) -> None:
        self.pix = pix
        self.clock = clock
        self.records: dict[str, ImageRecord] = {}

    async def fill(self, foreign: Pixstore) -> None:
        """Save images, read them until they are in memory, then change some."""
        look_no_more(parts_of(self.pix).store)
        for name, size in SIZES.items():
            self.records[name] = await self.pix.save_image(large_png(size))
        for name in ("updated", "revoked", "deleted", "unread"):
            self.records[name] = await self.pix.save_image(picture())
        for name in (*SIZES, "updated", "revoked", "deleted"):
            for _ in range(3):
                await messages_of(PixstoreApp(self.pix), scope_of(self.records[name]))
        audience = await self.pix.get_image_record(self.records["small"].id, audience="somebody")
        assert audience
        self.records["audience"] = audience
        await self.pix.update_image(self.records["updated"].id, picture("webp"))
        await self.pix.revoke(self.records["revoked"].id)
        await self.pix.delete_image(self.records["deleted"].id)
        self.records["foreign"] = ImageRecord(
            self.records["small"], statelessProof=(await foreign.save_image(picture())).stateless_proof
        )


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def site(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")

    async def fill() -> AsyncIterator[Site]:
        clock = FixedClock()
        async with (
            Pixstore(folder / "pixstore.db", secret=SECRET, clock_ms=clock) as pix,
            Pixstore(folder / "other.db", secret=OTHER_SECRET) as foreign,
        ):
            filled = Site(pix, clock)
            await filled.fill(foreign)
            yield filled

    filling = fill()
    yield runner.run(anext(filling))  # type: ignore[arg-type]
    runner.run(filling.aclose())  # type: ignore[attr-defined]


async def messages_of(app: PixstoreApp, scope: dict[str, Any]) -> list[dict[str, Any]]:
    wire = Wire()
    await app(scope, wire.receive, wire.send)
    return wire.sent


@contextmanager
def waits() -> Iterator[list[object]]:
    """Yield a list that gets every wait for something."""
    waited: list[object] = []
    wait_for = Decisions._await

    async def count(self: Decisions, inquiry: Any, wait: Any) -> None:
        waited.append(wait)
        await wait_for(self, inquiry, wait)

    with mock.patch.object(Decisions, "_await", count):
        yield waited


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", [*SIZES, "updated", "revoked", "deleted", "unread", "audience", "foreign"])
def test_the_answer_is_the_same_with_and_without_waits(
    runner: asyncio.Runner, site: Site, name: str, method: str, is_late: bool
) -> None:
    """Status, headers and body do not depend on whether the image is found in memory or opened in the store."""
    app, scope = PixstoreApp(site.pix), scope_of(site.records[name], method=method)
    now_ms = site.clock.now_ms
    site.clock.now_ms += 40_000 if is_late else 0
    try:
        messages = runner.run(messages_of(app, scope))
        with mock.patch.object(ImageCache, "find_nowait", return_value=None):
            assert runner.run(messages_of(app, scope)) == messages
    finally:
        site.clock.now_ms = now_ms


@pytest.mark.parametrize("options", CORS)
@pytest.mark.parametrize("name", ["small", "one piece", "audience"])
def test_a_hot_request_waits_for_nothing(runner: asyncio.Runner, site: Site, name: str, options: str) -> None:
    """A GET of an image in memory, of up to a megabyte, and a refused one are decided without any wait."""
    with waits() as waited:
        runner.run(messages_of(PixstoreApp(site.pix, **CORS[options]), scope_of(site.records[name])))
    assert waited == []


@pytest.mark.parametrize("is_quick", [True, False], ids=["quick-disk", "slow-disk"])
def test_a_quick_disk_is_read_without_a_wait(
    runner: asyncio.Runner, site: Site, is_quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that is not in memory is read without a wait if the disk is quick, and with one wait otherwise."""
    monkeypatch.setattr(Pace, "is_quick", lambda self: is_quick)

    async def ask() -> list[dict[str, Any]]:
        parts_of(site.pix).life.images.clear()
        return await messages_of(PixstoreApp(site.pix), scope_of(site.records["small"]))

    with waits() as waited:
        messages = runner.run(ask())
    assert len(waited) == (0 if is_quick else 1)
    assert len(messages[-1]["body"]) == SIZES["small"] + 2


@pytest.mark.parametrize(("name", "state"), [("updated", WireState.UPDATED), ("revoked", WireState.INVALID_PROOF)])
def test_a_changed_image_is_decided_without_a_wait(
    runner: asyncio.Runner, site: Site, name: str, state: WireState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proof that was valid before an update or a revoke gets the current state, without a wait."""
    monkeypatch.setattr(Pace, "is_quick", lambda self: True)
    with waits() as waited:
        messages = runner.run(messages_of(PixstoreApp(site.pix), scope_of(site.records[name])))
    assert (waited, messages[-1]["body"][0]) == ([], state)


@pytest.mark.parametrize("name", ["two pieces", "deleted", "foreign"])
def test_other_requests_take_one_wait(runner: asyncio.Runner, site: Site, name: str) -> None:
    """An image of more than one piece, a deleted one, and a proof of an unknown secret take one wait."""
    with waits() as waited:
        runner.run(messages_of(PixstoreApp(site.pix), scope_of(site.records[name])))
    assert len(waited) == 1


def test_a_path_that_is_no_id_is_no_error(runner: asyncio.Runner, site: Site) -> None:
    """A path of any length is refused, also with a valid proof; a reserved path is never an image's."""
    app, record = PixstoreApp(site.pix), site.records["small"]
    for path, wanted in (("/" + "a" * 70_000, b"\x05"), ("/-/" + "a" * 70_000, b"")):
        assert runner.run(messages_of(app, scope_of(record, path=path)))[-1].get("body", b"") == wanted
    assert runner.run(messages_of(app, scope_of(record, path="/-/")))[0]["status"] == 404


def test_the_applications_rule_is_always_asked(runner: asyncio.Runner, site: Site) -> None:
    """An image in memory is not sent before the rule or the audience was asked."""
    record = site.records["small"]
    forbidden = PixstoreApp(site.pix, authorize=lambda scope, image_id: False)
    assert runner.run(messages_of(forbidden, scope_of(record)))[0]["status"] == 403
    other = PixstoreApp(site.pix, audience=lambda scope: "somebody")
    assert runner.run(messages_of(other, scope_of(record)))[-1]["body"] == b"\x05"


async def frames_sent(
    app: PixstoreApp, records: list[ImageRecord], before: Callable[[bytes], Awaitable[None]] | None = None
) -> list[bytes]:
    """Return the pieces of the response to a batch of these records, the last one first; of an id, the first one.

    before: awaited while the client takes the first piece.
    """
    entries = {record.id: entry_of(record) for record in reversed(records)}
    wire, body = Wire(), body_of(*entries.values())

    async def receive() -> dict[str, Any]:
        nonlocal body
        if not body:
            return await wire.receive()
        message, body = {"type": "http.request", "body": body, "more_body": False}, b""
        return message

    async def send(message: Any) -> None:
        if before and len(wire.sent) == 1:
            await before(message["body"])
        await wire.send(message)

    scope = {"type": "http", "method": "POST", "path": "/-/batch", "root_path": "", "headers": []}
    await app(scope, receive, send)
    return [message["body"] for message in wire.sent[1:]]


def test_small_images_in_memory_share_sends(runner: asyncio.Runner, site: Site) -> None:
    """Thumbnails come in pieces of some 128 KiB of them, and the response is those and its end."""

    async def save_all() -> list[ImageRecord]:
        records = [await site.pix.save_image(large_png(10_000)) for _ in range(25)]
        for _ in range(2):
            await frames_sent(PixstoreApp(site.pix), records)
        return records

    records = runner.run(save_all())
    sent = runner.run(frames_sent(PixstoreApp(site.pix), records))
    assert len(frames_of(b"".join(sent))) == 25
    assert [len(piece) // 10_000 for piece in sent] == [14, 11, 0]


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda pix, image_id: pix.revoke(image_id), WireState.INVALID_PROOF),
        (lambda pix, image_id: pix.delete_image(image_id), WireState.NOT_FOUND),
        (lambda pix, image_id: pix.update_image(image_id, picture()), WireState.UPDATED),
    ],
    ids=["revoked", "deleted", "updated"],
)
def test_what_waits_behind_a_slow_send_is_looked_up_after_it(
    runner: asyncio.Runner, site: Site, change: Callable[[Pixstore, str], Awaitable[object]], state: WireState
) -> None:
    """An image that waits behind a slow client is looked up when its turn comes."""
    app = PixstoreApp(site.pix)

    async def ask_and_change() -> bytes:
        records = [await site.pix.save_image(large_png(100_000)) for _ in range(3)]
        for _ in range(2):
            await frames_sent(app, records)

        async def before_first(piece: bytes) -> None:
            if piece:
                await change(site.pix, records[0].id)

        return b"".join(await frames_sent(app, records, before_first))

    frames = frames_of(runner.run(ask_and_change()))
    assert [body[0] for _, _, body in frames] == [WireState.SUCCESS, WireState.SUCCESS, state]


def test_a_failing_store_is_an_internal_error(
    runner: asyncio.Runner, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """If the store can't tell which version is current, the page gets InternalError and the log has the reason."""
    with mock.patch.object(type(parts_of(site.pix).store), "stamps", side_effect=StoreError("it is gone")):
        messages = runner.run(messages_of(PixstoreApp(site.pix), scope_of(site.records["small"])))
    assert messages[-1]["body"] == b"\x06"
    assert "can't be served: it is gone" in caplog.text
