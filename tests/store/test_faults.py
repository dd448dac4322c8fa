"""The state after a fault: failing statements, dying processes, full disks and damaged files, at every step."""

import asyncio
import contextlib
import gc
import logging
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pixstore_asgi import ImageRecord, Pixstore, PixstoreError, StoreError, WireState
from pixstore_asgi.core.images import RewrappedKey
from pixstore_asgi.errors import IntegrityError, SecretError, StoreBusy
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.contract_tests.steps import VERSION, body_of, meta_of, read, wrapped_key_of
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.connection import translate
from tests.support.payloads import served
from tests.support.rings import ring_of
from tests.support.samples import SECRET, large_png, picture
from tests.support.sqlite import KEY_OF_IMAGE, idle, query, reading
from tests.support.sqlite_faults import (
    DATABASE,
    LARGE,
    NEW,
    NEW_LARGE,
    NEW_SMALL,
    OPERATIONS,
    SMALL,
    Base,
    Operation,
    Plan,
    check_file,
    check_next,
    contents,
    in_pieces,
    injected,
    make_base,
    sqlite_error,
    store_of,
    sweep,
    unique_png,
)

pytestmark = pytest.mark.slow

PAGE_BYTES = 16384
KEY_ID = ring_of(SECRET).signing.key_id
TEXTS = {
    sqlite3.SQLITE_IOERR: "reading or writing it failed: check the disk",
    sqlite3.SQLITE_FULL: "the disk is full: make room",
    sqlite3.SQLITE_BUSY: "locked by another process: try again",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore it from a backup",
}


@pytest.fixture(scope="module")
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Base:
    has_files: bool = getattr(request, "param", False)
    return asyncio.run(make_base(tmp_path_factory.mktemp("base"), has_files=has_files))


also_with_files = pytest.mark.parametrize(
    "base",
    [pytest.param(False, id="rows"), pytest.param(True, id="files", marks=pytest.mark.soak)],
    indirect=True,
    scope="module",
)
"""Runs a test with all bodies in the database, and with the large ones in files."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: hundreds of databases wait for no disk."""
    memory = "/dev/shm"  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if os.path.isdir(memory) else tmp_path) as made:
        yield Path(made)


@pytest.fixture(autouse=True)
def log_level(caplog: pytest.LogCaptureFixture) -> None:
    """Log no errors, because the captured log would keep their tracebacks and the objects in them."""
    caplog.set_level(logging.CRITICAL, "pixstore_asgi")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the database as another program's write would."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def check_text(error: PixstoreError, *texts: str) -> None:
    """Check that an error says one of these things."""
    assert any(text in str(error) for text in texts), error


def check_error(error: Exception | None, code: int) -> None:
    """Check that an injected error is one of this package, and has a clear message."""
    if error is None or "InternalError" in str(error):
        return
    assert isinstance(error, StoreError), repr(error)
    assert TEXTS[code] in str(error)
    assert isinstance(error, StoreBusy) == (code == sqlite3.SQLITE_BUSY)


# Statements that fail


async def try_once(operation: Operation, pix: Pixstore, base: Base, plan: Plan) -> bool:
    """Run an operation under the plan and tell whether it raised, which must be as the plan has it."""
    plan.is_armed = True
    try:
        await operation.run(pix, base)
    except Exception as error:
        check_error(error, plan.code)
        return True
    finally:
        plan.is_armed = False
    return False


async def fail_at(operation: Operation, base: Base, folder: Path, plan: Plan) -> bool:
    """Run an operation with one fault and check the state after it. Return whether there were that many steps."""
    path = operation.prepare(base, folder)
    pix = base.pixstore(path)
    with injected(plan):
        if not operation.is_opening:
            await pix.open()
        has_failed = await try_once(operation, pix, base, plan)
        gc.collect()
        assert store_of(pix).in_use == 0
        if operation.is_opening and has_failed:
            await pix.open()
        # A commit that fails when it is done has still happened.
        allowed = [operation.before(base)] if has_failed else []
        allowed += [operation.after(base)] if plan.is_after or not has_failed else []
        found = await contents(pix, base)
        assert found in allowed
        if NEW not in found:
            await check_next(pix, base, operation)
        await pix.close()
    async with base.pixstore(path) as again:
        await sweep(again)
        check_file(path)
    shutil.rmtree(folder)
    return plan.has_struck


async def fail_at_each(
    operation: Operation, base: Base, folder: Path, *, code: int, mode: str = "before", every: int = 1
) -> None:
    step, goes_on = 1, True
    while goes_on:
        plan = Plan(at=step, code=code, is_after=mode == "after", is_lasting=mode == "lasting")
        goes_on = await fail_at(operation, base, folder / str(step), plan)
        step += every
    assert step > 1 + every  # at least one struck


MODES = ["before", "after", "lasting"]


