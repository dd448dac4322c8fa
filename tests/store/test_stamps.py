"""The stamps of the SQLite store: an outdated row is never taken for current, after a write by any program."""

import asyncio
import errno
import inspect
import mmap
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from operator import ne
from pathlib import Path

import pytest

from pixstore_asgi import Pixstore, StoreError, WireState
from pixstore_asgi.core.images import Past, RewrappedKey, StoredImage, Tombstone
from pixstore_asgi.errors import StoreConflict
from pixstore_asgi.store.contract import CHUNK_BYTES, Expect, ImageStore
from pixstore_asgi.store.contract_tests.steps import VERSION, body_of, save, stamp_of, wrapped_key_of
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.backup import back_up, restore
from pixstore_asgi.store.sqlite.write_lock import WriteLock
from tests.support.payloads import served
from tests.support.samples import SECRET, picture
from tests.support.sqlite import WITH_KEYS, leave_odd, looks_of, open_counters, open_without_looks, query

IDS = ["a", "b", "c", "d"]  # each has a counter of its own


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_without_looks(tmp_path / "pixstore.db")
    yield opened
    await opened.close()


def let_a_second_pass(store: SqliteStore) -> None:
    """Make the next stamp look for other programs' commits, as one does that is taken a second later."""
    looks_of(store).due -= 1


# What moves them


Write = Callable[[SqliteStore, StoredImage], Awaitable[object]]


async def _upload_and_give_up(store: SqliteStore, saved: StoredImage) -> None:
    async with await store.begin_write("a", VERSION) as writer:
        await writer.write(body_of(9 * CHUNK_BYTES))


async def _rewrap(store: SqliteStore, saved: StoredImage) -> int:
    return await store.replace_wrapped_keys([RewrappedKey("a", saved.meta.version, wrapped_key_of())])


READS = ["open", "close", "database_id", "key_checks", "key_usage", "get", "get_many", "list", "stamps"]
READS += ["open_stream", "read_nowait", "list_tombstones"]
WRITES: dict[str, tuple[Write, set[str]]] = {
    "begin_write, new": (lambda store, saved: save(store, "d"), {"d"}),
    "begin_write, again": (lambda store, saved: save(store, "a", b"new"), {"a"}),
    "begin_write, large": (lambda store, saved: save(store, "a", body_of(9 * CHUNK_BYTES)), {"a"}),
    "begin_write, token": (lambda store, saved: save(store, "a", token=saved.token + 5), {"a"}),
    "begin_write, expect": (lambda store, saved: save(store, "a", expect=saved.meta.version), {"a"}),
    "begin_write, past": (lambda store, saved: save(store, "a", past=Past(1, 2)), {"a"}),
    "put_tombstones": (lambda store, saved: store.put_tombstones([Tombstone("d", 5, 0)]), {"d"}),
    "delete": (lambda store, saved: store.delete("a"), {"a"}),
    "replace_wrapped_keys": (_rewrap, {"a"}),
    "raise_epoch": (lambda store, saved: store.raise_epoch("a"), {"a"}),
    "raise_epochs": (lambda store, saved: store.raise_epochs(after="a", before="c"), {"b"}),
    "begin_write, given up": (_upload_and_give_up, set()),
    "sweep": (lambda store, saved: store.sweep(), set()),
    "retire_key_check": (lambda store, saved: store.retire_key_check(b"check"), set()),
    "separate": (lambda store, saved: store.separate(bytes(16), b"check", lambda _: wrapped_key_of()), {"a", "b", "c"}),
}
COARSE = {"raise_epochs", "separate"}


def test_every_way_to_write_is_tried() -> None:
    """Each method of the contract only reads, or is among the writes below: a new one wants its counters."""
    methods = {name for name, value in vars(ImageStore).items() if inspect.isfunction(value) and name[0] != "_"}
    assert methods == {*READS, *(name.partition(",")[0] for name in WRITES)}


@pytest.mark.parametrize("name", WRITES)
async def test_every_change_of_a_row_moves_its_counter(store: SqliteStore, name: str) -> None:
    """A row that a write has changed has another stamp afterwards, and every other one, but after a bulk, its own."""
    write, changed = WRITES[name]
    images = [await save(store, image_id) for image_id in IDS[:3]]
    before = {row[0]: row for row in query(store.path, f"SELECT * FROM {WITH_KEYS}")}
    stamps = dict(zip(IDS, store.stamps(IDS), strict=True))
    await write(store, images[0])
    after = {row[0]: row for row in query(store.path, f"SELECT * FROM {WITH_KEYS}")}
    assert {image_id for image_id in IDS if before.get(image_id) != after.get(image_id)} == changed
    moved = {image_id for image_id, stamp in stamps.items() if stamp_of(store, image_id) != stamp}
    assert moved == (set(IDS) if name in COARSE else changed)


