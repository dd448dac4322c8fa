"""How Sphinx makes the site of documents; `scripts/site` runs it."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
sys.dont_write_bytecode = True  # of pages.py, which lies between sources
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

project, version = PROJECT["name"], PROJECT["version"]
release = version
project_copyright = "its authors, MIT licence"
html_title = f"{project} {version}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "pages"]
root_doc = "index"
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # of haproxy there is no highlighting

site_summary = PROJECT["description"]

html_theme = "furo"  # light and dark, as the reader's system has it
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False

default_role = "code"  # what stands in backticks in a docstring
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
