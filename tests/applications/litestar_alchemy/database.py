"""The engine and the sessions."""

import os
from pathlib import Path

from advanced_alchemy.extensions.litestar import SQLAlchemyAsyncConfig, SQLAlchemyPlugin
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

FOLDER = Path(os.environ.get("CLUB_FOLDER", "."))

engine = create_async_engine(f"sqlite+aiosqlite:///{FOLDER / 'club.db'}")
sessions = async_sessionmaker(engine, expire_on_commit=False)
alchemy = SQLAlchemyPlugin(
    config=SQLAlchemyAsyncConfig(
        engine_instance=engine, session_maker=sessions, create_all=True, before_send_handler="autocommit"
    )
)
