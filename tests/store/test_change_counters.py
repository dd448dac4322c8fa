"""Change counters: what is written by whoever counts is never taken for current, whatever dies when."""

import asyncio
import errno
import mmap
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from operator import ne
from pathlib import Path
from zlib import crc32

import pytest

from pixstore_asgi import Pixstore, StoreError, WireState
from pixstore_asgi.core.images import RewrappedKey, StoredImage
from pixstore_asgi.errors import StoreBusy, StoreConflict
from pixstore_asgi.serving.cache import ImageCache
from pixstore_asgi.store.contract import CHUNK_BYTES, Expect
from pixstore_asgi.store.contract_tests.steps import VERSION, body_of, save, stamp_of, wrapped_key_of
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.backup import back_up, restore
from pixstore_asgi.store.sqlite.change_counters import ChangeCounters
from pixstore_asgi.store.sqlite.file import Note
from pixstore_asgi.store.sqlite.leases import Leases
from pixstore_asgi.store.sqlite.write_lock import WriteLock
from tests.support.payloads import served
from tests.support.samples import SECRET, picture
from tests.support.sqlite import look_no_more, looks_of, query

ERA = object()
IDS = ["a", "b", "c", "d"]


def open_counters(path: Path) -> ChangeCounters:
    counters = ChangeCounters.open(path)
    assert counters is not None
    return counters


def stamp(counters: ChangeCounters, image_id: str) -> Hashable:
    (stamp,) = counters.stamps([image_id], ERA)
    return stamp


def leave_odd(counters: ChangeCounters, *image_ids: str) -> None:
    """Leave the counters of images as a writer does that dies at its COMMIT."""
    for image_id in image_ids:
        counters._values[crc32(image_id.encode()) % 512] |= 1


async def open_without_looks(path: Path) -> SqliteStore:
    store = SqliteStore(path)
    await store.open()
    look_no_more(store)
    return store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_without_looks(tmp_path / "pixstore.db")
    yield opened
    await opened.close()


def let_a_second_pass(store: SqliteStore) -> None:
    """Make the next stamp look for other programs' commits, as one does that is taken a second later."""
    looks_of(store).due -= 1


def lock_of(store: SqliteStore) -> WriteLock:
    assert store._session is not None
    return store._session._write_lock


# The counters by themselves


def test_the_sample_ids_have_counters_of_their_own() -> None:
    """Otherwise what follows would prove less."""
    assert len({crc32(image_id.encode()) % 512 for image_id in IDS}) == len(IDS)


def test_a_change_moves_its_own_counters_alone(tmp_path: Path) -> None:
    """Of what was changed no stamp holds, not in the middle of it either, where none equals another; the rest hold."""
    counters = open_counters(tmp_path / "lock")
    moments = [counters.stamps(IDS, ERA)]
    assert counters.stamps(IDS, ERA) == moments[0]
    with counters.changing(["a", "b", "a"]):
        moments += [counters.stamps(IDS, ERA), counters.stamps(IDS, ERA)]
    moments.append(counters.stamps(IDS, ERA))
    assert counters.stamps(IDS, ERA) == moments[-1]
    assert [len(set(stamps)) for stamps in zip(*moments, strict=True)] == [4, 4, 1, 1]
    counters.close()


def test_a_change_of_any_image_moves_all_counters(tmp_path: Path) -> None:
    """Where it is not known which images change, no stamp holds."""
    counters = open_counters(tmp_path / "lock")
    ids = [f"image-{number}" for number in range(5000)]
    before = counters.stamps(ids, ERA)
    with counters.changing(None):
        assert all(map(ne, before, counters.stamps(ids, ERA)))
    assert all(map(ne, before, counters.stamps(ids, ERA)))
    counters.close()


def test_a_change_that_fails_has_moved_its_counter(tmp_path: Path) -> None:
    """A commit may have happened although it raised; afterwards the counter is as good as ever."""
    counters = open_counters(tmp_path / "lock")
    before = stamp(counters, "a")
    with pytest.raises(ZeroDivisionError), counters.changing(["a"]):
        raise ZeroDivisionError
    assert stamp(counters, "a") == stamp(counters, "a") != before
    counters.close()


def test_a_stamp_is_of_one_era(tmp_path: Path) -> None:
    """An equal counter of another era is no equal stamp."""
    counters = open_counters(tmp_path / "lock")
    assert counters.stamps(["a"], object()) != counters.stamps(["a"], object())
    counters.close()


