"""Reach: which images are worth keeping, told by what was read since they were last asked for."""

from pixstore_asgi.serving.reach import Reach


def test_an_image_is_in_reach_until_as_much_was_read() -> None:
    """The second request counts while no more than `max_bytes` were read in between, and the third from the second."""
    reach = Reach(100_000)
    assert reach.ask("a") is False
    reach.read(100_000)
    assert reach.ask("a") is True
    reach.read(100_000)
    assert reach.ask("a") is True
    reach.read(100_001)
    assert reach.ask("a") is False


def test_what_is_out_of_reach_is_forgotten() -> None:
    """However many images are asked for, and however small, those remembered are bounded by `max_bytes`."""
    reach = Reach(400_000)
    for number in range(10_000):
        reach.ask(f"image-{number}")
        reach.read(1)
    assert len(reach._asked) <= 400_000 / 4096 + 1
    assert reach.ask("image-9950") is True
    assert reach.ask("image-1") is False


def test_ids_of_which_nothing_is_read_are_few_too() -> None:
    """However many unknown ids are asked for, those remembered are bounded, and the last one is among them."""
    reach = Reach(400_000)
    for number in range(10_000):
        reach.ask(f"unknown-{number}")
    assert len(reach._asked) <= 400_000 / 4096 + 1
    assert reach.ask("unknown-9999") is True
    tiny = Reach(1)
    for number in range(10):
        tiny.ask(f"unknown-{number}")
    assert len(tiny._asked) == 1


def test_a_cleared_reach_remembers_nothing() -> None:
    """After `clear` every request is the first one."""
    reach = Reach(100_000)
    reach.ask("a")
    reach.clear()
    assert reach.ask("a") is False
