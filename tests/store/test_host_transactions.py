"""Pictures saved within a transaction of the application's: with its own rows, or not at all."""

import asyncio
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from pixstore_asgi import ImageRecord, Pixstore, Variant
from pixstore_asgi.errors import (
    DirectoryFull,
    ImageExists,
    ImageNotFound,
    InputError,
    InvalidImage,
    StoreBusy,
    StoreConflict,
    StoreError,
)
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.postgres import PostgresStore
from tests.support.postgres import Cluster
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture


class Host(ABC):
    """A connection of the application's, through one driver."""

    connection: Any

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager[object]: ...

    @abstractmethod
    def undone(self) -> AbstractAsyncContextManager[object]:
        """A transaction that is rolled back in the end."""

    @abstractmethod
    async def insert(self, image: str) -> None: ...

    @abstractmethod
    async def posts(self) -> list[str]: ...

    async def add(self, pix: Pixstore, image: bytes) -> ImageRecord:
        """Save an image and the application's row of it."""
        record = await pix.save_image(image, connection=self.connection)
        await self.insert(record.id)
        return record


class AsyncpgHost(Host):
    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self.connection = connection

    def transaction(self) -> AbstractAsyncContextManager[object]:
        return self.connection.transaction()  # type: ignore[no-any-return]

    @asynccontextmanager
    async def undone(self) -> AsyncIterator[None]:
        transaction = self.connection.transaction()
        await transaction.start()
        yield
        await transaction.rollback()

    async def insert(self, image: str) -> None:
        await self.connection.execute("INSERT INTO post VALUES ($1)", image)

    async def posts(self) -> list[str]:
        return [row["image"] for row in await self.connection.fetch("SELECT image FROM post ORDER BY image")]


