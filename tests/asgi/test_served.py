"""`on_served`: the report of each image that was served or refused."""

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
from pixstore_asgi.core.requests import FRAME_HEAD_BYTES
from tests.support.asgi import Wire, client, scope_of
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.requests import headers
from tests.support.samples import large_png, picture


class Reports:
    """Keeps all reports."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, WireState | None, int]] = []
        self.scopes: list[Any] = []

    def __call__(self, scope: Any, image_id: str, state: WireState | None, sent: int, ms: float) -> None:
        assert 0 < ms < 60_000
        self.scopes.append(scope)
        self.calls.append((image_id, state, sent))


@pytest.fixture
def reports() -> Reports:
    return Reports()


async def post(app: PixstoreApp, *records: ImageRecord) -> bytes:
    async with client(app) as http:
        body = body_of(*map(entry_of, records))
        return (await http.post("/-/batch", content=body, headers={"content-type": "text/plain"})).content


@pytest.mark.parametrize("size", [300, 3_000_000])
async def test_every_answer_is_reported(pix: Pixstore, reports: Reports, size: int) -> None:
    """A report has the scope, the id, the state and the bytes sent, for images in memory and streamed ones."""
    record = await pix.save_image(large_png(size))
    async with client(PixstoreApp(pix, on_served=reports)) as http:
        for _ in range(3):
            answer = await http.get(f"/{record.id}", headers=headers(record))
            assert reports.calls.pop() == (record.id, WireState.SUCCESS, len(answer.content))
        assert reports.scopes[0]["path"] == f"/{record.id}"
        updated = await pix.update_image(record.id, large_png(size + 1))
        answer = await http.get(f"/{record.id}", headers=headers(record))
        assert reports.calls.pop() == (record.id, WireState.UPDATED, len(answer.content))
        await pix.delete_image(record.id)
        await http.get(f"/{record.id}", headers=headers(updated))
        assert reports.calls.pop() == (record.id, WireState.NOT_FOUND, 1)


async def test_refusals_are_reported(pix: Pixstore, reports: Reports) -> None:
    """A refusal is reported by its state, None for the application's rule. Requests for no image are not."""
    record = await pix.save_image(picture())
    async with client(PixstoreApp(pix, on_served=reports, authorize=lambda scope, image_id: False)) as http:
        await http.get(f"/{record.id}")
        await http.get(f"/{record.id}", headers={"x-pixstore-proof": "A" * 48})
        await http.get("/")
        await http.get(f"/{record.id}", headers=headers(record))
        await http.head(f"/{record.id}", headers=headers(record))
        await http.get("/-/live")
        await http.get("/-/nothing")
    assert reports.calls == [
        (record.id, WireState.MISSING_PROOF, 1),
        (record.id, WireState.INVALID_PROOF, 1),
        ("", WireState.MISSING_ID, 1),
        (record.id, None, 0),
    ]


async def test_each_image_of_a_batch_is_reported(pix: Pixstore, reports: Reports) -> None:
    """With its own state, and the bytes of its frame; the answer is the same as without."""
    records = [await pix.save_image(large_png(size)) for size in (300, 2_000_000, 400)]
    await pix.delete_image(records[2].id)
    answer = await post(PixstoreApp(pix, on_served=reports), *records)
    assert answer == await post(PixstoreApp(pix), *records)
    frames = frames_of(answer)
    states = [WireState.SUCCESS, WireState.SUCCESS, WireState.NOT_FOUND]
    assert reports.calls == [
        (record.id, state, FRAME_HEAD_BYTES + len(frame[2]))
        for record, state, frame in zip(records, states, frames, strict=True)
    ]


async def test_an_answer_that_was_cut_off_is_reported(pix: Pixstore, reports: Reports) -> None:
    """If a client leaves, the report has the bytes that it took."""
    record = await pix.save_image(large_png(5_000_000))
    wire = Wire(stall_after=2)
    app = PixstoreApp(pix, on_served=reports, send_timeout_s=0.05)
    await asyncio.wait_for(app(scope_of(record), wire.receive, wire.send), 5)
    ((image_id, state, sent),) = reports.calls
    assert (image_id, state) == (record.id, WireState.SUCCESS)
    assert 0 < sent <= len(wire.body) < 5_000_000


