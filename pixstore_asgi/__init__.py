"""Encrypted images for any ASGI application; start with Pixstore, and PixstoreApp or PixstoreMiddleware."""

from .asgi.app import PixstoreApp, PixstoreMiddleware
from .asgi.delivery import PayloadResponse
from .asgi.http import recipient_of
from .asgi.records import RecordsApp
from .core.record import ImageRecord
from .core.wire import decode_payload
from .decoding.task import Variant
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
from .pixstore import Pixstore
from .serving.payload import Payload

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
    "RecordsApp",
    "StoreConflict",
    "StoreError",
    "Variant",
    "WireError",
    "WireState",
    "decode_payload",
    "recipient_of",
]
