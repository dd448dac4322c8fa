"""No picture is deleted that a row names: rows that share pictures, take them over, or hide from the session."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import (
    Column,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    select,
    text,
    update,
)
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    make_transient,
    mapped_column,
    sessionmaker,
    with_loader_criteria,
)

from pixstore_asgi.errors import ConfigError, ImageNotFound, InputError, StoreConflict
from pixstore_asgi.integrations.sqlalchemy import NewPicture, PictureType, SessionPictures
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import MemoryPixstore
from tests.integrations.sqlalchemy.conftest import FULL
from tests.integrations.sqlalchemy.posts import Album, Base, Post, World, add, add_another, new, post, remove
from tests.support.samples import picture

if TYPE_CHECKING:
    from tests.support.postgres import Cluster

everywhere = pytest.mark.parametrize("world", [*FULL, "postgres psycopg", "postgres asyncpg"], indirect=True)
pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")


class Stock(DeclarativeBase):
    pass


class Item(Stock):
    __tablename__ = "item"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    picture: Mapped[str | None] = mapped_column(PictureType("stock"), index=True)
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}  # noqa: RUF012


class Book(Item):
    __tablename__ = "book"

    id: Mapped[int] = mapped_column(ForeignKey(Item.id), primary_key=True)
    isbn: Mapped[str | None]
    __mapper_args__ = {"polymorphic_identity": "book"}  # noqa: RUF012


class History(Stock):
    __tablename__ = "history"

    id: Mapped[int] = mapped_column(primary_key=True)
    was: Mapped[str | None] = mapped_column(String(200))


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with contextlib.ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/app.db"
        if request.param == "postgres":
            cluster: Cluster = request.getfixturevalue("postgres")
            url = stack.enter_context(cluster.lent()).replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(url)
        for metadata in (Stock.metadata, Base.metadata):
            metadata.create_all(engine)
        yield engine
        engine.dispose()


@pytest.fixture
def images() -> SyncPixstore:
    return SyncPixstore(MemoryPixstore())


@pytest.fixture
def sessions(engine: Engine, images: SyncPixstore) -> sessionmaker[Session]:
    sessions = sessionmaker(engine)
    SessionPictures(images.pixstore, sessions, metadata=[Stock.metadata, Base.metadata], also=[History.was])
    return sessions


def stored(images: SyncPixstore) -> set[str]:
    return {image.id for image in images.list_images()}


def test_a_subclass_with_the_picture_in_the_base_table(sessions: sessionmaker[Session], images: SyncPixstore) -> None:
    """Replacing or deleting the picture of one row leaves those of all others."""
    with sessions() as session:
        books = [Book(picture=NewPicture(picture(seed=seed))) for seed in range(4)]
        session.add_all(books)
        session.commit()
        books[2].picture = NewPicture(picture(seed=9))
        session.delete(books[3])
        session.commit()
        assert stored(images) == set(session.scalars(select(Item.picture)))
        assert len(stored(images)) == 3


@everywhere
def test_rows_share_a_picture(world: World) -> None:
    """A picture that two rows name is deleted after the second one has let it go."""

    def share(session: Session) -> None:
        session.add(Post(name="b", picture=post(session).picture))
        session.add(Album(id=1, cover=post(session).picture))
        session.commit()

    def let_go(session: Session) -> None:
        post(session, "b").picture = NewPicture(picture(seed=1))
        session.commit()

    def empty(session: Session) -> None:
        session.get_one(Album, 1).cover = None
        session.commit()

    world.run(add, share, remove)
    assert world.agrees(1)
    world.run(let_go)
    assert world.agrees(2)
    world.run(empty)
    assert world.agrees(1)


def test_another_rows_id_deletes_nothing(sessions: sessionmaker[Session], images: SyncPixstore) -> None:
    """A row that is given the id of a victim's picture, and is deleted then, leaves the picture."""
    with sessions() as session:
        session.add(Item(kind="item", picture=NewPicture(picture())))
        add(session)
        (victim,) = session.scalars(select(Item.picture))
        (other,) = session.scalars(select(Post.picture))
        row = Book(picture=victim)
        session.add(row)
        session.commit()
        session.delete(row)
        session.commit()
        session.add(Book(picture=other))
        with pytest.raises(InputError, match=r"of its directories \(stock\), not 'posts:"):
            session.commit()
        session.rollback()
        with pytest.raises(InputError, match="of its directories"):
            session.execute(update(Item).values(picture=other))
        session.add(Book(picture=NewPicture(picture(), directory="foreign")))
        with pytest.raises(InputError, match=r"not of 'foreign'"):
            session.flush()
        session.rollback()
        assert stored(images) == {victim, other}


