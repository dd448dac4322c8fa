"""Pictures saved within a transaction of the application's: with its own rows, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.errors import ImageNotFound, InputError, InvalidImage, StoreBusy, StoreConflict
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.postgres import PostgresStore
from tests.support.postgres import Cluster
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture

Connection = asyncpg.Connection  # of any record type


@pytest.fixture
async def url(postgres: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database of the test's own, with a table of the application's."""
    name = f"host_{abs(hash(request.node.nodeid))}"
    made = postgres.create(name)
    postgres.run("CREATE TABLE post (image text PRIMARY KEY)", name)
    yield made
    postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def pix(url: str) -> AsyncIterator[Pixstore]:
    async with Pixstore(url, secret=SECRET) as made:
        yield made


@pytest.fixture
async def connection(url: str) -> AsyncIterator[Connection]:
    made = await asyncpg.connect(url)
    yield made
    await made.close()


@asynccontextmanager
async def undone(connection: Connection) -> AsyncIterator[None]:
    """A transaction that is rolled back in the end."""
    transaction = connection.transaction()
    await transaction.start()
    yield
    await transaction.rollback()


async def posts(connection: Connection) -> list[str]:
    return [row["image"] for row in await connection.fetch("SELECT image FROM post")]


async def add(pix: Pixstore, connection: Connection, image: bytes) -> ImageRecord:
    """Save an image and the application's row of it."""
    record = await pix.save_image(image, connection=connection)
    await connection.execute("INSERT INTO post VALUES ($1)", record.id)
    return record


@pytest.mark.parametrize("image", [picture(), large_png(3_000_000)], ids=["small", "large"])
async def test_both_rows_or_none(pix: Pixstore, connection: Connection, image: bytes) -> None:
    """A picture and the application's row come together with the commit, and go together with a roll-back."""
    async with undone(connection):
        gone = await add(pix, connection, image)
    async with connection.transaction():
        kept = await add(pix, connection, image)
        assert await pix.get_image_record(kept.id) is None  # for everybody else there is nothing yet
    assert (await posts(connection), await pix.image_exists(gone.id)) == ([kept.id], False)
    read = await pix.read_image(kept.id)
    assert read is not None
    assert read.data == image


async def test_what_the_transaction_has_done_is_seen_within(pix: Pixstore, connection: Connection) -> None:
    """A picture that was saved in a transaction is updated and deleted there, and stays unseen outside to the end."""
    async with connection.transaction():
        first = await pix.save_image(picture(), connection=connection)
        second = await pix.update_image(first.id, picture(seed=1), if_token=first.token, connection=connection)
        assert second.token > first.token
        with pytest.raises(ImageNotFound):
            await pix.update_image(first.id, picture(seed=2))
        assert await pix.delete_image(first.id, connection=connection) is True
        assert await pix.delete_image(first.id, connection=connection) is False
    assert await pix.image_exists(first.id) is False


async def test_an_update_and_a_delete_are_rolled_back(pix: Pixstore, connection: Connection) -> None:
    """After a roll-back the version from before is current, and readable to its end."""
    first = await pix.save_image(large_png(2_000_000))
    for change in ("update", "delete"):
        async with undone(connection):
            if change == "update":
                await pix.update_image(first.id, picture(), connection=connection)
            else:
                await pix.delete_image(first.id, connection=connection)
        read = await pix.read_image(first.id)
        assert read is not None
        assert (await pix.image_exists(first.id), read.data) == (True, large_png(2_000_000))


async def test_a_refusal_leaves_the_transaction_usable(pix: Pixstore, connection: Connection) -> None:
    """A refused write within a transaction leaves the rest of the transaction unchanged."""
    first = await pix.save_image(picture())
    async with connection.transaction():
        await connection.execute("INSERT INTO post VALUES ('before')")
        with pytest.raises(InvalidImage):
            await pix.save_image(b"no image", connection=connection)
        with pytest.raises(StoreConflict):
            await pix.update_image(first.id, picture(), if_token=first.token - 1, connection=connection)
        await connection.execute("INSERT INTO post VALUES ('after')")
    assert await posts(connection) == ["before", "after"]


async def test_another_writer_of_the_image_waits(url: str, connection: Connection) -> None:
    """While a transaction has written an image, another write to it waits, and is busy when that takes too long."""
    async with Pixstore(PostgresStore(url, busy_timeout_s=0.3), secret=SECRET) as pix:
        first = await pix.save_image(picture())
        async with connection.transaction():
            second = await pix.update_image(first.id, picture(seed=1), connection=connection)
            with pytest.raises(StoreBusy, match="another write"):
                await pix.update_image(first.id, picture(seed=2))
            waiting = asyncio.create_task(pix.update_image(first.id, picture(seed=3)))
            await asyncio.sleep(0.05)
        assert (await waiting).token > second.token


