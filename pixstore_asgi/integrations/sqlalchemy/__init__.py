"""SQLAlchemy and SQLModel: a picture column. Pictures are saved, replaced and deleted together with their rows."""

try:
    import sqlalchemy.ext.asyncio as _needed  # noqa: F401
except ImportError as error:
    raise ImportError(
        "pixstore_asgi.integrations.sqlalchemy needs SQLAlchemy: pip install 'sqlalchemy[asyncio]'"
    ) from error

from .column import NewPicture, PictureType
from .session import SessionPictures

__all__ = ["NewPicture", "PictureType", "SessionPictures"]
