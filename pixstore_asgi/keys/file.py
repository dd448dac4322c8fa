"""The key file beside a SQLite database: it holds the secret if the application configures none.

Without the file, a stolen copy of the database is useless. A thief of the whole folder has both.
"""

import contextlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

from ..core.hidden import Hidden, hide
from ..errors import SecretError
from ..store.durable import sync


def create_key_file(path: Path) -> str:
    """Create the key file at `path` with mode 0600, unless it exists, and return its secret.

    If several processes call this at the same time, all of them return the same secret. Raises SecretError.
    """
    try:
        if not path.exists():
            _write_once(path, hide(secrets.token_urlsafe(32)))
    except OSError as error:
        raise SecretError(
            f"the key file {path} can't be created ({error.strerror}): set PIXSTORE_SECRET instead"
        ) from error
    return read_key_file(path)


def read_key_file(path: Path) -> str:
    """Return the secret in the key file at `path`.

    Raises SecretError if the file is missing, unreadable, not a regular file, or accessible to other users.
    """
    try:
        # Refuse a link, which could lead to another secret. Do not block on a pipe.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise SecretError(
            f"the secret is missing: the database was written with one, and {path} does not exist; "
            "restore that file, or set PIXSTORE_SECRET to the secret"
        ) from None
    except OSError as error:
        raise SecretError(f"the key file {path} can't be read: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        _check_private(path, status)
        if status.st_nlink > 1:
            _remove_copies(path, status)
        return os.read(descriptor, 4096).decode("utf-8", "replace").strip()
    finally:
        os.close(descriptor)


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretError(f"the key file {path} is not a regular file: remove it, and restore the right one")
    if os.name != "posix":
        return
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise SecretError(f"the key file {path} can be read by others (mode {mode:04o}): run chmod 600 on it")
    if status.st_uid not in (0, os.geteuid()):
        raise SecretError(
            f"the key file {path} belongs to another user, and that user knows the secret: check its origin"
        )


def _remove_copies(path: Path, status: os.stat_result) -> None:
    # A process killed between link and unlink has left a second, temporary name of the file. The key file is
    # usable even if that name can't be removed, as in a read-only folder.
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            is_named_alike = entry.name.startswith(path.name) and entry.name != path.name
            if is_named_alike and os.path.samestat(entry.stat(follow_symlinks=False), status):
                os.unlink(entry.path)


def _write_once(path: Path, secret: Hidden[str]) -> None:
    # Linking a complete file is atomic. A rename could replace the secret of another process.
    descriptor, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        sync(path.parent)
    finally:
        with contextlib.suppress(
            FileNotFoundError
        ):  # another process has read the key file and removed the temporary name
            os.unlink(temporary)
