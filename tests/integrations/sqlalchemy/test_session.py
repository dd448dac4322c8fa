"""The integration with SQLAlchemy: a picture is there together with its row, whatever the session does."""

import asyncio
import traceback
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from pixstore_asgi import InvalidImage
from pixstore_asgi.errors import InputError, StoreBusy
from pixstore_asgi.integrations.sqlalchemy import NewPicture, SessionPictures
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import MemoryPixstore
from tests.integrations.sqlalchemy.conftest import FULL
from tests.integrations.sqlalchemy.posts import Album, Base, Post, World, add, add_another, new, post, remove
from tests.support.samples import picture

SHORT = ["postgres psycopg", "postgres asyncpg", "postgres psycopg in transaction"]
_BYTES = r"not (bytes|bytearray|memoryview): to save a picture, assign NewPicture\(data\)"
everywhere = pytest.mark.parametrize("world", [*FULL, *SHORT], indirect=True)


@everywhere
def test_a_commit_keeps_picture_and_row(world: World) -> None:
    """After a flush the attribute has an id in the column's directory, and after the commit the picture is readable."""
    ids = []

    def save(session: Session) -> None:
        saved = new()
        session.add(saved)
        assert repr(saved.picture) == "NewPicture()"
        session.flush()
        assert saved.picture is not None
        assert saved.picture.startswith("posts:")
        ids.append(saved.picture)
        session.commit()

    world.run(save)
    assert world.agrees(1)
    read = asyncio.run(world.pix.read_image(ids[0]))
    assert read is not None
    assert read.data == picture()


@everywhere
@pytest.mark.parametrize("ends_by", ["rollback", "close"])
def test_a_rollback_leaves_no_picture(world: World, ends_by: str) -> None:
    """A rollback, or a close without a commit, leaves neither row nor picture, and keeps the replaced one."""

    def replace(session: Session) -> None:
        post(session).picture = NewPicture(picture(seed=1))
        session.add(new("b", 2))
        session.flush()
        getattr(session, ends_by)()

    world.run(add, replace)
    assert world.agrees(1)


def test_a_failed_flush_leaves_no_picture(world: World) -> None:
    """A picture whose row the database refuses is deleted. If its object is added again, it is saved again."""

    def twice(session: Session) -> None:
        again = new("a", 1)
        session.add(again)
        with pytest.raises(IntegrityError):
            session.commit()
        session.rollback()
        again.name = "b"
        session.add(again)
        session.commit()

    world.run(add, twice)
    assert world.agrees(2)


@everywhere
def test_a_savepoint_is_its_own(world: World) -> None:
    """A savepoint rolled back deletes its pictures; those before and after it, and of a released one, stay."""

    def nest(session: Session) -> None:
        session.add(new("before"))
        with pytest.raises(IntegrityError), session.begin_nested():
            session.add_all([new("b", 1), new("before", 2)])
        with session.begin_nested() as savepoint:
            session.add(new("c", 3))
            session.flush()
            savepoint.rollback()
        with session.begin_nested():
            session.add(new("released", 4))
        session.add(new("after", 5))
        session.commit()

    world.run(nest)
    assert world.agrees(3)


def test_a_replacement_undone_with_its_savepoint(world: World) -> None:
    """A picture replaced or removed within a savepoint that is rolled back stays."""

    def nest(session: Session) -> None:
        first = post(session)
        with session.begin_nested() as savepoint:
            first.picture = NewPicture(picture(seed=1))
            session.flush()
            first.picture = None
            session.flush()
            savepoint.rollback()
        session.commit()

    world.run(add, nest)
    assert world.agrees(1)


@everywhere
def test_replaced_twice(world: World) -> None:
    """Two replacements in one transaction leave the last picture, if the attribute is loaded or not."""

    def twice(session: Session) -> None:
        first = post(session)
        for seed in (1, 2):
            first.picture = NewPicture(picture(seed=seed))
            session.flush()
        session.commit()
        first.picture = NewPicture(picture(seed=3))  # expired by the commit
        session.commit()
        session.expire(first, ["picture"])
        first.picture = NewPicture(picture(seed=4))
        session.commit()

    world.run(add, twice)
    assert world.agrees(1)


