"""The command line, `pixstore-asgi`."""

import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from .installed import require


def _open_closed_streams() -> None:
    # If a standard stream is closed, the next opened file would get its number, and output would go into that file.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # stays open until the process ends


def main(arguments: Sequence[str] | None = None, **options: Any) -> None:
    """Run the command line. If an extra is not installed, exit with one line that names it.

    Args:
        arguments: The arguments. Default: those of the process.
        options: Further options of click's `Command.main`.
    """
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may have characters that its encoding lacks
    require("cli", "click", "uvicorn")
    try:
        from .commands import commands

        try:
            commands(arguments, **options)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        if error.filename is not None:  # the error is about a file, not about stdout
            raise
        # Otherwise Python would try to write again at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(f"Error: the output can't be written: {error.strerror}")
