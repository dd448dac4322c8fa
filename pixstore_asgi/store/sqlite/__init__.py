"""Images in one SQLite database."""

from .store import Durability, SqliteStore

__all__ = ["Durability", "SqliteStore"]
