"""Uploads that stall or trickle end, and leave nothing behind; slow ones that go on arrive."""

import asyncio
import math
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Message

from pixstore_asgi import ConfigError, InvalidImage, Pixstore
from pixstore_asgi.errors import UploadTimeout
from pixstore_asgi.integrations.starlette import add_error_handlers
from pixstore_asgi.saving.options import UploadLimits
from pixstore_asgi.saving.source import Patience
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.samples import SECRET, large_png, picture
from tests.support.sqlite import idle

IMAGE = large_png(3_000_000)


async def stalled(sent_bytes: int) -> AsyncIterator[bytes]:
    """Send a part of an image in pieces, and then nothing more."""
    for start in range(0, sent_bytes, 100_000):
        yield IMAGE[start : min(start + 100_000, sent_bytes)]
    await asyncio.Event().wait()


class StalledFile:
    """A file with a read(n) that never returns."""

    async def read(self, size: int) -> bytes:
        await asyncio.Event().wait()
        return b""


async def test_stalled_uploads_hold_nothing(tmp_path: Path) -> None:
    """Uploads that stop before their last byte raise UploadTimeout. Staged bytes are removed, and stored
    images stay.
    """
    store = SqliteStore(tmp_path / "pixstore.db", sweep_grace_s=0)
    async with Pixstore(store, secret=SECRET, upload_timeout_s=0.3) as pix:
        record = await pix.save_image(picture())
        uploads = [
            *(pix.save_image(stalled(len(IMAGE) - 1)) for _ in range(5)),
            pix.save_image(stalled(5)),
            pix.save_image(StalledFile()),
            pix.update_image(record.id, stalled(len(IMAGE) - 1)),
        ]
        ended = await asyncio.gather(*uploads, return_exceptions=True)
        assert {type(error) for error in ended} == {UploadTimeout}
        assert {str(error) for error in ended} == {
            "the image did not arrive in time: nothing, or less than 1 KiB/s, for upload_timeout_s, 0.3 s"
        }
        await idle(store)
        await store.sweep()
        with closing(sqlite3.connect(store.path)) as database:
            assert database.execute("SELECT count(*) FROM blob").fetchone() == (1,)
            assert database.execute("SELECT count(*) FROM chunk").fetchone() == (1,)
        assert [info.token for info in await pix.list_images()] == [record.token]
        kept = await pix.read_image(record.id)
        assert kept is not None
        assert kept.data == picture()


async def test_an_upload_that_goes_on_and_on_ends() -> None:
    """One that brings a little all the time ends with UploadTimeout after max_upload_s."""

    async def trickle() -> AsyncIterator[bytes]:
        for start in range(0, len(IMAGE), 100):
            yield IMAGE[start : start + 100]
            await asyncio.sleep(0.001)

    async with Pixstore(MemoryStore(), secret=SECRET, upload_timeout_s=60, max_upload_s=0.2) as pix:
        with pytest.raises(UploadTimeout, match=r"not complete within max_upload_s, 0\.2 s"):
            await pix.save_image(trickle())


async def test_what_does_not_wait_for_a_sender_has_no_limit() -> None:
    """Bytes, and pieces that are there at once, are stored under the shortest limits."""
    shortest = math.ulp(0)
    async with Pixstore(MemoryStore(), secret=SECRET, upload_timeout_s=shortest, max_upload_s=shortest) as pix:
        assert await pix.save_image(IMAGE)


async def test_an_error_of_the_sender_stays_its_own() -> None:
    """A TimeoutError that the application's iterator raises is not taken for ours."""

    async def failing() -> AsyncIterator[bytes]:
        yield IMAGE[:1000]
        await asyncio.sleep(0)
        raise TimeoutError("the application's own")

    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        with pytest.raises(TimeoutError, match="the application's own"):
            await pix.save_image(failing())


async def test_only_its_own_cancellation_is_taken_back() -> None:
    """A sender that answers the limit with an error of its own leaves the task as it was, and a cancellation from
    outside stays one."""

    async def stubborn() -> AsyncIterator[bytes]:
        yield IMAGE[:1000]
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("the connection is gone") from None

    task = asyncio.current_task()
    assert task is not None
    async with Pixstore(MemoryStore(), secret=SECRET, upload_timeout_s=0.2) as pix:
        with pytest.raises(OSError, match="the connection is gone"):
            await pix.save_image(stubborn())
        assert task.cancelling() == 0
    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        saving = asyncio.create_task(pix.save_image(stalled(1000)))
        await asyncio.sleep(0.01)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving


def test_patience_is_refilled_by_what_arrives() -> None:
    """A sender may pause for timeout_s. Each KiB that it sends adds a second, up to timeout_s."""
    patience = Patience(UploadLimits(max_bytes=1, timeout_s=60, max_s=3600))
    assert patience.limit_s == 60
    patience.note(50, 2048)  # a tunnel, and a line as slow as it may be
    assert patience.limit_s == 12
    for _ in range(100):
        patience.note(10, 10 * 1024)
        assert patience.limit_s == 12
    patience.note(1, 1_000_000)
    assert patience.limit_s == 60
    patience.note(59, 1)
    patience.note(0.5, 1)
    assert 0.4 < patience.limit_s < 0.6
    patience.note(0.25, 10_000_000)
    assert patience.limit_s == 60


def test_patience_has_an_end() -> None:
    """However much arrives, all the waiting for one image ends after max_s."""
    patience = Patience(UploadLimits(max_bytes=1, timeout_s=60, max_s=100))
    patience.note(50, 1_000_000)
    assert patience.limit_s == 50
    patience.note(45, 1_000_000)
    assert patience.limit_s == 5


@pytest.mark.parametrize("options", [{"upload_timeout_s": 0}, {"max_upload_s": -1}, {"max_upload_s": math.nan}])
def test_limits_that_cannot_be_are_refused(options: dict[str, float]) -> None:
    """A limit of 0 seconds or less is a ConfigError that names both options."""
    with pytest.raises(ConfigError, match="upload_timeout_s and max_upload_s must be above 0 seconds"):
        Pixstore(MemoryStore(), secret=SECRET, **options)  # type: ignore[arg-type]


async def test_a_stalled_request_is_answered() -> None:
    """With the error handlers a request with a stalled body gets 408. InvalidImage catches it too."""
    pix = Pixstore(MemoryStore(), secret=SECRET, upload_timeout_s=0.2)

    async def save(request: Request) -> JSONResponse:
        return JSONResponse(await pix.save_image(request.stream()))

    app = Starlette(routes=[Route("/", save, methods=["POST"])])
    add_error_handlers(app)
    messages: list[Message] = [{"type": "http.request", "body": IMAGE[:100_000], "more_body": True}]
    sent: list[Message] = []

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "root_path": "", "query_string": b"", "headers": []}
    async with pix:
        await app(scope, receive, send)
    assert sent[0]["status"] == 408
    assert issubclass(UploadTimeout, InvalidImage)