async def test_a_body_that_is_lost_is_no_refusal(
    pix: Pixstore, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image with a body that fails before its first byte is reported with its state, not as refused by the rule."""
    record = await pix.save_image(large_png(5_000_000))

    async def fail(payload: Payload) -> bytes:
        raise StoreError("a part of it is missing")

    monkeypatch.setattr(Payload, "__anext__", fail)
    wire = Wire()
    await PixstoreApp(pix, on_served=reports)(scope_of(record), wire.receive, wire.send)
    assert reports.calls == [(record.id, WireState.SUCCESS, 0)]


async def test_an_error_harms_no_answer(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """An error of the function is logged by its type only."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("with the application's data")

    record = await pix.save_image(picture())
    async with client(PixstoreApp(pix, on_served=fail)) as http:
        answer = await http.get(f"/{record.id}", headers=headers(record))
    assert answer.content[0] == WireState.SUCCESS
    assert "on_served failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "the application's data" not in caplog.text


async def test_through_the_middleware(pix: Pixstore, reports: Reports) -> None:
    """The middleware's common way tells, too."""
    record = await pix.save_image(picture())

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        pytest.fail("this is an image's path")

    async with client(PixstoreMiddleware(inner, pix, on_served=reports)) as http:
        await http.get(f"/pixstore-image/{record.id}", headers=headers(record))
    assert [call[:2] for call in reports.calls] == [(record.id, WireState.SUCCESS)]


async def later(*_: object) -> None:
    pass


class Later:
    async def __call__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("wrong", [later, functools.partial(later, 1), Later(), "print", Reports, [later]])
async def test_an_invalid_function_is_refused(pix: Pixstore, wrong: Any) -> None:
    """An async function would never run: it is refused at once."""
    with pytest.raises(ConfigError, match="on_served must be a plain function"):
        PixstoreApp(pix, on_served=wrong)


async def test_several_functions_are_called(pix: Pixstore, reports: Reports) -> None:
    """Functions in a list are called in order; an error of one does not keep the others from being called."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    record, another = await pix.save_image(picture()), Reports()
    async with client(PixstoreApp(pix, on_served=[reports, fail, another])) as http:
        await http.get(f"/{record.id}", headers=headers(record))
    assert reports.calls == another.calls
    assert len(reports.calls) == 1


async def test_without_it_nothing_is_measured(pix: Pixstore, reports: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert await ask(PixstoreApp(pix, on_served=reports)) == ["perf_counter_ns"] * 4


async def test_an_error_before_the_answer_is_known_is_reported(
    pix: Pixstore, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an InternalError of which nothing was sent, whether of one image or of a batch; the error goes on."""
    record = await pix.save_image(picture())

    async def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pixstore_asgi.serving.decide.Decisions.answer", fail)
    app = PixstoreApp(pix, on_served=reports)
    with pytest.raises(ZeroDivisionError):
        await app(scope_of(record), Wire().receive, Wire().send)
    with pytest.raises(BaseExceptionGroup):
        await post(app, record)
    assert reports.calls == [(record.id, WireState.INTERNAL_ERROR, 0)] * 2


async def test_an_observer_of_readings_harms_no_answer(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """An error of the observer is logged, and the image is sent."""

    class Failing(Observer):
        def read(self, seconds: float) -> None:
            raise ZeroDivisionError("with its data")

    record = await pix.save_image(large_png(3_000_000))
    async with client(PixstoreApp(pix, on_served=Failing())) as http:
        answer = await http.get(f"/{record.id}", headers=headers(record))
    assert answer.content[0] == WireState.SUCCESS
    assert "on_served failed for a reading: ZeroDivisionError" in caplog.text
