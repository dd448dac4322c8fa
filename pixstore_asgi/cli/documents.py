"""Where the documents are: inside an installed package, or beside it in a source checkout."""

from pathlib import Path


def documents_folder() -> Path | None:
    """Return the folder of wire-format.md and the other pages of this version, or None where it was left out."""
    package = Path(__file__).parents[1]
    folders = (package / "docs", package.parent / "docs")
    return next((folder for folder in folders if (folder / "wire-format.md").is_file()), None)