def test_set_and_unset(world: World) -> None:
    """A picture that is set and unset in one transaction is not kept, flushed in between or not."""

    def unset(session: Session) -> None:
        first = post(session)
        first.picture = NewPicture(picture(seed=1))
        first.picture = None
        session.flush()
        first.picture = NewPicture(picture(seed=2))
        session.flush()
        first.picture = None
        session.commit()

    world.run(add, unset)
    assert world.agrees(0)


def test_a_deleted_row(world: World) -> None:
    """A deleted row takes its picture along after the commit, loaded or not, and not after a rollback."""

    def undo(session: Session) -> None:
        session.delete(post(session))
        session.flush()
        session.rollback()

    def remove_unloaded(session: Session) -> None:
        second = post(session, "b")
        session.expire(second, ["picture"])
        session.delete(second)
        session.commit()

    world.run(add, add_another, undo)
    assert world.agrees(2)
    world.run(remove_unloaded)
    assert world.agrees(1)
    world.run(remove)
    assert world.agrees(0)


def test_orphans_of_a_relationship(world: World) -> None:
    """A row that is deleted as an orphan takes its picture along; a new orphan that is never written leaves none."""

    def fill(session: Session) -> None:
        session.add(Album(id=1, posts=[new("a"), new("b", 1)]))
        session.commit()

    def take_out(session: Session) -> None:
        album = session.get_one(Album, 1)
        first, second = album.posts
        session.expire(first, ["picture"])
        album.posts.remove(first)
        never = new("c", 2)
        album.posts.append(never)
        album.posts.remove(never)
        session.commit()
        assert album.posts == [second]

    world.run(fill, take_out)
    assert world.agrees(1)


def test_a_picture_moves_between_rows(world: World) -> None:
    """A picture may move to another row within one transaction, in either order and over several flushes."""

    def move(session: Session) -> None:
        first, second = post(session), Post(name="b")
        second.picture, first.picture = first.picture, None
        session.add(second)
        session.commit()
        first.picture = second.picture
        session.flush()
        second.picture = None
        session.flush()
        session.commit()
        moved = first.picture
        session.delete(first)
        session.flush()
        second.picture = moved
        session.commit()

    world.run(add, move)
    assert world.agrees(1)


def test_two_sessions_change_one_row(tmp_path: Path) -> None:
    """A session that loaded a row before another one changed it deletes only the picture that the row names now."""
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    Base.metadata.create_all(engine)
    sessions, images = sessionmaker(engine), SyncPixstore(MemoryPixstore())
    SessionPictures(images.pixstore, sessions, metadata=[Base.metadata])
    with sessions() as first, sessions() as second:
        first.add(new())
        first.commit()
        loaded = post(first)
        moved = post(second).picture
        second.add(Post(name="b", picture=moved))
        post(second).picture = None
        second.commit()
        loaded.picture = NewPicture(picture(seed=1))
        first.commit()
        assert {image.id for image in images.list_images()} == set(first.scalars(select(Post.picture)))
        assert post(first, "b").picture == moved
    engine.dispose()


def test_a_refused_picture_stops_the_flush(world: World) -> None:
    """A file that is no image raises in the flush. After a rollback, or another assignment, the session goes on."""

    def refuse(session: Session) -> None:
        first, second = post(session), post(session, "b")
        second.picture, first.picture = first.picture, NewPicture(b"no image")
        with pytest.raises(InvalidImage):
            session.commit()
        first.picture = None
        session.commit()

    world.run(add, add_another, refuse)
    assert world.agrees(1)


