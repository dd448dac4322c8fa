"""The scenes. Each function paints one picture, and always the same one for the same palette and random seed."""

import math
import random
from collections.abc import Callable, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .paint import (
    HEIGHT,
    SIZE,
    WIDTH,
    Colour,
    along,
    below,
    disc,
    field,
    glow,
    gradient,
    grained,
    mix,
    polygon,
    ridge,
    shadow,
    tinted,
    waves,
)

Scene = Callable[[Sequence[Colour], random.Random], Image.Image]


def dunes(palette: Sequence[Colour], rng: random.Random) -> Image.Image:
    """Paint sand under a low sun. palette: three colours of the sky from the top, the sun, then far, near and shaded
    sand.
    """
    sky, sun, far, near, dark = palette[:3], palette[3], palette[4], palette[5], palette[6]
    picture = gradient(sky, bottom=330)
    sun_x = rng.uniform(560, 700)
    picture.paste(sun, mask=glow(sun_x, 235, 330, 0.75))
    picture.paste(mix(sun, (255, 255, 255), 0.55), mask=disc(sun_x, 235, 46))
    for layer in range(5):
        share = layer / 4
        crest = waves(rng, 300 + 66 * layer, 26 + 11 * layer, 1.1 - 0.12 * layer)
        lit = mix(far, near, share)
        picture.paste(
            gradient([lit, mix(lit, dark, 0.55)], top=280 + 60 * layer, bottom=480 + 90 * layer), mask=below(crest)
        )
        picture.paste(mix(lit, dark, 0.75), mask=_lee_side(crest, rng, 40 + 30 * layer))
    return grained(picture, rng, 9)


