"""Decodes pictures in separate processes, to check them and to make smaller copies.

The application starts one fork server for each event loop (handle.py starts it, fork_server.py is its code). The fork
server forks one worker process for every picture (worker.py). A worker has limits and no access to files or secrets. It
keeps the decoded picture only in memory.
"""

from .decoder import Decoder
from .task import Decoded, EncodedVariant, Variant

__all__ = ["Decoded", "Decoder", "EncodedVariant", "Variant"]