async def test_a_group_of_commits_moves_the_counters_of_all(store: SqliteStore) -> None:
    """Versions that become current in one transaction each move their own counter."""
    ids, commits = [f"image-{number}" for number in range(20)], list[str]()
    assert store._engine is not None
    await store._engine.on_writer(lambda db: db.set_trace_callback(commits.append))
    before, bystander = store.stamps(ids), stamp_of(store, "a")
    saves = [save(store, image_id) for image_id in ids]
    refused, *saved = await asyncio.gather(save(store, "no", expect=Expect.PRESENT), *saves, return_exceptions=True)
    assert isinstance(refused, StoreConflict)
    assert all(isinstance(image, StoredImage) for image in saved)
    assert commits.count("COMMIT") < len(ids)
    assert all(map(ne, store.stamps(ids), before))
    assert stamp_of(store, "a") == bystander


async def test_counters_are_odd_at_the_commit_and_not_before(store: SqliteStore) -> None:
    """While a transaction is prepared the images stay current, as they are; from its COMMIT on they are not."""
    await save(store, "a")
    steps: list[tuple[str, bool]] = []

    engine = store._engine
    assert engine is not None

    def note(statement: str) -> None:  # on the writer's thread
        steps.append((statement, engine.stamps(["a"]) == engine.stamps(["a"])))

    await engine.on_writer(lambda db: db.set_trace_callback(note))
    await store.raise_epoch("a")
    states = dict(steps)
    assert (states["BEGIN IMMEDIATE"], states["COMMIT"]) == (True, False)
    assert [is_current for statement, is_current in steps if statement.startswith("UPDATE")] == [True]
    assert stamp_of(store, "a") == stamp_of(store, "a")


async def test_one_store_closes_and_others_go_on(tmp_path: Path) -> None:
    """Of several stores in one process on one file, one's end takes neither counters nor locks from the others."""
    stores = [await open_without_looks(tmp_path / "pixstore.db") for _ in range(3)]
    body = body_of(4 * CHUNK_BYTES)
    await save(stores[0], "a", body)
    stream = await stores[1].open_stream("a")
    assert stream is not None
    await stores[2].close()
    before = [stamp_of(store, "a") for store in stores[:2]]
    await save(stores[0], "a", b"new")
    assert all(stamp_of(store, "a") != old for store, old in zip(stores[:2], before, strict=True))
    await stores[0].sweep()
    assert b"".join([chunk async for chunk in stream]) == body
    for store in stores[:2]:
        await store.close()


# Writers that do not count


async def test_another_programs_write_is_seen_within_a_second(tmp_path: Path) -> None:
    """A change by another program shows at the next look, of which there is one a second."""
    store = SqliteStore(tmp_path / "pixstore.db")
    async with Pixstore(store, secret=SECRET) as pix:
        record = await pix.save_image(picture())
        assert await served(pix, record) == (WireState.SUCCESS, picture())
        query(store.path, "UPDATE image SET token = token + 7")
        let_a_second_pass(store)
        found = await pix.get_image_record(record.id)
        assert found is not None
        assert found.token == record.token + 7
        query(store.path, "UPDATE image SET blob = NULL")
        let_a_second_pass(store)
        assert (await served(pix, found))[0] is WireState.NOT_FOUND


