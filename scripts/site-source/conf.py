"""How Sphinx makes the site of documents; `scripts/site` runs it."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
sys.path.insert(0, str(ROOT))

project, version = PROJECT["name"], PROJECT["version"]
release = version
project_copyright = "its authors, MIT licence"
html_title = f"{project} {version}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
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
