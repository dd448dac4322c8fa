"""The common request is answered at once: with the very messages that any other way sends, for every request."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp, WireState
from pixstore_asgi.asgi.app import AppOptions
from pixstore_asgi.errors import StoreError
from pixstore_asgi.serving.answer import Answers
from pixstore_asgi.serving.load import WholePayload
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.sqlite.pace import Pace
from tests.support.asgi import Wire, scope_of
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.clock import FixedClock
from tests.support.samples import HOSTILE_IDS, OTHER_SECRET, SECRET, large_png, picture
from tests.support.sqlite import look_no_more

SIZES = {"small": 300, "one piece": 4 * CHUNK_BYTES - 1, "two pieces": 4 * CHUNK_BYTES}
OPTIONS: dict[str, AppOptions] = {
    "plain": {},
    "origins": {"allow_origins": ["https://app.example"]},
    "host's CORS": {"allow_origins": None},
    "authorized": {"authorize": lambda scope, image_id: True},
    "forbidden": {"authorize": lambda scope, image_id: False},
    "audience": {"audience": lambda scope: "somebody"},
}


class Site:
    """A Pixstore with images that are in memory, changed, revoked, gone, or were never read, and records of all."""

    def __init__(self, pix: Pixstore, clock: FixedClock) -> None:
        self.pix = pix
        self.clock = clock
        self.records: dict[str, ImageRecord] = {}

    async def fill(self, foreign: Pixstore) -> None:
        """Save images, read them until they are in memory, then change some."""
        look_no_more(self.pix._store)
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
def the_long_way() -> Iterator[None]:
    """Let nothing be answered at once."""
    with mock.patch.object(Answers, "answer_at_once", return_value=None):
        yield


@contextmanager
def counted() -> Iterator[list[WholePayload | None]]:
    """Yield a list that gets what each request was answered at once with, or None."""
    answers: list[WholePayload | None] = []
    at_once = Answers.answer_at_once

    def count(self: Answers, *arguments: Any) -> WholePayload | None:
        answers.append(at_once(self, *arguments))
        return answers[-1]

    with mock.patch.object(Answers, "answer_at_once", count):
        yield answers


HEADERS = st.lists(
    st.sampled_from(
        [
            (b"x-pixstore-token", b"1"),
            (b"x-pixstore-token", b""),
            (b"x-pixstore-token", b"0x1"),
            (b"x-pixstore-proof", b""),
            (b"x-pixstore-proof", b"A" * 48),
            (b"x-pixstore-proof", b"\xff" * 48),
            (b"origin", b"https://app.example"),
            (b"origin", b"https://evil.example"),
            (b"accept-encoding", b"gzip"),
        ]
    ),
    max_size=3,
)
PATHS = st.sampled_from(["/{id}", "/{id}/", "/{id}//", "{id}", "/mount/{id}", "/mount/{id}/", "/", ""])


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([*SIZES, "updated", "revoked", "deleted", "unread", "audience", "foreign"]),
    image_id=st.none()
    | st.none()
    | st.none()
    | st.sampled_from([hostile for hostile in HOSTILE_IDS if len(hostile) < 100]),
    options=st.just("plain") | st.sampled_from(list(OPTIONS)),
    method=st.just("GET") | st.sampled_from(["GET", "HEAD", "OPTIONS", "POST"]),
    more=st.just([]) | HEADERS,
    keeps_own=st.just(True) | st.booleans(),
    path=st.just("/{id}") | PATHS,
    root=st.just("") | st.just("/mount"),
    late_ms=st.just(0) | st.just(0) | st.sampled_from([-6_000, 20_000, 40_000]),
)
def test_both_ways_send_the_same(
    runner: asyncio.Runner,
    site: Site,
    name: str,
    image_id: str | None,
    options: str,
    method: str,
    more: list[tuple[bytes, bytes]],
    keeps_own: bool,
    path: str,
    root: str,
    late_ms: int,
) -> None:
    """Whatever the request, the application and the image are like, status, headers and body are the same."""
    record = site.records[name]
    own = scope_of(record)["headers"] if keeps_own else []
    at = path.replace("{id}", record.id if image_id is None else image_id)
    scope = scope_of(record, method=method, path=at, root_path=root, headers=[*own, *more])
    app = PixstoreApp(site.pix, **OPTIONS[options])
    now_ms, site.clock.now_ms = site.clock.now_ms, site.clock.now_ms + late_ms
    try:
        messages = runner.run(messages_of(app, scope))
        with the_long_way():
            assert runner.run(messages_of(app, scope)) == messages
    finally:
        site.clock.now_ms = now_ms


@pytest.mark.parametrize("options", ["plain", "origins", "host's CORS"])
@pytest.mark.parametrize("name", ["small", "one piece"])
def test_the_common_request_is_answered_at_once(runner: asyncio.Runner, site: Site, name: str, options: str) -> None:
    """A proven GET of an image in memory, of up to a megabyte, takes the short way, with CORS or without."""
    with counted() as answers:
        runner.run(messages_of(PixstoreApp(site.pix, **OPTIONS[options]), scope_of(site.records[name])))
    assert len(answers) == 1
    assert answers[0] is not None


@pytest.mark.parametrize("is_quick", [True, False], ids=["quick-disk", "slow-disk"])
def test_an_image_that_is_not_in_memory_is_where_the_disk_is_quick(
    runner: asyncio.Runner, site: Site, is_quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the store reads without waiting takes the short way too; what it would have to wait for takes the long."""
    monkeypatch.setattr(Pace, "is_quick", lambda self: is_quick)
    for share in site.pix._life._shares.values():
        share.images.clear()
    with counted() as answers:
        messages = runner.run(messages_of(PixstoreApp(site.pix), scope_of(site.records["small"])))
    assert (len(answers), answers[0] is not None) == (1, is_quick)
    assert len(messages[-1]["body"]) == SIZES["small"] + 2


