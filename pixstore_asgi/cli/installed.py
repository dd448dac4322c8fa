"""Parts of an installation that may be missing: the extras of the commands, and the documents."""

import sys
from importlib.util import find_spec
from pathlib import Path


def require(extra: str, *modules: str) -> None:
    """If one of these modules is not installed, exit with one line that names the extra."""
    if not all(map(find_spec, modules)):
        sys.exit(f"this needs packages that are not installed: pip install '.[{extra}]' in the checkout")


def documents_folder() -> Path | None:
    """Return the folder with this version's documents, such as wire-format.md, or None if it is not installed."""
    package = Path(__file__).parents[1]
    folders = (package / "docs", package.parent / "docs")
    return next((folder for folder in folders if (folder / "wire-format.md").is_file()), None)
