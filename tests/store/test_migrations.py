"""Opening databases of every schema version, in many processes at once, interrupted and failing."""

import asyncio
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

import pytest

from pixstore_asgi import Pixstore, StoreError, WireState
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.errors import SecretError
from pixstore_asgi.keys.rotation import assign_new_database_id
from pixstore_asgi.store.contract_tests.steps import wrapped_key_of
from pixstore_asgi.store.sqlite import SqliteStore, schema, writer
from tests.support.payloads import served
from tests.support.samples import SECRET, picture
from tests.support.sqlite import make_version_1, make_version_8, query
from tests.support.sqlite_faults import DATABASE, OPERATIONS, Base, Plan, check_next, contents, injected, make_base

pytestmark = pytest.mark.slow

NEXT = """
CREATE TABLE note (image TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO note SELECT id, 'token ' || token FROM image;
ALTER TABLE image ADD COLUMN label TEXT;
UPDATE image SET label = 'migrated';
CREATE INDEX image_label ON image (label)
"""
OURS = len(schema.MIGRATIONS)
KEY_ID_UNBOUND = KeyRing(SECRET).signing.key_id.hex()

OPENER = """
    import asyncio, sys
    from pathlib import Path
    from pixstore_asgi import Pixstore
    from pixstore_asgi.store.sqlite import schema
    from tests.support.sqlite_faults import Plan, injected
    from tests.support.samples import SECRET, picture
    from tests.store.test_migrations import NEXT

    async def main(path, version, step):
        schema.MIGRATIONS = (*schema.MIGRATIONS, NEXT)[:version]
        print("ready", flush=True)
        sys.stdin.readline()
        with injected(Plan(at=step, kills=True)) as plan:
            plan.is_armed = bool(step)
            async with Pixstore(path, secret=SECRET) as pix:
                plan.is_armed = False
                print((await pix.save_image(picture("webp"))).id, flush=True)

    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return asyncio.run(make_base(tmp_path_factory.mktemp("base")))


@contextmanager
def migrations(*more: str) -> Iterator[None]:
    """Be a later version of this package, with these migrations after its own."""
    with mock.patch.object(schema, "MIGRATIONS", (*schema.MIGRATIONS, *more)):
        yield


def schema_of(path: Path) -> list[object]:
    """Return everything that a migration may change."""
    return [
        query(path, "SELECT type, name, sql FROM sqlite_schema ORDER BY name"),
        *(query(path, f"PRAGMA {name}") for name in ("user_version", "application_id", "page_size", "auto_vacuum")),
    ]


def opener(path: Path, version: int, step: int = 0) -> subprocess.Popen[str]:
    """Start a process that knows this many schema versions, opens the database and saves an image when it is told."""
    command = [sys.executable, "-c", textwrap.dedent(OPENER), str(path), str(version), str(step)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def open_at_once(path: Path, version: int, number: int = 4) -> set[str]:
    """Open a database in many processes at one moment; return the ids of the images they saved."""
    processes = [opener(path, version) for _ in range(number)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * number, [errors[-500:] for _, errors in answers]
    return {answer.strip() for answer, _ in answers}


async def check_migrated(path: Path, base: Base, saved: set[str]) -> None:
    """Check a database of the next version: marked and changed as a whole, once, with all images."""
    labels = query(path, "SELECT label, count(*) FROM image GROUP BY label ORDER BY label DESC")
    assert labels == [("migrated", 2), (None, len(saved))][: 2 if saved else 1]
    assert {row[0] for row in query(path, "SELECT image FROM note")} == {base.small, base.large}
    with migrations(NEXT):
        async with Pixstore(path, secret=SECRET) as pix:
            assert set(await pix.get_image_records([*base.images, *saved])) == {*base.images, *saved}
            for image_id, image in base.images.items():
                record = await pix.get_image_record(image_id)
                assert await served(pix, record) == (WireState.SUCCESS, image)
            if not saved:
                await check_next(pix, base, OPERATIONS["update-large"])
    assert query(path, "PRAGMA user_version") == [(OURS + 1,)]


async def test_several_processes_make_one_database(tmp_path: Path) -> None:
    """Several processes that start at once on a path without a file all open it, and see each other's images."""
    path = tmp_path / DATABASE
    saved = await asyncio.to_thread(open_at_once, path, OURS)
    assert len(saved) == 4
    async with Pixstore(path, secret=SECRET) as pix:
        assert set(await pix.get_image_records(saved)) == saved
    assert query(path, "PRAGMA user_version") == [(OURS,)]


