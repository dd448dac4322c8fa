"""`SessionPictures.unnamed` finds the pictures that no row names, and no others."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, create_engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from pixstore_asgi import Pixstore
from pixstore_asgi.errors import InputError
from pixstore_asgi.integrations import unnamed
from pixstore_asgi.integrations.sqlalchemy import NewPicture, SessionPictures
from pixstore_asgi.process import wall_clock_ms as now_ms
from tests.integrations.sqlalchemy.posts import Album, Base, Post, World, add, new, post
from tests.support.paths import ROOT
from tests.support.samples import SECRET, picture

KILLED = """
import os, signal, sys
from sqlalchemy import event
from pixstore_asgi import Pixstore
from tests.integrations.sqlalchemy.posts import World, add, post
from pixstore_asgi.integrations.sqlalchemy import NewPicture
from tests.support.samples import picture

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def replace(session):
    post(session).picture = NewPicture(picture(seed=1))
    session.flush()
    if moment == "before the commit":
        die()
    event.listen(session, "after_commit", die)
    session.commit()

moment, url, store, in_transaction = sys.argv[1:]
pix = Pixstore(store)
world = World(url, pix, in_transaction=bool(in_transaction))
world.run(add, replace)
"""


def collect(world: World, *, grace_s: float = 0, delete: bool = True, directory: str | None = "posts") -> list[str]:
    found: list[str] = []
    world.run(
        lambda session: found.extend(
            world.pictures.unnamed(session, Base.metadata, directory=directory, grace_s=grace_s, delete=delete)
        )
    )
    return found


async def save(pix: Pixstore, directory: str | None = "posts", count: int = 1) -> list[str]:
    """Save pictures that no row names."""
    async with pix:
        return [(await pix.save_image(picture(seed=seed), directory=directory)).id for seed in range(count)]


@pytest.mark.parametrize("world", ["sqlite", "aiosqlite", "postgres asyncpg in transaction"], indirect=True)
def test_a_picture_without_a_row_is_found(world: World) -> None:
    """A dry run lists it, and `delete` deletes it. Named, recent and other directories' pictures stay."""

    def merge(session: Session) -> None:
        session.merge(Album(id=1, cover=NewPicture(picture(seed=1))))
        session.commit()

    world.run(add, merge)
    kept = world.images()
    assert len(kept) == 2
    (lost,), (other,) = asyncio.run(save(world.pix)), asyncio.run(save(world.pix, "other"))
    assert collect(world, grace_s=3600) == []
    assert collect(world, delete=False) == [lost]
    assert world.images() == {*kept, lost, other}
    assert collect(world) == [lost]
    assert collect(world, directory=None, delete=False) == [other]
    assert world.images() == {*kept, other}


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[sessionmaker[Session]]:
    """Sessions that are not async, on SQLite."""
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    Base.metadata.create_all(engine)
    yield sessionmaker(engine)
    engine.dispose()


