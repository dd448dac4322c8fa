"""The HTML of the pages, as an application would send it for each way: files with a few names to replace."""

import html
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..routes import FILES_ROUTE

RECORDS_ROUTE, SIGNED_ROUTE, COPIES_ROUTE = "/api/pictures", "/signed", "/copies"
WINDOW = (412, 732)
"""CSS pixels of the window, as on many phones."""

_FILES = Path(__file__).parent / "page"
_SIZES = 'width="132" height="99"'  # CSS pixels of a picture
_EAGER = 6  # pictures that are on every screen
# The ways that share a page with another one.
_SHARED = {"copies": "element", "singles": "by-hand", "signed": "plain"}
_BUNDLED = ("react", "vue")


def page_of(name: str, records: Sequence[Mapping[str, Any]], signed: Callable[[str], str]) -> str:
    """Return a page.

    Args:
        name: The way's page.
        records: Of the pictures.
        signed: Returns the query of a signed URL of an image.
    """
    ids = [record["id"] for record in records]
    pictures: dict[str, Callable[[], Iterable[str]]] = {
        "plain": lambda: (_image(f"{FILES_ROUTE}/{quote(each)}") for each in ids),
        "signed": lambda: (_image(f"{SIGNED_ROUTE}/{quote(each)}?{signed(each)}") for each in ids),
        "in-html": lambda: map(_element, records, itertools.count()),
    }
    file = "bundled" if name in _BUNDLED else _SHARED.get(name, name)
    text = (_FILES / "head.html").read_text() + (_FILES / f"{file}.html").read_text()
    names = {
        "%BUNDLE%": f"/bundle/{name}.js",
        "%IDS%": json.dumps(ids),
        "%PICTURES%": "\n".join(pictures[name]()) if name in pictures else "",
        "%SINGLES%": json.dumps(name == "singles"),
        "%SOURCE%": f"{RECORDS_ROUTE}?copies" if name == "copies" else RECORDS_ROUTE,
    }
    for each, value in names.items():
        text = text.replace(each, value)
    return text


def _image(url: str) -> str:
    return f'<img alt="" {_SIZES} src="{html.escape(url)}">'


def _element(record: Mapping[str, Any], number: int) -> str:
    text = html.escape(json.dumps(record, separators=(",", ":")), quote=False)
    loading = ' loading="eager"' if number < _EAGER else ""
    return f"<pix-image alt=\"\" {_SIZES}{loading} record='{text}'></pix-image>"