def test_directories_of_a_column() -> None:
    """A column takes its own directory and the listed ones. Without a directory, it takes pictures without one."""
    kind = PictureType("posts", also=["user-*", "old"])
    taken = ["posts:a", "user-1:a", "user-:a", "old:a"]
    for given, is_taken in [*((each, True) for each in taken), ("a", False), ("user:a", False), ("older:a", False)]:
        if is_taken:
            assert kind.process_bind_param(given, None) == given  # type: ignore[arg-type]
        else:
            with pytest.raises(InputError, match=r"\(old, posts, user-\*\)"):
                kind.process_bind_param(given, None)  # type: ignore[arg-type]
    assert PictureType().process_bind_param("a", None) == "a"  # type: ignore[arg-type]
    for wrong in ("a*b", "a**", "a:b", ""):
        with pytest.raises(InputError, match="directory must be"):
            PictureType("posts", also=[wrong])


def test_other_columns_and_hidden_rows(sessions: sessionmaker[Session], images: SyncPixstore) -> None:
    """A picture stays that a history table names, or a row that an option of the session hides."""
    with sessions() as session:
        rows = [Book(picture=NewPicture(picture(seed=seed)), isbn=str(seed)) for seed in range(2)]
        session.add_all(rows)
        session.commit()
        in_history, hidden = rows[0].picture, rows[1].picture
        session.add_all([History(was=in_history), Book(picture=hidden, isbn="hidden")])
        session.commit()

        @event.listens_for(session, "do_orm_execute")
        def hide(state: Any) -> None:
            state.statement = state.statement.options(with_loader_criteria(Book, Book.isbn != "hidden"))

        for row in rows:
            row.picture = None
        session.commit()
        assert stored(images) == {in_history, hidden}
    with pytest.raises(ConfigError, match="also takes columns"):
        SessionPictures(images.pixstore, sessions, also=[History])  # type: ignore[list-item]


def test_without_metadata_only_new_pictures_are_deleted(engine: Engine, images: SyncPixstore) -> None:
    """A hook that does not know all columns deletes the pictures of a rollback, and leaves replaced ones."""
    sessions = sessionmaker(engine)
    pictures = SessionPictures(images.pixstore, sessions)
    with sessions() as session:
        add(session)
        (first,) = stored(images)
        post(session).picture = NewPicture(picture(seed=1))
        session.flush()
        session.rollback()
        assert stored(images) == {first}
        post(session).picture = NewPicture(picture(seed=2))
        session.commit()
        assert len(stored(images)) == 2
    with sessions() as session:
        assert pictures.unnamed(session, Base.metadata, directory=None, grace_s=-1e10, delete=True) == [first]


def test_a_move_on_outdated_data(sessions: sessionmaker[Session], images: SyncPixstore) -> None:
    """A session that moves a picture away from a row, which has another picture meanwhile, commits nothing."""
    with sessions(expire_on_commit=False) as mover, sessions() as other:
        add(mover)
        read = post(mover)
        mover.commit()
        other.add(Album(id=1, cover=read.picture))  # the picture is not deleted
        post(other).picture = NewPicture(picture(seed=1))
        other.commit()
        mover.add(Post(name="b", picture=read.picture))
        read.picture = None
        with pytest.raises(StoreConflict, match="read the row again"):
            mover.commit()
        mover.rollback()
        named = {*mover.scalars(select(Post.picture)), *mover.scalars(select(Album.cover))}
        assert stored(images) == named
        assert len(named) == 2


def test_a_picture_that_is_gone_is_not_named(sessions: sessionmaker[Session], images: SyncPixstore) -> None:
    """A flush that names a deleted picture, or one that never was, is refused."""
    with sessions() as session:
        add(session)
        gone = post(session).picture
        remove(session)
        for unknown in (gone, "posts:unknown"):
            session.add(Post(name="b", picture=unknown))
            with pytest.raises(ImageNotFound, match=r"there is no image .* can't name it"):
                session.commit()
            session.rollback()


Pause = Callable[[Callable[[], object]], Callable[[], None]]


@pytest.fixture
def before_deletion(images: SyncPixstore, monkeypatch: pytest.MonkeyPatch) -> Pause:
    """Run a function in another thread once, between the question and the deletion, which waits for half a second.

    Return a function that waits for the thread.
    """
    delete = images.pixstore.delete_image
    threads: list[threading.Thread] = []

    def arrange(function: Callable[[], object]) -> Callable[[], None]:
        async def pause(*args: Any, **options: Any) -> bool:
            if not threads:
                threads.append(threading.Thread(target=function))
                threads[0].start()
                await asyncio.to_thread(threads[0].join, 0.5)
            return await delete(*args, **options)

        monkeypatch.setattr(images.pixstore, "delete_image", pause)
        return lambda: threads[0].join(20)

    return arrange


