"""One Pixstore in many event loops, one after another and at once, and nothing of it left when they have ended."""

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp, PixstoreMiddleware, StoreError, WireState
from pixstore_asgi.errors import InputError
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.asgi import client
from tests.support.django_setup import configure_django
from tests.support.held import nothing_left
from tests.support.payloads import served
from tests.support.postgres import Cluster
from tests.support.requests import headers
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture
from tests.support.stores import MIXED, Place, new_place

pytestmark = pytest.mark.slow

KINDS = ["memory", *MIXED]
SERVED = (WireState.SUCCESS, picture())


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def place(kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    if kind in ("memory", "sqlite"):
        return Place(str(tmp_path / "pixstore.db"), None, {})
    place = new_place(kind, tmp_path, request)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    return place


@pytest.fixture
def pix(kind: str, place: Place) -> Pixstore:
    """A Pixstore on a store of each kind, which was open once, as libraries start threads of their own then."""
    store: Any = MemoryStore() if kind == "memory" else place.database
    made = Pixstore(store, blobs=place.blobs, secret=SECRET)

    async def use_once() -> None:
        async with made:
            await served(made, await made.save_image(picture()))

    asyncio.run(use_once())
    return made


@pytest.fixture
def nothing_is_left(kind: str, place: Place, request: pytest.FixtureRequest) -> "NothingIsLeft":
    if "postgres" not in kind:
        return nothing_left
    cluster: Cluster = request.getfixturevalue("postgres")
    return partial(nothing_left, cluster, place.database.rpartition("/")[2])


NothingIsLeft = Callable[[], AbstractContextManager[None]]


def make_app(pix: Pixstore) -> Starlette:
    async def save(request: Request) -> JSONResponse:
        return JSONResponse(await pix.save_image(await request.body()))

    return Starlette(
        routes=[Route("/save", save, methods=["POST"])], middleware=[Middleware(PixstoreMiddleware, pixstore=pix)]
    )


def use(http: Any) -> None:
    """Save a picture over an application's test client, and fetch it."""
    saved = http.post("/save", content=picture())
    assert saved.status_code < 300, saved.content
    record = ImageRecord.parse(saved.json())
    answer = http.get(f"/pixstore-image/{record.id}", headers=headers(record))
    assert (answer.status_code, answer.content[:1]) == (200, b"\0")


async def save_and_read(pix: Pixstore, *, data: bytes = picture()) -> ImageRecord:
    record = await pix.save_image(data)
    assert await served(pix, record) == (WireState.SUCCESS, data)
    assert await pix.get_image_record(record.id)
    return record


def test_one_run_after_another(pix: Pixstore, nothing_is_left: NothingIsLeft) -> None:
    """`asyncio.run` serves as often as it is called, and closes a store that the application has left open."""

    async def request(record: ImageRecord) -> bytes:
        async with client(PixstoreApp(pix)) as http:
            return (await http.get(f"/{record.id}", headers=headers(record))).content

    async def open_and_use() -> None:
        async with pix:
            await save_and_read(pix)

    with nothing_is_left():
        for _ in range(3):
            record = asyncio.run(pix.save_image(picture()))
            assert asyncio.run(served(pix, record)) == SERVED
            assert asyncio.run(request(record))[:1] == b"\0"
        asyncio.run(open_and_use())
        assert asyncio.run(pix.image_exists(record.id))


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # of asyncio, about such a loop's transports
def test_loops_that_are_closed_by_hand(pix: Pixstore, nothing_is_left: NothingIsLeft) -> None:
    """A loop that is closed without the steps of `asyncio.run` leaves its share to the next one that uses or closes."""

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(work)
        finally:
            loop.close()

    with nothing_is_left():
        for _ in range(3):
            record = run(save_and_read(pix, data=large_png(1_500_000)))
        assert run(pix.image_exists(record.id))
        asyncio.run(pix.close())
    gc.collect()


def test_a_test_client_with_and_without_its_block(pix: Pixstore, nothing_is_left: NothingIsLeft) -> None:
    """Starlette's TestClient runs each request, or its whole block, in an event loop of its own: in any order."""
    app = make_app(pix)
    with nothing_is_left():
        for has_block in (False, False, True, False, True, True):
            http = TestClient(app)
            if has_block:
                with http:
                    use(http)
                    use(http)
            else:
                use(http)


async def test_an_async_test_beside_a_test_client(pix: Pixstore) -> None:
    """A test's own loop keeps the store open while a client's loop opens and closes the store."""
    first = await save_and_read(pix)
    with TestClient(make_app(pix)) as http:
        use(http)
        second = await save_and_read(pix)
    use(TestClient(make_app(pix)))
    for record in (first, second):
        assert await served(pix, record) == SERVED
    await pix.close()
    with pytest.raises(StoreError, match="was closed"):
        await pix.image_exists(first.id)


def test_litestars_test_client(pix: Pixstore, nothing_is_left: NothingIsLeft) -> None:
    """Litestar's AsyncTestClient works beside a test's own calls, one test after another."""
    from litestar import Litestar, post
    from litestar import Request as LitestarRequest
    from litestar.handlers import asgi
    from litestar.testing import AsyncTestClient

    @post("/save")
    async def save(request: LitestarRequest[Any, Any, Any]) -> dict[str, Any]:
        return await pix.save_image(request.stream())

    images = asgi("/pixstore-image", is_mount=True, copy_scope=True)(PixstoreApp(pix))

    async def use() -> None:
        app = Litestar([save, images], lifespan=[pix.lifespan], openapi_config=None, logging_config=None)
        async with AsyncTestClient(app) as http:
            record = await save_and_read(pix)
            saved = ImageRecord.parse((await http.post("/save", content=picture())).json())
            assert await served(pix, saved) == SERVED
            answer = await http.get(f"/pixstore-image/{record.id}", headers=headers(record))
            assert answer.content[:1] == b"\0"
        await pix.close()

    with nothing_is_left():
        for _ in range(2):
            asyncio.run(use())


def test_djangos_test_client(pix: Pixstore, nothing_is_left: NothingIsLeft) -> None:
    """Django's test client and `async_to_sync`, as in a command, run each call in an event loop of its own."""
    from asgiref.sync import async_to_sync
    from django.http import HttpRequest, JsonResponse
    from django.test import Client
    from django.urls import path

    configure_django()

    async def save(request: HttpRequest) -> JsonResponse:
        return JsonResponse(await pix.save_image(request.body))

    def read(request: HttpRequest, image_id: str) -> JsonResponse:
        return JsonResponse(async_to_sync(pix.get_image_record)(image_id) or {})

    class Urls:
        urlpatterns = (path("save", save), path("read/<str:image_id>", read))

    from django.test.utils import override_settings

    with override_settings(ROOT_URLCONF=Urls), nothing_is_left():
        for _ in range(2):
            record = Client().post("/save", picture(), content_type="image/png").json()
            assert Client().get(f"/read/{record['id']}").json()["token"] == record["token"]
            assert async_to_sync(pix.read_image)(record["id"])


ROUNDS = {"memory": 60, "sqlite": 25}
"""How often each thread of a test opens and closes the store, by its kind."""


class Threads:
    """Event loops of several threads that use one Pixstore at once."""

    def __init__(self, pix: Pixstore, rounds: int) -> None:
        self._pix = pix
        self._rounds = range(rounds)
        self._record = asyncio.run(pix.save_image(picture()))
        self.errors: list[BaseException] = []

    def run(self) -> None:
        works = (self._hold_open(), self._open_and_close(), self._use_and_close())
        calls: list[Callable[[], None]] = [partial(asyncio.run, work) for work in works]
        threads = [threading.Thread(target=self._watch, args=(call,)) for call in (*calls, self._run_again_and_again)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()

    def _watch(self, call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            self.errors.append(error)

    async def _hold_open(self) -> None:
        async with self._pix:
            for _ in self._rounds:
                await save_and_read(self._pix)
                assert await served(self._pix, self._record) == SERVED

    async def _open_and_close(self) -> None:
        for _ in self._rounds:
            async with self._pix:
                assert await served(self._pix, self._record) == SERVED

    async def _use_and_close(self) -> None:
        assert await served(self._pix, self._record) == SERVED
        for _ in self._rounds:
            await self._pix.close()
            await self._pix.open()
            await save_and_read(self._pix)

    def _run_again_and_again(self) -> None:
        for _ in self._rounds:
            asyncio.run(save_and_read(self._pix))


def test_loops_of_several_threads(pix: Pixstore, kind: str, nothing_is_left: NothingIsLeft) -> None:
    """Event loops of four threads open, use and close one Pixstore against each other; none harms another."""
    threads = Threads(pix, ROUNDS.get(kind, 8))
    with nothing_is_left():
        threads.run()
    assert threads.errors == []


# Single rules


def in_another_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in an event loop of another thread, beside the one that runs here."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


async def test_each_loop_counts_its_own_opens(tmp_path: Path) -> None:
    """A last close closes the store of its own event loop: another one goes on, and may open it on first use."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    async with pix:
        record = await pix.save_image(picture())

        async def close_and_use() -> None:
            await pix.close()
            with pytest.raises(StoreError, match="was closed"):
                await pix.image_exists(record.id)

        in_another_loop(close_and_use())
        assert await pix.image_exists(record.id)
    assert in_another_loop(pix.image_exists(record.id))
    with pytest.raises(StoreError, match="was closed"):
        await pix.image_exists(record.id)


@pytest.mark.filterwarnings("ignore:asynchronous generator:ResourceWarning")
def test_a_loop_may_go_on_after_its_generators_were_ended(tmp_path: Path) -> None:
    """`shutdown_asyncgens` closes the store, and the next use in the same event loop opens it again."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    loop = asyncio.new_event_loop()
    try:
        record = loop.run_until_complete(pix.save_image(picture()))
        for _ in range(2):
            with nothing_left():
                assert loop.run_until_complete(served(pix, record)) == SERVED
                loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def test_a_dropped_pixstore_leaves_its_store_to_others(tmp_path: Path) -> None:
    """A Pixstore that is dropped without a close does not close the store that it was given."""
    store = SqliteStore(tmp_path / "pixstore.db")
    record = await Pixstore(store, secret=SECRET).save_image(picture())
    gc.collect()
    await asyncio.sleep(0)
    assert await store.get(record.id)
    await store.close()


async def test_new_secrets_hold_in_every_loop(tmp_path: Path) -> None:
    """Secrets that one event loop has read again sign records in all of them."""
    secrets = [SECRET]

    async def source() -> list[str]:
        return list(secrets)

    pix = Pixstore(tmp_path / "pixstore.db", secret=source)
    async with pix:
        before = await parts_of(pix).life.opened()
        secrets.append(OTHER_SECRET)
        in_another_loop(pix.reload_secrets())
        assert (await parts_of(pix).life.opened()).signing.key_id != before.signing.key_id


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_an_image_is_read_where_it_was_opened(pix: Pixstore) -> None:
    """A payload that is taken to another event loop says so there."""
    record = await pix.save_image(large_png(2_000_000))
    payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
    for _ in range(5):
        await anext(payload)

    async def read_on() -> None:
        with pytest.raises(StoreError, match="another event loop"):
            await anext(payload)

    in_another_loop(read_on())
    await pix.close()


async def test_a_pool_serves_its_own_loop_alone(postgres: Cluster, tmp_path: Path) -> None:
    """A store over the application's pool, and that pool's connection, say in another event loop to use a URL."""
    url = postgres.create("borrowed_pool")
    async with (
        asyncpg.create_pool(url, min_size=1, max_size=2) as pool,
        Pixstore(PostgresStore(pool), secret=SECRET) as pix,
    ):
        record = await pix.save_image(picture())

        async with pool.acquire() as connection, connection.transaction():

            async def use() -> None:
                with pytest.raises(StoreError, match="belongs to another event loop"):
                    await pix.image_exists(record.id)
                async with Pixstore(url, secret=SECRET) as other:
                    with pytest.raises(InputError, match="belongs to another event loop"):
                        await other.save_image(picture(), connection=connection)

            in_another_loop(use())
        assert await pix.image_exists(record.id)
