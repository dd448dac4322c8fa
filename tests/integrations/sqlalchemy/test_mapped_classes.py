"""Pictures of classes that are mapped in other ways: inheritance, primary keys, dataclasses, SQLModel."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlmodel
from sqlalchemy import Engine, ForeignKey, Select, create_engine, event, make_url, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    Session,
    column_property,
    mapped_column,
    sessionmaker,
)
from sqlmodel.ext.asyncio.session import AsyncSession

from pixstore_asgi.errors import StoreError
from pixstore_asgi.integrations.sqlalchemy import NewPicture, PictureType, SessionPictures
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import MemoryPixstore
from tests.integrations.sqlalchemy.posts import Album, Base, new
from tests.support.samples import picture
from tests.support.watching import unwatch

if TYPE_CHECKING:
    from tests.support.postgres import Cluster


class Mappings(DeclarativeBase):
    pass


class Item(Mappings):
    __tablename__ = "item"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}  # noqa: RUF012


class Photo(Item):
    __tablename__ = "photo"

    id: Mapped[int] = mapped_column(ForeignKey(Item.id), primary_key=True)
    picture: Mapped[str | None] = mapped_column(PictureType("photos"))
    __mapper_args__ = {"polymorphic_identity": "photo"}  # noqa: RUF012


class Shelf(Mappings):
    """A class whose attribute is a query of pictures that other rows have."""

    __tablename__ = "shelf"

    id: Mapped[int] = mapped_column(primary_key=True)
    first = column_property(select(Photo.picture).limit(1).scalar_subquery())


class Polymorphic(DeclarativeBase):
    pass


class Print(Polymorphic):
    __tablename__ = "print"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    picture: Mapped[str | None] = mapped_column(PictureType())
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "print", "with_polymorphic": "*"}  # noqa: RUF012


class Framed(Print):
    __tablename__ = "framed"

    id: Mapped[int] = mapped_column(ForeignKey(Print.id), primary_key=True)
    __mapper_args__ = {"polymorphic_identity": "framed"}  # noqa: RUF012


class Upload(Mappings):
    __tablename__ = "upload"

    picture: Mapped[str] = mapped_column(PictureType(), primary_key=True)
    owner: Mapped[str]


class Dataclasses(MappedAsDataclass, DeclarativeBase):
    pass


class Card(Dataclasses):
    __tablename__ = "card"

    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    picture: Mapped[str | None] = mapped_column(PictureType(), default=None)


class Memo(sqlmodel.SQLModel, table=True):
    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    picture: str | None = sqlmodel.Field(default=None, sa_type=PictureType("notes"))


ALL = [Base.metadata, Mappings.metadata, Dataclasses.metadata, sqlmodel.SQLModel.metadata]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    for metadata in ALL:
        metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def images() -> SyncPixstore:
    return SyncPixstore(MemoryPixstore())


@pytest.fixture
def session(engine: Engine, images: SyncPixstore) -> Iterator[Session]:
    sessions = sessionmaker(engine)
    SessionPictures(images.pixstore, sessions, metadata=ALL)
    with sessions() as session:
        yield session


def stored(images: SyncPixstore) -> list[str]:
    return [image.id for image in images.list_images()]


@pytest.fixture
def statements(engine: Engine) -> list[Select[Any]]:
    """The queries of the database."""
    found: list[Select[Any]] = []

    def note(_: object, statement: object, *__: object) -> None:
        if isinstance(statement, Select):
            found.append(statement)

    event.listen(engine, "before_execute", note)
    return found


def test_a_column_of_a_joined_table(session: Session, images: SyncPixstore) -> None:
    """A picture of a subclass is replaced and deleted, also if it was never loaded."""
    session.add(Photo(picture=NewPicture(picture())))
    session.commit()
    item = session.scalars(select(Item)).one()
    assert isinstance(item, Photo)
    item.picture = NewPicture(picture("webp"))
    session.commit()
    assert stored(images) == [item.picture]
    session.expunge_all()
    session.delete(session.scalars(select(Item)).one())
    session.commit()
    assert stored(images) == []


def test_a_class_that_is_read_with_its_subclasses(postgres: "Cluster", images: SyncPixstore) -> None:
    """Each query of the class joins the tables of its subclasses, and PostgreSQL refuses to lock their rows."""
    with postgres.lent() as url:
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        Polymorphic.metadata.create_all(engine)
        sessions = sessionmaker(engine)
        SessionPictures(images.pixstore, sessions, metadata=[Polymorphic.metadata])
        with sessions() as session:
            session.add_all([Print(picture=NewPicture(picture())), Print(picture=NewPicture(picture()))])
            session.commit()
            first, second = session.scalars(select(Print))
            first.picture = NewPicture(picture(seed=2))
            session.delete(second)
            session.commit()
            assert [image.id for image in images.list_images()] == [first.picture]
        engine.dispose()


@pytest.mark.parametrize(("name", "of"), [("oracle", " OF photo.picture"), ("postgresql", " OF photo"), ("mysql", "")])
def test_the_lock_of_a_row_on_other_databases(
    session: Session, statements: list[Select[Any]], name: str, of: str
) -> None:
    """The query that locks a row has its columns or tables in the syntax of each database."""
    session.add(Photo(picture=NewPicture(picture())))
    session.commit()
    session.delete(session.scalars(select(Photo)).one())
    session.commit()
    (locking,) = [each for each in statements if each._for_update_arg is not None]
    dialect = make_url(f"{name}://").get_dialect()()
    assert str(locking.compile(dialect=dialect)).endswith(f"FOR UPDATE{of}")


def test_an_expression_has_no_pictures(session: Session, images: SyncPixstore) -> None:
    """A row is deleted whose class reads the picture of another row: the picture stays."""
    session.add_all([Photo(picture=NewPicture(picture())), Shelf()])
    session.commit()
    shelf = session.scalars(select(Shelf)).one()
    assert shelf.first
    session.delete(shelf)
    session.commit()
    assert len(images.list_images()) == 1


def test_a_picture_as_the_primary_key(session: Session, images: SyncPixstore) -> None:
    """The id of a picture may be the primary key of its row, which its replacement changes."""
    upload = Upload(picture=NewPicture(picture()), owner="ada")
    session.add(upload)
    session.commit()
    assert stored(images) == [upload.picture]
    upload.picture = NewPicture(picture("webp"))
    session.commit()
    assert stored(images) == [upload.picture]
    session.delete(upload)
    session.commit()
    assert stored(images) == []


def test_dataclasses_and_sqlmodel(session: Session, images: SyncPixstore) -> None:
    """Constructors of dataclasses and of SQLModel accept a picture."""
    card, note = Card(picture=NewPicture(picture())), Memo(picture=NewPicture(picture("webp")))
    session.add_all([card, note])
    session.commit()
    assert stored(images) == sorted(each for each in (card.picture, note.picture) if each)


async def test_sqlmodel_async(engine: Engine) -> None:
    """An AsyncSession of SQLModel is watched by its class."""
    pix = MemoryPixstore()
    SessionPictures(pix, AsyncSession, metadata=ALL)
    others = create_async_engine(engine.url.set(drivername="sqlite+aiosqlite"))
    async with AsyncSession(others) as session:
        note = Memo(picture=NewPicture(picture()))
        session.add(note)
        await session.commit()
        await session.refresh(note)
        assert [image.id for image in await pix.list_images()] == [note.picture]
        await session.delete(note)
        await session.commit()
    assert await pix.list_images() == []
    await others.dispose()
    unwatch(sqlmodel.Session)


def test_children_of_a_deleted_row(session: Session, images: SyncPixstore) -> None:
    """A cascade of the session deletes the pictures of the children, too."""
    session.add(Album(id=1, cover=NewPicture(picture(seed=9)), posts=[new("a", 1), new("b", 2)]))
    session.commit()
    assert len(stored(images)) == 3
    session.delete(session.get_one(Album, 1))
    session.commit()
    assert stored(images) == []


async def test_a_session_that_blocks_the_event_loop(session: Session, images: SyncPixstore) -> None:
    """In an event loop, a session that is not async refuses a picture, because saving it would block the loop."""
    session.add(new())
    with pytest.raises(StoreError, match="in an event loop"):
        session.flush()
    session.expunge_all()
    assert await images.pixstore.list_images() == []