def test_a_take_over_between_question_and_deletion(
    sessions: sessionmaker[Session], images: SyncPixstore, before_deletion: Pause
) -> None:
    """The transaction that names the picture at that moment waits, and then finds that it is gone."""
    found: list[BaseException] = []
    with sessions() as session:
        add(session)
        taken = post(session).picture
        session.commit()

        def take_over() -> None:
            with sessions() as other:
                other.add(Post(name="b", picture=taken))
                try:
                    other.commit()
                except ImageNotFound as error:
                    found.append(error)

        wait = before_deletion(take_over)
        remove(session)
        wait()
        assert session.scalars(select(Post)).all() == []
    assert [type(each) for each in found] == [ImageNotFound]
    assert stored(images) == set()


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_a_take_over_that_is_not_committed_yet(sessions: sessionmaker[Session], images: SyncPixstore) -> None:
    """The deletion leaves a picture that an open transaction has named, whatever becomes of that transaction."""
    with sessions() as session, sessions() as other:
        add(session)
        taken = post(session).picture
        other.add(Post(name="b", picture=taken))
        other.flush()
        remove(session)
        assert stored(images) == {taken}
        other.commit()
        assert post(session, "b").picture == taken


def test_autocommit(engine: Engine, images: SyncPixstore) -> None:
    """Under AUTOCOMMIT a close deletes no picture of a row, and a picture of another row can't be named."""
    sessions = sessionmaker(engine.execution_options(isolation_level="AUTOCOMMIT"))
    SessionPictures(images.pixstore, sessions, metadata=[Base.metadata])
    with sessions() as session:
        session.add(new())
        session.flush()
    with sessions() as session:
        assert stored(images) == {post(session).picture}
        session.add(Post(name="b", picture=post(session).picture))
        with pytest.raises(InputError, match="under AUTOCOMMIT"):
            session.flush()
        session.rollback()
        remove(session)
    assert stored(images) == set()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_connection_of_the_application(engine: Engine, images: SyncPixstore) -> None:
    """A session that is bound to a Connection, by class too, leaves the pictures: its owner may roll back later."""
    sessions = sessionmaker(engine)
    SessionPictures(images.pixstore, sessions, metadata=[Base.metadata])
    with sessions() as session:
        add(session)
    for is_by_class in (True, False):
        with engine.connect() as connection, connection.begin() as outer:
            with sessions(binds={Post: connection}) if is_by_class else sessions(bind=connection) as session:
                post(session).picture = NewPicture(picture(seed=1))
                session.commit()
            outer.rollback()
    with sessions() as session:
        assert post(session).picture in stored(images)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_two_databases(engine: Engine, images: SyncPixstore, tmp_path: Path) -> None:
    """A session with two databases asks each of them for its own tables, and never the replica that it reads from."""
    other, replica = (create_engine(f"sqlite:///{tmp_path}/{name}.db") for name in ("other", "replica"))
    Stock.metadata.tables["item"].create(other)
    Base.metadata.create_all(replica)

    class Routing(Session):
        def get_bind(self, mapper: Any = None, **_: Any) -> Engine:
            if mapper is not None and issubclass(mapper.class_, Item):
                return other
            return engine if self._flushing else replica

    Stock.metadata.drop_all(engine)
    SessionPictures(images.pixstore, Routing, metadata=[Stock.metadata, Base.metadata])
    with Routing() as session:
        item, removed, kept = Item(kind="item", picture=NewPicture(picture())), new("b", 1), new("c", 2)
        session.add_all([item, removed, kept])
        session.flush()
        session.add(Album(id=1, cover=kept.picture))
        session.commit()
        with engine.connect() as connection:
            named = {*connection.scalars(select(Post.picture)), *connection.scalars(select(Album.cover))}
        assert len(named) == 2
        session.delete(item)
        session.commit()
        assert stored(images) == named
    for each in (other, replica):
        each.dispose()


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_the_schema_of_a_tenant(engine: Engine, images: SyncPixstore) -> None:
    """The question is asked in the schema that the session wrote to, by its search path or a map of schemas."""
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA tenant"))
        connection.execute(text("SET LOCAL search_path = tenant"))
        Base.metadata.create_all(connection, checkfirst=False)
    sessions = sessionmaker(engine)
    SessionPictures(images.pixstore, sessions, metadata=[Base.metadata])

    def by_path(session: Session) -> None:
        session.execute(text("SET LOCAL search_path = tenant"))

    def by_map(session: Session) -> None:
        session.connection(execution_options={"schema_translate_map": {None: "tenant"}})

    for seed, enter in enumerate((by_path, by_map)):
        with sessions() as session:
            enter(session)
            session.add_all([one := new(f"one {seed}", seed), two := Post(name=f"two {seed}")])
            session.flush()
            two.picture = one.picture
            session.commit()
            enter(session)
            session.delete(post(session, f"one {seed}"))
            session.commit()
            enter(session)
            assert post(session, f"two {seed}").picture in stored(images)
            post(session, f"two {seed}").picture = None
            session.commit()
        assert stored(images) == set()


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_row_level_security(engine: Engine, images: SyncPixstore, caplog: pytest.LogCaptureFixture) -> None:
    """A question that a policy may hide rows from deletes nothing."""
    with engine.begin() as connection:
        connection.execute(text("CREATE POLICY own ON post USING (name = current_setting('app.name', true))"))
        connection.execute(text("ALTER TABLE post ENABLE ROW LEVEL SECURITY"))
        connection.execute(text("CREATE ROLE reader"))
        connection.execute(text(f"GRANT ALL ON SCHEMA {connection.scalar(text('SELECT current_schema()'))} TO reader"))
        connection.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO reader"))
        connection.execute(text("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO reader"))
    limited = create_engine(engine.url, connect_args={"options": "-c role=reader"})
    sessions = sessionmaker(limited)
    SessionPictures(images.pixstore, sessions, metadata=[Base.metadata])
    with sessions() as session:
        session.execute(text("SET app.name = 'a'"))
        add(session)
        session.execute(text("SET app.name = 'a'"))
        remove(session)
    assert len(stored(images)) == 1
    assert "row-level security" in caplog.text
    limited.dispose()
    with engine.begin() as connection:
        connection.execute(text("DROP OWNED BY reader"))
        connection.execute(text("DROP ROLE reader"))


