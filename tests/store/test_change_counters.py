"""Change counters by themselves, and their room in the write lock's file."""

import errno
import mmap
import os
from collections.abc import Hashable
from operator import ne
from pathlib import Path
from zlib import crc32

import pytest

from pixstore_asgi import StoreError
from pixstore_asgi.errors import StoreBusy
from pixstore_asgi.store.contract_tests.steps import save
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.backup import back_up, restore
from pixstore_asgi.store.sqlite.files import LockHeader
from pixstore_asgi.store.sqlite.leases import Leases
from pixstore_asgi.store.sqlite.write_lock import ChangeCounters, WriteLock
from tests.support.sqlite import leave_odd, open_counters

ERA = object()
IDS = ["a", "b", "c", "d"]


def stamp(counters: ChangeCounters, image_id: str) -> Hashable:
    (stamp,) = counters.stamps([image_id], ERA)
    return stamp


def test_the_sample_ids_have_counters_of_their_own() -> None:
    """Otherwise the following tests would prove less."""
    assert len({crc32(image_id.encode()) % 512 for image_id in IDS}) == len(IDS)


def test_a_change_moves_its_own_counters_alone(tmp_path: Path) -> None:
    """A changed image has no valid stamp, also during the change, when no stamp equals another. The other stamps stay
    valid.
    """
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
    """An equal counter of another generation is no equal stamp."""
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
    """A counter that a dead writer left odd gets a value that was never a stamp. All others stay."""
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


@pytest.mark.parametrize("value", [2**64 - 2, 2**64 - 1])
def test_a_counter_at_its_end_begins_anew(tmp_path: Path, value: int) -> None:
    """A damaged file with the largest numbers in it blocks no write."""
    counters = open_counters(tmp_path / "lock")
    for slot in range(512):
        counters._values[slot] = value
    counters.heal()
    with counters.changing(None):
        pass
    assert not any(counter & 1 for counter in counters._values)
    assert set(counters._values) <= {0, 2}


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
    assert LockHeader.unpack(bytes(64)) is LockHeader.unpack(b"") is None
    note = LockHeader(7, 16384, 1_795_559_350_000_000_000, is_written=False, log_has_dead_keys=True)
    assert len(note.pack()) == 64
    assert LockHeader.unpack(note.pack()) == note


async def test_the_locks_file_keeps_its_length(tmp_path: Path) -> None:
    """Notes and counters change in place; another process never finds the file shorter, which would end it."""
    store, path = SqliteStore(tmp_path / "pixstore.db"), tmp_path / "pixstore.db.lock"
    await store.open()
    for _ in range(3):
        await save(store, "a")
        assert path.stat().st_size == 8192
    await store.close()
    await store.open()
    assert path.stat().st_size == 8192
    await store.close()


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
    """A file system that can't map or allocate for any process has no counters. A failure of this process only is an
    error.

    Otherwise it would write without counting, and others would serve replaced images.
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
