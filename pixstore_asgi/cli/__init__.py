"""The command line, `pixstore-asgi`."""

from .extras import require


def main() -> None:
    """Run the command line, or exit with one line that names what has to be installed for it."""
    require("cli", "click", "uvicorn")
    from .commands import commands

    commands()