async def test_a_new_secret_keeps_nobody_from_saving(pix: Pixstore, url: str, connection: Connection) -> None:
    """While the transaction that first saved under a new secret goes on, others save under that and the old one."""
    await pix.save_image(picture())
    async with (
        Pixstore(PostgresStore(url, busy_timeout_s=1), secret=[OTHER_SECRET, SECRET]) as old,
        Pixstore(PostgresStore(url, busy_timeout_s=1), secret=[SECRET, OTHER_SECRET]) as new,
    ):
        async with undone(connection):
            gone = await new.save_image(picture(), connection=connection)
            saved = [await each.save_image(picture()) for each in (old, new)]
        assert [await new.image_exists(each.id) for each in (gone, *saved)] == [False, True, True]


async def test_a_transaction_that_has_saved_already_takes_a_new_secret(
    pix: Pixstore, url: str, connection: Connection
) -> None:
    """One that saved under the old secret before saves under the new one, too, with its own connection alone."""
    await pix.save_image(picture())
    async with Pixstore(PostgresStore(url, busy_timeout_s=1), secret=[SECRET, OTHER_SECRET]) as new:
        async with connection.transaction():
            saved = [await each.save_image(picture(), connection=connection) for each in (pix, new)]
        assert [await new.image_exists(each.id) for each in saved] == [True, True]


async def test_a_new_secret_waits_for_no_transaction_of_others(pix: Pixstore, url: str, connection: Connection) -> None:
    """While another transaction that has saved goes on, the first save under a new secret is refused, and not held."""
    await pix.save_image(picture())
    other = await asyncpg.connect(url)
    async with Pixstore(PostgresStore(url, busy_timeout_s=0.5), secret=[SECRET, OTHER_SECRET]) as new:
        async with undone(other):
            await pix.save_image(picture(), connection=other)
            async with undone(connection), asyncio.timeout(20):
                with pytest.raises(StoreBusy, match="another write to PostgreSQL was in the way"):
                    await new.save_image(picture(), connection=connection)
                assert await pix.save_image(picture())
        async with connection.transaction():
            assert await new.save_image(picture(), connection=connection)
    await other.close()


async def test_what_is_no_transaction_is_refused(pix: Pixstore, connection: Connection) -> None:
    """A connection outside a transaction, at another level, or of another kind is refused before anything is read."""
    with pytest.raises(InputError, match=r"in no transaction: .* SQLAlchemy begins with its first statement, or flush"):
        await pix.save_image(picture(), connection=connection)
    with pytest.raises(InputError, match="one of asyncpg's, not str"):
        await pix.delete_image("a", connection="postgresql://")
    async with connection.transaction(isolation="repeatable_read"):
        with pytest.raises(InputError, match="READ COMMITTED"):
            await pix.save_image(picture(), connection=connection)


async def test_other_stores_have_no_transactions_to_share() -> None:
    """A store outside PostgreSQL says that it takes no connection."""
    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        with pytest.raises(InputError, match="needs a store in PostgreSQL"):
            await pix.save_image(picture(), connection=object())


async def test_sqlalchemys_transaction_is_shared(pix: Pixstore, url: str, connection: Connection) -> None:
    """SQLAlchemy's asyncpg driver hands out the connection of its transaction, which commits both rows or none."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    ids = []
    for is_kept in (False, True):
        async with engine.connect() as session:
            await session.execute(text("SELECT 1"))  # begins the transaction
            driver = (await session.get_raw_connection()).driver_connection
            record = await pix.save_image(picture(), connection=driver)
            await session.execute(text("INSERT INTO post VALUES (:image)"), {"image": record.id})
            await (session.commit() if is_kept else session.rollback())
            ids.append(record.id)
    await engine.dispose()
    assert [await pix.image_exists(image_id) for image_id in ids] == [False, True]
    assert await posts(connection) == ids[1:]


async def test_a_connection_to_another_database_is_told(pix: Pixstore, postgres: Cluster) -> None:
    """A connection to a database that has no such store is a wrong call, and its transaction goes on."""
    connection = await asyncpg.connect(postgres.url("template1"))
    async with connection.transaction():
        with pytest.raises(InputError, match="the connection is to another database than the store"):
            await pix.save_image(picture(), connection=connection)
        assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