def fault_cases() -> Iterator[object]:
    """Yield operation, mode and the distance between steps; the short variant tries samples of all that write."""
    for name in OPERATIONS:
        for mode in MODES:
            every = 1 if name == "read" else 11 if mode == "before" else 23
            yield pytest.param(name, mode, every, id=f"{name}-{mode}")
            if every > 1:
                yield pytest.param(name, mode, 1, marks=pytest.mark.soak, id=f"{name}-{mode}-all")


@also_with_files
@pytest.mark.parametrize(("name", "mode", "every"), list(fault_cases()))
async def test_a_statement_that_fails_harms_nothing(base: Base, folder: Path, name: str, mode: str, every: int) -> None:
    """If any statement fails, once or from then on, the images are the old or the new ones, and everything
    works again.
    """
    await fail_at_each(OPERATIONS[name], base, folder, code=sqlite3.SQLITE_IOERR, mode=mode, every=every)


@pytest.mark.soak
@also_with_files
@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "read"])
@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CORRUPT])
@pytest.mark.parametrize("mode", ["before", "lasting"])
async def test_every_kind_of_failure_harms_nothing(base: Base, folder: Path, name: str, code: int, mode: str) -> None:
    """A full disk, a lock and damage at any statement are told by their names and leave nothing behind."""
    await fail_at_each(OPERATIONS[name], base, folder, code=code, mode=mode)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL])
def test_a_database_that_others_have_to_themselves_is_busy(code: int) -> None:
    """Each way in which SQLite reports that others hold the database becomes StoreBusy, and a retry helps."""
    error = translate(Path("images.db"), sqlite_error(code))
    assert isinstance(error, StoreBusy)
    assert TEXTS[sqlite3.SQLITE_BUSY] in str(error)


