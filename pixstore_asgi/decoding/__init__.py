"""Decodes pictures in separate processes: checks them, and makes smaller copies.

The application starts one fork server (handle.py starts it, fork_server.py is its code). It forks a worker process for
every picture (worker.py). A worker has limits, no access to files or secrets, and keeps the decoded picture only in
memory.
"""

from .decoder import Decoder
from .task import Decoded, EncodedVariant, Variant

__all__ = ["Decoded", "Decoder", "EncodedVariant", "Variant"]
