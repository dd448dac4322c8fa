"""`on_served`: what an application is told of each image that a request got, or was refused."""

import asyncio
import functools
import time
from typing import Any

import pytest

from pixstore_asgi import (
    ConfigError,
    ImageRecord,
    Payload,
    Pixstore,
    PixstoreApp,
    PixstoreMiddleware,
    StoreError,
    WireState,
)
from pixstore_asgi.asgi.served import Observer
from pixstore_asgi.core.batch import FRAME_HEAD_BYTES
from tests.support.asgi import Wire, client, scope_of
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.requests import headers
from tests.support.samples import large_png, picture


class Told:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, WireState | None, int]] = []
        self.scopes: list[Any] = []

    def __call__(self, scope: Any, image_id: str, state: WireState | None, sent: int, ms: float) -> None:
        assert 0 < ms < 60_000
        self.scopes.append(scope)
        self.calls.append((image_id, state, sent))


@pytest.fixture
def told() -> Told:
    return Told()


async def post(app: PixstoreApp, *records: ImageRecord) -> bytes:
    async with client(app) as http:
        body = body_of(*map(entry_of, records))
        return (await http.post("/-/batch", content=body, headers={"content-type": "text/plain"})).content


@pytest.mark.parametrize("size", [300, 3_000_000])
async def test_every_answer_is_told(pix: Pixstore, told: Told, size: int) -> None:
    """Id, state and length of what was sent, with the request's own scope, whether it is in memory or streamed."""
    record = await pix.save_image(large_png(size))
    async with client(PixstoreApp(pix, on_served=told)) as http:
        for _ in range(3):
            answer = await http.get(f"/{record.id}", headers=headers(record))
            assert told.calls.pop() == (record.id, WireState.SUCCESS, len(answer.content))
        assert told.scopes[0]["path"] == f"/{record.id}"
        updated = await pix.update_image(record.id, large_png(size + 1))
        answer = await http.get(f"/{record.id}", headers=headers(record))
        assert told.calls.pop() == (record.id, WireState.UPDATED, len(answer.content))
        await pix.delete_image(record.id)
        await http.get(f"/{record.id}", headers=headers(updated))
        assert told.calls.pop() == (record.id, WireState.NOT_FOUND, 1)


async def test_refusals_are_told(pix: Pixstore, told: Told) -> None:
    """By their state, and one by the application's own rule by none; what is no image's request is not told."""
    record = await pix.save_image(picture())
    async with client(PixstoreApp(pix, on_served=told, authorize=lambda scope, image_id: False)) as http:
        await http.get(f"/{record.id}")
        await http.get(f"/{record.id}", headers={"x-pixstore-proof": "A" * 48})
        await http.get("/")
        await http.get(f"/{record.id}", headers=headers(record))
        await http.head(f"/{record.id}", headers=headers(record))
        await http.get("/-/live")
        await http.get("/-/nothing")
    assert told.calls == [
        (record.id, WireState.MISSING_PROOF, 1),
        (record.id, WireState.INVALID_PROOF, 1),
        ("", WireState.MISSING_ID, 1),
        (record.id, None, 0),
    ]


async def test_each_image_of_a_batch_is_told(pix: Pixstore, told: Told) -> None:
    """With its own state, and the bytes of its frame; the answer is the same as without."""
    records = [await pix.save_image(large_png(size)) for size in (300, 2_000_000, 400)]
    await pix.delete_image(records[2].id)
    answer = await post(PixstoreApp(pix, on_served=told), *records)
    assert answer == await post(PixstoreApp(pix), *records)
    frames = frames_of(answer)
    states = [WireState.SUCCESS, WireState.SUCCESS, WireState.NOT_FOUND]
    assert told.calls == [
        (record.id, state, FRAME_HEAD_BYTES + len(frame[2]))
        for record, state, frame in zip(records, states, frames, strict=True)
    ]


async def test_what_was_cut_off_is_told(pix: Pixstore, told: Told) -> None:
    """Of a client that leaves, how much it took."""
    record = await pix.save_image(large_png(5_000_000))
    wire = Wire(stall_after=2)
    app = PixstoreApp(pix, on_served=told, send_timeout_s=0.05)
    await asyncio.wait_for(app(scope_of(record), wire.receive, wire.send), 5)
    ((image_id, state, sent),) = told.calls
    assert (image_id, state) == (record.id, WireState.SUCCESS)
    assert 0 < sent <= len(wire.body) < 5_000_000


