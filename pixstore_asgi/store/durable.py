"""Writes that survive a power failure: the content of a file, and the list of names in a folder."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Return once the system has written a file, or a folder's list of names, to disk. Raises OSError."""
    is_windows = os.name == "nt"
    if is_windows and path.is_dir():  # there it can't be opened, and its list of names is written by the system
        return
    descriptor = os.open(path, os.O_RDWR if is_windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
