"""Failures of image groups in one kind of store: shared transactions, lost answers, round trips, keys on disk."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from pixstore_asgi.core.ids import variant_id
from pixstore_asgi.errors import SecretError, StoreBusy, StoreConflict, StoreError
from pixstore_asgi.store.contract import CHUNK_BYTES, CommitTerms, Expect
from pixstore_asgi.store.contract_tests.grouping import CARD, GROUP, LARGE, NEWER, THUMB, bodies_of
from pixstore_asgi.store.contract_tests.steps import body_of, checks_of, meta_of, save, save_group, written
from pixstore_asgi.store.objects import UploadGone
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.postgres.pooled_connection import PooledConnection
from pixstore_asgi.store.s3 import S3Bucket
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.bad_network import bad_network
from tests.support.postgres import Cluster
from tests.support.s3 import S3Server
from tests.support.sqlite import query
from tests.support.writers import staged

VERSION = bytes(range(16))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "pixstore.db")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def schema(tmp_path: Path) -> str:
    return f"groups_{abs(hash(tmp_path))}"


async def open_traced(cluster: Cluster, schema: str) -> tuple[PostgresStore, list[str], Callable[[], Awaitable[None]]]:
    """Return an open store with one connection, the statements on it, and a function that closes both."""
    statements: list[str] = []

    async def listen(connection: Any) -> None:
        connection.add_query_logger(lambda record: statements.append(record.query))

    pool = await asyncpg.create_pool(
        cluster.url(), init=listen, min_size=1, max_size=1, connection_class=PooledConnection
    )
    made = PostgresStore(pool, schema=schema)
    await made.open()

    async def close() -> None:
        await made.close()
        await pool.close()

    return made, statements, close


# SQLite


async def test_a_refused_group_leaves_nothing_to_its_transaction(store: SqliteStore) -> None:
    """Of commits in one transaction, a group that is refused in its middle has written nothing; the others come."""
    await save_group(store, GROUP, CommitTerms(await checks_of(store, b"old.")), key_id=b"old.")
    checks = await checks_of(store, b"old.", b"new.")
    (writer, meta), (card, card_meta), (thumb, thumb_meta) = [
        await written(store, image_id, body, key_id=b"new.") for image_id, body in LARGE.items()
    ]
    sink = await staged(thumb)
    query(store.path, f"UPDATE blob SET state = 2 WHERE id = {sink._body}")
    engine = store._engine
    assert engine is not None
    statements: list[str] = []
    await engine.on_writer(lambda db: db.set_trace_callback(statements.append))
    engine.write_soon(lambda db: time.sleep(0.1))  # so that all three wait
    refused = writer.commit(meta, CommitTerms(checks), variants=[(card, card_meta), (thumb, thumb_meta)])
    outcomes = await asyncio.gather(
        save_group(store, {"b": b"b", variant_id("b", "thumb"): b"t"}),
        refused,
        save(store, "c"),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes].count(UploadGone) == 1
    together = statements[: statements.index("COMMIT")]
    assert (together.count("SAVEPOINT attempt"), together.count("ROLLBACK TO attempt")) == (2, 1)
    assert together.count("RELEASE attempt") == 2
    assert await bodies_of(store) == GROUP
    assert len((await store.key_checks()).in_use) == 1
    assert [image.id for image in await store.list()] == [*GROUP, "b", variant_id("b", "thumb"), "c"]
    await store.sweep(limit=100)
    assert query(store.path, "SELECT count(*) FROM blob WHERE state <> 1") == [(0,)]
    assert query(store.path, "SELECT count(*) FROM chunk WHERE id >> 16 NOT IN (SELECT id FROM blob)") == [(0,)]


async def test_a_ring_that_lacks_a_secret_is_looked_up_once(store: SqliteStore) -> None:
    """Saves that wait together under a ring that can't be admitted are all refused by one look for images."""
    await save_group(store, GROUP, CommitTerms(await checks_of(store, b"new.")), key_id=b"new.")
    terms = CommitTerms(await checks_of(store, b"old."))
    engine = store._engine
    assert engine is not None
    statements: list[str] = []
    await engine.on_writer(lambda db: db.set_trace_callback(statements.append))
    engine.write_soon(lambda db: time.sleep(0.1))  # so that all wait
    outcomes = await asyncio.gather(
        *(save_group(store, {name: b"body"}, terms, key_id=b"old.") for name in "bcd"),
        save(store, "e"),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes[:3]] == [SecretError] * 3
    assert len({id(outcome) for outcome in outcomes}) == 4
    assert len([each for each in statements if "wrapped_key" in each and "LIMIT 1" in each]) == 1
    assert [image.id for image in await store.list()] == [*GROUP, "e"]


