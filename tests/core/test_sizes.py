"""Sizes in messages."""

import pytest

from pixstore_asgi.core.sizes import size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1 KiB"),
        (100_000, "100,000 bytes"),
        (33_554_432, "32 MiB"),
        (33_554_433, "33,554,433 bytes"),
        (3 * 1024**3, "3 GiB"),
    ],
)
def test_a_size_is_written_exactly(size: int, text: str) -> None:
    """A size has the largest unit that needs no fraction."""
    assert size_text(size) == text