def test_what_a_database_says_is_not_repeated() -> None:
    """SQLite's text of an error may come from the file, with escapes for a terminal: its code alone is told."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        with pytest.raises(sqlite3.OperationalError) as raised:
            db.execute("SELECT json_extract('{}', '\x1b[2Jall is well')")
        with pytest.raises(sqlite3.OperationalError) as undecoded:
            db.execute("SELECT CAST(x'1b5b324aff' AS TEXT)").fetchone()
    assert "all is well" in str(raised.value)
    assert str(translate(Path("images.db"), raised.value)) == "the database images.db can't be used: SQLITE_ERROR"
    assert "it is damaged" in str(translate(Path("images.db"), undecoded.value))


async def test_a_kept_error_keeps_no_lease(base: Base, folder: Path) -> None:
    """A failed opening of a stream gives its lease back at once, although a log keeps the error and its traceback."""
    store = SqliteStore(base.copy(folder))
    with injected(Plan(at=2)) as plan:
        await store.open()
        plan.is_armed = True
        with pytest.raises(StoreError) as kept:
            await store.open_stream(base.large)
        plan.is_armed = False
        in_use = store.in_use
        await store.close()
    assert kept.value
    assert in_use == 0


async def test_a_commit_that_was_busy_can_be_repeated(base: Base, folder: Path) -> None:
    """A writer whose commit was kept out stores the whole body at its second commit, as StoreBusy tells, or refuses."""
    store = SqliteStore(base.copy(folder), busy_timeout_s=0.05)
    await store.open()
    async with await store.begin_write("a", VERSION) as writer:
        await writer.write(b"body")
        with locked(store.path), pytest.raises(StoreBusy):
            await writer.commit(meta_of(4, key_id=KEY_ID))
        with contextlib.suppress(StoreError):
            await writer.commit(meta_of(4, key_id=KEY_ID))
    try:
        assert await read(store, "a") in (b"body", None)
    finally:
        await store.close()


async def test_a_write_that_was_busy_leaves_no_hole(base: Base, folder: Path) -> None:
    """A writer that goes on after a write that was kept out stores the whole body, or refuses."""
    store, body = SqliteStore(base.copy(folder), busy_timeout_s=0.05), body_of(18 * CHUNK_BYTES)
    first, second, third = (body[start : start + len(body) // 3] for start in range(0, len(body), len(body) // 3))
    await store.open()
    async with await store.begin_write("a", VERSION) as writer:
        with locked(store.path):
            await writer.write(first)
            with pytest.raises(StoreBusy):
                await writer.write(second)
        with contextlib.suppress(StoreError):
            await writer.write(third)
            await writer.commit(meta_of(len(body), key_id=KEY_ID))
    try:
        assert await read(store, "a") in (body, None)
    finally:
        await store.close()


async def test_an_upload_that_fails_harms_no_other(base: Base, folder: Path) -> None:
    """An upload that failed while it made its blob, and is given up later, leaves another upload alone."""
    store, body = SqliteStore(base.copy(folder)), body_of(6 * CHUNK_BYTES)
    with injected(Plan(code=sqlite3.SQLITE_FULL)) as plan:
        await store.open()
        failing, other = await store.begin_write("a", VERSION), await store.begin_write("b", VERSION)
        await idle(store)
        plan.is_armed, plan.at = True, 3  # BEGIN, INSERT INTO blob, INSERT INTO chunk
        await failing.write(body)
        with pytest.raises(StoreError, match="the disk is full"):
            await failing.write(body)
        plan.is_armed = False
        await other.write(body)
        await failing.abort()
        try:
            await other.commit(meta_of(len(body), key_id=KEY_ID))
            assert await read(store, "b") == body
        finally:
            await other.abort()
            assert store.in_use == 0
            await store.close()


async def test_what_could_not_be_rolled_back_is_never_committed(base: Base, folder: Path) -> None:
    """After a commit and its rollback have both failed, the next write first undoes their changes."""
    path = base.copy(folder)
    with injected(Plan()) as plan:
        async with Pixstore(path, secret=SECRET) as pix:
            writer = await store_of(pix).begin_write(base.small, VERSION)
            await writer.write(b"body")
            await idle(store_of(pix))
            plan.is_armed, plan.is_lasting, plan.fails_rollback = True, True, True
            plan.at = 7
            with pytest.raises(StoreError):
                await writer.commit(meta_of(4, key_id=KEY_ID))
            plan.is_armed = False
            assert plan.steps[0].startswith("BEGIN")
            assert plan.steps[-1] == "ROLLBACK"
            await check_images(pix, base.images)
            new = await pix.save_image(NEW_SMALL)
            await check_images(pix, {**base.images, new.id: NEW_SMALL})
            await store_of(pix).sweep()
            check_file(path)


# Processes that die


def helper(*words: object) -> list[str]:
    return [sys.executable, "-m", "tests.support.sqlite_faults", *map(str, words)]


async def check_dead(operation: Operation, base: Base, path: Path) -> None:
    """Check the state after a kill: old or new images, all whole, and everything works."""
    async with base.pixstore(path) as pix:
        found = await contents(pix, base)
        assert found in (operation.before(base), operation.after(base))
        if NEW not in found:
            await check_next(pix, base, operation)
        await sweep(pix)
    assert query(path, "PRAGMA page_size") == [(PAGE_BYTES,)]
    assert query(path, "PRAGMA auto_vacuum") == [(2,)]
    check_file(path)


EVERY = [pytest.param(17, id="some"), pytest.param(1, id="all", marks=[pytest.mark.soak, pytest.mark.timeout(900)])]


@also_with_files
@pytest.mark.parametrize("every", EVERY)
async def test_a_process_that_dies_harms_nothing(base: Base, folder: Path, every: int) -> None:
    """A process killed before some of its statements, in any operation, leaves the old or the new images, and a
    database that works.
    """
    command = helper("die", base.folder, base.small, base.large, base.has_files, folder, every)
    result = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True, timeout=800)
    ends = [(name, int(step), int(code)) for name, step, code in map(str.split, result.stdout.splitlines())]
    assert [name for name, _, _ in ends] == list(OPERATIONS)
    for name, last, code in ends:
        assert (last > 1, code) == (True, 0), result.stderr
        for step in range(1, last + 1, every):
            await check_dead(OPERATIONS[name], base, folder / name / str(step) / DATABASE)


def work_and_kill(path: Path, seed: int, after_s: float) -> list[list[str]]:
    """Let a process save, update and delete until it is killed. Return its complete output lines."""
    with subprocess.Popen(helper("work", path, seed), stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        first = worker.stdout.readline()
        time.sleep(after_s)
        worker.kill()
        said = first + worker.stdout.read()
    return [line.split() for line in said.decode().split("\n")[:-1]]


async def kill_at_random(path: Path, kills: int) -> None:
    acknowledged: dict[str, int] = {}
    for seed in range(kills):
        unsure: set[str] = set()
        for word, image_id, *size in work_and_kill(path, seed, random.Random(seed).uniform(0, 0.5)):
            if word in ("deleting", "updating"):
                unsure.add(image_id)
            else:
                unsure.discard(image_id)
                acknowledged.pop(image_id, None)
                if size:
                    acknowledged[image_id] = int(size[0])
        async with Pixstore(path, secret=SECRET) as pix:
            await store_of(pix).sweep()
            check_file(path)
            stored = {image.id: image.meta.size - 1 for image in await store_of(pix).list(limit=10_000)}
            for image_id in set(acknowledged) - unsure:
                assert stored[image_id] == acknowledged[image_id]
            for image_id, size_now in stored.items():
                record = await pix.get_image_record(image_id)
                assert record is not None
                assert await served(pix, record) == (WireState.SUCCESS, unique_png(size_now))
        assert len(set(stored) - set(acknowledged)) <= 1  # the last save may have happened unheard
        acknowledged = stored


async def test_a_process_killed_at_a_random_moment_loses_nothing(folder: Path) -> None:
    """Images that a process acknowledged before it was killed exist byte for byte, and all other images are whole."""
    await kill_at_random(folder / DATABASE, 3)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_process_killed_at_many_moments_loses_nothing(folder: Path) -> None:
    """The same for many processes, one after another on one database."""
    await kill_at_random(folder / DATABASE, 60)


# Full disks


def resize(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


async def save_until_full(pix: Pixstore, size: int) -> dict[str, bytes]:
    """Save images until there is no room, which must be told; return those that were acknowledged."""
    saved: dict[str, bytes] = {}

    async def save_many() -> None:
        for number in range(1000):
            image = large_png(size + number)
            saved[(await pix.save_image(in_pieces(image))).id] = image

    with pytest.raises(StoreError, match="the disk is full: make room"):
        await save_many()
    assert store_of(pix).in_use == 0
    return saved


async def check_images(pix: Pixstore, images: dict[str, bytes]) -> None:
    """Check that the store has these images and no others, byte for byte."""
    assert {image.id for image in await store_of(pix).list(limit=10_000)} == set(images)
    for record in (await pix.get_image_records(images)).values():
        assert await served(pix, record) == (WireState.SUCCESS, images[record.id])


@pytest.mark.parametrize("size", [20_000, 700_000, 1_500_000])
async def test_a_full_disk_loses_nothing(small_disk: Path, size: int) -> None:
    """With no room left saves fail and say so. Saved images are served, also after an open. Then everything works."""
    path = small_disk / DATABASE
    pix = Pixstore(path)
    await pix.open()
    images = await save_until_full(pix, size)
    await check_images(pix, images)
    image_id = next(iter(images))
    with contextlib.suppress(StoreError):
        await pix.update_image(image_id, NEW_LARGE)
        images[image_id] = NEW_LARGE
    with contextlib.suppress(StoreError):
        await pix.delete_image(image_id)
        del images[image_id]
    await check_images(pix, images)
    await pix.close()
    try:
        async with Pixstore(path) as again:
            await check_images(again, images)
    except StoreError as error:
        check_error(error, sqlite3.SQLITE_FULL)
    resize(small_disk, "40m")
    async with Pixstore(path) as roomy:
        await check_images(roomy, images)
        images[(await roomy.save_image(NEW_LARGE)).id] = NEW_LARGE
        await check_images(roomy, images)
        await store_of(roomy).sweep()
        assert store_of(roomy).in_use == 0
    check_file(path)


@pytest.mark.parametrize("left", [0, 1, 2, 4, 6, 8, 10, 12, 16, 20, 24, 28])
async def test_a_store_made_on_a_full_disk_is_made_later(small_disk: Path, left: int) -> None:
    """Without room for a database or its key, opening fails by name, and a later opening completes the files."""
    path, filler = small_disk / DATABASE, small_disk / "filler"
    resize(small_disk, f"{16 * (64 + left)}k")
    filler.write_bytes(b"x" * 64 * PAGE_BYTES)
    pix = Pixstore(path)
    try:
        async with pix:
            images = {(await pix.save_image(SMALL)).id: SMALL}
    except PixstoreError as error:
        check_text(error, "the disk is full", "No space left on device", TEXTS[sqlite3.SQLITE_IOERR])
        images = {}
    filler.unlink()
    async with Pixstore(path) as again:
        await check_images(again, images)
        images[(await again.save_image(NEW_SMALL)).id] = NEW_SMALL
        await check_images(again, images)
    assert {file.name for file in small_disk.iterdir()} <= {DATABASE, f"{DATABASE}.lock", f"{DATABASE}.key"}


@pytest.mark.parametrize("size", [20_000, 1_500_000])
async def test_a_database_that_may_not_grow_loses_nothing(folder: Path, size: int) -> None:
    """If SQLite may use no more pages, saves fail as on a full disk. Saved images stay, and a delete helps."""
    async with Pixstore(folder / DATABASE, secret=SECRET) as pix:
        engine = store_of(pix)._engine
        assert engine is not None
        await engine.on_writer(lambda db: db.execute("PRAGMA max_page_count = 700").close())
        images = await save_until_full(pix, size)
        await check_images(pix, images)
        gone = next(iter(images))
        assert await pix.delete_image(gone)
        del images[gone]
        images[(await pix.save_image(SMALL)).id] = SMALL
        await check_images(pix, images)
        await store_of(pix).sweep()
        check_file(folder / DATABASE)


# Damaged files


async def read_or_refuse(pix: Pixstore, image_id: str, image: bytes) -> bool:
    """Read an image as a page does; tell whether it is whole. Otherwise it must be refused by an error of ours."""
    try:
        record = await pix.get_image_record(image_id)
        if record is None:
            return False
        state, body = await served(pix, record)
    except PixstoreError as error:
        check_text(error, "image", "database")
        return False
    finally:
        gc.collect()
        assert store_of(pix).in_use == 0
    assert state in (WireState.SUCCESS, WireState.UPDATED, WireState.NOT_FOUND, WireState.INTERNAL_ERROR)
    assert body in (image, b"")
    return body == image


async def use_damaged(path: Path, base: Base) -> None:
    """Read, write and sweep a damaged database: every image is whole or refused, and no error is foreign."""
    pix = Pixstore(path, secret=SECRET)
    try:
        await pix.open()
    except PixstoreError as error:
        check_text(error, str(path), "the store was written with secret", "key checks are damaged")
        return
    try:
        for image_id, image in base.images.items():
            await read_or_refuse(pix, image_id, image)
        with contextlib.suppress(PixstoreError):
            await pix.get_image_records(base.images)
        with contextlib.suppress(PixstoreError):
            record = await pix.save_image(in_pieces(NEW_LARGE))
            await read_or_refuse(pix, record.id, NEW_LARGE)
        with contextlib.suppress(PixstoreError):
            await pix.update_image(base.small, NEW_SMALL)
            await read_or_refuse(pix, base.small, NEW_SMALL)
        with contextlib.suppress(PixstoreError):
            await pix.delete_image(base.large)
        with contextlib.suppress(PixstoreError):
            await store_of(pix).sweep()
        assert store_of(pix).in_use == 0
    finally:
        await pix.close()


async def damage_pages(base: Base, folder: Path, seeds: range) -> None:
    content = (base.folder / DATABASE).read_bytes()
    for seed in seeds:
        choice = random.Random(seed)
        damaged = bytearray(content)
        # Pages of bodies are the most, and the least interesting: prefer the first ones.
        page = choice.choice([choice.randrange(8), choice.randrange(len(content) // PAGE_BYTES)]) * PAGE_BYTES
        if seed % 3 == 0:
            damaged[page : page + PAGE_BYTES] = choice.choice([b"\0", b"\xff"]) * PAGE_BYTES
        elif seed % 3 == 1:
            damaged[page : page + PAGE_BYTES] = choice.randbytes(PAGE_BYTES)
        else:
            for _ in range(choice.randrange(1, 5)):
                where = page + choice.choice([choice.randrange(100), choice.randrange(PAGE_BYTES)])
                damaged[where] ^= 1 << choice.randrange(8)
        path = folder / f"{seed}.db"
        path.write_bytes(damaged)
        await use_damaged(path, base)
        for file in folder.glob(f"{seed}.db*"):
            file.unlink()


async def test_damaged_pages_are_never_served(base: Base, folder: Path) -> None:
    """If any page is lost or changed, an image is whole or refused with an error of this package."""
    await damage_pages(base, folder, range(8))


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_many_damaged_pages_are_never_served(base: Base, folder: Path) -> None:
    """The same for many pages."""
    await damage_pages(base, folder, range(8, 3000))


async def test_a_cut_off_database_is_refused_or_whole(base: Base, folder: Path) -> None:
    """However much of its tail is missing, an image is whole or refused; the file brought back, all is there again."""
    content = (base.folder / DATABASE).read_bytes()
    for length in [
        1,
        15,
        16,
        99,
        100,
        512,
        4096,
        *range(PAGE_BYTES, len(content), len(content) // 12),
        len(content) - 1,
    ]:
        path = folder / f"{length}.db"
        path.write_bytes(content[:length])
        await use_damaged(path, base)
        for rest in folder.glob(f"{length}.db-*"):
            rest.unlink()
        path.write_bytes(content)
        async with Pixstore(path, secret=SECRET) as pix:
            await check_images(pix, base.images)


async def test_a_database_cut_off_while_it_is_open_is_refused(base: Base, folder: Path) -> None:
    """A file truncated under an open store: every answer is whole or an error of ours; brought back, all is there."""
    path = base.copy(folder)
    async with Pixstore(path, secret=SECRET) as pix:
        await store_of(pix).sweep()
        content = path.read_bytes()
        before = {image_id: await pix.get_image_record(image_id) for image_id in base.images}
        for length in (len(content) // 2, 3 * PAGE_BYTES, PAGE_BYTES, 100, 0):
            os.truncate(path, length)
            results = [await read_or_refuse(pix, image_id, image) for image_id, image in base.images.items()]
            assert length > 3 * PAGE_BYTES or not all(results)
            with path.open("r+b") as file:
                file.write(content)
        for image_id, record in before.items():
            assert await served(pix, record) == (WireState.SUCCESS, base.images[image_id])
        await check_next(pix, base, OPERATIONS["update-large"])


async def test_a_cut_off_write_ahead_log_holds_whole_versions(folder: Path) -> None:
    """After a power failure, with any part of the log left, the images are a snapshot and each is whole."""
    path = folder / DATABASE
    pix, store = Pixstore(path, secret=SECRET), folder / "copies"
    await pix.open()
    with reading(path):  # or every update would empty the log
        record = await pix.save_image(large_png(300))
        moments: list[bytes | None] = [None, large_png(300)]
        for size in (2_000_000, 700, 1_200_000, 600_000):
            await pix.update_image(record.id, in_pieces(large_png(size)))
            moments.append(large_png(size))
        log = (folder / f"{DATABASE}-wal").read_bytes()
    reached = -1
    for length in [*range(0, len(log), len(log) // 40), len(log) - 1, len(log)]:
        store.mkdir()
        shutil.copy(path, store / DATABASE)
        (store / f"{DATABASE}-wal").write_bytes(log[:length])
        async with Pixstore(store / DATABASE, secret=SECRET) as cut:
            fresh = await cut.get_image_record(record.id)
            moment = None if fresh is None else await served(cut, fresh)
        found = moments.index(None if moment is None else moment[1])
        assert found >= reached
        reached = found
        check_file(store / DATABASE)
        shutil.rmtree(store)
    assert reached == len(moments) - 1
    await pix.close()


@pytest.mark.parametrize("name", ["save-small", "save-large", "update-small", "update-large", "delete"])
async def test_a_locked_database_refuses_writes_and_serves(base: Base, folder: Path, name: str) -> None:
    """While another program holds the database, writes are StoreBusy and change nothing, and reads go on."""
    path = base.copy(folder)
    async with Pixstore(SqliteStore(path, busy_timeout_s=0.02), secret=SECRET) as pix:
        with locked(path):
            with pytest.raises(StoreBusy, match="try again"):
                await OPERATIONS[name].run(pix, base)
            await check_images(pix, base.images)
        await check_next(pix, base, OPERATIONS[name])


# Damaged rows


@pytest.fixture
def cache_bytes() -> int:
    return 64 * 1024 * 1024


@pytest.fixture
async def damaged(base: Base, folder: Path, cache_bytes: int) -> AsyncIterator[tuple[Pixstore, Base]]:
    async with Pixstore(base.copy(folder), secret=SECRET, cache_bytes=cache_bytes) as pix:
        yield pix, base


def damage(pix: Pixstore, statement: str, *values: object) -> None:
    with sqlite3.connect(store_of(pix).path) as edited:
        edited.execute("PRAGMA ignore_check_constraints = ON")
        edited.execute(statement, values)
    edited.close()


async def record_of(pix: Pixstore, image_id: str) -> ImageRecord:
    record = await pix.get_image_record(image_id)
    assert record is not None
    return record


DAMAGED_VALUES: list[object] = [
    *((column, None) for column in ("version", "format", "iv", "tag", "size")),
    *((column, b"") for column in ("version", "iv", "tag", "sha256", "value", "details")),
    *((column, b"x" * length) for column in ("version", "iv", "tag", "sha256") for length in (12, 16, 32)),
    *(("value", b"x" * length) for length in (1, 4, 5, 51, 52, 53, 4000)),
    *(("details", b"x" * length) for length in (1, 8, 33, 4000)),
    *(("format", value) for value in (-1, 0, 2, 255, 256, 2**62)),
    *(("size", value) for value in (-1, 0, 1, CHUNK_BYTES, len(LARGE), len(LARGE) + 2, 2**62, 2**63 - 1)),
    *(("token", value) for value in (-1, 0, 1, 2**53 - 1, 2**53, 2**63 - 1)),
    *(("blob", value) for value in (None, 0, 1, 12, 999, 2**47, 2**48, 2**62, 2**63 - 1)),
    *(("blob", value) for value in (-1, -(2**63))),
]

FOREIGN_VALUES: list[tuple[str, str, object]] = [
    ("image", "blob", "one"),
    ("image", "blob", b"\0\0\0\x01"),
    ("image", "blob", 1.5),
    ("image", "token", "soon"),
    ("image", "size", "x"),
    ("image", "size", 2.5),
    ("image", "format", b"\x01"),
    ("image", "iv", "x" * 12),
    ("image", "details", 7),
    ("wrapped_key", "value", None),
    ("wrapped_key", "value", 7),
    ("chunk", "data", None),
    ("chunk", "data", "x" * CHUNK_BYTES),
    ("chunk", "data", 7),
    ("blob", "state", "live"),
    ("blob", "state", 7),
    ("blob", "changed_ms", "now"),
]
"""Values of another type than the column's, which SQLite lets in once the table's STRICT is edited away."""


@pytest.mark.parametrize(("column", "value"), DAMAGED_VALUES)
async def test_a_damaged_row_is_no_image(damaged: tuple[Pixstore, Base], column: str, value: object) -> None:
    """With any value in a column, the image is whole or refused, others are served, and it can be deleted."""
    pix, base = damaged
    old = await record_of(pix, base.large)
    if column == "value":
        damage(pix, f"UPDATE wrapped_key SET value = ? WHERE {KEY_OF_IMAGE}", value, base.large)
    else:
        damage(pix, f"UPDATE image SET {column} = ? WHERE id = ?", value, base.large)
    with contextlib.suppress(PixstoreError):  # an old record's client checks the tag of what it gets
        state, body = await served(pix, old)
        assert body == LARGE or state > WireState.UPDATED
    await read_or_refuse(pix, base.large, LARGE)
    for image_id in base.images:
        with contextlib.suppress(PixstoreError):
            await pix.get_image_records([image_id])
    assert await served(pix, await record_of(pix, base.small)) == (WireState.SUCCESS, SMALL)
    with contextlib.suppress(PixstoreError):
        assert await served(pix, await pix.update_image(base.large, NEW_SMALL)) == (WireState.SUCCESS, NEW_SMALL)
    await pix.delete_image(base.large)
    assert not await pix.image_exists(base.large)
    gc.collect()
    assert store_of(pix).in_use == 0


def loosen(path: Path) -> None:
    """Make the tables take values of any type, as those of an edited or damaged file may."""
    with sqlite3.connect(path) as edited:
        edited.execute("PRAGMA writable_schema = ON")
        for words, others in ((") STRICT, WITHOUT", ") WITHOUT"), (") STRICT", ")"), (" NOT NULL", "")):
            edited.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table'", (words, others))
    edited.close()


@pytest.mark.parametrize(("table", "column", "value"), FOREIGN_VALUES)
async def test_a_value_of_another_type_is_no_image(
    base: Base, folder: Path, table: str, column: str, value: object
) -> None:
    """Whatever type a stored value has, the image is whole or refused, others are served, and a new version replaces
    it."""
    path = base.copy(folder)
    loosen(path)
    async with Pixstore(path, secret=SECRET) as pix:
        of_large = {
            "image": "id = ?",
            "blob": "id = (SELECT blob FROM image WHERE id = ?)",
            "wrapped_key": KEY_OF_IMAGE,
        }
        where = of_large.get(table, "id = (SELECT blob << 16 FROM image WHERE id = ?) + 1")
        damage(pix, f"UPDATE {table} SET {column} = ? WHERE {where}", value, base.large)
        is_whole = await read_or_refuse(pix, base.large, LARGE)
        assert is_whole == (table == "blob" and column == "changed_ms")
        assert await served(pix, await record_of(pix, base.small)) == (WireState.SUCCESS, SMALL)
        with contextlib.suppress(PixstoreError):
            assert await served(pix, await pix.update_image(base.large, NEW_SMALL)) == (WireState.SUCCESS, NEW_SMALL)
        with contextlib.suppress(PixstoreError):
            await store_of(pix).sweep()
        assert await served(pix, await record_of(pix, base.small)) == (WireState.SUCCESS, SMALL)
        assert store_of(pix).in_use == 0


@pytest.mark.parametrize("value", [7, "text", 1.5])
async def test_a_key_check_of_another_type_is_refused(base: Base, folder: Path, value: object) -> None:
    """A key check that is no bytes keeps the store from opening, which says that the database is damaged."""
    path = base.copy(folder)
    loosen(path)
    with sqlite3.connect(path) as edited:
        edited.execute("UPDATE key_check SET value = ?", (value,))
    edited.close()
    with pytest.raises(StoreError, match="key checks are damaged: restore it from a backup"):
        await Pixstore(path, secret=SECRET).open()


@pytest.mark.parametrize("column", ["version", "format", "iv", "tag", "size", "key"])
async def test_a_column_of_another_row_does_not_unwrap(damaged: tuple[Pixstore, Base], column: str) -> None:
    """A value that is sound but another image's is found out before a key is handed out."""
    pix, base = damaged
    other = await pix.save_image(picture("webp") if column == "format" else NEW_SMALL)
    change = f"UPDATE image SET {column} = (SELECT {column} FROM image WHERE id = ?) WHERE id = ?"
    if column == "key":
        source = f"SELECT value FROM wrapped_key WHERE {KEY_OF_IMAGE}"
        change = f"UPDATE wrapped_key SET value = ({source}) WHERE {KEY_OF_IMAGE}"
    damage(pix, change, other.id, base.small)
    with pytest.raises(IntegrityError, match="changed outside this package"):
        await pix.get_image_record(base.small)
    assert await served(pix, other)


