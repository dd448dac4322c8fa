"""Parts of an installation that may be missing: the extras that commands need, and the documents."""

import sys
from importlib.util import find_spec
from pathlib import Path


def require(extra: str, *modules: str) -> None:
    """Exit with one line that names the extra, if one of these modules is not installed."""
    if not all(map(find_spec, modules)):
        sys.exit(f"this needs packages that are not installed: pip install '.[{extra}]' in the checkout")


def documents_folder() -> Path | None:
    """Return the folder with the documents of this version, such as wire-format.md, or None if they are not
    installed.
    """
    package = Path(__file__).parents[1]
    folders = (package / "docs", package.parent / "docs")
    return next((folder for folder in folders if (folder / "wire-format.md").is_file()), None)