def test_whoever_maps_the_file_sees_the_same(tmp_path: Path) -> None:
    """Of two that have the counters mapped one sees the other's changes, and one that comes later does too."""
    path = tmp_path / "lock"
    one, other = open_counters(path), open_counters(path)
    before = stamp(other, "a")
    with one.changing(["a"]):
        assert stamp(other, "a") != stamp(other, "a")
    later = open_counters(path)
    assert stamp(one, "a") == stamp(other, "a") == stamp(later, "a") != before
    for counters in (one, other, later):
        counters.close()
        counters.close()


def test_healing_makes_even_what_is_odd_and_no_more(tmp_path: Path) -> None:
    """What a writer that died left odd gets a value that was never a stamp; all else stays."""
    counters = open_counters(tmp_path / "lock")
    with counters.changing(["a", "b"]):
        pass
    moments = [counters.stamps(IDS, ERA)]
    leave_odd(counters, "a", "d")
    moments.append(counters.stamps(IDS, ERA))
    counters.heal()
    moments.append(counters.stamps(IDS, ERA))
    assert counters.stamps(IDS, ERA) == moments[-1]
    assert [len(set(stamps)) for stamps in zip(*moments, strict=True)] == [3, 1, 1, 3]
    counters.close()


def test_a_counter_passes_every_byte(tmp_path: Path) -> None:
    """Low bytes that run over carry on: no value comes back, and healing finds an odd one in any state."""
    counters, seen = open_counters(tmp_path / "lock"), set()
    for number in range(300):
        leave_odd(counters, "a")
        if number % 2:
            counters.heal()
        else:
            with counters.changing(["a"]):  # of a holder that found it odd
                pass
        assert stamp(counters, "a") == stamp(counters, "a")
        seen.add(stamp(counters, "a"))
    assert len(seen) == 300
    counters.close()


# Their file


def test_the_counters_have_their_room_on_the_disk(tmp_path: Path) -> None:
    """The file is allocated, not only as long: a hole would end the process that writes to it on a full disk. What was
    in the file stays."""
    path = tmp_path / "lock"
    path.write_bytes(b"a note")
    open_counters(path).close()
    status = path.stat()
    assert status.st_blocks * 512 >= status.st_size == 8192
    assert path.read_bytes() == b"a note".ljust(8192, b"\0")


def test_a_file_without_a_note_has_none() -> None:
    """The zeros in front of new counters are no note, which would have the database checked whole; a real one is."""
    assert Note.unpack(bytes(64)) is Note.unpack(b"") is None
    note = Note(7, 16384, 1_795_559_350_000_000_000, is_written=False, log_has_dead_keys=True)
    assert len(note.pack()) == 64
    assert Note.unpack(note.pack()) == note


async def test_the_locks_file_keeps_its_length(store: SqliteStore) -> None:
    """Notes and counters change in place; another process never finds the file shorter, which would end it."""
    path = store.path.with_name("pixstore.db.lock")
    for _ in range(3):
        await save(store, "a")
        assert path.stat().st_size == 8192
    await store.close()
    await store.open()
    assert path.stat().st_size == 8192


def test_a_full_disk_is_told(small_disk: Path) -> None:
    """Without room for the counters nothing is mapped; where there is some again, all is well."""
    filler, path = small_disk / "filler", small_disk / "pixstore.db.lock"
    path.touch()
    filler.write_bytes(bytes(6 * 1024 * 1024))
    with pytest.raises(OSError, match="No space left") as full:
        ChangeCounters.open(path)
    assert full.value.errno == errno.ENOSPC
    filler.unlink()
    counters = open_counters(path)
    with counters.changing(None):
        pass
    counters.close()


