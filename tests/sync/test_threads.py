"""SyncPixstore in many threads, and in the worker threads of applications."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from tempfile import SpooledTemporaryFile
from typing import Any

import anyio
import anyio.to_thread
import pytest
import trio
from asgiref.sync import sync_to_async
from starlette.datastructures import UploadFile

from pixstore_asgi import Pixstore, StoreError
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.sync import SyncPayload, SyncPixstore, calls
from pixstore_asgi.sync.loops import background, run_on_loop
from tests.support.samples import SECRET, large_png, picture

THREADS = 64
LARGE = large_png(1_500_000)


async def run_sync(function: Callable[[], object]) -> None:
    await anyio.to_thread.run_sync(function)


class Noting(MemoryStore):
    """A store that notes the event loops that open it."""

    def __init__(self) -> None:
        super().__init__()
        self.loops: list[asyncio.AbstractEventLoop] = []

    async def open(self) -> None:
        self.loops.append(asyncio.get_running_loop())
        await super().open()


@pytest.fixture
def store() -> Noting:
    return Noting()


@pytest.fixture
def images(store: Noting) -> SyncPixstore:
    return SyncPixstore(Pixstore(store, secret=SECRET))


def test_many_threads(images: SyncPixstore, store: Noting) -> None:
    """64 threads save at once, and share one event loop."""
    barrier = threading.Barrier(THREADS)

    def save(number: int) -> str:
        barrier.wait()
        return images.save_image(picture(), directory=f"thread{number}").id

    with ThreadPoolExecutor(THREADS) as threads:
        ids = set(threads.map(save, range(THREADS)))
    assert {each.id for each in images.list_images()} == ids
    assert len(ids) == THREADS
    assert store.loops == [background.loop]


def uploaded(path: Path) -> Any:
    """Return a file as Starlette's forms have it: on the disk, because it is long."""
    spooled = SpooledTemporaryFile(max_size=1)  # noqa: SIM115
    spooled.write(path.read_bytes())
    spooled.seek(0)
    return spooled


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["path", "upload"])
async def test_more_routes_than_worker_threads(tmp_path: Path, kind: str) -> None:
    """All worker threads of an application may save at once, although saving to files needs threads too."""
    images = SyncPixstore(Pixstore(tmp_path / "pixstore.db", blobs=tmp_path / "bodies", secret=SECRET))
    path = tmp_path / "large.png"
    path.write_bytes(LARGE)

    def route() -> None:
        if kind == "path":
            images.save_image_from_file(path)
        else:
            with closing(uploaded(path)) as file:
                images.save_image(UploadFile(file))

    limiter = anyio.to_thread.current_default_thread_limiter()
    tokens, limiter.total_tokens = limiter.total_tokens, 2
    try:
        async with images.pixstore:
            with anyio.fail_after(60):
                async with anyio.create_task_group() as routes:
                    for _ in range(8):
                        routes.start_soon(run_sync, route)
            assert len(await images.pixstore.list_images()) == 8
    finally:
        limiter.total_tokens = tokens


@pytest.mark.parametrize("call", [anyio.to_thread.run_sync, lambda function: sync_to_async(function)()])
async def test_an_application(images: SyncPixstore, store: Noting, call: Callable[..., object]) -> None:
    """In the worker threads of FastAPI and of Django, calls run on the application's event loop."""
    record = await call(partial(images.save_image, picture()))  # type: ignore[misc]
    assert store.loops == [asyncio.get_running_loop()]
    assert await images.pixstore.image_exists(record.id)


async def test_a_source_of_secrets_under_django(store: Noting) -> None:
    """An async source of secrets that asks Django's database may call `sync_to_async`, while a sync view waits."""

    async def secrets() -> list[str]:
        return [await sync_to_async(lambda: SECRET)()]

    images = SyncPixstore(Pixstore(store, secret=secrets))
    with anyio.fail_after(60):
        assert await sync_to_async(images.list_images)() == []


def test_trio(images: SyncPixstore, store: Noting) -> None:
    """A worker thread of an application under trio calls on the event loop in the background."""

    async def call() -> None:
        assert await anyio.to_thread.run_sync(images.list_images) == []
        assert await trio.to_thread.run_sync(images.list_images) == []

    trio.run(call)
    assert store.loops == [background.loop]


def test_context_variables(images: SyncPixstore) -> None:
    """A call sees the context variables of its caller, such as the span of a trace."""
    variable = ContextVar("variable", default="")
    seen = []

    async def secrets() -> list[str]:
        seen.append(variable.get())
        return [SECRET]

    variable.set("the caller's")
    SyncPixstore(Pixstore(MemoryStore(), secret=secrets)).ping()
    assert seen[0] == "the caller's"


def test_an_event_loop_that_has_ended() -> None:
    """A call on an event loop that has ended, or ends during the call, raises an error."""

    async def cancelled() -> None:
        raise asyncio.CancelledError

    loop = asyncio.new_event_loop()
    with pytest.raises(StoreError, match="has ended"):
        calls.Call[None]().run(cancelled())
    with pytest.raises(StoreError, match="has ended"):
        calls.Call[None]().run(cancelled(), loop)
    loop.close()
    with pytest.raises(StoreError, match="has ended"):
        calls.Call[None]().run(cancelled(), loop)


@pytest.mark.filterwarnings("ignore:.*was neither read to its end nor closed:ResourceWarning")
def test_a_payload_of_an_event_loop_that_has_ended(tmp_path: Path) -> None:
    """The pieces of a payload can't be read after the end of its event loop. To close it does nothing."""
    images = SyncPixstore(Pixstore(tmp_path / "pixstore.db", secret=SECRET, cache_bytes=0))

    def view() -> SyncPayload:
        record = images.save_image(LARGE)
        return images.open_payload(record.id, token=record.token, proof=record.stateless_proof)

    async def application() -> SyncPayload:
        return await anyio.to_thread.run_sync(view)

    with asyncio.run(application()) as payload, pytest.raises(StoreError, match="has ended"):
        list(payload)


class InterruptedAtTheEnd(SimpleQueue[object]):
    """A queue that is interrupted when the call has ended."""

    def get(self, block: bool = True, timeout: float | None = None) -> object:
        if (item := super().get(block, timeout)) is None:
            raise KeyboardInterrupt
        return item


def test_interrupted_at_the_end(images: SyncPixstore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption after the end of the coroutine, before its result is returned, reaches the caller too."""
    monkeypatch.setattr(calls, "new_inbox", InterruptedAtTheEnd)
    with pytest.raises(KeyboardInterrupt):
        images.ping()


@pytest.mark.parametrize("is_scheduled", [False, True])
def test_interrupted_at_the_start(images: SyncPixstore, monkeypatch: pytest.MonkeyPatch, is_scheduled: bool) -> None:
    """An interruption before or after the coroutine is handed to the event loop ends it, and nothing is stored."""

    def interrupted(start: Callable[[], None]) -> None:
        if is_scheduled:
            run_on_loop(start)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(calls, "run_on_loop", interrupted)
        with pytest.raises(KeyboardInterrupt):
            images.save_image(iter([picture()]))
    assert images.list_images() == []
