"""Pictures of transactions that are not one session's or are large, and of scoped sessions."""

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import scoped_session, sessionmaker

from pixstore_asgi.errors import ConfigError
from pixstore_asgi.integrations.sqlalchemy import NewPicture, SessionPictures
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import MemoryPixstore
from tests.integrations.sqlalchemy.posts import Base, Post, add, new, post
from tests.support.samples import picture


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_transaction_that_the_session_has_joined(engine: Engine, *, is_kept: bool) -> None:
    """A session joins a transaction of its connection, which then ends: no row loses its picture."""
    pix = MemoryPixstore()
    sessions = sessionmaker(engine)
    SessionPictures(pix, sessions, metadata=[Base.metadata])
    with sessions() as session:
        add(session)
    with engine.connect() as connection, connection.begin() as transaction:
        with sessions(bind=connection) as session:
            post(session).picture = NewPicture(picture(seed=2))
            session.commit()
        with sessions(bind=connection) as session:
            session.add(new("b"))
            session.flush()
        if not is_kept:
            transaction.rollback()
    with sessions() as session:
        named = set(session.scalars(select(Post.picture)))
    assert len(named) == 1 + is_kept
    assert named <= {image.id for image in SyncPixstore(pix).list_images()}


def test_a_transaction_does_not_keep_its_pictures(engine: Engine) -> None:
    """After a flush, the session holds neither the object nor the bytes of its picture. A rollback still deletes it."""
    pix = MemoryPixstore()
    sessions = sessionmaker(engine)
    SessionPictures(pix, sessions, metadata=[Base.metadata])
    with sessions() as session:
        saved = new()
        session.add(saved)
        session.flush()
        kept = weakref.ref(saved)
        del saved
        gc.collect()
        assert kept() is None
        assert len(SyncPixstore(pix).list_images()) == 1
    assert SyncPixstore(pix).list_images() == []


def test_a_scoped_session(engine: Engine) -> None:
    """A scoped session is watched by its factory. An engine is refused."""
    pix = MemoryPixstore()
    sessions = scoped_session(sessionmaker(engine))
    SessionPictures(pix, sessions, metadata=[Base.metadata])
    with sessions() as session:
        add(session)
    assert len(SyncPixstore(pix).list_images()) == 1
    with pytest.raises(ConfigError, match=r"sessions must be a sessionmaker.*not Engine"):
        SessionPictures(pix, engine)  # type: ignore[arg-type]


def test_a_row_that_takes_the_key_of_a_deleted_one(engine: Engine) -> None:
    """A flush that deletes a row and adds one with its key updates the row: the picture of the first one is deleted."""
    pix = MemoryPixstore()
    sessions = sessionmaker(engine)
    SessionPictures(pix, sessions, metadata=[Base.metadata])
    with sessions() as session:
        add(session)
        old = post(session)
        added = new("b", 1, id=old.id)
        session.delete(old)
        session.add(added)
        session.commit()
        assert [image.id for image in SyncPixstore(pix).list_images()] == [added.picture]
