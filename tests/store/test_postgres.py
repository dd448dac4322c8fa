"""PostgresStore beyond the contract: opening, pools, poolers, forks, sweeps, and servers that go away."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url

from pixstore_asgi import ConfigError, Pixstore
from pixstore_asgi.errors import SecretError, StoreBusy, StoreDamaged, StoreError
from pixstore_asgi.store.connect import connect
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.contract_tests.steps import body_of, meta_of, read, save
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.postgres.errors import translate
from pixstore_asgi.store.postgres.schema import MIGRATIONS
from pixstore_asgi.store.postgres.transaction import Transaction
from pixstore_asgi.store.tables import bodies, gc
from tests.support.bad_network import bad_network
from tests.support.pgbouncer import pooled
from tests.support.postgres import PASSWORD, Cluster, running_cluster
from tests.support.samples import SECRET, picture
from tests.support.servers import free_port
from tests.support.service import until
from tests.support.writers import staged

OTHER_SECRET = bytes(range(32, 64))


@pytest.fixture
def schema(request: pytest.FixtureRequest) -> str:
    return f"t_{os.getpid()}_{abs(hash(request.node.nodeid))}"


@asynccontextmanager
async def opened(source: Any, schema: str, **options: Any) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(source, schema=schema, **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(postgres: Cluster, schema: str) -> AsyncIterator[PostgresStore]:
    async with opened(postgres.url(), schema) as made:
        yield made


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A cluster that tests stop and start."""
    with running_cluster() as cluster:
        yield cluster


def connections(cluster: Cluster) -> int:
    """Return how many clients a cluster has beside the one that asks."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    return int(cluster.run(query))


# Opening


async def test_a_wrong_password_is_told(postgres: Cluster, schema: str) -> None:
    """A wrong password is one sentence that names neither it nor the URL."""
    with pytest.raises(StoreError, match="refused the user or the password") as caught:
        await Pixstore(postgres.url(password="hunter2"), secret=SECRET).open()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_role_is_told() -> None:
    """A missing role has the same code as a user that pg_hba.conf does not allow: the message names both remedies."""
    error = translate(asyncpg.InvalidAuthorizationSpecificationError('role "nobody" does not exist'))
    assert "create the role if it is missing, otherwise allow it in pg_hba.conf" in str(error)


async def test_a_server_that_is_not_there_is_told() -> None:
    """If no server listens, opening fails within the busy timeout and names the address."""
    port = free_port()
    pix = Pixstore(f"postgresql://nobody:hunter2@127.0.0.1:{port}/none", secret=SECRET)
    with pytest.raises(StoreBusy, match=f"PostgreSQL can't be reached at 127.0.0.1:{port}, or") as caught:
        await asyncio.wait_for(pix.open(), 10)
    assert "hunter2" not in str(caught.value)


async def test_a_server_that_says_nothing_is_told() -> None:
    """Where somebody listens and says nothing, opening fails in the time that a busy store is waited for."""
    callers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda reader, writer: callers.append(writer), "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(StoreBusy, match="took too long"):
            await PostgresStore(f"postgresql://nobody@127.0.0.1:{port}/none", busy_timeout_s=0.2).open()
        for caller in callers:
            caller.close()


async def test_a_database_that_is_not_there_is_told(postgres: Cluster) -> None:
    """A database that does not exist is named as missing."""
    with pytest.raises(StoreError, match="there is no such database"):
        await PostgresStore(postgres.url("nowhere")).open()


async def test_tables_of_a_newer_version_are_told(postgres: Cluster, schema: str) -> None:
    """Tables that a newer version of this package has made are left alone."""
    async with opened(postgres.url(), schema):
        postgres.run(f"UPDATE {schema}.store SET schema_version = 99")
    with pytest.raises(StoreError, match=f"are of version 99, and this pixstore_asgi knows {len(MIGRATIONS)}"):
        await PostgresStore(postgres.url(), schema=schema).open()


async def test_a_secret_of_another_database_is_told(postgres: Cluster, schema: str) -> None:
    """With a secret that its images are not under, a database refuses to open."""
    url = f"{postgres.url()}?schema={schema}"
    async with Pixstore(url, secret=SECRET) as pix:
        await pix.save_image(picture())
    with pytest.raises(SecretError, match="was written with secret"):
        await Pixstore(url, secret=OTHER_SECRET).open()


def test_a_missing_extra_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without asyncpg a PostgreSQL URL is refused where it is given."""
    monkeypatch.setattr("pixstore_asgi.store.connect.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[postgres\]'"):
        Pixstore("postgresql://user:hunter2@host/database", secret=SECRET)