async def test_a_store_that_finds_no_room_for_counters_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not open, names the remedy, and holds nothing: opened again with room, it has all images."""
    path = tmp_path / "pixstore.db"
    store = SqliteStore(path)
    await store.open()
    saved = await save(store, "a")
    await store.close()
    path.with_name("pixstore.db.lock").unlink()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", fail)
        with pytest.raises(StoreError, match="the disk is full: make room"):
            await store.open()
    back_up(path, tmp_path / "backup.db")
    restore(tmp_path / "backup.db", path)  # which any lease or lock left behind would keep out
    await store.open()
    assert await store.get("a") == saved
    await store.close()


@pytest.mark.parametrize("number", [errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOMEM])
@pytest.mark.parametrize("call", ["mmap", "posix_fallocate"])
def test_no_means_for_counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str) -> None:
    """A file system that can't map or allocate for anybody has no counters; what this process alone lacks is an error.

    Otherwise it would write without counting, and others would serve what it has replaced.
    """

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(mmap if call == "mmap" else os, call, fail)
    if number == errno.ENOMEM:
        with pytest.raises(OSError, match=os.strerror(number)):
            ChangeCounters.open(tmp_path / "lock")
    else:
        assert ChangeCounters.open(tmp_path / "lock") is None


def test_mapping_and_closing_drop_no_lock(tmp_path: Path) -> None:
    """Leases and write lock are not given back with the counters of the same file, and not kept on by them."""
    path = tmp_path / "lock"
    leases, others, lock = Leases(path), Leases(path), WriteLock(path, timeout_s=0)
    assert leases.are_shared
    assert leases.acquire(7)
    counters = open_counters(path)
    with lock.held():
        open_counters(path).close()
        assert not others.claim(7)
        with pytest.raises(StoreBusy), WriteLock(path, timeout_s=0).held():
            pass
    leases.close()
    assert others.claim(7)
    with WriteLock(path, timeout_s=0).held():
        assert stamp(counters, "a") == stamp(counters, "a")
    for opened in (counters, others, lock):
        opened.close()


# What moves them


Write = Callable[[SqliteStore, StoredImage], Awaitable[object]]


async def _upload_and_give_up(store: SqliteStore, saved: StoredImage) -> None:
    async with await store.begin_write("a", VERSION) as writer:
        await writer.write(body_of(9 * CHUNK_BYTES))


async def _rewrap(store: SqliteStore, saved: StoredImage) -> int:
    return await store.replace_wrapped_keys([RewrappedKey("a", saved.meta.version, wrapped_key_of())])


WRITES: dict[str, tuple[Write, set[str]]] = {
    "save": (lambda store, saved: save(store, "d"), {"d"}),
    "update": (lambda store, saved: save(store, "a", b"new"), {"a"}),
    "update a large one": (lambda store, saved: save(store, "a", body_of(9 * CHUNK_BYTES)), {"a"}),
    "take a token over": (lambda store, saved: save(store, "a", token=saved.token + 5), {"a"}),
    "expect": (lambda store, saved: save(store, "a", expect=saved.meta.version), {"a"}),
    "delete": (lambda store, saved: store.delete("a"), {"a"}),
    "rewrap": (_rewrap, {"a"}),
    "revoke": (lambda store, saved: store.raise_epoch("a"), {"a"}),
    "revoke many": (lambda store, saved: store.raise_epochs(after="a", before="c"), {"b"}),
    "give up": (_upload_and_give_up, set()),
    "sweep": (lambda store, saved: store.sweep(), set()),
    "claim": (lambda store, saved: store.claim_keys([b"check"]), set()),
    "forget": (lambda store, saved: store.forget_key_check(b"check"), set()),
}
COARSE = {"revoke many"}


@pytest.mark.parametrize("name", WRITES)
async def test_every_change_of_a_row_moves_its_counter(store: SqliteStore, name: str) -> None:
    """A row that a write has changed has another stamp afterwards, and every other one, but after a bulk, its own."""
    write, changed = WRITES[name]
    images = [await save(store, image_id) for image_id in IDS[:3]]
    before = {row[0]: row for row in query(store.path, "SELECT * FROM image")}
    stamps = dict(zip(IDS, store.stamps(IDS), strict=True))
    await write(store, images[0])
    after = {row[0]: row for row in query(store.path, "SELECT * FROM image")}
    assert {image_id for image_id in IDS if before.get(image_id) != after.get(image_id)} == changed
    moved = {image_id for image_id, stamp in stamps.items() if stamp_of(store, image_id) != stamp}
    assert moved == (set(IDS) if name in COARSE else changed)


async def test_a_group_of_commits_moves_the_counters_of_all(store: SqliteStore) -> None:
    """Versions that become current in one transaction each move their own counter."""
    ids, commits = [f"image-{number}" for number in range(20)], list[str]()
    assert store._session is not None
    await store._session.write(lambda db: db.set_trace_callback(commits.append))
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

    def note(statement: str) -> None:
        steps.append((statement, stamp_of(store, "a") == stamp_of(store, "a")))

    assert store._session is not None
    await store._session.write(lambda db: db.set_trace_callback(note))
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
    """What another program changes in the database shows at the first look after it, of which there is one a second."""
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
    """What was read before a backup was brought back is not current after it, and a counter left odd is healed."""
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
    """While another holds the write lock, an image whose writer has died is read, store by store opened, and right."""
    store = SqliteStore(tmp_path / "pixstore.db", busy_timeout_s=0)
    await store.open()
    saved = await save(store, "a")
    counters = lock_of(store).counters
    assert counters is not None
    leave_odd(counters, "a")
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
            before = pix._store.stamps([record.id])
            async with Pixstore(path, secret=SECRET) as other:
                await other.update_image(record.id, picture("webp"))
            print(pix._store.stamps([record.id]) != before, (await served(pix, record)) == (1, picture("webp")))

    asyncio.run(main(sys.argv[1]))
"""


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.slow
def test_a_forked_child_refuses_what_is_in_memory(tmp_path: Path) -> None:
    """A child has its parent's memory, whose counters it must not go by; the parent goes on as if there were none."""
    result = run(FORK, tmp_path / "pixstore.db")
    hot, state, refusal, parent = result.stdout.splitlines()
    assert (hot, state, parent) == ("True", "INTERNAL_ERROR 0", "True True"), result.stderr
    assert "open it in each worker process" in refusal


