"""The cost of one request, counted, not timed: trips to the database's thread, copied bytes, function calls."""

import asyncio
import sys
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.contract import CHUNK_BYTES, WHOLE_BYTES
from pixstore_asgi.store.sqlite.connection import Connection
from pixstore_asgi.store.sqlite.reads import Pace
from tests.support.asgi import scope_of
from tests.support.samples import SECRET, large_png, picture
from tests.support.sqlite import look_no_more

SMALL, LARGE = 30_000, 15 * CHUNK_BYTES


@pytest.fixture
def no_leaks() -> None:
    """Nothing here wraps the counted functions."""


@pytest.fixture
async def pix(tmp_path: Path) -> AsyncIterator[Pixstore]:
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as opened:
        yield opened


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all functions that go to a thread of the database, in their order."""
    gone: list[str] = []
    for kind in ("run", "post"):
        send = getattr(Connection, kind)

        def counted(self: Connection, function: Any, *args: Any, send: Any = send, **kwargs: Any) -> Any:
            (name, *_) = (argument.__name__ for argument in (*args, function) if callable(argument))
            gone.append(name)
            return send(self, function, *args, **kwargs)

        monkeypatch.setattr(Connection, kind, counted)
    return gone


async def request(app: PixstoreApp, record: ImageRecord) -> int:
    """Ask for an image as a server does and return the length of the body."""
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    await app(scope_of(record), receive, send)
    return sum(map(len, sent))


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_hot_request_takes_no_trip(pix: Pixstore, trips: list[str], size: int) -> None:
    """An image that is in memory, and its record, are served without the database's threads."""
    app, record = PixstoreApp(pix), await pix.save_image(large_png(size))
    for _ in range(2):
        assert await request(app, record) == size + 2
    trips.clear()
    assert await request(app, record) == size + 2
    assert await pix.get_image_record(record.id)
    assert await pix.get_image_records([record.id])
    assert trips == []


async def test_another_images_write_costs_a_hot_request_no_trip(pix: Pixstore, trips: list[str]) -> None:
    """An image in memory stays current while others change, except the few that share its change counter."""
    app, record = PixstoreApp(pix), await pix.save_image(picture())
    other = await pix.save_image(picture())
    while crc32(other.id.encode()) % 512 == crc32(record.id.encode()) % 512:
        other = await pix.save_image(picture())
    length = max([await request(app, record) for _ in range(2)])
    look_no_more(parts_of(pix).store)
    await pix.update_image(other.id, picture("webp"))
    await pix.revoke(other.id)
    await pix.delete_image(other.id)
    trips.clear()
    assert await request(app, record) == length
    assert await pix.get_image_record(record.id)
    assert trips == []


@pytest.fixture
async def statements(pix: Pixstore) -> list[str]:
    """The statements that the reading connections run, in their order."""
    run: list[str] = []
    engine = parts_of(pix).store._engine  # type: ignore[attr-defined]
    for connection in (engine._near, *(reader._conn for reader in engine._connections[1:])):
        connection.set_trace_callback(run.append)
    return run


@pytest.fixture(params=[True, False], ids=["quick-disk", "slow-disk"])
def is_quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether reads find everything in the system's memory, or have to wait for the disk."""
    is_quick: bool = request.param
    monkeypatch.setattr(Pace, "is_quick", lambda self: is_quick)
    return is_quick


@pytest.mark.parametrize("size", [300, SMALL, WHOLE_BYTES - 1])
async def test_a_cold_request_is_one_statement(
    pix: Pixstore, trips: list[str], statements: list[str], is_quick: bool, size: int
) -> None:
    """An image of up to 1 MiB that is not in memory comes with its row, without a lease: one statement, and one trip
    where the disk is slow."""
    app, record = PixstoreApp(pix), await pix.save_image(large_png(size))
    for _ in range(2):  # the second time it is kept
        trips.clear()
        statements.clear()
        assert await request(app, record) == size + 2
        assert (trips, len(statements)) == ([] if is_quick else ["open_body"], 1)