def _lee_side(crest: Callable[[float], float], rng: random.Random, depth: float) -> Image.Image:
    """Return a mask of the dunes' shaded side: from each crest down to a curve that meets it in the next trough."""
    phase = rng.uniform(0, math.tau)

    def foot(x: float) -> float:
        return crest(x) + depth * 2.6 * math.pow(max(0.0, math.sin(x / WIDTH * 8.5 + phase)), 1.3)

    edge = [(x, crest(x)) for x in range(0, WIDTH + 3, 3)]
    mask = polygon(edge + [(x, foot(x)) for x in range(WIDTH, -3, -3)])
    return mask.point(lambda v: v * 3 // 5)


def aurora(palette: Sequence[Colour], rng: random.Random) -> Image.Image:
    """Paint northern lights over a forest. palette: three colours of the sky from the top, three of the light from
    its foot, trees.
    """
    picture = gradient(palette[:3], bottom=540)
    _scatter_stars(picture, rng)
    for level, strength in ((0.5, 0.6), (0.68, 1.0)):
        foot, lift = waves(rng, level, 0.13, 1.2), rng.uniform(0.3, 0.4)
        rays = waves(rng, 0.66, 0.4, 8)
        light = field(150, 100, _curtain(foot, lift, rays, strength))
        hue = gradient([palette[5], palette[4], palette[3]], top=430 * level - 180, bottom=430 * level + 60)
        picture = ImageChops.screen(picture, ImageChops.multiply(hue, Image.merge("RGB", [light] * 3)))
    for depth in range(2):
        hills = ridge(rng, 505 + 45 * depth, 40, roughness=0.5)
        picture.paste(
            mix(palette[6], palette[2], 0.28 - 0.28 * depth), mask=below(_wooded(hills, rng, 16 + 14 * depth))
        )
    return grained(picture, rng, 7)


def _curtain(
    foot: Callable[[float], float], lift: float, rays: Callable[[float], float], strength: float
) -> Callable[[float, float], float]:
    def light(x: float, y: float) -> float:
        above = (foot(x * WIDTH) - y) / lift
        fade = math.exp(-((above * 6) ** 2)) if above < 0 else math.exp(-2.3 * above)
        return min(1.0, max(0.0, strength * fade * rays((x + 0.05 * y) * WIDTH)))

    return light


def _scatter_stars(picture: Image.Image, rng: random.Random) -> None:
    draw = ImageDraw.Draw(picture)
    for _ in range(170):
        x, y, size = rng.randrange(WIDTH), rng.randrange(430), rng.choice((0, 0, 0, 1))
        light = rng.randint(90, 235)
        draw.ellipse((x, y, x + size, y + size), fill=(light, light, min(255, light + 18)))


def _wooded(hills: Callable[[float], float], rng: random.Random, tall: float) -> Callable[[float], float]:
    """Return the curve of a ridge with a row of spruces on it."""
    trees = []
    x = -10.0
    while x < WIDTH + 20:
        height = tall * rng.uniform(0.5, 1.5)
        trees.append((x, height, height * rng.uniform(0.2, 0.28)))
        x += tall * rng.uniform(0.2, 0.62)

    def curve(x: float) -> float:
        rises = [height * (1 - abs(x - foot) / half) for foot, height, half in trees if abs(x - foot) < half]
        return hills(x) - max(rises, default=0.0)

    return curve


def mountains(palette: Sequence[Colour], rng: random.Random) -> Image.Image:
    """Paint sheets of cut paper, one over another. palette: the sky, the sun, then the papers from far to near."""
    sky, sun, papers = palette[0], palette[1], palette[2:]
    picture = Image.new("RGB", SIZE, sky)
    middle = (rng.uniform(560, 660), rng.uniform(180, 215))
    for ring in range(3, 0, -1):
        circle = disc(*middle, 46 + 44 * ring)
        picture.paste(mix(sky, sun, 0.16 * (4 - ring)), mask=circle)
    picture.paste(sun, mask=disc(*middle, 62))
    for layer in range(7):
        share = layer / 6
        jagged = ridge(rng, 255 + 52 * layer, 250 - 20 * layer, roughness=0.52)
        sheet = below(jagged, step=6)
        picture.paste(papers[-1], mask=shadow(sheet, offset=6, blur=8, strength=0.42))
        picture.paste(along(papers, share), mask=sheet)
    return picture


def bokeh(palette: Sequence[Colour], rng: random.Random) -> Image.Image:
    """Paint city lights out of focus. palette: two dark colours from the top, then the lights."""
    picture = gradient(palette[:2])
    lights = palette[2:]
    for depth, (count, blur) in enumerate(((18, 14.0), (26, 3.0), (14, 1.0))):
        layer = Image.new("RGB", SIZE)
        for _ in range(count):
            radius = rng.uniform(22, 46) * (1.5 - 0.28 * depth)
            x, y = rng.uniform(-20, WIDTH + 20), min(max(rng.gauss(360, 95), 40), 590)
            dimmed = mix((0, 0, 0), rng.choice(lights), rng.uniform(0.3, 0.62) + 0.08 * depth)
            _add_aperture(layer, x, y, radius, dimmed)
        picture = ImageChops.screen(picture, layer.filter(ImageFilter.GaussianBlur(blur)))
    return grained(picture, rng, 9)


def _add_aperture(layer: Image.Image, x: float, y: float, radius: float, light: Colour) -> None:
    """Paint a point of light that is out of focus: a disc with a brighter rim."""
    left, top, side = math.floor(x - radius), math.floor(y - radius), math.ceil(2 * radius) + 2
    spot = Image.new("RGB", (side, side))
    place = (x - radius - left, y - radius - top, x + radius - left, y + radius - top)
    ImageDraw.Draw(spot).ellipse(place, fill=mix((0, 0, 0), light, 0.72), outline=light, width=3)
    box = (left, top, left + side, top + side)
    layer.paste(ImageChops.screen(layer.crop(box), spot), box)


def tide(palette: Sequence[Colour], rng: random.Random) -> Image.Image:
    """Paint a sunset over calm water. palette: four colours of the sky from the top, the sun, two of the sea, the
    far one first.
    """
    sun, horizon = palette[4], 340
    picture = gradient(palette[:4], bottom=horizon)
    x = rng.uniform(280, 400)
    picture.paste(sun, mask=glow(x, horizon - 40, 420, 0.8))
    picture.paste(mix(sun, (255, 255, 255), 0.5), mask=disc(x, horizon - 34, 58))
    sea = gradient(palette[5:7], top=horizon, bottom=HEIGHT)
    picture.paste(sea, mask=below(lambda _: horizon))
    glitter = Image.new("L", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(glitter)
    for _ in range(900):
        near = rng.random() ** 1.7
        y = horizon + 2 + near * (HEIGHT - horizon)
        spread = 34 + 190 * near
        middle, half = rng.gauss(x, spread * 0.55), rng.uniform(4, 14) * (0.5 + 2.4 * near)
        light = round(250 * math.exp(-(((middle - x) / spread) ** 2)) * rng.uniform(0.25, 1))
        draw.ellipse((middle - half, y, middle + half, y + 0.6 + 3.4 * near), fill=light)
    picture.paste(mix(sun, (255, 255, 255), 0.35), mask=glitter.filter(ImageFilter.GaussianBlur(0.8)))
    return grained(picture, rng, 8)


def silk(palette: Sequence[Colour], rng: random.Random) -> Image.Image:
    """Paint folds of cloth. palette: any number of colours, from shadow to light."""
    a, b, c = rng.uniform(0, math.tau), rng.uniform(0, math.tau), rng.uniform(0, math.tau)

    def fold(x: float, y: float) -> float:
        u = x * 1.5 + 0.32 * math.sin(2.2 * y + a) + 0.12 * math.sin(5.1 * x + b)
        v = y + 0.24 * math.sin(3.1 * u + c)
        crease = math.sin(7.2 * v + 2.4 * u + a)
        return 0.5 + 0.5 * (0.72 * crease + 0.28 * math.sin(3.3 * crease + 4.2 * u + b))

    return grained(tinted(field(180, 120, fold), palette), rng, 6)