async def test_a_body_that_is_lost_is_no_refusal(pix: Pixstore, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image whose body fails before a byte of it was sent is told by its state, not as the rule's refusal."""
    record = await pix.save_image(large_png(5_000_000))

    async def fail(payload: Payload) -> bytes:
        raise StoreError("a part of it is missing")

    monkeypatch.setattr(Payload, "__anext__", fail)
    wire = Wire()
    await PixstoreApp(pix, on_served=told)(scope_of(record), wire.receive, wire.send)
    assert told.calls == [(record.id, WireState.SUCCESS, 0)]


async def test_an_error_harms_no_answer(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """What it raises is logged by its kind alone."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("with what the application knows")

    record = await pix.save_image(picture())
    async with client(PixstoreApp(pix, on_served=fail)) as http:
        answer = await http.get(f"/{record.id}", headers=headers(record))
    assert answer.content[0] == WireState.SUCCESS
    assert "on_served failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "what the application knows" not in caplog.text


async def test_through_the_middleware(pix: Pixstore, told: Told) -> None:
    """The middleware's common way tells, too."""
    record = await pix.save_image(picture())

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        pytest.fail("this is an image's path")

    async with client(PixstoreMiddleware(inner, pix, on_served=told)) as http:
        await http.get(f"/pixstore-image/{record.id}", headers=headers(record))
    assert [call[:2] for call in told.calls] == [(record.id, WireState.SUCCESS)]


async def later(*_: object) -> None:
    pass


class Later:
    async def __call__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("wrong", [later, functools.partial(later, 1), Later(), "print", Told, [later]])
async def test_what_nobody_would_call_is_refused(pix: Pixstore, wrong: Any) -> None:
    """An async function would never run: it is refused at once."""
    with pytest.raises(ConfigError, match="on_served must be a plain function"):
        PixstoreApp(pix, on_served=wrong)


async def test_several_are_told(pix: Pixstore, told: Told) -> None:
    """A list is told one after another; what one raises keeps nothing from the others."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    record, another = await pix.save_image(picture()), Told()
    async with client(PixstoreApp(pix, on_served=[told, fail, another])) as http:
        await http.get(f"/{record.id}", headers=headers(record))
    assert told.calls == another.calls
    assert len(told.calls) == 1


async def test_without_it_nothing_is_measured(pix: Pixstore, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock is read for it on any way to an answer, and with it four times."""
    record, large = await pix.save_image(picture()), await pix.save_image(large_png(3_000_000))
    clocks = {name: getattr(time, name) for name in ("perf_counter", "perf_counter_ns")}
    reads: list[str] = []

    def reading(name: str) -> Any:
        def read() -> Any:
            reads.append(name)
            return clocks[name]()

        return read

    async def ask(app: PixstoreApp) -> list[str]:
        for one in (record, large):
            wire = Wire()
            reads.clear()
            await app(scope_of(one), wire.receive, wire.send)
        return reads

    plain = PixstoreApp(pix), PixstoreApp(pix, authorize=lambda scope, image_id: True)
    for name in clocks:
        monkeypatch.setattr(time, name, reading(name))
    for app in plain:
        assert await ask(app) == []
    assert await ask(PixstoreApp(pix, on_served=told)) == ["perf_counter_ns"] * 4


async def test_an_error_before_the_answer_is_known_is_told(
    pix: Pixstore, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an InternalError of which nothing was sent, whether of one image or of a batch; the error goes on."""
    record = await pix.save_image(picture())

    async def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pixstore_asgi.serving.decide.Decisions.answer", fail)
    app = PixstoreApp(pix, on_served=told)
    with pytest.raises(ZeroDivisionError):
        await app(scope_of(record), Wire().receive, Wire().send)
    with pytest.raises(BaseExceptionGroup):
        await post(app, record)
    assert told.calls == [(record.id, WireState.INTERNAL_ERROR, 0)] * 2


async def test_an_observer_of_readings_harms_no_answer(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """What it raises is logged, and the image is sent."""

    class Failing(Observer):
        def read(self, seconds: float) -> None:
            raise ZeroDivisionError("with what it knows")

    record = await pix.save_image(large_png(3_000_000))
    async with client(PixstoreApp(pix, on_served=Failing())) as http:
        answer = await http.get(f"/{record.id}", headers=headers(record))
    assert answer.content[0] == WireState.SUCCESS
    assert "on_served failed for a reading: ZeroDivisionError" in caplog.text
