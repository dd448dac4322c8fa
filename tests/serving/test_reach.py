"""Reach: which images are worth keeping, told by what was read since they were last asked for."""

import pytest

from pixstore_asgi.serving.reach import Reach


@pytest.mark.parametrize("read_before", [0, 45_000])
def test_an_image_is_in_reach_until_as_much_was_read(read_before: int) -> None:
    """It is while at most half of `max_bytes` was read since it was asked for, and never after all of them."""
    reach = Reach(100_000)
    assert "a" not in reach
    reach.read(read_before)
    reach.ask("a")
    reach.read(45_000)
    assert "a" in reach
    for _ in range(2):
        reach.read(51_000)
    assert "a" not in reach


def test_who_asks_again_stays_in_reach() -> None:
    """However much was read since the first request, the last one counts."""
    reach = Reach(100_000)
    for _ in range(10):
        reach.ask("a")
        reach.read(45_000)
        assert "a" in reach


@pytest.mark.parametrize("body_bytes", [0, 1, 5_000])
def test_what_is_remembered_is_bounded(body_bytes: int) -> None:
    """However many ids are asked for, unknown ones or of small images, those remembered are bounded by `max_bytes`."""
    reach = Reach(400_000)
    for number in range(10_000):
        reach.ask(f"image-{number}")
        reach.read(body_bytes)
    assert len(reach._lately) + len(reach._before) <= 400_000 / 4096 + 1
    assert "image-9999" in reach
    assert "image-1" not in reach


def test_a_cleared_reach_remembers_nothing() -> None:
    """After `clear` every request is the first one."""
    reach = Reach(100_000)
    reach.ask("a")
    reach.clear()
    assert "a" not in reach
