"""The ways to show a page of thumbnails."""

from dataclasses import dataclass

from pixstore_asgi import Variant

THUMB = Variant("thumb", width=320, format="webp", quality=81)
"""The pictures of the page: about 24 kB each."""

IN_CLEAR, SIGNED, NPM = "img, in clear", "img, signed URLs", "npm by hand"
ELEMENT, IN_HTML, COPIES = "pix-image", "pix-image, records in the HTML", "pix-image, CDN copies"
REACT, VUE = "React", "Vue"
BY_HAND, SINGLES, WORKER = "getImage by hand", "getImage, single requests", "img, service worker"

COLD, AGAIN = "cold", "returning"
"""The visits: the first of a browser, and the second, with fresh records."""

MOMENTS = {"first_ms": "the first picture", "screen_ms": "the first screen", "all_ms": "all pictures"}
"""Columns of a finding, and their meanings."""


@dataclass(frozen=True, slots=True)
class Way:
    """`page` is the name of its page."""

    name: str
    page: str


WAYS = (
    Way(IN_CLEAR, "plain"),
    Way(SIGNED, "signed"),
    Way(NPM, "npm"),
    Way(BY_HAND, "by-hand"),
    Way(SINGLES, "singles"),
    Way(ELEMENT, "element"),
    Way(IN_HTML, "in-html"),
    Way(COPIES, "copies"),
    Way(REACT, "react"),
    Way(VUE, "vue"),
    Way(WORKER, "worker"),
)
