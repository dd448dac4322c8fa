"""Bodies in files beyond the contract: which bodies, order of the steps, faults at each step, wrong folders."""

import asyncio
import errno
import itertools
import os
import re
import shutil
import stat
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import ConfigError, Pixstore
from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.errors import StoreBusy, StoreConflict, StoreDamaged, StoreError
from pixstore_asgi.store.connect import connect
from pixstore_asgi.store.contract import CHUNK_BYTES, WHOLE_BYTES, CommitTerms, Expect
from pixstore_asgi.store.contract_tests.steps import VERSION, body_of, meta_of, read, save, written
from pixstore_asgi.store.files import BodyFolder, streams
from pixstore_asgi.store.files.record import Record
from pixstore_asgi.store.files.streams import FileStream
from pixstore_asgi.store.objects import UploadGone, keep
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.service import until

LONG = body_of(WHOLE_BYTES + 3 * CHUNK_BYTES + 7)
OTHER = body_of(len(LONG), seed=1)


def store_of(folder: Path, bodies: Path | None = None, **options: Any) -> SqliteStore:
    ticks = itertools.count(1_700_000_000_000, 1000)  # a body is older than no grace period at once
    options = {"sweep_grace_s": 0, "clock_ms": lambda: next(ticks), **options}
    return SqliteStore(folder / "images.db", bodies=BodyFolder(bodies or folder / "bodies"), **options)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """An open store with a folder, and without a grace period."""
    made = store_of(tmp_path)
    await made.open()
    yield made
    await made.close()


@asynccontextmanager
async def opened(store: SqliteStore) -> AsyncIterator[SqliteStore]:
    """Keep a store open during the block."""
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def path_of(argument: Any) -> str:
    """Return the path that a function of `os` was given, by itself or by a descriptor."""
    return os.readlink(f"/proc/self/fd/{argument}") if isinstance(argument, int) else str(argument)


def files_in(folder: Path) -> list[Path]:
    """Return all files of bodies and unfinished parts."""
    return sorted(path for path in (folder / "bodies").glob("*/*") if path.is_file())


@pytest.mark.parametrize(("size", "files"), [(WHOLE_BYTES, 0), (WHOLE_BYTES + 1, 1), (len(LONG), 1)])
async def test_only_bodies_above_a_mib_are_files(store: SqliteStore, tmp_path: Path, size: int, files: int) -> None:
    """A body of exactly 1 MiB stays in the database. The file has the ciphertext and nothing else."""
    body = body_of(size)
    await save(store, "a", body)
    assert await read(store, "a") == body
    assert [path.read_bytes() for path in files_in(tmp_path)] == [body] * files


async def test_one_long_piece_is_a_file(store: SqliteStore, tmp_path: Path) -> None:
    """The length counts, not the number of pieces."""
    writer, meta = await written(store, "a", b"")
    await writer.write(LONG)
    await writer.commit(replace(meta, size=len(LONG)))
    assert [path.read_bytes() for path in files_in(tmp_path)] == [LONG]


async def test_nobody_else_reads_the_files(store: SqliteStore, tmp_path: Path) -> None:
    """Files have mode 0600, and folders 0700."""
    await save(store, "a", LONG)
    for path in (tmp_path / "bodies").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files to another user")
async def test_the_files_of_root_belong_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    """A command that root runs leaves no file that the application can't read."""
    (tmp_path / "bodies").mkdir()
    os.chown(tmp_path / "bodies", 65534, 65534)
    async with opened(store_of(tmp_path)) as store:
        await save(store, "a", LONG)
    (file,) = files_in(tmp_path)
    assert [(path.stat().st_uid, path.stat().st_gid) for path in (file, file.parent)] == [(65534, 65534)] * 2


async def test_images_of_before_stay_readable(tmp_path: Path) -> None:
    """A database with long bodies in it may get a folder later, and new bodies go there."""
    async with opened(SqliteStore(tmp_path / "images.db")) as before:
        await save(before, "a", LONG)
    async with opened(store_of(tmp_path)) as after:
        await save(after, "b", OTHER)
        assert (await read(after, "a"), await read(after, "b")) == (LONG, OTHER)
        assert len(files_in(tmp_path)) == 1