async def test_several_processes_migrate_one_database(base: Base, tmp_path: Path) -> None:
    """Processes of a later version that start at once on a database of this one migrate it once, and keep all."""
    path = base.copy(tmp_path)
    saved = await asyncio.to_thread(open_at_once, path, OURS + 1)
    assert len(saved) == 4
    await check_migrated(path, base, saved)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("round_", range(15))
async def test_many_processes_open_at_once_often(base: Base, tmp_path: Path, round_: int) -> None:
    """The same again and again: on no file, on an empty file, and on a database of this version."""
    (tmp_path / "empty.db").touch()
    for path, version in (
        (tmp_path / "new.db", OURS + 1),
        (tmp_path / "empty.db", OURS),
        (base.copy(tmp_path), OURS + 1),
    ):
        assert len(await asyncio.to_thread(open_at_once, path, version, 10)) == 10


async def test_a_database_made_meanwhile_is_no_other_programs(tmp_path: Path) -> None:
    """A process that looks at a new file while another one makes the database in it finds it ready, not foreign."""
    path = tmp_path / DATABASE

    class Overtaken(writer.Writer):
        def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
            if "FROM sqlite_schema" in sql and path.stat().st_size == 0:
                with mock.patch.object(writer, "Writer", Overtaken.__base__):
                    asyncio.run(make())
            return super().execute(sql, parameters)  # type: ignore[arg-type]

    async def make() -> None:
        store = SqliteStore(path)
        await store.open()
        await store.close()

    store = SqliteStore(path)
    with mock.patch.object(writer, "Writer", Overtaken):
        await store.open()
    await store.close()


async def test_images_from_before_creation_was_kept_were_created_when_last_saved(base: Base, tmp_path: Path) -> None:
    """A database of version 1 is migrated: its images' creation is their token's time."""
    path = base.copy(tmp_path)
    make_version_1(path, SECRET)
    async with Pixstore(path, secret=SECRET) as pix:
        before = {info.id: info.created for info in await pix.list_images()}
        assert before == {info.id: info.token for info in await pix.list_images()}
        await pix.update_image(base.small, base.images[base.small])
        saved = await pix.save_image(base.images[base.small])
        assert {info.id: info.created for info in await pix.list_images()} == {**before, saved.id: saved.token}
    assert query(path, "PRAGMA user_version") == [(OURS,)]


