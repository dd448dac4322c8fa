"""The command line, `pixstore-asgi`."""

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command line, or exit with one line that names what has to be installed for it."""
    require("cli", "click", "uvicorn")
    from .commands import commands

    commands()


def require(extra: str, *modules: str) -> None:
    """Exit with one line that names the extra unless all its modules are installed."""
    if not all(map(find_spec, modules)):
        sys.exit(f"this needs packages that are not installed: pip install '.[{extra}]' in the checkout")