async def test_a_stream_outlives_its_file(store: SqliteStore, tmp_path: Path) -> None:
    """An open stream reads its version to the end, although an update and a sweep have removed the file."""
    await save(store, "a", LONG)
    streams = [await store.open_stream("a") for _ in range(2)]
    assert streams[0] is not None
    assert streams[1] is not None
    first = await anext(streams[0])
    await save(store, "a", OTHER)
    await store.sweep()
    assert [path.read_bytes() for path in files_in(tmp_path)] == [OTHER]
    assert first + b"".join([chunk async for chunk in streams[0]]) == LONG
    assert b"".join([chunk async for chunk in streams[1]]) == LONG


async def test_a_reader_gets_the_new_version_if_the_old_file_is_gone(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the read of the row and the open of the file, the image is replaced and gc removes the old file."""
    await save(store, "a", LONG)
    real = BodyFolder.open_stream

    async def late(folder: BodyFolder, image: StoredImage, name: str) -> FileStream:
        monkeypatch.setattr(BodyFolder, "open_stream", real)
        await save(store, "a", OTHER)
        await store.sweep()
        return await real(folder, image, name)

    monkeypatch.setattr(BodyFolder, "open_stream", late)
    assert await read(store, "a") == OTHER


async def test_readers_without_a_grace_period_never_fail(tmp_path: Path) -> None:
    """While one store replaces an image and sweeps all the time, eight readers of another one get whole versions."""
    async with opened(store_of(tmp_path)) as writer, opened(store_of(tmp_path)) as reader:
        await save(writer, "a", LONG)

        async def replace() -> None:
            for number in range(8):
                await save(writer, "a", (OTHER, LONG)[number % 2])
                await writer.sweep()

        async def read_meanwhile() -> None:
            while not replacing.done():
                assert await read(reader, "a") in (LONG, OTHER)

        replacing = asyncio.ensure_future(replace())
        await asyncio.gather(replacing, *(read_meanwhile() for _ in range(8)))
    assert [path.read_bytes() for path in files_in(tmp_path)] == [LONG]


async def test_reading_needs_no_flag_of_linux(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without RWF_NOWAIT all chunks are read on other threads."""
    monkeypatch.setattr(streams, "_NO_WAIT", 0)
    await save(store, "a", LONG)
    assert await read(store, "a") == LONG


async def test_an_aborted_write_leaves_no_file(store: SqliteStore, tmp_path: Path) -> None:
    """Its part is removed at once."""
    writer, _ = await written(store, "a", LONG)
    await asyncio.to_thread(until, lambda: files_in(tmp_path), "that the part is there")
    await writer.abort()
    assert files_in(tmp_path) == []


async def test_a_refused_commit_leaves_no_file_after_a_sweep(store: SqliteStore, tmp_path: Path) -> None:
    """The file is complete by then. The next sweep removes it, and the current image stays."""
    await save(store, "a", LONG)
    writer, meta = await written(store, "a", OTHER)
    with pytest.raises(StoreConflict):
        await writer.commit(meta, CommitTerms(expect=Expect.ABSENT))
    await store.sweep()
    assert [path.read_bytes() for path in files_in(tmp_path)] == [LONG]


async def test_a_call_that_writes_only_a_part_is_continued(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may write less than it was asked to."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda number, piece: write(number, piece[:100_000]))
    await save(store, "a", LONG)
    assert [path.read_bytes() for path in files_in(tmp_path)] == [LONG]


def test_short_pieces_are_joined() -> None:
    """Each byte of a slow upload would otherwise cost an object."""
    pieces: list[bytes | bytearray] = []
    for number in range(200_000):
        keep(pieces, bytes([number % 256]))
    assert len(pieces) == 4
    keep(pieces, bytes(100_000))
    keep(pieces, b"end")
    assert b"".join(pieces) == bytes(number % 256 for number in range(200_000)) + bytes(100_000) + b"end"


@pytest.mark.slow
@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
async def test_a_fault_at_any_step_loses_nothing(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    """Whichever call fails, the save raises StoreError, the earlier version stays, and no file is left."""
    await save(store, "a", LONG)
    calls = 0
    real: Callable[..., Any] = getattr(os, step)

    def fail_within_bodies(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        where = path_of(arguments[0])
        if str(tmp_path / "bodies") not in where:
            return real(*arguments, **named)
        calls += 1
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, step, fail_within_bodies)
        with pytest.raises(StoreError):
            await save(store, "a", OTHER)
    assert calls
    assert await read(store, "a") == LONG
    await store.sweep()
    assert [path.read_bytes() for path in files_in(tmp_path)] == [LONG]
    await save(store, "a", OTHER)
    assert await read(store, "a") == OTHER


async def test_the_file_is_synced_before_its_row_is_written(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Write, fsync of the file, rename, fsync of the folder, and only then the commit."""
    steps: list[str] = []

    def recorded(name: str) -> Callable[..., Any]:
        real: Callable[..., Any] = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            where = path_of(arguments[0])
            if str(tmp_path / "bodies") in where:
                steps.append(f"{name} {Path(where).parent.name if 'parts' in where else 'folder'}")
            return real(*arguments, **named)

        return call

    writer, meta = await written(store, "a", LONG)
    with monkeypatch.context() as patched:
        for name in ("fsync", "replace"):
            patched.setattr(os, name, recorded(name))
        commit = store._engines.opened().commit

        async def recorded_commit(new: Any) -> Any:
            steps.append("commit")
            return await commit(new)

        patched.setattr(writer, "_commit_with", recorded_commit)
        await writer.commit(meta)
    assert steps == ["fsync parts", "replace parts", "fsync folder", "commit"]


async def test_a_missing_file_is_named_and_harms_no_other_image(store: SqliteStore, tmp_path: Path) -> None:
    """Reading it is StoreDamaged with the image's id and the folder."""
    await save(store, "a", LONG)
    (file,) = files_in(tmp_path)
    await save(store, "b", OTHER)
    file.unlink()
    with pytest.raises(
        StoreDamaged, match=r"the file .*bodies/../[0-9a-f]{32} of image a is missing: restore it from a backup"
    ):
        await read(store, "a")
    assert await read(store, "b") == OTHER


@pytest.mark.parametrize("length", [0, len(LONG) - 1, len(LONG) + 1])
async def test_a_file_of_another_length_is_refused(store: SqliteStore, tmp_path: Path, length: int) -> None:
    """No byte of it is returned."""
    await save(store, "a", LONG)
    (file,) = files_in(tmp_path)
    os.truncate(file, length)
    with pytest.raises(StoreDamaged, match=r"the file .* of image a has another length than the image"):
        await store.open_stream("a")


async def test_a_file_that_becomes_shorter_during_a_read_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    """The read ends with an error, not with fewer bytes."""
    await save(store, "a", LONG)
    stream = await store.open_stream("a")
    assert stream is not None
    assert await anext(stream) == LONG[:CHUNK_BYTES]
    os.truncate(files_in(tmp_path)[0], 2 * CHUNK_BYTES + 1)
    assert await anext(stream) == LONG[CHUNK_BYTES : 2 * CHUNK_BYTES]
    with pytest.raises(StoreDamaged, match=r"the file .* of image a is cut short: restore it from a backup"):
        await anext(stream)


async def test_a_folder_that_was_moved_away_is_named_and_may_come_back(store: SqliteStore, tmp_path: Path) -> None:
    """Reads and saves raise StoreBusy meanwhile, short images stay readable, and nothing is lost."""
    await save(store, "a", LONG)
    await save(store, "short", b"short")
    await save(store, "gone", OTHER)
    await store.delete("gone")
    (tmp_path / "bodies").rename(tmp_path / "moved")
    for use in (read(store, "a"), save(store, "b", OTHER), store.sweep()):
        with pytest.raises(StoreBusy, match=r"the folder .*bodies is missing or was replaced") as raised:
            await use
        assert raised.value.away == "folder"
    assert await read(store, "short") == b"short"
    (tmp_path / "bodies").mkdir()  # as an empty mount point
    with pytest.raises(StoreBusy, match="is missing or was replaced"):
        await save(store, "b", OTHER)
    (tmp_path / "bodies").rmdir()
    (tmp_path / "moved").rename(tmp_path / "bodies")
    await save(store, "b", OTHER)
    assert (await read(store, "a"), await read(store, "b")) == (LONG, OTHER)


async def test_a_database_with_files_opens_only_with_its_own_folder(tmp_path: Path) -> None:
    """A missing, an empty and another database's folder are refused, and none of them is created or changed."""
    async with opened(store_of(tmp_path)) as store:
        await save(store, "a", LONG)
    (tmp_path / "other").mkdir()
    async with opened(store_of(tmp_path / "other")):
        pass
    (tmp_path / "empty").mkdir()
    for folder, reason in [
        ("missing", "is missing, but this database has bodies outside its tables: check blobs="),
        ("empty", "is not the one of this database"),
        ("other/bodies", "holds the bodies of another database"),
    ]:
        with pytest.raises(StoreError, match=reason):
            await store_of(tmp_path, tmp_path / folder).open()
    assert not (tmp_path / "missing").exists()
    assert list((tmp_path / "empty").iterdir()) == []


async def test_a_new_database_takes_no_folder_with_other_files(tmp_path: Path) -> None:
    """A folder for bodies is new or empty. The folder that a file system makes for lost files does not count."""
    (tmp_path / "bodies" / "lost+found").mkdir(parents=True)
    async with opened(store_of(tmp_path)) as store:
        await save(store, "a", LONG)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    (tmp_path / "new").mkdir()
    with pytest.raises(StoreError, match="holds other files: name an empty folder"):
        await store_of(tmp_path / "new", tmp_path / "photos").open()


async def test_a_sweep_needs_no_subfolder(store: SqliteStore, tmp_path: Path) -> None:
    """An administrator may have removed empty subfolders. The next save makes them again."""
    await save(store, "a", LONG)
    await store.delete("a")
    (tmp_path / "bodies" / "parts").rmdir()
    assert await store.sweep() == 1
    with pytest.raises(StoreBusy, match="is missing or was replaced"):
        await save(store, "a", LONG)
    await store.close()
    await store.open()
    await save(store, "a", LONG)
    assert await read(store, "a") == LONG


async def test_foreign_files_stay(store: SqliteStore, tmp_path: Path) -> None:
    """A sweep removes only files of bodies."""
    foreign = tmp_path / "bodies" / "ab" / "notes.txt"
    foreign.parent.mkdir(exist_ok=True)
    foreign.touch()
    await save(store, "a", LONG)
    await store.delete("a")
    assert await store.sweep() == 1
    assert files_in(tmp_path) == [foreign]


async def test_a_sweep_removes_an_unfinished_file_only_if_nobody_writes_it(store: SqliteStore, tmp_path: Path) -> None:
    """A file that a killed process left goes, at any age. One that another process writes stays, although it is old."""
    other = store_of(tmp_path, sweep_grace_s=600)
    writer, meta = await written(store, "a", LONG)
    await asyncio.to_thread(until, lambda: files_in(tmp_path), "that the part is there")
    (part,) = files_in(tmp_path)
    os.utime(part, (0, 0))
    left = part.with_name(f"{bytes(16).hex()}.0a1b2c3d")
    foreign = part.with_name("notes.txt")
    left.touch()
    foreign.touch()
    async with opened(other):
        assert await other.sweep() == 0
        assert files_in(tmp_path) == sorted([part, foreign])
    await writer.commit(meta)
    assert await read(store, "a") == LONG


async def test_a_sweep_removes_the_unfinished_file_of_a_killed_process(store: SqliteStore, tmp_path: Path) -> None:
    """Its row goes first, after the grace period."""
    writer, _ = await written(store, "a", LONG)
    await asyncio.to_thread(until, lambda: files_in(tmp_path), "that the part is there")
    assert await store.sweep() == 1
    assert files_in(tmp_path) == []
    await writer.abort()


async def test_a_cancelled_write_leaves_no_file(store: SqliteStore, tmp_path: Path) -> None:
    """At any moment: the part that a thread writes meanwhile is removed, too."""
    for turns in range(12):
        task = asyncio.ensure_future(save(store, "a", LONG))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await store.delete("a")
    await store.sweep()
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("blobs", "path"),
    [
        ("/srv/pictures", "/srv/pictures"),
        (Path("/srv/pictures"), "/srv/pictures"),
        (Path("s3://bucket"), "s3:/bucket"),
        ("file:///srv/my%20pictures", "/srv/my pictures"),
        ("here", "here"),
    ],
)
def test_a_path_or_file_url_is_a_folder(tmp_path: Path, blobs: str | Path, path: str) -> None:
    """A path may be relative, and a Path is always a folder. A URL is absolute."""
    bodies = Pixstore(tmp_path / "images.db", blobs=blobs)._store.bodies  # type: ignore[attr-defined]
    assert isinstance(bodies, BodyFolder)
    assert bodies.path == Path(path).absolute()


@pytest.mark.parametrize(
    ("blobs", "reason"),
    [
        ("file://host/srv", "the URL of a folder is file:///absolute/path"),
        ("file:relative", "the URL of a folder is file:///absolute/path"),
        ("file:///srv?x=1", "the URL of a folder is file:///absolute/path"),
        ("file:///a%00b", "blobs names no folder"),
        ("a\0b", "blobs names no folder"),
        ("\ud800", "blobs names no folder"),
        ("", "blobs is empty"),
        (7, "blobs must be a folder's path or URL"),
        (b"pictures", "blobs must be a folder's path or URL"),
    ],
)
def test_other_places_are_refused(tmp_path: Path, blobs: Any, reason: str) -> None:
    """With a reason, before anything is opened."""
    with pytest.raises(ConfigError, match=reason):
        connect(tmp_path / "images.db", blobs)


def test_windows_takes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has neither reads at an offset nor a way to sync a folder."""
    monkeypatch.delattr(os, "pread")
    with pytest.raises(ConfigError, match="blobs can't be a folder on Windows: leave it out, or name a bucket"):
        connect(tmp_path / "images.db", tmp_path / "bodies")


def test_postgresql_takes_no_folder(tmp_path: Path) -> None:
    """Its hosts could each have a folder of their own."""
    with pytest.raises(ConfigError, match="bodies in a folder need a SQLite database"):
        connect("postgresql://user@127.0.0.1/none", str(tmp_path))


async def test_a_folder_of_a_killed_first_open_is_taken(tmp_path: Path) -> None:
    """A process that was killed before it had written the folder's owner leaves a file, which does not count."""
    (tmp_path / "bodies").mkdir()
    (tmp_path / "bodies" / ".pixstore-bodies.0a1b2c3d").touch()
    async with opened(store_of(tmp_path)) as store:
        await save(store, "a", LONG)


async def test_two_first_opens_at_once_have_one_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If another database takes the folder between the look and the write, this one is refused, not both accepted."""
    (tmp_path / "other").mkdir()
    real = BodyFolder._write_record

    def taken_before(folder: BodyFolder, record: Record, **named: Any) -> None:
        real(folder, Record((bytes(16),)), **named)
        real(folder, record, **named)

    monkeypatch.setattr(BodyFolder, "_write_record", taken_before)
    with pytest.raises(StoreError, match="holds the bodies of another database"):
        await store_of(tmp_path).open()
    assert (tmp_path / "bodies" / "pixstore-bodies").read_text("ascii").split() == [bytes(16).hex()]


async def test_subfolders_are_made_and_synced_when_the_store_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of another process, because it may have died before it synced their names."""
    synced: list[tuple[str, int]] = []
    real = os.fsync

    def fsync(number: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{number}"))
        synced.append((path.name, len(os.listdir(path)) if path.is_dir() else 0))
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    for missing in ("00", "ff"):
        async with opened(store_of(tmp_path)):
            assert ("bodies", 256 + len(("parts", "pixstore-bodies"))) in synced
        (tmp_path / "bodies" / missing).rmdir()
        synced.clear()


async def test_callers_at_the_same_time_share_a_sync_of_the_log(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each returns after a sync that began after its call."""
    began, go_on, real = threading.Semaphore(0), threading.Semaphore(0), os.fsync

    def fsync(number: int) -> None:
        began.release()
        assert go_on.acquire(timeout=30)
        real(number)

    engine = store._engines.opened()
    await engine.sync()  # the first one also syncs the log's name
    monkeypatch.setattr(os, "fsync", fsync)
    first = asyncio.create_task(engine.sync())
    assert await asyncio.to_thread(began.acquire, timeout=30)
    others = [asyncio.create_task(engine.sync()) for _ in range(8)]
    await asyncio.sleep(0.1)  # they wait for the sync that began too early for them
    go_on.release(2)
    await asyncio.gather(first, *others)
    assert began.acquire(blocking=False)
    assert not began.acquire(blocking=False)


async def test_the_log_is_synced_before_a_file_is_made_or_removed(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power failure could leave a file that no row names, or bring back an image whose file was removed."""
    steps: list[str] = []

    def recorded(name: str) -> Callable[..., Any]:
        real: Callable[..., Any] = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            where = path_of(arguments[0])
            if name != "fsync" or where.endswith("-wal"):
                steps.append(name)
            return real(*arguments, **named)

        return call

    for name in ("fsync", "replace", "unlink"):
        monkeypatch.setattr(os, name, recorded(name))
    await save(store, "a", LONG)
    assert steps == ["fsync", "replace"]
    await store.delete("a")
    assert await store.sweep() == 1
    assert steps == ["fsync", "replace", "fsync", "unlink"]


async def test_an_upload_that_paused_for_too_long_says_so(store: SqliteStore) -> None:
    """If gc has removed the file of an upload that paused, the upload is UploadGone, and the folder is not blamed."""
    writer = await store.begin_write("a", VERSION)
    await writer.write(LONG)
    await writer.write(LONG)
    await store.sweep()
    with pytest.raises(UploadGone, match="the upload paused for longer than sweep_grace_s"):
        await writer.commit(meta_of(2 * len(LONG)))
    await writer.abort()
    await save(store, "a", LONG)
    assert await read(store, "a") == LONG


async def copied_away(folder: Path) -> tuple[Path, Path]:
    """Copy a database with a folder, save another body in the original, and put the original out of sight."""
    async with opened(store_of(folder)) as store:
        await save(store, "a", LONG)
    (folder / "copy").mkdir()
    shutil.copy(folder / "images.db", folder / "copy")
    async with opened(store_of(folder)) as store:
        await save(store, "newer", OTHER)
    (folder / "hidden").mkdir()
    return folder / "copy", (folder / "images.db").rename(folder / "hidden" / "images.db").parent


async def test_a_copy_takes_no_folder_of_an_original_out_of_sight(tmp_path: Path) -> None:
    """A process that can't see the original, as in a container, can't open its copy with the original's folder.

    So the copy removes none of the pictures that were saved since. The original opens at its new path, and as before.
    """
    copy, hidden = await copied_away(tmp_path)
    with pytest.raises(StoreError, match=r"belongs to the database .*/images.db, which is not there for this process"):
        await store_of(copy, tmp_path / "bodies").open()
    for original in (hidden, tmp_path):
        async with opened(store_of(original, tmp_path / "bodies")) as store:
            assert (await read(store, "a"), await read(store, "newer")) == (LONG, OTHER)
            await store.adopt_orphans()
            await store.sweep()
        assert len(files_in(tmp_path)) == 2
        if original == hidden:
            (hidden / "images.db").rename(tmp_path / "images.db")


@pytest.mark.parametrize("kept", ["(?!file:).*\n", "(?!file:#).*\n"], ids=["as documented", "earlier version"])
async def test_a_copy_replaces_an_original_that_is_gone(tmp_path: Path, kept: str) -> None:
    """Without the lines of the file, and in a folder of an earlier version, a copy takes the folder over."""
    copy, _ = await copied_away(tmp_path)
    record = tmp_path / "bodies" / "pixstore-bodies"
    record.write_text("".join(re.findall(f"^{kept}", record.read_text(), re.MULTILINE)))
    async with opened(store_of(copy, tmp_path / "bodies")) as store:
        assert await read(store, "a") == LONG
    assert Record.read(tmp_path / "bodies").inode == (copy / "images.db").stat().st_ino


async def test_a_restored_file_at_the_same_path_is_accepted(tmp_path: Path) -> None:
    """The path decides there, because a restore puts another file in place. The folder then has its number."""
    copy, _ = await copied_away(tmp_path)
    (copy / "images.db").rename(tmp_path / "images.db")
    async with opened(store_of(tmp_path)) as store:
        assert await read(store, "a") == LONG
    assert Record.read(tmp_path / "bodies").inode == (tmp_path / "images.db").stat().st_ino


def test_earlier_versions_read_the_record() -> None:
    """They take the first line of the file for its path, and read no line of a file as an id."""
    lines = Record((bytes(16),), "../images.db", 7).pack().decode().split()
    assert lines == ["00" * 16, "file:../images.db", "file:#7"]