async def test_the_copy_of_a_rewrite_goes_to_a_file(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database of version 1 is rewritten without being read into memory. Later writes keep its keys out of files."""
    path = base.copy(tmp_path)
    make_version_1(path, SECRET)
    run: list[str] = []

    class Traced(writer.Writer):
        def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
            run.append(sql)
            return super().execute(sql, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(writer, "Writer", Traced)
    store = SqliteStore(path)
    await store.open()
    await store.close()
    steps = [sql for sql in run if "temp_store" in sql or sql == "VACUUM" or sql.startswith("ALTER")]
    assert steps[:4] == [
        "PRAGMA temp_store = MEMORY",
        "PRAGMA temp_store = FILE",
        "VACUUM",
        "PRAGMA temp_store = MEMORY",
    ]
    assert steps[4].startswith("ALTER")


async def test_keys_move_into_a_table_of_their_own(tmp_path: Path) -> None:
    """A database of version 8 keeps its images, their sizes and blurs, its tombstones, and what is damaged in it; where
    its keys were, none is left, even while another program has it open."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET, placeholder=True) as pix:
        plain, damaged, gone = [await pix.save_image(picture("jpeg", seed=seed)) for seed in range(3)]
        await pix.delete_image(gone.id)
    make_version_8(path)
    left = os.urandom(52)
    with closing(sqlite3.connect(path)) as edited:
        ((key,),) = edited.execute("SELECT substr(wrapped_key, 1, 52) FROM image WHERE id = ?", (plain.id,)).fetchall()
        edited.execute("PRAGMA ignore_check_constraints = ON")
        edited.execute("UPDATE image SET token = 0, wrapped_key = x'00' WHERE id = ?", (damaged.id,))
        edited.execute("PRAGMA secure_delete = OFF")
        edited.execute("INSERT INTO image (id, token, wrapped_key) VALUES ('left', 1, ?)", (left,))
        edited.execute("DELETE FROM image WHERE id = 'left'")
        edited.commit()
    assert left in path.read_bytes()
    with closing(sqlite3.connect(path)) as idle:
        idle.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        async with Pixstore(path, secret=SECRET):
            assert not [file for file in tmp_path.iterdir() if left in file.read_bytes()]
    async with Pixstore(path, secret=SECRET) as pix:
        record = await pix.get_image_record(plain.id)
        assert record == plain
        assert record.placeholder
        assert await served(pix, record) == (WireState.SUCCESS, picture("jpeg", seed=0))
        with pytest.raises(StoreError, match="damaged"):
            await pix.get_image_record(damaged.id)
        assert await pix.get_image_record(gone.id) is None
        await pix.delete_image(plain.id)
    assert key not in path.read_bytes()
    assert set(query(path, "SELECT id FROM image WHERE blob IS NULL")) == {(gone.id,), (plain.id,)}


async def test_keys_from_before_ids_are_bound_by_a_separation(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies of a database of version 1 get an id each; its keys open in both, and in neither once it is separated."""
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    old, one, other = base.copy(tmp_path), tmp_path / "one.db", tmp_path / "other.db"
    make_version_1(old, SECRET)
    for path in (one, other):
        await asyncio.to_thread(shutil.copyfile, old, path)
        async with Pixstore(path) as pix:
            unbound, own = await pix.key_status()
            assert (unbound.key_id, unbound.images, own.images) == (KEY_ID_UNBOUND, len(base.images), 0)
            await check_images(pix, base)
    assert query(one, "SELECT * FROM database_id") != query(other, "SELECT * FROM database_id")
    store = SqliteStore(one)
    await store.open()
    assert await assign_new_database_id(store) == len(base.images)
    await store.close()
    async with Pixstore(one) as pix:
        assert [state.images for state in await pix.key_status()] == [len(base.images)]
        await check_images(pix, base)
    with closing(sqlite3.connect(one)) as edited:
        edited.execute("ATTACH ? AS old", (str(old),))
        old_key = "SELECT wrapped_key FROM old.image WHERE old.image.blob + 72057594037927936 = number"
        edited.execute(f"UPDATE wrapped_key SET value = ({old_key})")
        edited.execute("INSERT INTO key_check SELECT value, 0 FROM old.key_check")
        edited.commit()
    with pytest.raises(SecretError, match=f"written with secret {KEY_ID_UNBOUND}"):
        await Pixstore(one).open()


async def check_images(pix: Pixstore, base: Base) -> None:
    for image_id, image in base.images.items():
        assert await served(pix, await pix.get_image_record(image_id)) == (WireState.SUCCESS, image)


async def test_an_older_version_refuses_a_migrated_database(base: Base, tmp_path: Path) -> None:
    """A database that was migrated is refused by the version before, by name, and stays as it is."""
    path = base.copy(tmp_path)
    with migrations(NEXT):
        async with Pixstore(path, secret=SECRET):
            before = schema_of(path)
    with pytest.raises(
        StoreError, match=f"schema version {OURS + 1}, this package knows {OURS}: install a newer pixstore-asgi"
    ):
        await Pixstore(path, secret=SECRET).open()
    assert schema_of(path) == before


async def steps_of_migration(path: Path) -> list[str]:
    with migrations(NEXT), injected(Plan()) as plan:
        plan.is_armed = True
        async with Pixstore(path, secret=SECRET):
            plan.is_armed = False
    return plan.steps


async def kill_at(base: Base, folder: Path, step: int) -> None:
    path = base.copy(folder)
    process = opener(path, OURS + 1, step)
    _, errors = await asyncio.to_thread(process.communicate, "go\n", timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    # A killed process may have finished the migration, but has saved nothing.
    with migrations(NEXT):
        async with Pixstore(path, secret=SECRET) as pix:
            assert await contents(pix, base) == base.images
    await check_migrated(path, base, set())


async def test_a_migration_killed_on_its_way_is_done_by_the_next_start(base: Base, tmp_path: Path) -> None:
    """A process killed before some statements of its migration leaves a database that the next start migrates."""
    statements = await steps_of_migration(base.copy(tmp_path / "counted"))
    for step in range(6, len(statements), 9):
        await kill_at(base, tmp_path / str(step), step)


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_a_migration_killed_anywhere_is_done_by_the_next_start(base: Base, tmp_path: Path) -> None:
    """A process killed before any statement of its opening leaves a database that the next start migrates."""
    for step in range(1, len(await steps_of_migration(base.copy(tmp_path / "counted"))) + 1):
        await kill_at(base, tmp_path / str(step), step)


async def test_a_killed_migration_leaves_the_version_before_to_its_own_package(base: Base, tmp_path: Path) -> None:
    """After a migration killed before its commit, the version before still opens the database with all images."""
    path = base.copy(tmp_path)
    process = opener(path, OURS + 1, 14)
    await asyncio.to_thread(process.communicate, "go\n", timeout=60)
    assert process.returncode == -signal.SIGKILL
    async with Pixstore(path, secret=SECRET) as pix:
        assert await contents(pix, base) == base.images
    assert query(path, "PRAGMA user_version") == [(OURS,)]


@pytest.mark.parametrize(
    "broken",
    [
        "ALTER TABLE image ADD COLUMN label TEXT; INSERT INTO nowhere VALUES (1)",
        "DROP TABLE chunk; UPDATE image SET token = 0",
        "DELETE FROM image; this is no SQL",
        "CREATE TABLE note (text); CREATE TABLE note (text)",
    ],
)
async def test_a_migration_that_fails_changes_nothing(base: Base, tmp_path: Path, broken: str) -> None:
    """A migration with a failing statement is rolled back completely, with an error that names the file."""
    path = base.copy(tmp_path)
    before = schema_of(path), query(path, "SELECT * FROM image"), query(path, "SELECT id, length(data) FROM chunk")
    with migrations(broken), pytest.raises(StoreError, match=f"{path} can't be used"):
        await Pixstore(path, secret=SECRET).open()
    with migrations(NEXT, broken), pytest.raises(StoreError, match=f"{path} can't be used"):
        await Pixstore(path, secret=SECRET).open()
    assert before == (
        schema_of(path),
        query(path, "SELECT * FROM image"),
        query(path, "SELECT id, length(data) FROM chunk"),
    )
    with migrations(NEXT):
        async with Pixstore(path, secret=SECRET):
            assert query(path, "PRAGMA user_version") == [(OURS + 1,)]
    await check_migrated(path, base, set())


async def test_a_migration_that_fails_at_any_statement_changes_nothing(base: Base, tmp_path: Path) -> None:
    """Whichever statement of the opening fails, the database is of one version as a whole, and opens then.

    Only that the log could not be emptied is no error of what was done before.
    """
    statements = await steps_of_migration(base.copy(tmp_path / "counted"))
    original = schema_of(base.copy(tmp_path / "original"))
    for step in range(1, len(statements) + 1):
        path = base.copy(tmp_path / str(step))
        with migrations(NEXT):
            with injected(Plan(at=step)) as plan:
                plan.is_armed = True
                pix = Pixstore(path, secret=SECRET)
                if "busy_timeout" in statements[step - 1] or "wal_checkpoint" in statements[step - 1]:
                    await pix.open()
                    await pix.close()
                else:
                    with pytest.raises(StoreError, match="check the disk"):
                        await pix.open()
            committed = "COMMIT" in plan.steps[:-1]
            assert committed or schema_of(path) == original
            async with Pixstore(path, secret=SECRET) as pix:
                assert await contents(pix, base) == base.images
        assert query(path, "PRAGMA user_version") == [(OURS + 1,)]


async def test_an_open_store_goes_on_while_it_is_migrated(base: Base, tmp_path: Path) -> None:
    """A process of the version before that has the database open keeps reading and writing images meanwhile."""
    path = base.copy(tmp_path)
    async with Pixstore(path, secret=SECRET) as old:
        record = await old.get_image_record(base.large)
        assert record is not None
        payload = await old.open_payload(record.id, token=record.token, proof=record.stateless_proof)
        first = await anext(payload)
        with migrations(NEXT):
            async with Pixstore(path, secret=SECRET) as new:
                assert len(first + b"".join([piece async for piece in payload])) == payload.size
                assert await contents(old, base) == await contents(new, base) == base.images
                updated = await old.update_image(base.small, base.images[base.large])
                assert await served(new, updated) == (WireState.SUCCESS, base.images[base.large])


# Room on the disk


ROW = "INSERT INTO image (id, token, blob, version, format, iv, tag, size, wrapped_key) VALUES"


def fill(path: Path, images: int) -> None:
    """Put rows of images with bodies of 10 bytes into a closed database of version 1 to 8, in a random order of ids."""
    with sqlite3.connect(path) as db:
        for blob in range(100, 100 + images):
            db.execute("INSERT INTO blob (id, state, changed_ms) VALUES (?, 1, 1)", (blob,))
            db.execute("INSERT INTO chunk VALUES (? << 16, zeroblob(10))", (blob,))
            image_id, meta = os.urandom(30).hex(), (os.urandom(16), 1, os.urandom(12), os.urandom(16), 10)
            db.execute(f"{ROW} (?, ?, ?, ?, ?, ?, ?, ?, ?)", (image_id, blob, blob, *meta, wrapped_key_of()))
    db.close()


def resize(disk: Path, size_mib: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size_mib}m", disk], check=True)


def count_images(path: Path) -> object:
    return query(path, "SELECT count(*) FROM image WHERE blob IS NOT NULL")[0][0]


@pytest.mark.parametrize("version", [1, 8])
async def test_a_migration_asks_for_the_room_that_it_takes(
    base: Base, tmp_path: Path, small_disk: Path, version: int
) -> None:
    """With less room than a migration takes it does not begin, and says how much; with that much it is done."""
    made = base.copy(tmp_path)
    if version == 1:
        make_version_1(made, SECRET)
    else:
        make_version_8(made)
    fill(made, 9_000)
    path, images = Path(shutil.copy(made, small_disk)), count_images(made)
    before = path.read_bytes()
    size_mib = -(-len(before) // 2**20)
    await asyncio.to_thread(resize, small_disk, size_mib + 3)
    for _ in range(2):
        with pytest.raises(StoreError, match=f"from schema version {version} to {OURS}, which takes up to") as refused:
            await SqliteStore(path).open()
    assert path.read_bytes() == before
    (needed,) = re.findall(r"up to (\d+) MiB beside it", str(refused.value))
    await asyncio.to_thread(resize, small_disk, size_mib + int(needed) + 1)
    store = SqliteStore(path)
    await store.open()
    await store.close()
    assert query(path, "PRAGMA user_version") == [(OURS,)]
    assert count_images(path) == images


async def test_the_room_of_a_migration_is_told_before_it_begins(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A migration logs how much room it may take; on a disk without it, nothing is changed."""
    path = base.copy(tmp_path)
    make_version_8(path)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 30, 1 << 30, 1 << 20))
        with pytest.raises(StoreError, match="takes up to 2 MiB beside it, and 1 MiB are free: make room"):
            await SqliteStore(path).open()
    assert query(path, "PRAGMA user_version") == [(8,)]
    async with Pixstore(path, secret=SECRET) as pix:
        assert await contents(pix, base) == base.images
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [f"{path} is migrated from schema version 8 to {OURS}, which takes up to 2 MiB beside it"]
