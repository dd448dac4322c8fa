"""ThumbHash: a placeholder for a picture in about 25 bytes (Evan Wallace, https://evanw.github.io/thumbhash/).

This package has its own code for it: the Python packages are unmaintained ports or a single author's binary. The format
will not change. tests/decoding compares the bytes with those of the original encoder.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_TRIANGLE_SIDE = 3


class _Channel(NamedTuple):
    """One channel after its discrete cosine transform (DCT): its mean, its other terms scaled to 0 to 1, and their
    scale.
    """

    dc: float
    ac: list[float]
    scale: float


def thumbhash(width: int, height: int, rgba: bytes) -> bytes:
    """Return the ThumbHash of a picture of at most 100 by 100 pixels.

    rgba: rows of RGBA, 8 bits each, not premultiplied.
    """
    luminance, yellow_blue, red_green, alpha = _channels(rgba)
    has_alpha = min(alpha) < 1
    most, longest = (5 if has_alpha else 7), max(width, height)
    lx, ly = (max(1, _round(most * side / longest)) for side in (width, height))

    def encoded(values: Sequence[float], nx: int, ny: int) -> _Channel:
        return _encode(values, width, height, max(nx, _TRIANGLE_SIDE), max(ny, _TRIANGLE_SIDE))

    coloured = [encoded(luminance, lx, ly), encoded(yellow_blue, 3, 3), encoded(red_green, 3, 3)]
    channels = [*coloured, encoded(alpha, 5, 5)] if has_alpha else coloured
    return _constants(channels, lx, ly, is_landscape=width > height) + _packed(channels)


def _channels(rgba: bytes) -> tuple[list[float], ...]:
    """Return four channels of all pixels: luminance, yellow minus blue, red minus green, and alpha.

    Transparent pixels are blended with the picture's mean colour.
    """
    alpha = [value / 255 for value in rgba[3::4]]
    total = sum(alpha)
    colours = []
    for plane in (rgba[0::4], rgba[1::4], rgba[2::4]):
        mean = sum(a / 255 * value for a, value in zip(alpha, plane, strict=True)) / (total or 1)
        colours.append([mean * (1 - a) + a / 255 * value for a, value in zip(alpha, plane, strict=True)])
    pixels = list(zip(*colours, strict=True))
    return (
        [(r + g + b) / 3 for r, g, b in pixels],
        [(r + g) / 2 - b for r, g, b in pixels],
        [r - g for r, g, _ in pixels],
        alpha,
    )


def _encode(values: Sequence[float], width: int, height: int, nx: int, ny: int) -> _Channel:
    """Return the DCT of one channel. It has only the terms in a triangle of nx by ny terms."""
    columns = _cosines(width, nx)
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    along = [[sum(map(float.__mul__, row, column)) for column in columns] for row in rows]
    dc, *ac = (
        sum(f * sums[cx] for f, sums in zip(row_cosines, along, strict=True)) / (width * height)
        for cy, row_cosines in enumerate(_cosines(height, ny))
        for cx in range(_terms_in_row(cy, nx, ny))
    )
    scale = max(map(abs, ac), default=0.0)
    return _Channel(dc, [0.5 + 0.5 / scale * term for term in ac] if scale else ac, scale)


def _cosines(side: int, count: int) -> list[list[float]]:
    return [[math.cos(math.pi / side * c * (at + 0.5)) for at in range(side)] for c in range(count)]


def _terms_in_row(cy: int, nx: int, ny: int) -> int:
    """Return how many cosine terms row `cy` of the triangle has: the integers cx from 0 with cx * ny < nx * (ny -
    cy).
    """
    return -(-nx * (ny - cy) // ny)


def _constants(channels: list[_Channel], lx: int, ly: int, *, is_landscape: bool) -> bytes:
    luminance, yellow_blue, red_green, *alpha = channels
    head = _round(63 * luminance.dc)
    head |= _round(31.5 + 31.5 * yellow_blue.dc) << 6 | _round(31.5 + 31.5 * red_green.dc) << 12
    head |= _round(31 * luminance.scale) << 18 | bool(alpha) << 23
    more = (ly if is_landscape else lx) | _round(63 * yellow_blue.scale) << 3 | _round(63 * red_green.scale) << 9
    more |= is_landscape << 15
    of_alpha = bytes(_round(15 * each.dc) | _round(15 * each.scale) << 4 for each in alpha)
    return head.to_bytes(3, "little") + more.to_bytes(2, "little") + of_alpha


def _packed(channels: list[_Channel]) -> bytes:
    """Return all terms except the means, two per byte. The first one is in the low bits."""
    nibbles: Iterator[int] = (_round(15 * term) for channel in channels for term in channel.ac)
    return bytes(low | next(nibbles, 0) << 4 for low in nibbles)


def _round(value: float) -> int:
    """Round as JavaScript's Math.round does: a half is rounded up."""
    return math.floor(value + 0.5)