@pytest.mark.parametrize(
    "rest",
    [
        "u:hunter2@127.0.0.1:port/x",
        "u:hunter2@127.0.0.1:99999/x",
        "u:hunter2@[::1/x",
        "u:hun[ter2@127.0.0.1/x",
        "u:hun#ter2@127.0.0.1/x",
        "u:12#hunter2@127.0.0.1/x",
        "u:12/hunter2@127.0.0.1/x",
        "u:hun?ter2@127.0.0.1/x",
        "u:hun@ter2@127.0.0.1/x",
    ],
)
def test_a_url_that_a_password_has_torn_is_refused(rest: str) -> None:
    """An ambiguous URL is a ConfigError that gives the remedy and repeats nothing of the URL."""
    with pytest.raises(ConfigError) as caught:
        connect(f"postgresql://{rest}")
    assert not any(word in str(caught.value) for word in ("hun", "ter2", "127.0.0.1"))
    if "[" in rest:
        assert "in a password [ is %5B and ] is %5D" in str(caught.value)
    else:
        assert "@ is %40" in str(caught.value)
        with pytest.raises(ConfigError, match="percent-encode all"):
            PostgresStore(f"postgresql://{rest}")


@pytest.mark.parametrize(
    "rest",
    [
        "u:p%40%23@h/d",
        "[::1]:5433,h,127.0.0.1:5432/d",
        "user@/database?host=h,[::1]:5433",
        "/d?host=/run/postgresql",
        "%2Frun%2Fpostgresql/d",
        "u@h?user=a@b",
    ],
)
def test_any_url_of_libpq_is_taken(rest: str) -> None:
    """Escaped passwords, several hosts, IPv6 and sockets are as asyncpg has them."""
    assert isinstance(connect(f"postgresql://{rest}"), PostgresStore)


def test_a_source_that_is_no_text_and_no_pool_is_refused() -> None:
    """A URL object is refused where it is given, not with a foreign error at the first use."""
    with pytest.raises(ConfigError, match="source must be the text of a URL or an asyncpg pool, not URL"):
        PostgresStore(make_url("postgresql://u:hunter2@h/db"))  # type: ignore[arg-type]


def test_an_option_that_stands_twice_is_refused() -> None:
    """Of two schemas none is preferred in silence."""
    with pytest.raises(ConfigError, match="schema occurs twice in the URL"):
        connect("postgresql://u:hunter2@h/d?schema=a&schema=b")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("sslmode=requre", "`sslmode` parameter must be one of"),
        ("sslmode=require", "it does not support TLS, which sslmode in the URL requires"),
        ("shema=hunter2", "it does not know the option shema in the URL"),
        ("pool_size=3", "it does not know the option pool_size in the URL"),
    ],
)
async def test_an_option_that_does_not_work_is_named(postgres: Cluster, option: str, message: str) -> None:
    """An option of the URL that asyncpg or the server refuses is named, and no value of it."""
    with pytest.raises(StoreError, match=message) as caught:
        await connect(f"{postgres.url()}?{option}").open()
    assert not any(word in str(caught.value) for word in ("hunter2", PASSWORD))