def test_statements_do_not_save(world: World) -> None:
    """A statement refuses a new picture and a text that is no id, and its deleted rows leave their pictures."""

    def refuse(session: Session) -> None:
        for value, reason in [(NewPicture(picture()), "without being saved"), ("(a new picture)", "takes the id")]:
            with pytest.raises(InputError, match=reason):
                session.execute(insert(Post).values(name="b", picture=value))
        assert session.scalars(select(Post).where(Post.picture.like("posts:%"), Post.picture != "")).all()
        session.execute(delete(Post))
        session.commit()

    world.run(add, refuse)
    assert len(world.images()) == 1
    assert world.named() == set()


def test_bytes_without_a_new_picture(world: World) -> None:
    """Bytes in a picture column are refused by a flush and a statement, and neither error nor traceback shows them."""

    def refuse(session: Session) -> None:
        for data in (b"clear" + b" pixels", bytearray(b"clear") + b" pixels", memoryview(b"clear" + b" pixels")):
            row = Post(name="b")
            row.picture = data  # type: ignore[assignment]
            with pytest.raises(InputError, match=_BYTES) as in_statement:
                session.execute(insert(Post).values(name="b", picture=data))
            session.add(row)
            with pytest.raises(InputError, match=_BYTES) as in_flush:
                session.flush()
            session.rollback()
            for caught in (in_statement, in_flush):
                assert "clear pixels" not in "".join(traceback.format_exception(caught.value))

    world.run(refuse)
    assert world.images() == set()


def test_a_failed_deletion_is_logged(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If a picture can't be deleted after the commit, the application gets no error, and the log has its id."""
    if world.in_transaction:
        pytest.skip("in a transaction, the deletion is a part of the commit")

    async def fail(*_: object) -> bool:
        raise StoreBusy("it is locked")

    world.run(add)
    (image_id,) = world.images()
    monkeypatch.setattr(world.pix, "delete_image", fail)
    world.run(remove)
    (line,) = caplog.records
    assert line.getMessage() == f"picture {image_id} was not deleted, and may have no row: it is locked"
    assert (line.event, line.image_id) == ("picture_not_deleted", image_id)  # type: ignore[attr-defined]


def test_the_last_one_watches(tmp_path: Path) -> None:
    """A later SessionPictures replaces an earlier one of the same sessions, as tests of an application need it."""
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    Base.metadata.create_all(engine)

    class Own(Session):
        pass

    for sessions in (Own, sessionmaker(engine)):
        first, second = MemoryPixstore(), MemoryPixstore()
        for pix in (first, second):
            SessionPictures(pix, sessions, metadata=[Base.metadata])
        with sessions(bind=engine) as session:
            session.add(new(str(sessions)))
            session.commit()
        assert len(SyncPixstore(second).list_images()) == 1
    engine.dispose()


def test_the_most_derived_class_watches(tmp_path: Path) -> None:
    """If a class and a factory of it are both watched, one SessionPictures alone sees a session of the factory."""
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    Base.metadata.create_all(engine)

    class Own(Session):
        pass

    of_class, of_factory = MemoryPixstore(), MemoryPixstore()
    sessions = sessionmaker(engine, class_=Own)
    SessionPictures(of_factory, sessions, metadata=[Base.metadata])
    SessionPictures(of_class, Own, metadata=[Base.metadata])
    with sessions() as session, Own(engine) as other:
        session.add(new())
        session.commit()
        other.add(new("b"))
        other.commit()
    assert len(SyncPixstore(of_factory).list_images()) == len(SyncPixstore(of_class).list_images()) == 1
    engine.dispose()


async def test_the_last_one_watches_async_sessions(tmp_path: Path) -> None:
    """The same for a factory of async sessions and for their class."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/app.db")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    class Own(AsyncSession):
        sync_session_class = type("OwnSession", (Session,), {})

    for sessions in (async_sessionmaker(engine), partial(Own, engine)):
        first, second = MemoryPixstore(), MemoryPixstore()
        for pix in (first, second):
            SessionPictures(pix, Own if isinstance(sessions, partial) else sessions)
        async with sessions() as session:
            session.add(new(str(sessions)))
            await session.commit()
        assert (len(await first.list_images()), len(await second.list_images())) == (0, 1)
    await engine.dispose()
