"""The command line, `pixstore-asgi`."""

import os
import sys

from .installed import require


def _open_closed_streams() -> None:
    # Or the next file that is opened would have the number of a stream, and what is printed would go there.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # until the process ends


def main() -> None:
    """Run the command line, or exit with one line that names what has to be installed for it."""
    _open_closed_streams()
    require("cli", "click", "uvicorn")
    try:
        from .commands import commands

        try:
            commands()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        if error.filename is not None:  # of a file, and not of what this is printed to
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would try it once more
        sys.exit(f"Error: the output can't be written: {error.strerror}")