async def test_a_missing_row_of_a_body_keeps_no_key(damaged: tuple[Pixstore, Base]) -> None:
    """An image without its body's row still has its key: another body takes its place, and a delete removes both."""
    pix, base = damaged
    for image_id in (base.small, base.large):
        damage(pix, "DELETE FROM blob WHERE id = (SELECT blob FROM image WHERE id = ?)", image_id)
    key = f"SELECT value FROM wrapped_key WHERE {KEY_OF_IMAGE}"
    before, wrapped = await rows_of(pix, key, base.small), wrapped_key_of()
    assert before
    image = await store_of(pix).get(base.small)
    assert image is not None
    assert await store_of(pix).replace_wrapped_keys([RewrappedKey(image.id, image.meta.version, wrapped)]) == 1
    assert await rows_of(pix, key, base.small) == [(wrapped,)]
    for image_id in (base.small, base.large):
        await pix.delete_image(image_id)
    assert await rows_of(pix, "SELECT count(*) FROM wrapped_key") == [(0,)]


@pytest.mark.parametrize("number", [0, 2, 5])
async def test_a_flipped_byte_fails_each_check(damaged: tuple[Pixstore, Base], number: int) -> None:
    """A changed chunk fails the client's check of the tag. The server's own check keeps it out of the memory."""
    pix, base = damaged
    record = await record_of(pix, base.large)
    chunk = "id = (SELECT blob << 16 FROM image WHERE image.id = ?) + ?"
    ((data,),) = await rows_of(pix, f"SELECT data FROM chunk WHERE {chunk}", base.large, number)
    assert isinstance(data, bytes)
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    damage(pix, f"UPDATE chunk SET data = ? WHERE {chunk}", flipped, base.large, number)
    with pytest.raises(IntegrityError, match="fails authentication"):
        await served(pix, record)
    for _ in range(2):  # from the second reading on a body is to be kept
        assert (await served(pix, record))[0] == WireState.INTERNAL_ERROR
    with pytest.raises(IntegrityError, match="fails authentication"):
        await pix.read_image(record.id)
    assert store_of(pix).in_use == 0
    await check_next(pix, base, OPERATIONS["update-large"])


