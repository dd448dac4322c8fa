"""Variants that cover their box: the arithmetic of the crop, and the pixels that stay."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from pixstore_asgi.decoding import Variant
from pixstore_asgi.decoding.pictures import decode
from pixstore_asgi.decoding.task import Task
from pixstore_asgi.errors import ConfigError
from tests.decoding.made import COLOURS, FORMATS, corners, encoded, near, opened, quarters, task
from tests.support.oriented import orientation_seen, oriented_pictures

SIDES = st.integers(1, 20_000)
BOX = st.integers(1, 16_383)
FRACTIONS = st.floats(0, 1)


def cover(width: int, height: int, **options: Any) -> Variant:
    return Variant("avatar", width, height, fit="cover", **options)


def made_of(data: bytes, kind: str, variant: Variant) -> Image.Image:
    return opened(decode(io.BytesIO(data), kind, task(variant)).variants["avatar"].data)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"fit": "cover", "width": 96}, "needs a width and a height"),
        ({"fit": "cover", "height": 96}, "needs a width and a height"),
        ({"fit": "fill", "width": 96}, "inside or cover"),
        ({"width": 96, "focus": (0.1, 0.5)}, 'only fit="cover"'),
        *(
            ({"fit": "cover", "width": 96, "height": 96, "focus": focus}, "two numbers from 0 to 1")
            for focus in [(0.5,), (0, 0, 0), (-0.1, 0), (0, 1.1), (float("nan"), 0), ("0", 0), (True, 0), 0.5, None]
        ),
    ],
)
def test_a_crop_that_cannot_be_is_refused(options: dict[str, Any], says: str) -> None:
    """A missing side, another fit and an invalid focus raise ConfigError, which says which."""
    with pytest.raises(ConfigError, match=says):
        Variant("avatar", **options)


def test_a_task_keeps_its_focus() -> None:
    """The fork server receives fit and focus. The focus of one picture replaces those of cropped variants only."""
    made = task(cover(96, 96, focus=(0.25, 1)), Variant("thumb", 320))
    assert Task.from_json(made.to_json()) == made
    assert made.with_focus((0, 0)) == task(cover(96, 96, focus=(0, 0)), Variant("thumb", 320))


@given(SIDES, SIDES, BOX, BOX, FRACTIONS, FRACTIONS)
def test_a_crop_is_the_largest_of_its_ratio(w: int, h: int, wide: int, high: int, x: float, y: float) -> None:
    """The crop lies within the picture, touches two opposite edges, and has the ratio of the variant."""
    variant = cover(wide, high, focus=(x, y))
    across, down = variant.size_of(w, h)
    left, top, right, bottom = variant.crop_of(w, h)
    assert 0 <= left < right <= w
    assert 0 <= top < bottom <= h
    assert (left, right) == (0, w) or (top, bottom) == (0, h)
    assert (right - left) * down == pytest.approx((bottom - top) * across)


@given(SIDES, SIDES, BOX, BOX)
def test_a_crop_is_as_large_as_its_box_or_smaller(w: int, h: int, wide: int, high: int) -> None:
    """A picture that covers the box gives exactly the box. A smaller one is not enlarged and has the box's ratio."""
    variant = cover(wide, high)
    across, down = variant.size_of(w, h)
    left, top, right, bottom = variant.crop_of(w, h)
    assert 1 <= across <= min(w, wide)
    assert 1 <= down <= min(h, high)
    assert across <= right - left + 1e-6
    assert down <= bottom - top + 1e-6
    if w >= wide and h >= high:
        assert (across, down) == (wide, high)
    else:
        assert abs(across * high - down * wide) <= max(wide, high)


@given(SIDES, SIDES, BOX, BOX, FRACTIONS, FRACTIONS)
def test_the_focus_is_in_the_crop(w: int, h: int, wide: int, high: int, x: float, y: float) -> None:
    """The focus is within the crop, and in its middle if no edge of the picture is nearer; to a pixel."""
    left, top, right, bottom = cover(wide, high, focus=(x, y)).crop_of(w, h)
    for at, low, end, side in ((x * w, left, right, w), (y * h, top, bottom, h)):
        assert low - 1 <= at <= end + 1
        if low > 1 and end < side - 1:
            assert (low + end) / 2 == pytest.approx(at, abs=1)


@given(SIDES, SIDES, BOX, BOX)
def test_the_whole_picture_is_shrunk_to_the_scale_of_the_crop(w: int, h: int, wide: int, high: int) -> None:
    """The picture that all variants are made from is no larger than the original and no smaller than the variant."""
    for variant in (cover(wide, high), Variant("thumb", wide, high)):
        size, whole = variant.size_of(w, h), variant.whole_size(w, h)
        assert size[0] <= whole[0] <= w
        assert size[1] <= whole[1] <= h
        assert variant.fit == "cover" or whole == size


def numbered(width: int, height: int) -> Image.Image:
    """Return a picture of which each pixel has another colour."""
    picture = Image.new("RGB", (width, height))
    picture.putdata([(x * 3, y * 3, (x + y) % 2 * 255) for y in range(height) for x in range(width)])
    return picture


