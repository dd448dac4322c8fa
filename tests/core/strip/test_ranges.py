"""Stretches of a file are joined and cut without losing a byte."""

from hypothesis import given
from hypothesis import strategies as st

from pixstore_asgi.core.strip.boxes import Ranges

OFFSETS = st.integers(0, 60)


@given(st.lists(st.tuples(OFFSETS, OFFSETS)), OFFSETS, OFFSETS)
def test_a_cut_divides_all_bytes(stretches: list[tuple[int, int]], start: int, end: int) -> None:
    """Each byte between two offsets is in exactly one part, which has the right flag. No part is empty."""
    ranges = Ranges(stretches)
    parts = list(ranges.cut(start, end))
    told = [stays for length, stays in parts for _ in range(length)]
    assert told == [any(first <= at < last for first, last in stretches) for at in range(start, end)]
    assert all(length > 0 for length, _ in parts)
    assert ranges.end == max((last for first, last in stretches if first < last), default=0)
