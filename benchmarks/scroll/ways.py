"""The ways to show a long page of pictures."""

from dataclasses import dataclass

from pixstore_asgi import Variant

THUMB = Variant("thumb", width=320, format="webp")
"""The ways to show each picture."""

ELEMENT, AGAIN, REACT, IN_CLEAR, NPM = "pix-image", "pix-image, again", "React", "img, in clear", "npm by hand"
EMPTY = "empty page"
"""As high as the others, without a picture: the browser's own limit here."""

OURS = (ELEMENT, AGAIN, REACT)


@dataclass(frozen=True, slots=True)
class Way:
    """`script` fills the page. `visits` are the names of the visits to it; the later ones have a warm cache."""

    script: str
    visits: tuple[str, ...]


WAYS = (
    Way("empty", (EMPTY,)),
    Way("element", (ELEMENT, AGAIN)),
    Way("react", (REACT,)),
    Way("plain", (IN_CLEAR,)),
    Way("npm", (NPM,)),
)
