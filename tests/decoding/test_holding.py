"""Memory for pictures that wait to be decoded: one limit for all, and a rule for the picture that is refused."""

import random

import pytest

from pixstore_asgi.decoding.holding import Budget, Held
from pixstore_asgi.errors import StoreBusy

TOO_MANY = "too many pictures wait to be decoded: try again"


class Seconds:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def holding(budget: Budget, size: int) -> Held:
    held = budget.hold()
    held.add(bytes(size))
    return held


@pytest.mark.parametrize("lengths", [[1], [70_000] * 40, [5, 1_048_576, 9], [1_048_575, 1, 1, 3_000_000, 2_000_000, 7]])
def test_bytes_come_out_as_they_went_in(lengths: list[int]) -> None:
    """Pieces of any lengths come out in their order, and nothing else."""
    draw = random.Random(1)
    pieces = [draw.randbytes(length) for length in lengths]
    budget = Budget()
    held = budget.hold()
    for piece in pieces:
        held.add(piece)
    assert held.size == budget.held_bytes == sum(lengths)
    assert b"".join(held.whole()) == b"".join(pieces)
    held.release()
    held.release()
    assert budget.held_bytes == 0


def test_the_picture_that_has_used_most_is_refused() -> None:
    """Bytes times age decide: neither a newcomer nor a small old picture is refused for a large one that stalls."""
    clock = Seconds()
    budget = Budget(100, clock)
    small, stalled, other = holding(budget, 10), holding(budget, 50), holding(budget, 40)
    clock.now = 10
    newcomer = holding(budget, 30)
    assert (stalled.size, budget.held_bytes) == (0, 80)
    for refused in (lambda: stalled.add(b"1"), stalled.whole):
        with pytest.raises(StoreBusy, match=TOO_MANY):
            refused()
    for kept in (small, other, newcomer):
        assert sum(map(len, kept.whole())) == kept.size > 0


def test_a_whole_picture_is_not_refused_for_others() -> None:
    """It has arrived, and its place in the queue is its own: a newcomer is refused instead."""
    clock = Seconds()
    budget = Budget(100, clock)
    whole = holding(budget, 60)
    whole.whole()
    clock.now = 10
    with pytest.raises(StoreBusy, match=TOO_MANY):
        holding(budget, 41)
    assert budget.held_bytes == whole.size == 60


def test_a_picture_alone_may_take_more() -> None:
    """A picture that is longer than the limit is held if there is no other, else never."""
    budget = Budget(100)
    large = holding(budget, 150)
    assert sum(map(len, large.whole())) == 150
    with pytest.raises(StoreBusy):
        holding(budget, 1)
    large.release()
    holding(budget, 100)
