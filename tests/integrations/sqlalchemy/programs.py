"""Random programs of an application: threads that save, share, move, replace and remove pictures at the same time."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Engine, ForeignKey, create_engine, select
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError

from pixstore_asgi import Pixstore
from pixstore_asgi.errors import ImageNotFound, InputError, StoreConflict
from pixstore_asgi.integrations.sqlalchemy import NewPicture, PictureType, SessionPictures
from tests.support.samples import picture

EXPECTED = (
    DBAPIError,
    ImageNotFound,
    InputError,
    InvalidRequestError,
    ObjectDeletedError,
    StaleDataError,
    StoreConflict,
)


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
    cover: Mapped[str | None] = mapped_column(PictureType("stock"), index=True)
    __mapper_args__ = {"polymorphic_identity": "book"}  # noqa: RUF012


class Other(DeclarativeBase):
    pass


class Visit(Other):
    """A row of another database, whose pictures are in a directory of its own."""

    __tablename__ = "visit"

    id: Mapped[int] = mapped_column(primary_key=True)
    picture: Mapped[str | None] = mapped_column(PictureType("visits"), index=True)


class Program:
    """An application with two databases. Each thread has an engine with one connection for each of them.

    Args:
        urls: The URLs of the databases.
        pix: The Pixstore.
        seed: Of the random numbers.
    """

    def __init__(self, urls: tuple[str, str], pix: Pixstore, seed: int) -> None:
        self._urls = urls
        self._pix = pix
        self._random = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self._slow_deletions()
        with self._engines() as (stock, other):
            Stock.metadata.create_all(stock)
            Other.metadata.create_all(other)

    def run(self, transactions: int, *, threads: int = 3) -> None:
        """Run the transactions, a part of them in each thread."""
        seeds = [self._random.random() for _ in range(threads)]
        running = [threading.Thread(target=self._work, args=(seed, transactions // threads)) for seed in seeds]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    def named(self) -> set[str]:
        """Return the pictures that committed rows name."""
        found: set[str | None] = set()
        with self._engines() as engines:
            for engine, columns in zip(engines, ((Item.picture, Book.cover), (Visit.picture,)), strict=True):
                with engine.connect() as connection:
                    for column in columns:
                        found.update(connection.scalars(select(column.property.columns[0])))
        return {each for each in found if each}

    def images(self) -> set[str]:
        """Return the pictures in the store."""
        return {image.id for image in asyncio.run(self._pix.list_images(limit=10_000))}

    def unnamed(self) -> set[str]:
        """Return the pictures that `unnamed` finds, of both databases."""
        found: list[str] = []
        with self._engines() as engines:
            for engine, base, directory in zip(engines, (Stock, Other), ("stock", "visits"), strict=True):
                sessions = sessionmaker(engine)
                pictures = SessionPictures(self._pix, sessions, metadata=[base.metadata])
                with sessions() as session:
                    found += pictures.unnamed(session, directory=directory, grace_s=-60)
        return set(found)

    def _slow_deletions(self) -> None:
        """Let time pass between the question and the deletion of each third picture."""
        delete = self._pix.delete_image

        async def later(*args: Any, **options: Any) -> bool:
            if self._random.random() < 0.3:
                await asyncio.sleep(0.01)
            return await delete(*args, **options)

        self._pix.delete_image = later  # type: ignore[method-assign]

    @contextmanager
    def _engines(self) -> Iterator[tuple[Engine, Engine]]:
        engines = tuple(create_engine(url, pool_size=1, max_overflow=0, pool_timeout=20) for url in self._urls)
        try:
            yield engines  # type: ignore[misc]
        finally:
            for engine in engines:
                engine.dispose()

    def _work(self, seed: float, transactions: int) -> None:
        chance = random.Random(seed)
        with self._engines() as (stock, other):
            commit = stock.dialect.do_commit
            sessions = sessionmaker(binds={Item: stock, Visit: other}, expire_on_commit=chance.random() < 0.5)
            SessionPictures(self._pix, sessions, metadata=[Stock.metadata, Other.metadata])
            automatic = stock.execution_options(isolation_level="AUTOCOMMIT")
            for _ in range(transactions):
                binds = {Item: automatic if chance.random() < 0.1 else stock, Visit: other}
                outcome = "committed"
                with sessions(binds=binds) as session:
                    try:
                        self._change(session, chance)
                        if chance.random() < 0.05:
                            lost: Any = _lost(commit, is_done=chance.random() < 0.5)
                            stock.dialect.do_commit = lost  # type: ignore[method-assign]
                        session.rollback() if chance.random() < 0.2 else session.commit()
                    except EXPECTED as error:
                        outcome = type(error).__name__
                        with suppress(DBAPIError):
                            session.rollback()
                    finally:
                        stock.dialect.do_commit = commit  # type: ignore[method-assign]
                self.outcomes[outcome] += 1

    def _change(self, session: Session, chance: random.Random) -> None:
        for _ in range(chance.randrange(1, 5)):
            if chance.random() < 0.2:
                with suppress(ImageNotFound, StoreConflict, InputError), session.begin_nested() as savepoint:
                    self._step(session, chance)
                    session.flush()
                    if chance.random() < 0.5:
                        savepoint.rollback()
            else:
                self._step(session, chance)
            if chance.random() < 0.5:
                session.flush()

    def _step(self, session: Session, chance: random.Random) -> None:
        items, visits = session.scalars(select(Item)).all(), session.scalars(select(Visit)).all()
        new = NewPicture(picture(seed=chance.randrange(1000)))
        one, two = (chance.choice(items) if items else None for _ in range(2))
        match chance.randrange(9):
            case 0 | 1:
                session.add(chance.choice([Item(picture=new), Book(picture=new), Book(cover=new), Visit(picture=new)]))
            case 2 if one:
                one.picture = new
            case 3 if one:
                one.picture = None
            case 4 if one:
                session.delete(one)
            case 5 if one and two:
                two.picture = one.picture
            case 6 if one and isinstance(two, Book):
                two.cover, one.picture = one.picture, None
            case 7 if visits:
                session.delete(chance.choice(visits))
            case 8 if len(items) > 30:
                for each in items[:10]:
                    session.delete(each)


def _lost(commit: Callable[[Any], None], *, is_done: bool) -> Callable[[Any], None]:
    """Return a commit whose answer is lost. Some of them have reached the database."""

    def lose(connection: Any) -> None:
        if is_done:
            commit(connection)
        raise DBAPIError("COMMIT", None, Exception("the connection was lost"))

    return lose


if __name__ == "__main__":  # a process to kill
    import sys

    urls, store = (sys.argv[1], sys.argv[2]), sys.argv[3]
    program = Program(urls, Pixstore(store), int(time.time() * 1000))
    print("ready", flush=True)
    while True:
        program.run(30)