async def test_a_large_cold_request_takes_a_trip_for_each_chunk(
    pix: Pixstore, trips: list[str], statements: list[str], is_quick: bool
) -> None:
    """The first chunk comes with the image's row, the recheck under the lease is one more trip, then chunk by chunk.

    If the disk is quick, one more statement has read the row alone, without a trip, and so are the other chunks read.
    """
    app, record = PixstoreApp(pix), await pix.save_image(large_png(5 * CHUNK_BYTES - 1))
    trips.clear()
    statements.clear()
    assert await request(app, record) == 5 * CHUNK_BYTES + 1
    assert trips == ["open_body", "is_live", *([] if is_quick else ["read_chunk"] * 4)]
    assert len(statements) == (3 if is_quick else 6)


async def test_a_refused_request_takes_no_trip(pix: Pixstore, trips: list[str]) -> None:
    """A request without a proof, or with another image's, never reaches the store."""
    app, record, other = PixstoreApp(pix), await pix.save_image(picture()), await pix.save_image(picture())
    trips.clear()
    for proof in ("", "A" * 48, other.stateless_proof):
        assert await request(app, ImageRecord(record, statelessProof=proof)) == 1
    assert trips == []


async def test_records_are_one_statement(
    pix: Pixstore, trips: list[str], statements: list[str], is_quick: bool
) -> None:
    """A hundred records are one query, on a thread where the disk is slow, and none once they are known."""
    ids = [(await pix.save_image(picture())).id for _ in range(100)]
    trips.clear()
    statements.clear()
    for _ in range(2):
        assert len(await pix.get_image_records(ids)) == 100
        assert (trips, len(statements)) == ([] if is_quick else ["get_many"], 1)


async def test_many_records_go_to_a_thread(pix: Pixstore, trips: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a hundred records hold the event loop up for too long, however quick the disk is."""
    monkeypatch.setattr(Pace, "is_quick", lambda self: True)
    await pix.get_image_records(["unknown"] * 101)
    assert trips == ["get_many"]


async def test_a_save_is_one_trip(pix: Pixstore, trips: list[str]) -> None:
    """A save waits for one function on the writer, and its sweep delays no call."""
    await pix.save_image(picture())
    trips.clear()
    await pix.save_image(large_png(SMALL))
    assert trips == ["_collect_some", "run"]


@contextmanager
def allocations() -> Iterator[list[int]]:
    """Yield a list that afterwards holds the most bytes that were allocated at once in the block."""
    tracemalloc.start()
    before, peak = tracemalloc.get_traced_memory()[0], list[int]()
    try:
        yield peak
    finally:
        peak.append(tracemalloc.get_traced_memory()[1] - before)
        tracemalloc.stop()


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_hot_request_copies_no_body(pix: Pixstore, size: int) -> None:
    """Bytes in memory go to the server uncopied: a hot request allocates a few kilobytes at any size."""
    app, record = PixstoreApp(pix), await pix.save_image(large_png(size))
    for _ in range(3):
        await request(app, record)
    with allocations() as peak:
        assert await request(app, record) == size + 2
    assert peak[0] < 12_000


async def calls_of(work: Callable[[], Awaitable[object]]) -> int:
    """Return how many Python functions were entered, coroutines again for each time they are resumed."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        await work()
    finally:
        sys.setprofile(before)
    return count


async def test_a_hot_request_makes_few_calls(pix: Pixstore) -> None:
    """The work of a hot request is bounded: under 60 Python calls, and under 18 for each record of a hundred."""
    app, record = PixstoreApp(pix), await pix.save_image(large_png(SMALL))
    ids = [(await pix.save_image(picture())).id for _ in range(100)]
    for _ in range(2):
        await request(app, record)
        await pix.get_image_records(ids)
    look_no_more(parts_of(pix).store)
    assert await calls_of(lambda: request(app, record)) < 60
    assert await calls_of(lambda: pix.get_image_records(ids)) < 18 * 100