async def test_a_root_certificate_that_is_missing_is_told(postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """With verify-full and no certificate where asyncpg looks for one, the option that names one is told."""
    monkeypatch.setenv("HOME", "/nowhere")
    with pytest.raises(StoreError, match="none is found: name its file with sslrootcert"):
        await connect(f"{postgres.url()}?sslmode=verify-full").open()


async def test_a_user_who_may_make_nothing_is_told(postgres: Cluster, schema: str) -> None:
    """A user without the privilege to make the schema gets an error that names the privilege."""
    postgres.run(f"CREATE ROLE {schema} LOGIN PASSWORD '{PASSWORD}'")
    url = postgres.url().replace("pixstore:", f"{schema}:")
    with pytest.raises(StoreError, match="GRANT CREATE ON DATABASE"):
        await PostgresStore(url, schema=schema).open()
    postgres.run(f"DROP ROLE {schema}")


async def test_a_user_who_owns_the_schema_needs_no_other_privilege(postgres: Cluster, schema: str) -> None:
    """The owner of an existing schema can make tables in it without CREATE on the database."""
    postgres.run(f"CREATE ROLE {schema} LOGIN PASSWORD '{PASSWORD}'")
    postgres.run(f"CREATE SCHEMA {schema} AUTHORIZATION {schema}")
    async with opened(postgres.url().replace("pixstore:", f"{schema}:"), schema) as store:
        await save(store, "a", b"body")
        assert await read(store, "a") == b"body"
    postgres.run(f"DROP OWNED BY {schema}; DROP ROLE {schema}")


@pytest.mark.parametrize("schema", ["", "Upper", "a.b", 'a"b', "1a", "x" * 64])
def test_a_schema_that_needs_quoting_is_refused(schema: str) -> None:
    """Only names that need no quotes are taken, so that a schema is never more than a name."""
    with pytest.raises(ConfigError, match="schema must be"):
        PostgresStore("postgresql://u@h/d", schema=schema)


OPENED_ONCE = """
    import asyncio, os, sys
    from pixstore_asgi.store.contract_tests.steps import save
    from pixstore_asgi.store.postgres import PostgresStore

    async def run(url, schema):
        store = PostgresStore(url, schema=schema)
        await store.open()
        await save(store, f"image-{os.getpid()}")
        await store.close()

    asyncio.run(run(*sys.argv[1:]))
"""


@pytest.mark.slow
def test_several_processes_open_at_once(postgres: Cluster, schema: str) -> None:
    """Four processes that open a new schema at once all find it made, once."""
    command = [sys.executable, "-c", textwrap.dedent(OPENED_ONCE), postgres.url(), schema]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert postgres.run(f"SELECT count(*) FROM {schema}.image") == "4"


# Pools


async def test_a_pool_of_the_applications_stays_open(postgres: Cluster, schema: str) -> None:
    """A store over the application's pool uses that one, and leaves it open."""
    async with asyncpg.create_pool(postgres.url(), min_size=1, max_size=2) as pool:
        async with opened(pool, schema) as store:
            saved = await save(store, "a")
            assert await store.get("a") == saved
        assert await pool.fetchval(f"SELECT count(*) FROM {schema}.image") == 1


async def test_a_pool_from_before_a_fork_is_refused(
    postgres: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool that had connections in the parent process, and a store that was open there, say so in the child."""
    async with asyncpg.create_pool(postgres.url(), min_size=1) as pool:
        store, unopened = (PostgresStore(pool, schema=schema) for _ in range(2))
        await store.open()
        with monkeypatch.context() as child:
            child.setattr("pixstore_asgi.process._generation", -1)
            with pytest.raises(StoreError, match="was opened before a fork"):
                await store.list()
            with pytest.raises(StoreError, match="was opened before a fork"):
                await unopened.open()
        await store.close()


async def test_a_close_after_a_fork_leaves_the_parents_connections(
    postgres: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that closes the store that it inherited sends nothing over its parent's connections."""
    store = PostgresStore(postgres.url(), schema=schema)
    await store.open()
    await store.list()
    database, before = store._engine, connections(postgres)
    assert database is not None
    with monkeypatch.context() as child:
        child.setattr("pixstore_asgi.process._generation", -1)
        await store.close()
    assert connections(postgres) == before
    await database.close()


async def test_slow_readers_hold_no_connection(postgres: Cluster, schema: str) -> None:
    """Of more readers than connections, each gets its next chunk: a connection is held for one chunk only."""
    async with opened(postgres.url(), schema, pool_size=2) as store:
        body = body_of(6 * CHUNK_BYTES)
        await save(store, "a", body)
        streams = [await store.open_stream("a") for _ in range(8)]
        bodies = [b""] * len(streams)
        for _ in range(6):
            for number, stream in enumerate(streams):
                assert stream
                bodies[number] += await anext(stream)
        assert bodies == [body] * len(streams)


async def test_skipped_chunks_are_not_read(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last byte of a body costs one chunk beside that which comes with the row."""
    body = body_of(6 * CHUNK_BYTES)
    await save(store, "a", body)
    numbers: list[int] = []
    read_chunk = bodies.read_chunk

    async def counted(db: Transaction, body_id: int, number: int) -> bytes | None:
        numbers.append(number)
        return await read_chunk(db, body_id, number)

    monkeypatch.setattr(bodies, "read_chunk", counted)
    stream = await store.open_stream("a")
    assert stream is not None
    assert stream.skip(len(body) - 1) == 5 * CHUNK_BYTES
    assert [chunk async for chunk in stream] == [body[5 * CHUNK_BYTES :]]
    assert numbers == [5]


async def test_a_pool_in_use_is_waited_for_and_then_busy(postgres: Cluster, schema: str) -> None:
    """Where all connections stay in use, a call ends with StoreBusy, and the next one works once one is free."""
    async with (
        asyncpg.create_pool(postgres.url(), min_size=1, max_size=1) as pool,
        opened(pool, schema, busy_timeout_s=0.3) as store,
    ):
        async with pool.acquire():
            with pytest.raises(StoreBusy, match="all connections of the pool are in use"):
                await store.list()
            with pytest.raises(StoreBusy, match="all connections of the pool are in use"):
                await save(store, "a")
        assert await store.list() == []


async def test_what_was_committed_is_told_whatever_a_reset_does(postgres: Cluster, schema: str) -> None:
    """A save is acknowledged where the pool's reset of its connection fails, and the next call gets another one."""
    resets = 0

    class Failing(asyncpg.Connection):
        async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  as in asyncpg
            nonlocal resets
            resets += 1
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    async with (
        asyncpg.create_pool(postgres.url(), min_size=1, max_size=1, connection_class=Failing) as pool,
        opened(pool, schema) as store,
    ):
        saved = await save(store, "a")
        assert await store.get("a") == saved
        assert await store.delete("a")
    assert resets > 3


async def test_cancelled_calls_leave_whole_connections(postgres: Cluster, schema: str) -> None:
    """However calls are cancelled, the connections that they used work for the next one."""
    async with opened(postgres.url(), schema, pool_size=2) as store:
        await save(store, "a", body_of(3 * CHUNK_BYTES))
        for number in range(60):
            tasks = [asyncio.ensure_future(call) for call in (read(store, "a"), save(store, "a"), store.list())]
            await asyncio.sleep(number * 0.0002)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        saved = await save(store, "a")
        assert await store.list() == [saved]


async def test_reads_are_gathered(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask for rows at once, two queries answer them: the first one's, and one for all the others."""
    for image_id in "abc":
        await save(store, image_id)
    queries = 0
    has_asked = asyncio.Event()
    ask = Transaction.all

    async def counted(self: Transaction, statement: str, *args: object) -> list[tuple[Any, ...]]:
        nonlocal queries
        queries += 1
        has_asked.set()
        return await ask(self, statement, *args)

    monkeypatch.setattr(Transaction, "all", counted)
    first = asyncio.create_task(store.get("a"))
    await has_asked.wait()
    images = await asyncio.gather(first, *(store.get(image_id) for image_id in "abcx" * 64))
    assert [image and image.id for image in images] == ["a", *["a", "b", "c", None] * 64]
    assert queries == 2


async def test_a_gathered_read_that_fails_fails_for_all(store: PostgresStore, postgres: Cluster, schema: str) -> None:
    """If the one query fails, all requests that wait for it get the error, and the next query works."""
    saved = await save(store, "a")
    postgres.run(f"ALTER TABLE {schema}.image RENAME TO gone")
    outcomes = await asyncio.gather(*(store.get("a") for _ in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreError] * 5
    postgres.run(f"ALTER TABLE {schema}.gone RENAME TO image")
    assert await store.get("a") == saved


# Behind a pooler


async def test_a_pooler_in_transaction_mode_is_noticed(postgres: Cluster, schema: str) -> None:
    """Behind pgbouncer, which runs each transaction on any connection, everything works by URL and by pool."""
    body = body_of(5 * CHUNK_BYTES)
    with pooled(postgres) as url:
        async with asyncpg.create_pool(url, min_size=0, statement_cache_size=0) as pool:
            for source in (url, pool):
                async with opened(source, schema) as store:
                    await asyncio.gather(*(save(store, f"image-{number}", body) for number in range(8)))
                    bodies = await asyncio.gather(*(read(store, f"image-{number}") for number in range(8)))
                    assert bodies == [body] * 8
                    assert len(await store.list()) == 8


async def test_a_pool_that_is_not_open_is_told(postgres: Cluster, schema: str) -> None:
    """A pool that the application has not opened is refused in asyncpg's words."""
    with pytest.raises(StoreError, match="pool is not initialized"):
        await PostgresStore(asyncpg.create_pool(postgres.url(), min_size=0), schema=schema).open()


# Sweeps


async def test_a_sweep_takes_what_is_old_enough(postgres: Cluster, schema: str) -> None:
    """Replaced, deleted and abandoned bodies are removed after the grace period by the database's clock, not before."""
    async with opened(postgres.url(), schema) as store:
        for _ in range(2):
            await save(store, "a", body_of(2 * CHUNK_BYTES))
        await save(store, "b")
        await store.delete("b")
        writer = await store.begin_write("c", os.urandom(16))
        await writer.write(body_of(5 * CHUNK_BYTES))
        await writer.abort()
        assert await store.sweep() == 0
        postgres.run(f"UPDATE {schema}.body SET changed_at = changed_at - interval '601 s'")
        assert await store.sweep(limit=2) == 2
        assert await store.sweep() == 1
        assert postgres.run(f"SELECT count(*) FROM {schema}.body") == "1"
        assert postgres.run(f"SELECT count(DISTINCT body) FROM {schema}.chunk") == "1"


async def test_one_process_sweeps_at_a_time(postgres: Cluster, schema: str) -> None:
    """While one sweeps, there is nothing to do for another one, which does not wait."""
    async with opened(postgres.url(), schema, sweep_grace_s=0) as store, opened(postgres.url(), schema) as other:
        for _ in range(2):
            await save(store, "a")
        connection = await asyncpg.connect(postgres.url())
        async with connection.transaction():
            assert await Transaction(connection, other._names).try_lock("sweep")
            assert await store.sweep() == 0
        assert await store.sweep() == 1
        await connection.close()


async def test_an_upload_that_was_swept_fails(postgres: Cluster, schema: str) -> None:
    """An upload that stood still for longer than the grace period is told so, and leaves the image as it was."""
    async with opened(postgres.url(), schema, sweep_grace_s=0) as store:
        async with await store.begin_write("a", os.urandom(16)) as writer:
            await writer.write(body_of(9 * CHUNK_BYTES))
            await staged(writer)
            assert await store.sweep() == 1
            with pytest.raises(StoreError, match="paused for longer than sweep_grace_s"):
                await writer.write(body_of(9 * CHUNK_BYTES))
        assert await store.get("a") is None


async def test_a_slow_upload_is_not_swept(postgres: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that still arrives, even slowly, is not taken for an abandoned one."""
    monkeypatch.setattr("pixstore_asgi.store.tables.bodies._TOUCHED_EVERY_S", 0.0)
    async with opened(postgres.url(), schema, sweep_grace_s=60) as store:
        body, version = body_of(9 * CHUNK_BYTES), os.urandom(16)
        async with await store.begin_write("a", version) as writer:
            await writer.write(body[: 5 * CHUNK_BYTES])
            for number in range(5 * CHUNK_BYTES, 5 * CHUNK_BYTES + 5):
                await staged(writer)
                postgres.run(f"UPDATE {schema}.body SET changed_at = now() - interval '1 hour'")
                await writer.write(body[number : number + 1])
                assert await store.sweep() == 0
            await writer.write(body[5 * CHUNK_BYTES + 5 :])
            await writer.commit(meta_of(len(body), version))
        assert await read(store, "a") == body


@pytest.mark.parametrize("kind", [asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError])
def test_a_damaged_table_is_damage(kind: type[Exception]) -> None:
    """Damage that PostgreSQL reports skips one image of a copy, as damage that SQLite reports does."""
    error = translate(kind("invalid page in block 3 of relation base/5/16384"))
    assert isinstance(error, StoreDamaged)
    assert "see its log" in str(error)


async def test_long_bodies_are_swept_step_by_step(
    postgres: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction removes so many chunks, and one sweep as many bodies as it may, however many steps they take."""
    monkeypatch.setattr("pixstore_asgi.store.tables.gc._REMOVED_CHUNKS", 4)
    async with opened(postgres.url(), schema, sweep_grace_s=0) as store:
        for image_id, chunks in (("a", 11), ("b", 1), ("c", 1), ("d", 6)):
            await save(store, image_id, body_of(chunks * CHUNK_BYTES))
            await store.delete(image_id)
        assert [await store.sweep(limit=3), await store.sweep(), await store.sweep()] == [3, 1, 0]
        assert (
            postgres.run(f"SELECT (SELECT count(*) FROM {schema}.chunk), (SELECT count(*) FROM {schema}.body)") == "0|0"
        )


async def test_no_upload_goes_on_with_what_is_half_swept(
    postgres: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload that stood still, and of which a sweep that was cut off has removed a part, is never made current."""
    monkeypatch.setattr("pixstore_asgi.store.tables.gc._REMOVED_CHUNKS", 2)
    async with opened(postgres.url(), schema, sweep_grace_s=0) as store:
        async with await store.begin_write("a", version := os.urandom(16)) as writer:
            await writer.write(body := body_of(9 * CHUNK_BYTES))
            await staged(writer)
            assert await store._engines.opened().write(gc.remove_bodies, 0, 100) == (0, False)
            with pytest.raises(StoreError, match="paused for longer than sweep_grace_s"):
                await writer.commit(meta_of(len(body), version))
        assert await store.get("a") is None


async def test_no_upload_goes_on_with_what_lacks_its_last_part(postgres: Cluster, schema: str) -> None:
    """An upload is refused if the database has lost the later ones of its stored chunks, as a failover can do."""
    async with opened(postgres.url(), schema) as store:
        async with await store.begin_write("a", version := os.urandom(16)) as writer:
            await writer.write(body := body_of(9 * CHUNK_BYTES))
            await staged(writer)
            postgres.run(f"DELETE FROM {schema}.chunk WHERE number >= 4")
            with pytest.raises(StoreError, match="the stored part of an upload is gone"):
                await writer.commit(meta_of(len(body), version))
        assert await store.get("a") is None


async def test_bodies_with_ids_of_a_sequence_stay_usable(postgres: Cluster, schema: str) -> None:
    """Images of earlier versions are read, replaced and swept, and such a version can save beside this one."""
    async with opened(postgres.url(), schema, sweep_grace_s=0) as store:
        await save(store, "a", body := body_of(6 * CHUNK_BYTES))
        postgres.run(f"UPDATE {schema}.body SET id = DEFAULT")
        postgres.run(f"UPDATE {schema}.chunk SET body = 1; UPDATE {schema}.image SET body = 1")
        assert await read(store, "a") == body
        assert postgres.run(f"INSERT INTO {schema}.body (state) VALUES (0) RETURNING id") == "2"
        await save(store, "a", b"new")
        assert await store.sweep() == 2
        assert await read(store, "a") == b"new"
        assert [fault async for fault in store.faults()] == []


async def test_a_server_that_only_reads_is_told(postgres: Cluster) -> None:
    """A write to a standby, or a server set to read only, is StoreBusy by its reason; reads go on, and writes later."""
    url, name = postgres.create("only_reads"), "only_reads"
    async with opened(url, "pixstore") as store:
        saved = await save(store, "a")
        postgres.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await store._engines.opened().pool.expire_connections()
        for call in (store.delete("a"), save(store, "a")):
            with pytest.raises(StoreBusy, match="it is read-only, as a standby is: name the primary"):
                await call
        assert await store.get("a") == saved
        async with opened(url, "pixstore") as later:
            assert await later.get("a") == saved
        with pytest.raises(StoreBusy, match="no host of the URL is of the kind that target_session_attrs requires"):
            await PostgresStore(f"{url}?target_session_attrs=read-write").open()
        postgres.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await store._engines.opened().pool.expire_connections()
        assert await store.delete("a")


async def test_tables_in_use_are_not_migrated(postgres: Cluster, schema: str) -> None:
    """While a backup reads a table that a new version changes, that ends soon, so that others read on behind it."""
    async with opened(postgres.url(), schema) as store:
        saved = await save(store, "a")
    postgres.run(f"ALTER TABLE {schema}.image DROP COLUMN checksum; UPDATE {schema}.store SET schema_version = 2")
    backup = await asyncpg.connect(postgres.url())
    async with backup.transaction():
        await backup.fetch(f"SELECT count(*) FROM {schema}.image")
        with pytest.raises(StoreBusy, match="a backup or an open transaction uses them"):
            await PostgresStore(postgres.url(), schema=schema).open()
    await backup.close()
    async with opened(postgres.url(), schema) as store:
        assert await store.get("a") == saved


async def test_tables_of_an_earlier_version_get_sizes_into_their_index(postgres: Cluster, schema: str) -> None:
    """Tables of schema version 3 are migrated: directories are counted from the index, without reading rows."""
    async with opened(postgres.url(), schema) as store:
        saved = await save(store, "ada:a", b"12345")
    postgres.run(
        f"ALTER TABLE {schema}.image DROP CONSTRAINT image_pkey, ADD PRIMARY KEY (id);"
        f" UPDATE {schema}.store SET schema_version = 3"
    )
    async with opened(postgres.url(), schema) as first, opened(postgres.url(), schema) as second:
        assert await first.get("ada:a") == saved
        assert await second.usage(after="ada:", before="ada;") == (1, 5)
        await first.delete("ada:a")
    assert postgres.run(f"SELECT schema_version FROM {schema}.store") == str(len(MIGRATIONS))
    postgres.run(f"VACUUM ANALYZE {schema}.image")
    plan = postgres.run(
        "SET enable_seqscan = off; SET enable_bitmapscan = off;"
        f" EXPLAIN SELECT sum(size) FROM {schema}.image WHERE id > 'ada:' AND id < 'ada;'"
    )
    assert "Index Only Scan using image_pkey" in plan


async def test_a_moment_whose_connection_falls_silent_ends(postgres: Cluster, schema: str) -> None:
    """A backup's reads from a connection that says nothing any more end in time, and so does the backup."""
    async with (
        bad_network(postgres.port) as network,
        opened(postgres.url(port=network.port), schema, busy_timeout_s=1) as store,
    ):

        async def fall_silent(tx: Transaction) -> None:
            network.says_more.clear()
            await tx.all("SELECT 1")

        async with asyncio.timeout(20):
            with pytest.raises(StoreBusy):
                async with store.snapshot() as moment:
                    await moment._engines.opened().read(fall_silent)
        network.says_more.set()


async def test_a_write_given_up_keeps_what_its_commit_made_current(postgres: Cluster, schema: str) -> None:
    """If the caller of a commit was cancelled and the commit still happens, its body is not taken for an
    abandoned one.
    """
    async with opened(postgres.url(), schema, sweep_grace_s=0) as store:
        body, version = body_of(6 * CHUNK_BYTES), os.urandom(16)
        writer = await store.begin_write("a", version)
        await writer.write(body)
        row = (await staged(writer))._body
        assert row is not None
        await writer.commit(meta_of(len(body), version))
        await store._engines.opened().write(bodies.drop_pending, row)
        await store.sweep()
        assert await read(store, "a") == body


async def test_a_sweep_lets_a_body_be_whose_commit_has_begun(postgres: Cluster, schema: str) -> None:
    """A body elsewhere that a transaction has just made current is not claimed, be that committed or not."""
    async with opened(postgres.url(), schema, sweep_grace_s=0) as store:
        database = store._engines.opened()
        row = await database.write(bodies.begin_object, os.urandom(16))
        connection = await asyncpg.connect(postgres.url())
        async with connection.transaction():
            await connection.execute(f"UPDATE {schema}.body SET state = 1 WHERE id = $1", row)
            assert await store._engines.opened().write(gc.claim_objects, 0, 10) == {}
        assert await store._engines.opened().write(gc.claim_objects, 0, 10) == {}
        await connection.close()
        assert postgres.run(f"SELECT state, removing FROM {schema}.body") == "1|f"


async def test_a_connection_that_falls_silent_is_given_up(postgres: Cluster, schema: str) -> None:
    """An operation on a silent connection ends in time, and the next one works."""
    async with (
        bad_network(postgres.port) as network,
        opened(postgres.url(port=network.port), schema, busy_timeout_s=1) as store,
    ):
        saved = await save(store, "a")
        network.says_more.clear()
        for call in (store.get("a"), store.list(), store.delete("a"), save(store, "a")):
            with pytest.raises(StoreBusy):
                await asyncio.wait_for(call, 10)
        network.says_more.set()
        assert (await store.get("a"), await store.list()) == (saved, [saved])


async def test_a_host_that_has_vanished_lets_go_of_its_locks(
    store: PostgresStore, postgres: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction of which nothing is heard any more is ended by the server, and other hosts write again."""
    monkeypatch.setattr("pixstore_asgi.store.postgres.database._LONGEST_IDLE_MS", 500)
    await save(store, "a")
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def vanish(tx: Transaction) -> None:
        await tx.all(f"SELECT * FROM {schema}.image FOR UPDATE")
        began.set()
        await goes_on.wait()
        await tx.all("SELECT 1")

    vanishing = asyncio.create_task(store._engines.opened().write(vanish))
    await began.wait()
    async with opened(postgres.url(), schema) as other:
        assert await other.delete("a")
    goes_on.set()
    with pytest.raises(StoreBusy):
        await vanishing


async def test_a_close_that_is_cancelled_goes_on(postgres: Cluster, schema: str) -> None:
    """A close that is given up while a write runs closes the pool all the same, once the write has ended."""
    store = PostgresStore(postgres.url(), schema=schema, sweeps_at_close=False)
    await store.open()
    database, goes_on = store._engines.opened(), asyncio.Event()

    async def write(tx: Transaction) -> None:
        await goes_on.wait()

    writing = asyncio.create_task(database.write(write))
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0.1)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    goes_on.set()
    await writing
    await asyncio.to_thread(until, database.pool.is_closing, "the pool stays open")


async def test_damage_of_one_row_leaves_the_others_alone(store: PostgresStore, postgres: Cluster, schema: str) -> None:
    """Images that are requested at the same time as one with a damaged row are answered."""
    saved = [await save(store, image_id) for image_id in "abc"]
    postgres.run(f"ALTER TABLE {schema}.image DROP CONSTRAINT IF EXISTS image_size_check")
    postgres.run(f"UPDATE {schema}.image SET size = -1 WHERE id = 'b'")
    found = await asyncio.gather(*(store.get(image_id) for image_id in "xabc"), return_exceptions=True)
    assert (found[0], found[1], found[3]) == (None, saved[0], saved[2])
    assert isinstance(found[2], StoreDamaged)


async def test_a_read_is_answered_after_an_event_loop_that_ended(postgres: Cluster, schema: str) -> None:
    """A store that was closed while a read had not begun answers when it is open again."""
    store = PostgresStore(postgres.url(), schema=schema)
    await store.open()
    reading = asyncio.create_task(store.get("a"))
    await asyncio.sleep(0)
    asking = store._engines.opened().reads._asking
    assert asking is not None
    asking.cancel()
    reading.cancel()
    await store.close()
    await store.open()
    assert await asyncio.wait_for(store.get("a"), 10) is None
    await store.close()


async def test_sweeps_ride_on_writes(postgres: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An occasional write sweeps abandoned bodies, without waiting for it."""
    monkeypatch.setattr("pixstore_asgi.store.tables.gc._EVERY_S", 0.0)
    async with opened(postgres.url(), schema, sweep_grace_s=0) as store:
        for _ in range(3):
            await save(store, "a")
        while postgres.run(f"SELECT count(*) FROM {schema}.body WHERE state = 2") != "0":
            await save(store, "b")
            await asyncio.sleep(0.01)


# A server that goes away


@pytest.mark.slow
async def test_a_restart_between_calls_is_not_noticed(own_cluster: Cluster, schema: str) -> None:
    """After the server was restarted, reads and writes work at once, over new connections."""
    async with opened(own_cluster.url(), schema) as store:
        saved = await save(store, "a")
        own_cluster.stop()
        own_cluster.start()
        assert await store.get("a") == saved
        own_cluster.stop(signal.SIGQUIT)
        own_cluster.start()
        later = await save(store, "a")
        assert later.token > saved.token


@pytest.mark.slow
async def test_a_stream_outlives_a_restart(own_cluster: Cluster, schema: str) -> None:
    """A body that is being read goes on where it was when the server is back in time."""
    body = body_of(20 * CHUNK_BYTES)
    async with opened(own_cluster.url(), schema, busy_timeout_s=30) as store:
        await save(store, "a", body)
        stream = await store.open_stream("a")
        assert stream is not None
        head = await anext(stream)
        own_cluster.stop(signal.SIGQUIT)
        rest = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.3)
        own_cluster.start()
        assert head + await rest + b"".join([chunk async for chunk in stream]) == body


@pytest.mark.slow
async def test_a_server_that_stays_away_is_busy(own_cluster: Cluster, schema: str) -> None:
    """While the server is away every call ends with StoreBusy, and works again when it is back."""
    async with opened(own_cluster.url(), schema, busy_timeout_s=1) as store:
        saved = await save(store, "a")
        own_cluster.stop()
        try:
            for call in (store.get("a"), store.open_stream("a"), save(store, "a"), store.delete("a"), store.sweep()):
                with pytest.raises(StoreBusy, match=f"can't be reached at 127.0.0.1:{own_cluster.port}, or") as caught:
                    await call
                assert caught.value.away == "database"
                assert PASSWORD not in str(caught.value)
        finally:
            own_cluster.start()
        assert await store.get("a") == saved


async def test_a_lost_answer_of_a_commit_is_looked_up(
    postgres: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a connection is lost during a commit, the save reports the true outcome."""
    async with opened(postgres.url(), schema) as store:
        commit = asyncpg.transaction.Transaction.commit
        has_happened = True

        async def lost(self: Any) -> None:
            monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", commit)
            if has_happened:
                await commit(self)
            self._connection.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

        monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", lost)
        saved = await save(store, "a", b"first")
        assert (await store.get("a"), await read(store, "a")) == (saved, b"first")
        has_happened = False
        monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", lost)
        with pytest.raises(StoreBusy):
            await save(store, "a", b"second")
        assert (await store.get("a"), await read(store, "a")) == (saved, b"first")


async def test_a_commit_that_took_too_long_is_looked_up(
    postgres: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the pool's limit for a command ends a commit that the server makes, the save is acknowledged."""
    async with opened(postgres.url(), schema) as store:
        commit = asyncpg.transaction.Transaction.commit

        async def take_too_long(self: Any) -> None:
            monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", commit)
            await commit(self)
            raise TimeoutError

        monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", take_too_long)
        saved = await save(store, "a", b"first")
        assert (await store.get("a"), await read(store, "a")) == (saved, b"first")


def test_errors_of_any_kind_are_ours() -> None:
    """Every error of asyncpg becomes a StoreError with a text that repeats nothing of a row."""
    error = asyncpg.UniqueViolationError("duplicate key")
    error.detail = "Key (id)=(some-image) already exists."
    translated = translate(error)
    assert type(translated) is StoreError
    assert "some-image" not in str(translated)