async def test_looks_are_rare(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many stamps are taken, SQLite is asked once a second at most, at the end of it, and reads keep stamps."""
    await save(store, "a")
    looks, now_s, asked = looks_of(store), 1e9, 0
    looks.due = now_s
    look = looks.look

    def counted() -> None:
        nonlocal asked
        asked += 1
        look()

    monkeypatch.setattr(looks, "look", counted)
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    first = stamp_of(store, "a")
    for _ in range(100):
        now_s += 0.0625
        assert stamp_of(store, "a") == first
    assert asked == 7


async def test_without_counters_every_commit_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are none, SQLite is asked for each stamp, and any write is seen at once, as is another program's."""
    monkeypatch.setattr(mmap, "mmap", no_device)
    store = SqliteStore(tmp_path / "pixstore.db")
    await store.open()
    await save(store, "a")
    stamps = store.stamps(IDS)
    assert store.stamps(IDS) == stamps
    await save(store, "b")
    assert all(map(ne, store.stamps(IDS), stamps))
    stamps = store.stamps(IDS)
    query(store.path, "UPDATE image SET epoch = 7 WHERE id = 'b'")
    assert all(map(ne, store.stamps(IDS), stamps))
    await store.close()


def no_device(*_: object) -> None:
    raise OSError(errno.ENODEV, "No such device")


# Other files, other processes


async def test_a_database_replaced_in_use_is_not_served_on_from_memory(tmp_path: Path) -> None:
    """Within a second a hot image of a file that is no longer in its place is refused; brought back, it is served."""
    path, moved = tmp_path / "pixstore.db", tmp_path / "moved.db"
    store = SqliteStore(path)
    async with Pixstore(store, secret=SECRET) as pix:
        record = await pix.save_image(picture())
        back_up(path, tmp_path / "backup.db")
        record = await pix.update_image(record.id, picture("webp"))
        assert await served(pix, record) == (WireState.SUCCESS, picture("webp"))
        path.rename(moved)
        (tmp_path / "backup.db").rename(path)
        let_a_second_pass(store)
        for _ in range(3):
            with pytest.raises(StoreError, match="moved, removed or replaced"):
                await pix.get_image_record(record.id)
            assert (await served(pix, record))[0] is WireState.INTERNAL_ERROR
        moved.rename(path)
        assert await served(pix, record) == (WireState.SUCCESS, picture("webp"))


async def test_a_restored_database_has_new_stamps(tmp_path: Path) -> None:
    """A row that was read before a backup was restored is not current after it, and an odd counter is repaired."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    store = SqliteStore(path)
    await store.open()
    old = await save(store, "a", b"old")
    back_up(path, backup)
    await save(store, "a", b"new")
    stamps = store.stamps(IDS)
    await store.close()
    counters = open_counters(path.with_name("pixstore.db.lock"))
    leave_odd(counters, "a")
    counters.close()
    restore(backup, path)
    await store.open()
    assert all(map(ne, store.stamps(IDS), stamps))
    assert store.stamps(IDS) == store.stamps(IDS)
    assert await store.get("a") == old
    await store.close()


async def test_healing_waits_for_no_lock(tmp_path: Path) -> None:
    """While another process holds the write lock, each newly opened store reads the image of a dead writer
    correctly.
    """
    store = SqliteStore(tmp_path / "pixstore.db", busy_timeout_s=0)
    await store.open()
    saved = await save(store, "a")
    counters = open_counters(store.path.with_name("pixstore.db.lock"))
    leave_odd(counters, "a")
    counters.close()
    with WriteLock(store.path.with_name("pixstore.db.lock"), timeout_s=0).held():
        assert stamp_of(store, "a") != stamp_of(store, "a")
        assert await store.get("a") == saved
        other = SqliteStore(store.path, busy_timeout_s=0)
        await other.open()
        assert stamp_of(other, "a") != stamp_of(other, "a")
        assert await other.get("a") == saved
        await other.close()
    other = SqliteStore(store.path)
    await other.open()
    assert stamp_of(store, "a") == stamp_of(store, "a")
    await other.close()
    await store.close()


FORK = """
    import asyncio, os, sys, warnings
    from pixstore_asgi import Pixstore, PixstoreError
    from pixstore_asgi.pixstore import parts_of
    from tests.support.payloads import served
    from tests.support.samples import SECRET, picture

    warnings.simplefilter("ignore")

    async def main(path):
        async with Pixstore(path, secret=SECRET) as pix:
            record = await pix.save_image(picture())
            print(await served(pix, record) == await served(pix, record) == (0, picture()), flush=True)
            if not (child := os.fork()):
                try:
                    state, body = await served(pix, record)
                    os.write(1, f"{state.name} {len(body)}\\n".encode())
                    await pix.get_image_record(record.id)
                except PixstoreError as error:
                    os.write(1, f"{error}\\n".encode())
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            before = parts_of(pix).store.stamps([record.id])
            async with Pixstore(path, secret=SECRET) as other:
                await other.update_image(record.id, picture("webp"))
            after = parts_of(pix).store.stamps([record.id])
            print(after != before, (await served(pix, record)) == (1, picture("webp")))

    asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_forked_child_refuses_what_is_in_memory(tmp_path: Path) -> None:
    """A forked child must not use the counters of its parent, and the parent continues as if there were no child."""
    command = [sys.executable, "-c", textwrap.dedent(FORK), str(tmp_path / "pixstore.db")]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    hot, state, refusal, parent = result.stdout.splitlines()
    assert (hot, state, parent) == ("True", "INTERNAL_ERROR 0", "True True")
    assert "open it in each worker process" in refusal