async def test_a_variant_costs_others_nothing(store: SqliteStore) -> None:
    """A save, an update and a delete of an image without variants look for them in the statement that finds its row."""
    statements: list[str] = []
    engine = store._engine
    assert engine is not None
    await save(store, "a")
    await engine.on_writer(lambda db: db.set_trace_callback(statements.append))
    await save(store, "a")
    assert len([each for each in statements if each.startswith("SELECT") and " image " in each]) == 1
    plan = "EXPLAIN QUERY PLAN " + next(each for each in statements if "UNION ALL" in each)
    steps = [str(row[3]) for row in query(store.path, plan)]
    assert [step for step in steps if "SCAN" in step] == []
    assert len([step for step in steps if "SEARCH image USING PRIMARY KEY" in step]) == 2


@pytest.mark.parametrize("way", ["left out", "replaced", "deleted"])
async def test_keys_of_a_group_leave_the_disk(store: SqliteStore, tmp_path: Path, way: str) -> None:
    """Wrapped keys of variants that are left out, replaced or deleted are in no file any more."""
    saved = await save_group(store, GROUP)
    if way == "deleted":
        await store.delete("a")
    else:
        await save_group(store, {"a": b"again"} if way == "left out" else NEWER)
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert [image.id for image in saved if image.meta.wrapped_key in files] == []


async def test_what_a_list_leaves_out_is_not_sorted(store: SqliteStore) -> None:
    """Originals alone are listed in the order of the table, without a sort of all."""
    statements: list[str] = []
    engine = store._engine
    assert engine is not None
    for reader in engine._connections[1:]:
        await reader.run(lambda db: db.set_trace_callback(statements.append))
    await store.list(originals_only=True)
    (listing,) = [each for each in statements if each.startswith("SELECT image.id")]
    steps = [str(row[3]) for row in query(store.path, f"EXPLAIN QUERY PLAN {listing}")]
    assert [step for step in steps if "TEMP B-TREE" in step] == []


# PostgreSQL


async def test_no_save_takes_more_trips_for_variants(postgres: Cluster, schema: str) -> None:
    """A save without variants, an update, a revocation and a delete take as many trips as before there were any."""
    store, statements, close = await open_traced(postgres, schema)
    checks = await checks_of(store, b"key.")
    await save(store, "a", checks=checks, key_id=b"key.")
    trips = []
    for call in (
        lambda: save(store, "b", checks=checks, key_id=b"key."),
        lambda: save(store, "b", checks=checks, key_id=b"key."),
        lambda: store.raise_epoch("b"),
        lambda: store.delete("b"),
    ):
        statements.clear()
        await call()
        trips.append(len(statements))
    assert trips == [10, 11, 6, 7]
    await close()


async def test_rows_of_a_group_are_found_by_its_key(postgres: Cluster, schema: str) -> None:
    """However many images there are, the look-up of a group scans none but its own."""
    store, statements, close = await open_traced(postgres, schema)
    await save(store, "a")
    postgres.run(f"INSERT INTO {schema}.image (id, token) SELECT 'x' || n, 1 FROM generate_series(1, 20000) AS n")
    postgres.run(f"ANALYZE {schema}.image")
    (look_up,) = {each for each in statements if "FOR UPDATE" in each}
    for number, value in enumerate(("x7", "x7~", "x7\x7f"), 1):
        look_up = look_up.replace(f"${number}", f"'{value}'")
    plan = postgres.run(f"EXPLAIN {look_up}")
    assert "Seq Scan" not in plan
    await close()


