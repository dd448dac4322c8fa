"""What the command line needs beside the package itself, and the line that names it where it is missing."""

import sys
from importlib.util import find_spec


def require(extra: str, *modules: str) -> None:
    """Exit with one line that names the extra unless all its modules are installed."""
    if not all(map(find_spec, modules)):
        sys.exit(f"this needs packages that are not installed: pip install '.[{extra}]' in the checkout")
