"""The command line, `pixstore-asgi`."""

import os
import sys

from .extras import require


def main() -> None:
    """Run the command line, or exit with one line that names what has to be installed for it."""
    require("cli", "click", "uvicorn")
    try:
        from .commands import commands

        try:
            commands()
        finally:
            if sys.stdout is not None:  # a command may be started with it closed
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        if error.filename is not None:  # of a file, and not of what this is printed to
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would try it once more
        sys.exit(f"Error: the output can't be written: {error.strerror}")
