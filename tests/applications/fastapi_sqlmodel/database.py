"""The engine and the sessions."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session, create_engine

FOLDER = Path(os.environ.get("RESTAURANT_FOLDER", "."))

engine = create_engine(f"sqlite:///{FOLDER / 'restaurant.db'}")
sessions = sessionmaker(engine, class_=Session, expire_on_commit=False)


def _session() -> Iterator[Session]:
    with sessions() as session:
        yield session


Database = Annotated[Session, Depends(_session)]
