"""Pixstore for code that is not async: SyncPixstore has its methods as blocking calls."""

from .calls import SyncImageData, SyncReader
from .payload import SyncPayload
from .pixstore import SyncPixstore

__all__ = ["SyncImageData", "SyncPayload", "SyncPixstore", "SyncReader"]
