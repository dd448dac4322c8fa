"""A small application of SQLAlchemy, whose posts have pictures, on several databases."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from sqlalchemy import ForeignKey, String, create_engine, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker

from pixstore_asgi import Pixstore
from pixstore_asgi.integrations.sqlalchemy import NewPicture, PictureType, SessionPictures
from tests.support.samples import picture

Case = Callable[[Session], None]


class Base(DeclarativeBase):
    pass


class Album(Base):
    __tablename__ = "album"

    id: Mapped[int] = mapped_column(primary_key=True)
    cover: Mapped[str | None] = mapped_column(PictureType("posts"), index=True)
    posts: Mapped[list["Post"]] = relationship(cascade="all, delete-orphan")


class Post(Base):
    __tablename__ = "post"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    picture: Mapped[str | None] = mapped_column(PictureType("posts", also=["others"]), index=True)
    album_id: Mapped[int | None] = mapped_column(ForeignKey(Album.id))


class World:
    """A table and a Pixstore. `run` gives each case a new session of the watched factory, and closes it."""

    pictures: SessionPictures

    def __init__(self, url: str, pix: Pixstore, *, store: str = "", in_transaction: bool = False) -> None:
        self.pix = pix
        self.store = store
        self.is_async = "+asyncpg" in url or "+aiosqlite" in url or in_transaction
        self.url = url
        self.in_transaction = in_transaction

    def run(self, *cases: Case) -> None:
        if self.is_async:
            asyncio.run(self._run_async(cases))
            return
        engine = create_engine(self.url)
        sessions = sessionmaker(engine)
        self.pictures = SessionPictures(self.pix, sessions, metadata=[Base.metadata])
        Base.metadata.create_all(engine)
        try:
            for case in cases:
                with sessions() as session:
                    case(session)
        finally:
            engine.dispose()

    async def _run_async(self, cases: tuple[Case, ...]) -> None:
        async with self.pix, self.sessions() as sessions:
            for case in cases:
                async with sessions() as session:
                    await session.run_sync(case)

    @contextlib.asynccontextmanager
    async def sessions(self, **options: Any) -> AsyncIterator[async_sessionmaker[AsyncSession]]:
        engine = create_async_engine(self.url)
        sessions = async_sessionmaker(engine, **options)
        self.pictures = SessionPictures(
            self.pix, sessions, metadata=[Base.metadata], in_transaction=self.in_transaction
        )
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        try:
            yield sessions
        finally:
            await engine.dispose()

    def images(self) -> set[str]:
        """Return the ids in the store."""
        return {image.id for image in asyncio.run(self.pix.list_images(limit=10_000))}

    def named(self) -> set[str]:
        """Return the ids in the tables."""
        found: set[str] = set()

        def read(session: Session) -> None:
            for column in (Post.picture, Album.cover):
                found.update(each for each in session.scalars(select(column)) if each)

        self.run(read)
        return found

    def agrees(self, count: int) -> bool:
        """Return whether there are this many pictures, and each has its row."""
        images = self.images()
        return images == self.named() and len(images) == count


def new(name: str = "a", seed: int = 0, **values: Any) -> Post:
    return Post(name=name, picture=NewPicture(picture(seed=seed)), **values)


def post(session: Session, name: str = "a") -> Post:
    return session.scalars(select(Post).where(Post.name == name)).one()


def add(session: Session) -> None:
    session.add(new())
    session.commit()


def add_another(session: Session) -> None:
    session.add(new("b", 1))
    session.commit()


def remove(session: Session) -> None:
    session.delete(post(session))
    session.commit()