async def rows_of(pix: Pixstore, statement: str, *values: object) -> list[tuple[object, ...]]:
    with sqlite3.connect(store_of(pix).path) as connection:
        rows = connection.execute(statement, values).fetchall()
    connection.close()
    return rows


@pytest.mark.parametrize("number", [0, 2, 5])
@pytest.mark.parametrize("change", ["DELETE FROM", "UPDATE"])
@pytest.mark.parametrize("cache_bytes", [0])
async def test_a_missing_chunk_ends_the_payload(damaged: tuple[Pixstore, Base], number: int, change: str) -> None:
    """Where a chunk is missing or short, the payload ends with StoreError before it, and the lease is given back."""
    pix, base = damaged
    record = await record_of(pix, base.large)
    what = "chunk SET data = x'00'" if change == "UPDATE" else "chunk"
    damage(pix, f"{change} {what} WHERE id = (SELECT blob << 16 FROM image WHERE image.id = ?) + ?", base.large, number)
    payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
    sent: list[bytes] = []

    async def send() -> None:
        async for piece in payload:
            sent.append(piece)  # noqa: PERF401

    with pytest.raises(StoreError, match="missing from the store"):
        await pix.read_image(record.id)
    with pytest.raises(StoreError, match="missing from the store") as kept:
        await send()
    assert len(b"".join(sent)) == (1 + number * CHUNK_BYTES if number else 0)
    assert kept.value
    assert store_of(pix).in_use == 0
    await check_next(pix, base, OPERATIONS["update-large"])


