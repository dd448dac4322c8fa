"""The ways to show a long page of pictures."""

from dataclasses import dataclass

from pixstore_asgi import Variant

from ..plan import MB

THUMB = Variant("thumb", width=320, format="webp")
"""The ways to show each picture."""

ELEMENT, AGAIN, REACT, IN_CLEAR, NPM = "pix-image", "pix-image, again", "React", "img, in clear", "npm by hand"
FLOOR = "fetch, decrypt, Blob, img"
"""The least that shows an encrypted picture, without a cache or batches."""

SOFTWARE_AES = "pix-image, AES in software"
"""The element in a Chromium that does not use the processor's instructions for AES."""

EMPTY = "empty page"
"""As high as the others, without a picture: the browser's own limit here."""

IN_WEBKIT = {f"{name}, WebKitGTK": name for name in (ELEMENT, IN_CLEAR)}
"""The pages that are shown in WebKitGTK too, by their names there."""

ELEMENT_IN_WEBKIT, IN_CLEAR_IN_WEBKIT = IN_WEBKIT
WEBKIT_LIMIT = 200 * MB
"""The most that WebKit's web process may grow above a blank page on a page that it survives."""

ONCE = (EMPTY, AGAIN, NPM, FLOOR)
"""The pages that one round shows: they have no ratio, or one far from its bound."""

OURS = (ELEMENT, AGAIN, REACT)
PER_PICTURE = (ELEMENT, REACT, SOFTWARE_AES)
"""The pages that have a target for the processor time of a picture."""


@dataclass(frozen=True, slots=True)
class Way:
    """`script` fills the page. `visits` are the names of the visits to it; the later ones have a warm cache.

    has_aes: whether the browser uses the processor's instructions for AES.
    """

    script: str
    visits: tuple[str, ...]
    has_aes: bool = True


WAYS = (
    Way("empty", (EMPTY,)),
    Way("element", (ELEMENT, AGAIN)),
    Way("react", (REACT,)),
    Way("plain", (IN_CLEAR,)),
    Way("npm", (NPM,)),
    Way("floor", (FLOOR,)),
    Way("element", (SOFTWARE_AES,), has_aes=False),
)
