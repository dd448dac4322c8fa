"""How Sphinx makes the site of documents; `scripts/site` runs it."""

import re
import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
sys.path.insert(0, str(ROOT))

project, version = PROJECT["name"], PROJECT["version"]
release = version
project_copyright = "its authors, MIT licence"
html_title = f"{project} {version}"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "index"
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # of haproxy there is no highlighting

html_theme = "furo"  # light and dark, as the reader's system has it
html_show_sourcelink = False
html_copy_source = False

default_role = "code"  # what stands in backticks in a docstring
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

_OPTIONS = re.compile(r"[a-z]\w*(, [a-z]\w*)*: ")


def list_options(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Make a list of a docstring's options: they begin with a name and a colon, and go on indented."""
    listed: list[str] = []
    is_listing = False
    for line in lines:
        is_option = bool(_OPTIONS.match(line))
        if is_option != is_listing and not (is_listing and line.startswith(" ")):
            listed.append("")
            is_listing = is_option
        listed.append(f":{line}" if is_option else line)
    lines[:] = listed


def setup(app: Sphinx) -> None:
    """Have docstrings go through `list_options`."""
    app.connect("autodoc-process-docstring", list_options)
