"""The demo's pictures. They are painted when they are needed, and are the same in every run."""

import colorsys
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass

from . import scenes
from .paint import Colour, colours

_GOLDEN = 0.618  # the fractional parts of its multiples are spread evenly
_SAVE_OPTIONS = {"png": {}, "jpeg": {"quality": 88}, "webp": {"quality": 86, "method": 2}}


@dataclass(frozen=True, slots=True)
class Picture:
    """A painted picture. title: its title. data: a PNG, WebP or JPEG file of 900 by 600 pixels."""

    title: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Motif:
    """One scene, the file format that suits it, and two moods. Each mood is a title and a palette for the scene."""

    scene: scenes.Scene
    format: str
    moods: tuple[tuple[str, str], tuple[str, str]]
    shift: float
    """How far, 0 to 1, the hues of the palette may turn around the colour wheel between two variations."""

    def paint(self, mood: int, seed: int, variation: int = 1) -> Picture:
        title, palette = self.moods[mood]
        turn = self.shift * (variation * _GOLDEN % 1 - 0.5) if variation > 1 else 0.0
        output = io.BytesIO()
        image = self.scene(_turned(colours(palette), turn), random.Random(seed))  # noqa: S311 - picture, not secret
        image.save(output, self.format, **_SAVE_OPTIONS[self.format])
        return Picture(title if variation == 1 else f"{title} {variation}", output.getvalue())


_MOTIFS = (
    _Motif(
        scenes.mountains,
        "png",
        (
            ("Paper mountains", "fbe3c6 f2745a f6b98f dd7f74 8f5273 4a3a66 22274d"),
            ("Paper fjord", "dcefe9 f6f3d4 a9d3c8 6baba5 3f7f86 275a6b 123447"),
        ),
        shift=0.5,
    ),
    _Motif(
        scenes.aurora,
        "webp",
        (
            ("Northern lights", "060b1d 0c1f3a 1a3f55 7df0a8 35c9a5 7b4fd0 03070f"),
            ("Solar storm", "0b0820 1d1440 41285c ff9fb8 b06be0 4a62d8 06040f"),
        ),
        shift=0.5,
    ),
    _Motif(
        scenes.dunes,
        "jpeg",
        (
            ("Dunes at dusk", "2f4b6e b9788a f6c28b ffd9a0 e9a36f d97b45 5b2a2e"),
            ("Dunes at noon", "88a9bd d9dfd7 f7ecd2 fff6dc e8d3ae d3a976 6b4f45"),
        ),
        shift=0.12,
    ),
    _Motif(
        scenes.silk,
        "webp",
        (
            ("Evening silk", "12153a 3a2a78 8a4fb5 ef7fa3 ffd3ad fff3e0"),
            ("Jade silk", "06262b 0d5656 2f9c84 a5d99a f3f4c6 ffffff"),
        ),
        shift=0.5,
    ),
    _Motif(
        scenes.tide,
        "webp",
        (
            ("Last light", "26335c 76527f d9797a fbc088 ffcf8a b56a72 1d2546"),
            ("First light", "1f5a73 5fa3ad bfd9c9 fbe9c0 fff2c4 7fb3b0 0f3b50"),
        ),
        shift=0.16,
    ),
    _Motif(
        scenes.bokeh,
        "jpeg",
        (
            ("City, out of focus", "0a0d1f 27142b ffb45e ff7a4d ffe0a3 d9486b 5e7bff"),
            ("Harbour, out of focus", "04141b 0c2b33 6fe3d0 b8f28a fff0b0 4aa3ff f58fbf"),
        ),
        shift=0.6,
    ),
)


def seeds() -> Iterator[Picture]:
    """Paint the first pictures of a new gallery: one for every scene. PNG, WebP and JPEG are among them."""
    return (motif.paint(mood=0, seed=3) for motif in _MOTIFS)


def another(n: int) -> Picture:
    """Paint picture number `n` of an endless series. All titles differ, also from those of `seeds`."""
    rounds, place = divmod(n, len(_MOTIFS))
    motif = random.Random(rounds).sample(_MOTIFS, len(_MOTIFS))[place]  # noqa: S311 - no two rows look alike
    return motif.paint(mood=(rounds + 1) % 2, seed=4 + n, variation=(rounds + 1) // 2 + 1)


def _turned(palette: list[Colour], turn: float) -> list[Colour]:
    turned = []
    for colour in palette:
        hue, light, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
        red, green, blue = (round(part * 255) for part in colorsys.hls_to_rgb((hue + turn) % 1, light, saturation))
        turned.append((red, green, blue))
    return turned
