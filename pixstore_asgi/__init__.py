"""Encrypted images for any ASGI application; start with Pixstore, and PixstoreApp or PixstoreMiddleware."""

from .app import PayloadResponse, PixstoreApp
from .errors import (
    ConfigError,
    ImageNotFound,
    ImageTooLarge,
    InvalidImage,
    PixstoreError,
    StoreConflict,
    StoreError,
    WireError,
    WireState,
)
from .middleware import PixstoreMiddleware
from .payload import Payload
from .pixstore import Pixstore
from .records import ImageRecord
from .wire import decode_payload

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "ImageNotFound",
    "ImageRecord",
    "ImageTooLarge",
    "InvalidImage",
    "Payload",
    "PayloadResponse",
    "Pixstore",
    "PixstoreApp",
    "PixstoreError",
    "PixstoreMiddleware",
    "StoreConflict",
    "StoreError",
    "WireError",
    "WireState",
    "decode_payload",
]
