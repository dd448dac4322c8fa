"""The HTML of the pages, as an application would send it for each way."""

import html
import json
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import quote

from pixstore_asgi import ImageRecord

from ..routes import FILES_ROUTE
from .ways import THUMB

RECORDS_ROUTE, SIGNED_ROUTE, COPIES_ROUTE = "/api/pictures", "/signed", "/copies"
WINDOW = (412, 732)
"""CSS pixels of the window, as on many phones."""

_COLUMNS, _ROW = 3, 100
_SIZE = {"width": 132, "height": 99}  # CSS pixels of a picture

_SHELL = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Pictures</title>
<style>body {{ margin: 0 }} main {{ display: grid; grid: auto-flow {row}px / repeat({columns}, 1fr) }}</style>
{head}
<main>{tiles}</main>
{foot}
"""


def page_of(name: str, records: Sequence[ImageRecord], signed: Callable[[str], str]) -> str:
    """Return a page.

    Args:
        name: The way's page.
        records: Of the pictures, with their thumbnails.
        signed: Returns the query of a signed URL of an image.
    """
    thumbs = [record.variants[THUMB.name].id for record in records]
    if name == "plain":
        return _html(tiles=_images(f"{FILES_ROUTE}/{quote(thumb)}" for thumb in thumbs))
    if name == "signed":
        return _html(tiles=_images(f"{SIGNED_ROUTE}/{quote(thumb)}?{signed(thumb)}" for thumb in thumbs))
    if name == "in-html":
        return _html(head=_ELEMENT, tiles="\n".join(map(_element, records)))
    facts: dict[str, object] = {"size": _SIZE, "source": RECORDS_ROUTE}
    script = f"/ways/{name}.js"
    if name in ("react", "vue"):
        script = f"/bundle/{name}.js"
    elif name == "copies":
        facts["source"], script = f"{RECORDS_ROUTE}?copies", "/ways/element.js"
    elif name == "singles":
        facts["fetcher"], script = True, "/ways/by-hand.js"
    elif name == "worker":
        facts = {"size": _SIZE, "ids": [record.id for record in records]}
    given = f"<script>globalThis.page = {json.dumps(facts)}</script>"
    return _html(foot=f'{given}\n<script type="module" src="{script}"></script>')


_ELEMENT = '<script type="module" src="/pixstore-image/-/client/element.js"></script>'


def _html(*, head: str = "", tiles: str = "", foot: str = "") -> str:
    return _SHELL.format(row=_ROW, columns=_COLUMNS, head=head, tiles=tiles, foot=foot)


def _images(urls: Iterable[str]) -> str:
    size = " ".join(f'{side}="{pixels}"' for side, pixels in _SIZE.items())
    return "\n".join(f'<img alt="" {size} src="{html.escape(url)}">' for url in urls)


def _element(record: ImageRecord) -> str:
    size = " ".join(f'{side}="{pixels}"' for side, pixels in _SIZE.items())
    text = json.dumps(record, separators=(",", ":"))
    return f"<pix-image alt=\"\" {size} record='{html.escape(text, quote=False)}'></pix-image>"