@pytest.mark.parametrize(("name", "state"), [("updated", WireState.UPDATED), ("revoked", WireState.INVALID_PROOF)])
def test_what_was_changed_or_called_back_is_answered_at_once(
    runner: asyncio.Runner, site: Site, name: str, state: WireState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proof that was good once finds the image as it is now, and is told so, with one reading."""
    monkeypatch.setattr(Pace, "is_quick", lambda self: True)
    with counted() as answers:
        runner.run(messages_of(PixstoreApp(site.pix), scope_of(site.records[name])))
    assert [answer and answer.state for answer in answers] == [state]


def test_a_path_that_is_no_id_is_no_error(runner: asyncio.Runner, site: Site) -> None:
    """However long a path is, and whatever proof comes with it, it is refused; what is reserved is no image's."""
    app, record = PixstoreApp(site.pix), site.records["small"]
    for path, wanted in (("/" + "a" * 70_000, b"\x05"), ("/-/" + "a" * 70_000, b"")):
        assert runner.run(messages_of(app, scope_of(record, path=path)))[-1].get("body", b"") == wanted
    with mock.patch.object(Answers, "answer_at_once", return_value=WholePayload(WireState.SUCCESS, b"\0-")):
        assert runner.run(messages_of(app, scope_of(record, path="/-/")))[0]["status"] == 404


@pytest.mark.parametrize("name", ["two pieces", "deleted", "audience", "foreign"])
def test_nothing_else_is(runner: asyncio.Runner, site: Site, name: str) -> None:
    """What is large, gone or somebody else's is decided on the long way."""
    with counted() as answers:
        runner.run(messages_of(PixstoreApp(site.pix), scope_of(site.records[name])))
    assert answers == [None]


@pytest.mark.parametrize("options", ["authorized", "forbidden", "audience"])
def test_an_applications_own_rule_is_always_asked(runner: asyncio.Runner, site: Site, options: str) -> None:
    """Where there is a rule or an audience nothing is answered before it was asked."""
    with counted() as answers:
        runner.run(messages_of(PixstoreApp(site.pix, **OPTIONS[options]), scope_of(site.records["small"])))
    assert answers == []


BATCHES = st.lists(
    st.sampled_from([*SIZES, "updated", "revoked", "deleted", "unread", "foreign"]), min_size=1, unique=True
)


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


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=BATCHES, options=st.just("plain") | st.sampled_from(list(OPTIONS)))
def test_a_batch_is_the_same_both_ways(runner: asyncio.Runner, site: Site, names: list[str], options: str) -> None:
    """Whichever images a batch asks for, what is joined for fewer sends is what would be sent frame by frame."""
    app, records = PixstoreApp(site.pix, **OPTIONS[options]), [site.records[name] for name in names]
    joined = runner.run(frames_sent(app, records))
    with mock.patch.object(Answers, "checked_at_once", return_value=None):
        assert b"".join(runner.run(frames_sent(app, records))) == b"".join(joined)


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
    """An image whose frame waits until the client takes those before it is sent as it is then."""
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


def test_a_failing_store_is_told_on_the_long_way(
    runner: asyncio.Runner, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the store can't tell what is current, the log has the reason and the page InternalError."""
    with mock.patch.object(type(site.pix._store), "stamps", side_effect=StoreError("it is gone")):
        messages = runner.run(messages_of(PixstoreApp(site.pix), scope_of(site.records["small"])))
    assert messages[-1]["body"] == b"\x06"
    assert "can't be served: it is gone" in caplog.text
