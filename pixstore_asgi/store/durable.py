"""Syncs files and folders to disk, so that contents and file names survive a power failure."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Write a file's content, or a folder's list of names, from the system's cache to disk. Raises OSError."""
    is_windows = os.name == "nt"
    if is_windows and path.is_dir():  # there it can't be opened, and its list of names is written by the system
        return
    descriptor = os.open(path, os.O_RDWR if is_windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