@pytest.mark.parametrize(
    ("box", "focus", "seen"),
    [
        ((100, 100), (0.5, 0.5), (10, 0, 50, 40)),
        ((100, 100), (0, 0.5), (0, 0, 40, 40)),
        ((100, 100), (1, 0.5), (20, 0, 60, 40)),
        ((100, 100), (0.6, 0), (16, 0, 56, 40)),
        ((200, 50), (0.5, 0.5), (0, 12, 60, 27)),
        ((200, 50), (0.5, 0.25), (0, 2, 60, 17)),
        ((200, 50), (0.5, 1), (0, 25, 60, 40)),
    ],
)
def test_a_small_picture_is_only_cropped(
    box: tuple[int, int], focus: tuple[float, float], seen: tuple[int, int, int, int]
) -> None:
    """A picture of 60 by 40 pixels gives exactly the pixels around the focus, none of them enlarged or blended."""
    made = made_of(encoded(numbered(60, 40), "png"), "png", cover(*box, focus=focus, format="png"))
    expected = numbered(60, 40).crop(seen)
    assert made.size == expected.size
    assert made.convert("RGB").tobytes() == expected.tobytes()


@pytest.mark.parametrize("focus", [(0.5, 0.5), (0.1, 0.9), (0.77, 0.2)])
def test_a_large_picture_is_scaled_and_cropped(focus: tuple[float, float]) -> None:
    """The variant looks as the crop of the original does once that is scaled by itself."""
    picture = Image.radial_gradient("L").resize((900, 640)).convert("RGB")
    variant = cover(96, 120, focus=focus, format="png")
    crop = variant.crop_of(900, 640)
    expected = picture.resize((96, 120), Image.Resampling.LANCZOS, crop)
    for kind in ("png", "jpeg"):
        made = made_of(encoded(picture, kind), kind, variant).convert("RGB")
        assert made.size == (96, 120)
        assert max(high for _, high in ImageChops.difference(made, expected).getextrema()) <= 6  # type: ignore[misc]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", None])
def test_each_format_is_cropped(kind: str, format: str | None) -> None:
    """A crop around the middle of each quarter shows its column or its row, from and in every format."""
    data = encoded(quarters(240, 160), kind)
    for number in range(4):
        focus = (0.25 + number % 2 / 2, 0.25 + number // 2 / 2)
        high = made_of(data, kind, cover(40, 80, focus=focus, format=format))
        wide = made_of(data, kind, cover(120, 20, focus=focus, format=format))
        assert (high.size, wide.size) == ((40, 80), (120, 20))
        column, row = number % 2, number // 2 * 2
        assert near(corners(high), [*[COLOURS[column]] * 2, *[COLOURS[2 + column]] * 2], 40)
        assert near(corners(wide), [COLOURS[row], COLOURS[row + 1]] * 2, 40)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own, of damaged EXIF
@pytest.mark.parametrize("name", oriented_pictures())
def test_the_focus_is_of_the_picture_as_displayed(name: str) -> None:
    """A picture that is turned by its orientation is turned first and then cropped around the focus."""
    data, orientation = oriented_pictures()[name]
    kind = name.split()[0]
    whole = made_of(data, kind, Variant("avatar", 24, 24, format="png"))
    assert orientation_seen(*whole.size, corners(whole)) == orientation
    for focus in ((0.0, 0.0), (1.0, 1.0)):
        made = made_of(data, kind, cover(100, 100, focus=focus, format="png"))
        left, top = (side - 16 if at else 0 for side, at in zip(whole.size, focus, strict=True))
        assert made.size == (16, 16)
        assert made.convert("RGB").tobytes() == whole.crop((left, top, left + 16, top + 16)).convert("RGB").tobytes()


def test_transparency_is_cropped_too() -> None:
    """The transparent half of a picture stays transparent in the crop, and is white in JPEG."""
    picture = quarters(60, 40, "RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 30, 40))
    data = encoded(picture, "png")
    left = made_of(data, "png", cover(20, 40, focus=(0, 0.5), format="webp"))
    right = made_of(data, "png", cover(20, 40, focus=(1, 0.5), format="webp"))
    alphas = [each.convert("RGBA").getchannel("A").getextrema() for each in (left, right)]
    assert alphas == [(0, 0), (255, 255)]
    assert near(corners(made_of(data, "png", cover(20, 40, focus=(0, 0), format="jpeg"))), [(255, 255, 255)] * 4)


def test_a_crop_changes_no_other_variant() -> None:
    """Width, height, placeholder and the other variants of a picture are the same with a cropped variant beside."""
    data, others = encoded(quarters(240, 160), "jpeg"), (Variant("thumb", 60), Variant("card", 120, format="webp"))
    alone = decode(io.BytesIO(data), "jpeg", task(*others, placeholder=True))
    beside = decode(io.BytesIO(data), "jpeg", task(*others, cover(60, 60), placeholder=True))
    del beside.variants["avatar"]
    assert (alone.width, alone.height, alone.placeholder) == (beside.width, beside.height, beside.placeholder)
    assert beside == alone


@pytest.mark.parametrize("size", [(3000, 2), (2, 3000), (1, 1)])
def test_thin_pictures_are_cropped(size: tuple[int, int]) -> None:
    """No side of a crop is less than a pixel."""
    for kind in ("jpeg", "png"):
        for box, made in (((16_383, 1), (min(size[0], 16_383), 1)), ((30, 30), (min(size), min(size)))):
            assert made_of(encoded(Image.new("RGB", size), kind), kind, cover(*box)).size == made