# Key files


async def make_with_key(folder: Path) -> tuple[Path, str]:
    async with Pixstore(folder / DATABASE) as pix:
        return folder / f"{DATABASE}.key", (await pix.save_image(SMALL)).id


async def check_key_refused(folder: Path, image_id: str, key_file: Path, key: bytes) -> None:
    """Check that the store does not open, names the key, and opens when the key file is back."""
    with pytest.raises(SecretError) as refused:
        await Pixstore(folder / DATABASE).open()
    assert "secret" in str(refused.value)
    key_file.write_bytes(key)
    key_file.chmod(0o600)
    async with Pixstore(folder / DATABASE) as pix:
        assert await served(pix, await record_of(pix, image_id)) == (WireState.SUCCESS, SMALL)


async def test_a_missing_key_file_is_named(folder: Path) -> None:
    """Without its key file a database does not open and says which file is missing; brought back, all is there."""
    key_file, image_id = await make_with_key(folder)
    key = key_file.read_bytes()
    key_file.unlink()
    with pytest.raises(SecretError, match=f"{key_file} does not exist"):
        await Pixstore(folder / DATABASE).open()
    assert not key_file.exists()
    await check_key_refused(folder, image_id, key_file, key)


@pytest.mark.parametrize("length", [0, 1, 20, 42])
async def test_a_cut_off_key_file_is_refused(folder: Path, length: int) -> None:
    """A key file that lost its tail does not open the database, and is left as it is."""
    key_file, image_id = await make_with_key(folder)
    key = key_file.read_bytes()
    os.truncate(key_file, length)
    with pytest.raises(SecretError):
        await Pixstore(folder / DATABASE).open()
    assert key_file.read_bytes() == key[:length]
    await check_key_refused(folder, image_id, key_file, key)


@pytest.mark.parametrize("content", [b"\xff" * 44, b"\0" * 44, b"x" * 43, b"x" * 10_000, b"a b" * 20])
async def test_a_damaged_key_file_is_refused(folder: Path, content: bytes) -> None:
    """A key file of other bytes does not open the database."""
    key_file, image_id = await make_with_key(folder)
    key = key_file.read_bytes()
    key_file.write_bytes(content)
    await check_key_refused(folder, image_id, key_file, key)


async def test_a_folder_as_key_file_is_refused(folder: Path) -> None:
    """A folder in the place of the key file is refused by an error of ours."""
    key_file, _ = await make_with_key(folder)
    key_file.unlink()
    key_file.mkdir()
    with pytest.raises(SecretError):
        await Pixstore(folder / DATABASE).open()
