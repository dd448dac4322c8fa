"""Variants and limits: their options, and their results."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixstore_asgi.decoding import Decoder, Variant
from pixstore_asgi.decoding.task import Limits, Task
from pixstore_asgi.errors import ConfigError

SIDES = st.integers(1, 100_000)
BOX = st.none() | st.integers(1, 16_383)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "", "width": 1}, "name"),
        ({"name": "A", "width": 1}, "name"),
        ({"name": "a" * 33, "width": 1}, "name"),
        ({"name": "a\n", "width": 1}, "name"),
        ({"name": 1, "width": 1}, "name"),
        ({"name": "a"}, "width or a height"),
        ({"name": "a", "width": 0}, "1 to 16383"),
        ({"name": "a", "width": 16_384}, "1 to 16383"),
        ({"name": "a", "height": 1.5}, "1 to 16383"),
        ({"name": "a", "height": True}, "1 to 16383"),
        ({"name": "a", "width": 1, "format": "gif"}, "jpeg, png, webp, avif"),
        ({"name": "a", "width": 1, "quality": 0}, "1 to 100"),
        ({"name": "a", "width": 1, "quality": 101}, "1 to 100"),
        ({"name": "a", "width": 1, "quality": 1.5}, "1 to 100"),
        ({"name": "a", "width": 1, "quality": 80, "format": "png"}, "no quality"),
    ],
)
def test_a_variant_that_cannot_be_is_refused(options: dict[str, Any], says: str) -> None:
    """A variant of no name, size, format or quality that there is raises ConfigError, which says which."""
    with pytest.raises(ConfigError, match=says):
        Variant(**options)


@pytest.mark.parametrize("name", ["max_pixels", "max_frames", "max_cpu_s", "max_wall_s", "max_memory_bytes"])
@pytest.mark.parametrize("value", [0, -1, "1", None, True, float("nan"), float("inf")])
def test_a_limit_that_cannot_be_is_refused(name: str, value: Any) -> None:
    """A limit that is no number above 0 raises ConfigError, which names it."""
    with pytest.raises(ConfigError, match=name):
        Limits(**{name: value})


def test_a_decoder_that_cannot_be_is_refused() -> None:
    """No process, two variants of one name and invalid variants raise ConfigError."""
    with pytest.raises(ConfigError, match="processes"):
        Decoder(processes=0)
    with pytest.raises(ConfigError, match="the same name"):
        Decoder([Variant("a", 1), Variant("a", 2)])
    with pytest.raises(ConfigError, match="Variant"):
        Decoder(["a"])  # type: ignore[list-item]


@given(SIDES, SIDES, BOX, st.integers(1, 16_383))
def test_a_variant_fits_its_box_and_is_never_larger(width: int, height: int, wide: int | None, high: int) -> None:
    """Its size is within the box and the original, touches one of them, and keeps the sides' ratio to a pixel."""
    made = Variant("v", wide, high).size_of(width, height)
    most = (min(width, wide or 16_383), min(height, high))
    assert 1 <= made[0] <= most[0]
    assert 1 <= made[1] <= most[1]
    assert made[0] == most[0] or made[1] == most[1]
    assert abs(made[0] * height - made[1] * width) <= max(width, height)


def test_a_task_is_written_and_read() -> None:
    """The fork server receives the same task as the decoder."""
    task = Task((Variant("a", 1), Variant("b", None, 2, "avif", 3)), True, Limits(1, 2, 3, 4, 5.5, 6))
    assert Task.from_json(task.to_json()) == task
