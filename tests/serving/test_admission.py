"""Admission: the cache keeps an image only if it is requested again soon."""

import pytest

from pixstore_asgi.serving.entries import Admission


@pytest.mark.parametrize("read_before", [0, 45_000])
def test_an_image_is_admitted_until_the_limit_was_read(read_before: int) -> None:
    """A request counts until half of `max_bytes` was read after it, and never after all of `max_bytes`."""
    admission = Admission(100_000)
    assert "a" not in admission
    admission.add_read(read_before)
    admission.add_request("a")
    admission.add_read(45_000)
    assert "a" in admission
    for _ in range(2):
        admission.add_read(51_000)
    assert "a" not in admission


def test_repeated_requests_keep_an_image_admitted() -> None:
    """Only the last request counts, however much was read since the first one."""
    admission = Admission(100_000)
    for _ in range(10):
        admission.add_request("a")
        admission.add_read(45_000)
        assert "a" in admission


@pytest.mark.parametrize("body_bytes", [0, 1, 5_000])
def test_the_number_of_remembered_ids_is_bounded(body_bytes: int) -> None:
    """`max_bytes` bounds the number of remembered ids, even for unknown ids and small images."""
    admission = Admission(400_000)
    for number in range(10_000):
        admission.add_request(f"image-{number}")
        admission.add_read(body_bytes)
    assert len(admission._current) + len(admission._previous) <= 400_000 / 4096 + 1
    assert "image-9999" in admission
    assert "image-1" not in admission


def test_clear_forgets_all_requests() -> None:
    """After `clear` every request is a first request."""
    admission = Admission(100_000)
    admission.add_request("a")
    admission.clear()
    assert "a" not in admission
