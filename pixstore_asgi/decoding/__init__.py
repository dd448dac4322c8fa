"""Decode pictures in processes of their own: check them, and make them smaller.

The application starts one fork server (handle.py starts it, fork_server.py is it). It forks a worker process for every
picture (worker.py). A worker has limits, no file and no secret, and keeps the decoded picture only in memory.
"""

from .decoder import Decoder
from .task import Decoded, EncodedVariant, Variant

__all__ = ["Decoded", "Decoder", "EncodedVariant", "Variant"]