# Writers that die


DIE = """
    import asyncio, os, signal, sys
    from pixstore_asgi.store.sqlite import SqliteStore

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    class Mortal:
        '''Counters of which the process changes so many before it dies.'''

        def __init__(self, values, changes):
            self.values, self.changes = values, changes

        def __getitem__(self, slot):
            return self.values[slot]

        def __setitem__(self, slot, value):
            if self.changes == 0:
                die()
            self.changes -= 1
            self.values[slot] = value

        def release(self):
            self.values.release()

    def listen(db, dies_at_commit):
        if dies_at_commit:
            db.set_trace_callback(lambda statement: die() if statement == "COMMIT" else None)

    async def main(path, step, image_id):
        store = SqliteStore(path)
        await store.open()
        counters = store._session._write_lock.counters
        counters._values = Mortal(counters._values, -1 if step == "COMMIT" else int(step))
        await store._session.write(listen, step == "COMMIT")
        await (store.raise_epoch(image_id) if image_id else store.raise_epochs())
        await store.close()

    asyncio.run(main(*sys.argv[1:]))
"""
ONE = [("0", False), ("COMMIT", False), ("1", True)]
ALL = [("0", False), ("1", False), ("300", False), ("COMMIT", False), ("512", True), ("513", True), ("1023", True)]


async def current(images: ImageCache, store: SqliteStore, image_id: str) -> StoredImage:
    """Return an image as a request gets it, which must be as the database has it now."""
    found, stored = await images.get(image_id), await store.get(image_id)
    assert found is not None
    assert found == stored
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("image_id", "step", "is_committed"), [*(("a", *step) for step in ONE), *(("", *step) for step in ALL)]
)
async def test_a_writer_that_dies_leaves_nothing_stale(
    store: SqliteStore, image_id: str, step: str, is_committed: bool
) -> None:
    """Killed before or between its changes of counters or at its COMMIT: every answer is what the database has, at once
    and after the next write, which makes all counters good again."""
    images = ImageCache(store, 1024 * 1024)
    for name in IDS:
        await save(store, name)
        await current(images, store, name)
    result = await asyncio.to_thread(run, DIE, store.path, step, image_id)
    assert (result.returncode, result.stderr) == (-9, "")
    for name in IDS:
        epoch = int(is_committed and image_id in ("", name))
        for _ in range(3):
            assert (await current(images, store, name)).epoch == epoch
    await store.raise_epoch("d")
    for name in IDS:
        epoch = (name == "d") + int(is_committed and image_id in ("", name))
        assert (await current(images, store, name)).epoch == epoch
        assert stamp_of(store, name) == stamp_of(store, name)


async def test_a_store_opened_after_a_writer_died_heals(store: SqliteStore) -> None:
    """Whoever opens the database next makes the counters good for all who have it open."""
    images = ImageCache(store, 1024 * 1024)
    await save(store, "a")
    await asyncio.to_thread(run, DIE, store.path, "1", "a")
    assert stamp_of(store, "a") != stamp_of(store, "a")
    other = SqliteStore(store.path)
    await other.open()
    assert stamp_of(store, "a") == stamp_of(store, "a")
    assert (await current(images, store, "a")).epoch == 1
    await other.close()