class PsycopgHost(Host):
    def __init__(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        self.connection = connection

    def transaction(self) -> AbstractAsyncContextManager[object]:
        return self.connection.transaction()  # type: ignore[no-any-return]

    def undone(self) -> AbstractAsyncContextManager[object]:
        return self.connection.transaction(force_rollback=True)  # type: ignore[no-any-return]

    async def insert(self, image: str) -> None:
        await self.connection.execute("INSERT INTO post VALUES (%s)", [image])

    async def posts(self) -> list[str]:
        rows = await (await self.connection.execute("SELECT image FROM post ORDER BY image")).fetchall()
        return [row["image"] for row in rows]


@asynccontextmanager
async def host_on(driver: str, url: str) -> AsyncIterator[Host]:
    """A connection through a driver: asyncpg, psycopg with rows of its default, or psycopg in autocommit mode."""
    if driver == "asyncpg":
        asyncpgs = await asyncpg.connect(url)
        yield AsyncpgHost(asyncpgs)
        await asyncpgs.close()
    else:
        is_autocommit = driver == "psycopg-autocommit"
        async with await psycopg.AsyncConnection.connect(url, autocommit=is_autocommit, row_factory=dict_row) as made:
            yield PsycopgHost(made)


@pytest.fixture
def url(postgres: Cluster) -> Iterator[str]:
    """A database with a table of the application's."""
    with postgres.lent() as made:
        postgres.run("CREATE TABLE post (image text PRIMARY KEY)", made.rpartition("/")[2])
        yield made


@pytest.fixture
async def pix(url: str) -> AsyncIterator[Pixstore]:
    async with Pixstore(url, secret=SECRET) as made:
        yield made


@pytest.fixture(params=["asyncpg", "psycopg"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def host(url: str, driver: str) -> AsyncIterator[Host]:
    async with host_on(driver, url) as made:
        yield made


@pytest.mark.parametrize("image", [picture(), large_png(3_000_000)], ids=["small", "large"])
async def test_both_rows_or_none(pix: Pixstore, host: Host, image: bytes) -> None:
    """A picture and the application's row come together with the commit, and go together with a roll-back."""
    async with host.undone():
        gone = await host.add(pix, image)
    async with host.transaction():
        kept = await host.add(pix, image)
        assert await pix.get_image_record(kept.id) is None  # for everybody else there is nothing yet
    assert (await host.posts(), await pix.image_exists(gone.id)) == ([kept.id], False)
    read = await pix.read_image(kept.id)
    assert read is not None
    assert read.data == image


async def test_what_the_transaction_has_done_is_seen_within(pix: Pixstore, host: Host) -> None:
    """A picture that was saved in a transaction is updated and deleted there, and stays unseen outside to the end."""
    async with host.transaction():
        first = await pix.save_image(picture(), connection=host.connection)
        second = await pix.update_image(first.id, picture(seed=1), if_token=first.token, connection=host.connection)
        assert second.token > first.token
        with pytest.raises(ImageNotFound):
            await pix.update_image(first.id, picture(seed=2))
        assert await pix.delete_image(first.id, connection=host.connection) is True
        assert await pix.delete_image(first.id, connection=host.connection) is False
    assert await pix.image_exists(first.id) is False


async def test_an_update_and_a_delete_are_rolled_back(pix: Pixstore, host: Host) -> None:
    """After a roll-back the version from before is current, and readable to its end."""
    first = await pix.save_image(large_png(2_000_000))
    for change in ("update", "delete"):
        async with host.undone():
            if change == "update":
                await pix.update_image(first.id, picture(), connection=host.connection)
            else:
                await pix.delete_image(first.id, connection=host.connection)
        read = await pix.read_image(first.id)
        assert read is not None
        assert (await pix.image_exists(first.id), read.data) == (True, large_png(2_000_000))


async def test_a_refusal_leaves_the_transaction_usable(pix: Pixstore, host: Host) -> None:
    """A refused write within a transaction leaves the rest of the transaction unchanged."""
    first = await pix.save_image(picture())
    async with host.transaction():
        await host.insert("1 before")
        with pytest.raises(InvalidImage):
            await pix.save_image(b"no image", connection=host.connection)
        with pytest.raises(StoreConflict):
            await pix.update_image(first.id, picture(), if_token=first.token - 1, connection=host.connection)
        await host.insert("2 after")
    assert await host.posts() == ["1 before", "2 after"]


async def test_an_own_id_within_a_transaction(url: str, host: Host) -> None:
    """A save under an own id is refused if the image is there, also if only the transaction sees it, and leaves the
    transaction usable. Another save under that id waits for the transaction's end.
    """
    own: dict[str, Any] = {"image_id": "posts:7"}
    async with Pixstore(PostgresStore(url, busy_timeout_s=1), secret=SECRET) as pix:
        async with host.undone():
            await pix.save_image(picture(), connection=host.connection, **own)
            with pytest.raises(ImageExists):
                await pix.save_image(picture(seed=1), connection=host.connection, **own)
            with pytest.raises(StoreBusy, match="another write"):
                await pix.save_image(picture(seed=2), **own)
            waiting = asyncio.create_task(pix.save_image(picture(seed=3), **own))
            await asyncio.sleep(0.05)
        first = await waiting
        async with host.transaction():
            with pytest.raises(ImageExists):
                await pix.save_image(large_png(2_000_000), connection=host.connection, **own)
            assert await pix.delete_image("posts:7", connection=host.connection) is True
            second = await pix.save_image(picture(seed=4), connection=host.connection, **own)
            waiting = asyncio.create_task(pix.save_image(picture(seed=5), **own))
            await asyncio.sleep(0.05)
            await host.insert("the transaction is usable")
        with pytest.raises(ImageExists):
            await waiting
        assert second.token > first.token
        read = await pix.read_image("posts:7")
        assert read is not None
        assert read.data == picture(seed=4)


async def test_another_writer_of_the_image_waits(url: str, host: Host) -> None:
    """While a transaction has written an image, another write to it waits, and is busy when that takes too long."""
    async with Pixstore(PostgresStore(url, busy_timeout_s=1), secret=SECRET) as pix:
        first = await pix.save_image(picture())
        async with host.transaction():
            second = await pix.update_image(first.id, picture(seed=1), connection=host.connection)
            with pytest.raises(StoreBusy, match="another write"):
                await pix.update_image(first.id, picture(seed=2))
            waiting = asyncio.create_task(pix.update_image(first.id, picture(seed=3)))
            await asyncio.sleep(0.05)
        assert (await waiting).token > second.token


async def test_a_limit_holds_across_transactions(url: str, host: Host) -> None:
    """A save with a limit counts the images of its own transaction. Others into the same directory wait for its end."""
    limit: dict[str, Any] = {"directory": "ada", "max_directory_images": 2}
    async with Pixstore(PostgresStore(url, busy_timeout_s=1), secret=SECRET) as pix:
        async with host.undone():
            for _ in range(2):
                await pix.save_image(picture(), connection=host.connection, **limit)
            with pytest.raises(DirectoryFull):
                await pix.save_image(picture(), connection=host.connection, **limit)
            with pytest.raises(StoreBusy, match="another write"):
                await pix.save_image(picture(), **limit)
            await pix.save_image(picture(), **limit | {"directory": "bob"})
            waiting = asyncio.create_task(pix.save_image(picture(), **limit))
            await asyncio.sleep(0.05)
        await waiting
        async with host.transaction():
            await pix.save_image(picture(), connection=host.connection, **limit)
            with pytest.raises(DirectoryFull):
                await pix.save_image(large_png(2_000_000), connection=host.connection, **limit)
            await host.insert("the transaction is usable")
        with pytest.raises(DirectoryFull):
            await pix.save_image(picture(), **limit)
        assert (await pix.usage("ada")).images == 2


async def test_a_new_secret_keeps_nobody_from_saving(pix: Pixstore, url: str, host: Host) -> None:
    """While the transaction that first saved under a new secret goes on, others save under that and the old one."""
    await pix.save_image(picture())
    async with (
        Pixstore(PostgresStore(url, busy_timeout_s=1), secret=[OTHER_SECRET, SECRET]) as old,
        Pixstore(PostgresStore(url, busy_timeout_s=1), secret=[SECRET, OTHER_SECRET]) as new,
    ):
        async with host.undone():
            gone = await new.save_image(picture(), connection=host.connection)
            saved = [await each.save_image(picture()) for each in (old, new)]
        assert [await new.image_exists(each.id) for each in (gone, *saved)] == [False, True, True]


async def test_a_transaction_that_has_saved_already_takes_a_new_secret(pix: Pixstore, url: str, host: Host) -> None:
    """One that saved under the old secret before saves under the new one, too, with its own connection alone."""
    await pix.save_image(picture())
    async with Pixstore(PostgresStore(url, busy_timeout_s=1), secret=[SECRET, OTHER_SECRET]) as new:
        async with host.transaction():
            saved = [await each.save_image(picture(), connection=host.connection) for each in (pix, new)]
        assert [await new.image_exists(each.id) for each in saved] == [True, True]


async def test_a_new_secret_waits_for_no_transaction_of_others(
    pix: Pixstore, url: str, driver: str, host: Host
) -> None:
    """While another transaction that has saved goes on, the first save under a new secret is refused, and not held."""
    await pix.save_image(picture())
    async with (
        host_on(driver, url) as other,
        Pixstore(PostgresStore(url, busy_timeout_s=0.5), secret=[SECRET, OTHER_SECRET]) as new,
    ):
        async with other.undone():
            await pix.save_image(picture(), connection=other.connection)
            async with host.undone(), asyncio.timeout(20):
                with pytest.raises(StoreBusy, match="another write to PostgreSQL was in the way"):
                    await new.save_image(picture(), connection=host.connection)
                assert await pix.save_image(picture())
        async with host.transaction():
            assert await new.save_image(picture(), connection=host.connection)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg", "psycopg-autocommit"])
async def test_what_is_no_transaction_is_refused(pix: Pixstore, host: Host) -> None:
    """A connection outside a transaction, or at another level, is refused before anything is read."""
    with pytest.raises(InputError, match=r"in no transaction: .* SQLAlchemy begins with its first statement, or flush"):
        await pix.save_image(picture(), connection=host.connection)
    async with host.transaction():
        await host.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(InputError, match="READ COMMITTED"):
            await pix.save_image(picture(), connection=host.connection)


async def test_a_transaction_that_ends_while_the_image_arrives_is_told(pix: Pixstore, host: Host) -> None:
    """If the application ends its transaction during the upload, the image is not committed on its own."""
    transaction = host.transaction()

    async def body() -> AsyncIterator[bytes]:
        yield picture()
        await transaction.__aexit__(None, None, None)

    await transaction.__aenter__()
    with pytest.raises(InputError, match="in no transaction"):
        await pix.save_image(body(), connection=host.connection)
    assert await pix.list_images() == []


async def test_a_cancelled_save_leaves_the_transaction_usable(
    pix: Pixstore, postgres: Cluster, url: str, host: Host, driver: str
) -> None:
    """A save that is cancelled while it waits for another writer is undone, and the transaction goes on."""
    async with host_on(driver, url) as other:
        first = await pix.save_image(picture())
        async with other.undone(), host.transaction():
            await pix.update_image(first.id, picture(seed=1), connection=other.connection)
            await host.insert("before")
            update = asyncio.create_task(pix.update_image(first.id, picture(seed=2), connection=host.connection))
            await asyncio.to_thread(
                postgres.wait_for, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            )
            update.cancel()
            with pytest.raises(asyncio.CancelledError):
                await update
            kept = await host.add(pix, picture(seed=3))
        assert await host.posts() == sorted(["before", kept.id])
        current = await pix.get_image_record(first.id)
        assert current is not None
        assert (await pix.image_exists(kept.id), current.token) == (True, first.token)


async def test_variants_share_the_transaction(url: str, host: Host) -> None:
    """Variants are saved, updated and deleted with their original: all are committed, or all rolled back."""
    async with Pixstore(url, secret=SECRET, variants=[Variant("thumb", width=8)]) as pix:
        async with host.undone():
            await pix.save_image(picture(), connection=host.connection)
        assert await pix.list_images(variants=True) == []
        async with host.transaction():
            record = await pix.save_image(picture(), connection=host.connection)
            await pix.update_image(record.id, picture(seed=1), connection=host.connection)
        ids = [record.id, f"{record.id}~thumb"]
        async with host.undone():
            assert await pix.delete_image(record.id, connection=host.connection)
        assert [each.id for each in await pix.list_images(variants=True)] == ids
        async with host.transaction():
            assert await pix.delete_image(record.id, connection=host.connection)
        assert await pix.list_images(variants=True) == []


async def test_a_lost_connection_is_the_stores_error(pix: Pixstore, postgres: Cluster, host: Host) -> None:
    """A connection that the server ended raises StoreBusy, without an error of the driver behind it."""
    with pytest.raises(StoreBusy, match="PostgreSQL can't be reached") as raised:  # noqa: PT012
        async with host.undone():
            await host.insert("before")
            postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO post%'")
            with pytest.raises(StoreBusy, match="PostgreSQL can't be reached"):
                await pix.save_image(picture(), connection=host.connection)
            await pix.save_image(picture(), connection=host.connection)  # the driver knows of the loss
    assert raised.value.__cause__ is None


async def test_a_failed_transaction_is_told(pix: Pixstore, host: Host) -> None:
    """After a failed statement of the application's, a save is refused with the library's error."""
    async with host.undone():
        with pytest.raises((asyncpg.PostgresError, psycopg.Error)):
            await host.connection.execute("SELECT 1 / 0")
        with pytest.raises(StoreError, match="InFailedSQLTransactionError"):
            await pix.save_image(picture(), connection=host.connection)


async def test_a_statement_under_way_refuses_a_save(pix: Pixstore, host: Host) -> None:
    """While the connection runs a statement, a save on it is refused, and no savepoints overlap."""
    async with host.transaction():
        running = asyncio.create_task(host.connection.execute("SELECT pg_sleep(0.3)"))
        await asyncio.sleep(0)
        with pytest.raises(StoreError, match="another operation is in progress"):
            await pix.save_image(picture(), connection=host.connection)
        await running
        await host.add(pix, picture())


async def test_psycopgs_statements_stay_as_the_application_set_them(pix: Pixstore, url: str) -> None:
    """Saves prepare no statement, as PgBouncer wants it, and leave factories of rows and cursors as they are."""
    async with (
        await psycopg.AsyncConnection.connect(
            url, prepare_threshold=0, row_factory=dict_row, cursor_factory=psycopg.AsyncClientCursor
        ) as connection,
        connection.transaction(),
    ):
        for seed in range(7):
            await pix.save_image(picture(seed=seed), connection=connection)
        found = await connection.execute("SELECT count(*) AS prepared FROM pg_prepared_statements")
        assert await found.fetchone() == {"prepared": 0}


async def test_psycopgs_pipeline_is_refused(pix: Pixstore, url: str) -> None:
    """In pipeline mode an error would come after the savepoint: the save is refused."""
    async with (
        await psycopg.AsyncConnection.connect(url) as connection,
        connection.transaction(),
        connection.pipeline(),
    ):
        with pytest.raises(InputError, match="pipeline mode"):
            await pix.save_image(picture(), connection=connection)


async def test_other_types_are_refused(pix: Pixstore, url: str) -> None:
    """Anything else, psycopg's synchronous connection too, is refused with the names of both that are accepted."""
    with psycopg.connect(url) as synchronous:
        for wrong in ("postgresql://", synchronous):
            with pytest.raises(
                InputError, match=f"asyncpg's or an AsyncConnection of psycopg, not {type(wrong).__name__}"
            ):
                await pix.delete_image("a", connection=wrong)


def test_psycopg_is_not_imported_for_others() -> None:
    """The store in PostgreSQL alone imports no psycopg."""
    code = "import sys, pixstore_asgi.store.postgres; print('psycopg' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


async def test_other_stores_have_no_transactions_to_share() -> None:
    """A store outside PostgreSQL says that it takes no connection."""
    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        with pytest.raises(InputError, match="needs a store in PostgreSQL"):
            await pix.save_image(picture(), connection=object())


async def test_sqlalchemys_transaction_is_shared(pix: Pixstore, url: str, driver: str, host: Host) -> None:
    """SQLAlchemy's drivers hand out the connection of its transaction, which commits both rows or none."""
    engine = create_async_engine(url.replace("postgresql://", f"postgresql+{driver}://"))
    ids = []
    for is_kept in (False, True):
        async with engine.connect() as session:
            await session.execute(text("SELECT 1"))  # begins the transaction
            connection = (await session.get_raw_connection()).driver_connection
            record = await pix.save_image(picture(), connection=connection)
            await session.execute(text("INSERT INTO post VALUES (:image)"), {"image": record.id})
            await (session.commit() if is_kept else session.rollback())
            ids.append(record.id)
    await engine.dispose()
    assert [await pix.image_exists(image_id) for image_id in ids] == [False, True]
    assert await host.posts() == ids[1:]


async def test_a_connection_to_another_database_is_told(pix: Pixstore, postgres: Cluster, driver: str) -> None:
    """A connection to a database that has no such store is a wrong call, and its transaction goes on."""
    async with host_on(driver, postgres.url("template1")) as host, host.transaction():
        with pytest.raises(InputError, match="the connection is to another database than the store"):
            await pix.save_image(picture(), connection=host.connection)
        assert await host.connection.execute("SELECT 1")
