"""Secrets and keys in local variables: error trackers record those of every frame that an error passed.

Where a frame that holds one can raise, it holds it hidden, or drops it first.
"""

from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
Hidden = Callable[[], _T]
"""A function that returns what was hidden: no repr and no attribute of it shows that."""


def hide(value: _T) -> Hidden[_T]:
    """Return a function that returns `value`."""
    return lambda: value
