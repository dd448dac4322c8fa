"""The engine and the sessions."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from sqlalchemy import NullPool
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session, create_engine

FOLDER = Path(os.environ.get("RESTAURANT_FOLDER", "."))

# A pool with fewer connections than FastAPI has threads would stall: all threads may wait for a connection.
engine = create_engine(f"sqlite:///{FOLDER / 'restaurant.db'}", poolclass=NullPool)
sessions = sessionmaker(engine, class_=Session, expire_on_commit=False)


def _session() -> Iterator[Session]:
    with sessions() as session:
        yield session


Database = Annotated[Session, Depends(_session)]
