"""The running process: which generation of forks it is, and objects to close in every forked child."""

import os
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

_T = TypeVar("_T")

_generation = 0
_to_close: WeakKeyDictionary[Any, Callable[[Any], object]] = WeakKeyDictionary()


def generation() -> int:
    """Return a number that changes in a forked child: an object that has another number belongs to the parent."""
    return _generation


def close_in_child(owner: _T, close: Callable[[_T], object]) -> None:
    """Call `close(owner)` in each forked child, as long as `owner` lives."""
    _to_close[owner] = close


def _after_fork() -> None:
    global _generation
    _generation += 1
    for owner, close in list(_to_close.items()):
        close(owner)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