def test_an_uncommitted_picture_is_spared(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    """A picture that waits for its commit stays, because it is more recent than `grace_s`."""
    pictures = SessionPictures(Pixstore(tmp_path / "pixstore.db", secret=SECRET), sessions, metadata=[Base.metadata])
    with sessions() as writing, sessions() as collecting:
        waiting = new()
        writing.add(waiting)
        writing.flush()
        assert pictures.unnamed(collecting, Base.metadata, directory="posts", delete=True) == []
        collecting.rollback()
        assert pictures.unnamed(collecting, Base.metadata, directory="posts", grace_s=0) == [waiting.picture]
        collecting.rollback()
        writing.commit()
        assert pictures.unnamed(collecting, Base.metadata, directory="posts", grace_s=0, delete=True) == []


def test_a_concurrent_writer_loses_nothing(
    sessions: sessionmaker[Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a thread saves, replaces and rolls back, the old pictures without a row are deleted, and no other."""
    monkeypatch.setattr(unnamed, "PAGE", 7)
    store = tmp_path / "pixstore.db"
    lost = asyncio.run(save(Pixstore(store, secret=SECRET, clock_ms=lambda: now_ms() - 7_200_000), count=20))
    pix = Pixstore(store, secret=SECRET)
    pictures = SessionPictures(pix, sessions, metadata=[Base.metadata])

    def write() -> None:
        for number in range(20):
            with sessions() as session:
                session.add(new(str(number), number))
                session.flush()
                if number % 3:
                    session.commit()
            with sessions() as session:
                post(session, "replaced").picture = NewPicture(picture(seed=number))
                session.commit()

    with sessions() as session:
        session.add(new("replaced", 99))
        session.commit()
    writing = threading.Thread(target=write)
    writing.start()
    found: list[str] = []
    while writing.is_alive() or not found:
        with sessions() as session:
            found += pictures.unnamed(session, Base.metadata, directory="posts", delete=True)
    writing.join()
    assert sorted(found) == sorted(lost)
    with sessions() as session:
        named = set(session.scalars(select(Post.picture)))
    assert {image.id for image in asyncio.run(pix.list_images())} == named


def test_it_refuses_what_could_delete_too_much(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    """Metadata without a picture column, and a session in a transaction, are refused."""
    pictures = SessionPictures(Pixstore(tmp_path / "pixstore.db", secret=SECRET), sessions, also=[Album.cover])
    with sessions() as session:
        for metadata in (None, MetaData()):
            with pytest.raises(InputError, match="has a PictureType column"):
                pictures.unnamed(session, metadata, directory=None, delete=True)
        session.begin()
        with pytest.raises(InputError, match="in a transaction"):
            pictures.unnamed(session, Base.metadata, directory=None, delete=True)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
@pytest.mark.parametrize("world", ["sqlite", "postgres asyncpg in transaction"], indirect=True)
def test_a_killed_process_leaves_only_what_gc_finds(world: World, moment: str) -> None:
    """After SIGKILL each row has its picture, and the rest is found. In one transaction nothing is left."""
    command = [sys.executable, "-c", KILLED, moment, world.url, world.store, "1" if world.in_transaction else ""]
    environment = {**os.environ, "PIXSTORE_SECRET": SECRET, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert world.named() < world.images() or world.in_transaction
    assert len(collect(world)) == (0 if world.in_transaction else 1)
    assert world.agrees(1)


def test_it_asks_all_databases_of_the_session(tmp_path: Path) -> None:
    """A session with a database for each class finds the pictures that neither database names."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    engines = [create_engine(f"sqlite:///{tmp_path}/{name}.db") for name in ("posts", "albums")]
    for name, engine in zip(("post", "album"), engines, strict=True):
        Base.metadata.create_all(engine, [Base.metadata.tables[name]])
    sessions = sessionmaker(binds={Post: engines[0], Album: engines[1]})
    pictures = SessionPictures(pix, sessions, metadata=[Base.metadata])
    with sessions() as session:
        session.add_all([new(), Album(id=1, cover=NewPicture(picture(seed=1)))])
        session.commit()
    (lost,) = asyncio.run(save(pix))
    with sessions() as session:
        assert pictures.unnamed(session, directory="posts", grace_s=-60, delete=True) == [lost]
    for engine in engines:
        engine.dispose()


def test_a_table_that_is_missing_deletes_nothing(tmp_path: Path) -> None:
    """If the database lacks one of the tables, such as in another schema, nothing is deleted."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    engine = create_engine(f"sqlite:///{tmp_path}/empty.db")
    sessions = sessionmaker(engine)
    pictures = SessionPictures(pix, sessions, metadata=[Base.metadata])
    asyncio.run(save(pix))
    with sessions() as session, pytest.raises(OperationalError, match="no such table"):
        pictures.unnamed(session, directory="posts", grace_s=-60, delete=True)
    assert len(asyncio.run(pix.list_images())) == 1
    engine.dispose()
