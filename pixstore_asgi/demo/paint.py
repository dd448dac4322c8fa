"""Tools to paint the scenes, with Pillow only: gradients, curves, silhouettes and grain."""

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter

WIDTH, HEIGHT = 900, 600
SIZE = (WIDTH, HEIGHT)

Colour = tuple[int, int, int]
Curve = Callable[[float], float]
"""A height for every x, both in pixels from the top left."""

_OVERSAMPLING = 2  # masks are drawn at twice the size and scaled down, for smooth edges


def colours(text: str) -> list[Colour]:
    """Return the colours of hexadecimal triplets separated by spaces, such as "f4a259 5b8e7d"."""
    return [(red, green, blue) for red, green, blue in map(bytes.fromhex, text.split())]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour that is `share` (0 to 1) of the way from `first` to `second`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def along(stops: Sequence[Colour], position: float) -> Colour:
    """Return the colour at `position` (0 to 1) of evenly spaced stops."""
    place = min(max(position, 0.0), 1.0) * (len(stops) - 1)
    left = min(int(place), len(stops) - 2)
    return mix(stops[left], stops[left + 1], place - left)


def gradient(stops: Sequence[Colour], *, top: float = 0, bottom: float = HEIGHT) -> Image.Image:
    """Return a vertical gradient of the picture's size. Its first stop is at height `top`, and its last at `bottom`."""
    column = Image.new("RGB", (1, HEIGHT))
    column.putdata([along(stops, (y - top) / (bottom - top)) for y in range(HEIGHT)])
    return column.resize(SIZE)


def waves(rng: random.Random, level: float, height: float, count: float) -> Curve:
    """Return a soft curve with about `count` waves. It is at most `height` above or below `level`."""
    parts = [(count * 2**n * rng.uniform(0.8, 1.2), rng.uniform(0, math.tau), 0.5**n) for n in range(3)]

    def curve(x: float) -> float:
        return level + height * sum(a * math.sin(f * x / WIDTH * math.tau + p) for f, p, a in parts) / 1.75

    return curve


def ridge(rng: random.Random, level: float, height: float, *, roughness: float = 0.55) -> Curve:
    """Return a jagged curve around `level`, about `height` pixels high. It is made by midpoint displacement."""
    heights = [rng.uniform(-0.5, 0.5) for _ in range(4)]
    reach = roughness
    while len(heights) < 100:
        between = [(a + b) / 2 + rng.uniform(-reach, reach) / 2 for a, b in pairwise(heights)]
        heights = [value for pair in zip(heights, between, strict=False) for value in pair] + heights[-1:]
        reach *= roughness

    def curve(x: float) -> float:
        place = min(max(x / WIDTH, 0.0), 1.0) * (len(heights) - 1)
        left = min(int(place), len(heights) - 2)
        return level + height * (heights[left] + (heights[left + 1] - heights[left]) * (place - left))

    return curve


def below(curve: Curve, *, step: int = 3) -> Image.Image:
    """Return the mask of everything below a curve."""
    points = [(x, curve(x)) for x in range(0, WIDTH + step, step)]
    return polygon([*points, (WIDTH, HEIGHT), (0, HEIGHT)])


def polygon(points: Sequence[tuple[float, float]]) -> Image.Image:
    """Return the mask of a polygon."""
    mask, draw = _large_mask()
    draw.polygon([(x * _OVERSAMPLING, y * _OVERSAMPLING) for x, y in points], fill=255)
    return mask.reduce(_OVERSAMPLING)


def disc(x: float, y: float, radius: float) -> Image.Image:
    """Return the mask of a disc."""
    mask, draw = _large_mask()
    box = (x - radius, y - radius, x + radius, y + radius)
    draw.ellipse([side * _OVERSAMPLING for side in box], fill=255)
    return mask.reduce(_OVERSAMPLING)


def glow(x: float, y: float, radius: float, strength: float) -> Image.Image:
    """Return the mask of a light that fades out towards `radius`. strength: its value in the middle, 0 to 1."""
    side = round(radius * 2)
    # Pillow's gradient has the value 181 at the middle of its sides. The light must end there.
    light = Image.radial_gradient("L").point(lambda v: round(max(0.0, 1 - v / 181) ** 2 * strength * 255))
    mask = Image.new("L", SIZE)
    mask.paste(light.resize((side, side), Image.Resampling.BICUBIC), (round(x - radius), round(y - radius)))
    return mask


def shadow(mask: Image.Image, *, offset: int, blur: float, strength: float) -> Image.Image:
    """Return the mask of a shape's shadow, `offset` pixels above the shape."""
    moved = ImageChops.offset(mask, 0, -offset)
    moved.paste(255, (0, HEIGHT - offset, WIDTH, HEIGHT))
    return moved.filter(ImageFilter.GaussianBlur(blur)).point(lambda v: round(v * strength))


def field(width: int, height: int, value: Callable[[float, float], float]) -> Image.Image:
    """Return a mask of the picture's size. `value` is called for a coarse grid, with x and y from 0 to 1."""
    grid = Image.new("F", (width, height))
    grid.putdata([255 * value(x / (width - 1), y / (height - 1)) for y in range(height) for x in range(width)])
    return grid.resize(SIZE, Image.Resampling.BICUBIC).convert("L")


def tinted(mask: Image.Image, stops: Sequence[Colour]) -> Image.Image:
    """Colour a mask: black becomes the first stop, white the last one."""
    table = [along(stops, value / 255) for value in range(256)]
    channels = [mask.point([entry[n] for entry in table]) for n in range(3)]
    return Image.merge("RGB", channels)


def grained(image: Image.Image, rng: random.Random, strength: int = 5) -> Image.Image:
    """Add a fine grain of up to `strength` levels to the image. It hides the steps of smooth gradients."""
    noise = Image.frombytes("L", SIZE, rng.randbytes(WIDTH * HEIGHT)).point(lambda v: v * strength // 256)
    return ImageChops.add(image, Image.merge("RGB", [noise] * 3), 1, -(strength // 2))


def _large_mask() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    mask = Image.new("L", (WIDTH * _OVERSAMPLING, HEIGHT * _OVERSAMPLING))
    return mask, ImageDraw.Draw(mask)