def test_columns_of_plain_tables(images: SyncPixstore, tmp_path: Path) -> None:
    """`also` takes a column of a table without a class."""
    column: Column[str] = Base.metadata.tables["album"].c.cover
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    Base.metadata.create_all(engine)
    sessions = sessionmaker(engine)
    SessionPictures(images.pixstore, sessions, metadata=[Stock.metadata], also=[column])
    with sessions() as session:
        add(session)
        add_another(session)
        session.add(Album(id=1, cover=post(session).picture))
        session.commit()
        for name in ("a", "b"):
            session.delete(post(session, name))
        session.commit()
        assert stored(images) == {session.get_one(Album, 1).cover}
    engine.dispose()


def test_a_column_without_an_index_is_logged_once(
    engine: Engine, images: SyncPixstore, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names a column that the questions read as a whole, and no column with an index, a key or UNIQUE."""
    tables = MetaData()
    kinds: tuple[dict[str, Any], ...] = ({}, {"index": True}, {"unique": True}, {"primary_key": True})
    for number, options in enumerate(kinds):
        key = [] if "primary_key" in options else [Column("id", Integer, primary_key=True)]
        Table(f"indexed_{number}", tables, *key, Column("picture", PictureType("posts"), **options))
    sessions = sessionmaker(engine)
    SessionPictures(images.pixstore, sessions, metadata=[Base.metadata, tables])
    with sessions() as session:
        add(session)
        remove(session)
        add(session)
        remove(session)
    (line,) = caplog.records
    assert line.getMessage().startswith("the column indexed_0.picture has no index: give it one")
    assert stored(images) == set()


def test_a_save_asks_nothing(engine: Engine, images: SyncPixstore) -> None:
    """A commit with a new picture and its row needs no question, and so no connection of its own."""
    sessions = sessionmaker(engine)
    SessionPictures(images.pixstore, sessions, metadata=[Base.metadata])
    begun: list[object] = []
    event.listen(engine, "begin", begun.append)
    with sessions() as session:
        session.add_all([new("a"), new("b", 1)])
        session.commit()
        assert len(begun) == 1
        post(session).picture = NewPicture(picture(seed=2))
        session.commit()
        assert len(begun) == 3


def test_a_copy_of_an_object(sessions: sessionmaker[Session], images: SyncPixstore) -> None:
    """A copied object names its picture as any other row does: it is checked."""
    with sessions() as session:
        add(session)
        copy = post(session)
        assert copy.picture
        session.expunge(copy)
        make_transient(copy)
        copy.id, copy.name = 2, "copy"
        remove(session)
        session.add(copy)
        with pytest.raises(ImageNotFound):
            session.commit()
        session.rollback()
        assert stored(images) == set()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_view(engine: Engine, images: SyncPixstore) -> None:
    """A view of the pictures among the tables hinders no deletion."""
    tables = MetaData()
    Table("recent", tables, Column("picture", PictureType("posts")))
    with engine.begin() as connection:
        connection.execute(text("CREATE VIEW recent AS SELECT picture FROM post"))
    sessions = sessionmaker(engine)
    SessionPictures(images.pixstore, sessions, metadata=[tables, Base.metadata])
    with sessions() as session:
        add(session)
        remove(session)
    assert stored(images) == set()
