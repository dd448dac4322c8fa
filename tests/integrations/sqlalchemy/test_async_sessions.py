"""Pictures in an AsyncSession, as a route of an application uses it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from pixstore_asgi import Pixstore
from pixstore_asgi.errors import DirectoryFull, InputError
from pixstore_asgi.integrations.sqlalchemy import NewPicture
from tests.integrations.sqlalchemy.posts import Post, World, add
from tests.support.samples import picture
from tests.support.tagged import tagged_pictures

Sessions = async_sessionmaker[AsyncSession]


@pytest.fixture
async def sessions(tmp_path: Path, pix: Pixstore) -> AsyncIterator[Sessions]:
    async with World(f"sqlite+aiosqlite:///{tmp_path}/app.db", pix).sessions(expire_on_commit=False) as sessions:
        yield sessions


async def images(pix: Pixstore) -> list[str]:
    return [image.id for image in await pix.list_images()]


async def test_an_upload_is_saved_while_it_arrives(sessions: Sessions, pix: Pixstore) -> None:
    """A flush takes an async iterator, and other tasks of the event loop run meanwhile."""
    half_taken, go_on = asyncio.Event(), asyncio.Event()
    data = picture()

    async def upload() -> AsyncIterator[bytes]:
        yield data[:50]
        half_taken.set()
        await go_on.wait()
        yield data[50:]

    async def add_post() -> str | None:
        async with sessions.begin() as session:
            post = Post(name="a", picture=NewPicture(upload(), directory="others"))
            session.add(post)
        return post.picture

    adding = asyncio.create_task(add_post())
    await half_taken.wait()
    async with sessions() as other:
        assert (await other.scalars(select(Post))).all() == []
    go_on.set()
    image_id = await adding
    assert image_id is not None
    assert image_id.startswith("others:")
    read = await pix.read_image(image_id)
    assert read is not None
    assert read.data == data


async def test_options_of_a_save(sessions: Sessions, pix: Pixstore) -> None:
    """A NewPicture passes its options on: metadata is removed, and progress is reported."""
    taken: list[int] = []
    data = tagged_pictures()["jpeg"]
    async with sessions.begin() as session:
        post = Post(name="a", picture=NewPicture(data, strip_metadata=True, on_progress=taken.append))
        session.add(post)
    read = await pix.read_image(post.picture or "")
    assert read is not None
    assert len(read.data) < len(data)
    assert taken


@pytest.mark.parametrize("limit", [{"max_directory_images": 1}, {"max_directory_bytes": 250}])
async def test_a_full_directory(sessions: Sessions, pix: Pixstore, limit: dict[str, Any]) -> None:
    """A NewPicture that exceeds a limit of its directory is refused by the flush, and the first one stays."""
    small = picture()
    assert 125 < len(small) < 250
    async with sessions.begin() as session:
        session.add(Post(name="a", picture=NewPicture(small, **limit)))
    with pytest.raises(DirectoryFull):
        async with sessions.begin() as session:
            session.add(Post(name="b", picture=NewPicture(small, **limit)))
    assert len(await images(pix)) == 1


async def test_an_upload_is_read_once(sessions: Sessions, pix: Pixstore) -> None:
    """An upload that was consumed before a rollback is refused at the second try, with a text that says so."""

    async def upload() -> AsyncIterator[bytes]:
        yield picture()

    async with sessions() as session:
        post = Post(name="a", picture=NewPicture(upload()))
        session.add(post)
        await session.flush()
        await session.rollback()
        session.add(post)
        with pytest.raises(InputError, match="was read before"):
            await session.flush()
    assert await images(pix) == []


async def test_a_cancelled_request_leaves_no_picture(sessions: Sessions, pix: Pixstore) -> None:
    """A task that is cancelled between flush and commit leaves neither picture nor row."""
    is_flushed = asyncio.Event()

    async def add_post() -> None:
        async with sessions.begin() as session:
            session.add(Post(name="a", picture=NewPicture(picture())))
            await session.flush()
            is_flushed.set()
            await asyncio.sleep(60)

    adding = asyncio.create_task(add_post())
    await is_flushed.wait()
    assert len(await images(pix)) == 1
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert await images(pix) == []


async def test_a_commit_without_an_answer_keeps_the_picture(
    sessions: Sessions, pix: Pixstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a commit raises although the database has committed, the row keeps its picture."""
    async with sessions() as session:
        dialect = (await session.connection()).dialect
        commit = dialect.do_commit

        def lose_the_answer(connection: Any) -> None:
            commit(connection)
            raise OperationalError("COMMIT", None, Exception("the connection was lost"))

        session.add(Post(name="a", picture=NewPicture(picture())))
        monkeypatch.setattr(dialect, "do_commit", lose_the_answer)
        with pytest.raises(OperationalError):
            await session.commit()
        monkeypatch.undo()
    async with sessions() as session:
        assert (await session.scalars(select(Post.picture))).all() == await images(pix)


@pytest.mark.parametrize("world", ["postgres asyncpg", "postgres psycopg in transaction"], indirect=True)
def test_concurrent_replacements(world: World) -> None:
    """Two tasks that replace the picture of one row at the same time leave one picture."""
    is_flushed = asyncio.Event()

    async def replace(sessions: Sessions, seed: int) -> None:
        async with sessions() as session:
            found = (await session.scalars(select(Post))).one()
            found.picture = NewPicture(picture(seed=seed))
            if seed == 2:
                await is_flushed.wait()
            await session.flush()  # the second one waits here for the commit of the first one
            is_flushed.set()
            await asyncio.sleep(0.1)
            await session.commit()

    async def both() -> None:
        async with world.pix, world.sessions() as sessions:
            await asyncio.gather(replace(sessions, 1), replace(sessions, 2))

    world.run(add)
    asyncio.run(both())
    assert world.agrees(1)