async def test_a_lost_answer_of_a_group_is_looked_up(
    postgres: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a connection is lost in the moment of a commit, all images are returned if all are current, else none."""
    store = PostgresStore(postgres.url(), schema=schema)
    await store.open()
    commit = asyncpg.transaction.Transaction.commit
    meanwhile = list[str]()

    async def lost(self: Any) -> None:
        monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", commit)
        await commit(self)
        for statement in meanwhile:
            postgres.run(statement)
        self._connection.terminate()
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", lost)
    saved = await save_group(store, GROUP)
    assert (await store.list(), await bodies_of(store)) == (list(saved), GROUP)
    meanwhile.append(f"UPDATE {schema}.image SET version = '0123456789abcdef' WHERE id = '{THUMB}'")
    monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", lost)
    with pytest.raises(StoreBusy):
        await save_group(store, NEWER)
    await store.close()


async def test_a_group_goes_with_the_applications_transaction(postgres: Cluster, schema: str) -> None:
    """It comes with its commit, goes with its roll-back, and one that is refused takes nothing else with it."""
    store = PostgresStore(postgres.url(), schema=schema)
    await store.open()
    connection = await asyncpg.connect(postgres.url())

    async def save_within(bodies: dict[str, bytes], expect: Expect = Expect.ANY) -> None:
        within = store.within(connection)
        (writer, meta), *variants = [await written(within, each, body) for each, body in bodies.items()]  # type: ignore[arg-type]
        await writer.commit(meta, CommitTerms(expect=expect), variants=variants)

    transaction = connection.transaction()
    await transaction.start()
    await save_within(LARGE)
    assert await store.list() == []
    await transaction.rollback()
    assert await store.list() == []
    async with connection.transaction():
        await save_within(GROUP)
        with pytest.raises(StoreConflict):
            await save_within(NEWER, Expect.ABSENT)
        writer, meta = await written(store.within(connection), "a", b"body")  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="the same store"):
            await writer.commit(meta, variants=[await written(store, THUMB, b"body")])
    assert await bodies_of(store) == GROUP
    async with connection.transaction():
        assert await store.within(connection).delete("a") is True
        assert len(await store.list()) == 3
    assert await store.list() == []
    await connection.close()
    await store.close()


# S3


@pytest.mark.slow
async def test_a_body_that_can_not_be_put_aborts_the_group(tmp_path: Path, s3: S3Server) -> None:
    """Where the bucket is gone before the last body is there, nothing is current, and a sweep leaves no object."""
    prefix = f"groups-{abs(hash(tmp_path))}"
    async with bad_network(s3.port) as network:
        bucket = S3Bucket(s3.url(prefix, port=network.port), busy_timeout_s=1.5)
        store = SqliteStore(tmp_path / "images.db", bodies=bucket, sweep_grace_s=0)
        await store.open()
        saved = await save_group(store, GROUP)
        large = {"a": body_of(23 * CHUNK_BYTES), CARD: body_of(23 * CHUNK_BYTES, 1), THUMB: b"thumb"}
        (writer, meta), *variants = [await written(store, image_id, body) for image_id, body in large.items()]
        network.is_gone = True
        network.drop()
        with pytest.raises(StoreBusy):
            await asyncio.wait_for(writer.commit(meta, variants=variants), 60)
        network.is_gone = False
        for each in (writer, *(variant for variant, _ in variants)):
            with pytest.raises(StoreError, match="ended"):
                await each.write(b"more")
        assert (await store.list(), await bodies_of(store)) == (list(saved), GROUP)
        assert query(store.path, "SELECT count(*) FROM blob WHERE state = 0") == [(0,)]
        await asyncio.sleep(0.002)
        await store.sweep(limit=100)
        assert s3.names(prefix) == {image.meta.version.hex() for image in saved}
        await store.close()


@pytest.mark.slow
async def test_all_bodies_are_there_before_any_is_current(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one commit of a group begins when the last of its bodies has been put."""
    prefix = f"groups-{abs(hash(tmp_path))}"
    store = SqliteStore(tmp_path / "images.db", bodies=S3Bucket(s3.url(prefix)))
    await store.open()
    engine = store._engine
    assert engine is not None
    found: list[set[str]] = []

    def look(statement: str) -> None:
        if statement == "SAVEPOINT attempt":
            found.append(s3.names(prefix))

    def listen(db: sqlite3.Connection) -> None:
        db.set_trace_callback(look)

    await engine.on_writer(listen)
    saved = await save_group(store, LARGE)
    assert found == [{image.meta.version.hex() for image in saved}]
    writer, meta = await written(store, "a", b"12345")
    with pytest.raises(StoreError):
        await writer.commit(meta, variants=[(await store.begin_write(THUMB, VERSION), meta_of(5))])
    assert await bodies_of(store) == LARGE
    await store.close()
