"""Types whose repr hides their value, for keys, proofs, secrets, and bytes that contain them.

Error trackers record the local variables of each frame in a traceback. They call `repr` on each value, also inside
lists and dicts. So the value's own type must hide it. Encoders and ciphers accept these types like the plain ones.
"""

from collections.abc import Callable
from typing import Any, SupportsIndex, TypeVar

_T = TypeVar("_T")
Hidden = Callable[[], _T]
"""A function that returns the hidden value; neither its repr nor an attribute shows the value."""


def hide(value: _T) -> Hidden[_T]:
    """Return a function that returns `value`. The function's repr does not show the value."""
    return lambda: value


class HiddenBytes(bytes):
    """Bytes whose repr shows only their length. Slices and sums are HiddenBytes too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} hidden bytes>"

    __str__ = __repr__
    __sentry_repr__ = __repr__

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        part = super().__getitem__(index)
        return part if isinstance(part, int) else HiddenBytes(part)

    def __add__(self, other: Any) -> "HiddenBytes":
        return HiddenBytes(super().__add__(other))

    def __radd__(self, other: Any) -> "HiddenBytes":
        return HiddenBytes(other + bytes(self))


class HiddenText(str):
    """Text whose repr shows only its length. `str()` and formatting return the text itself.

    Use it only inside this package: msgspec refuses subclasses of str.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} hidden characters>"

    __sentry_repr__ = __repr__


def hidden_text(value: object) -> Any:
    """Return a text as HiddenText. Return any other value unchanged."""
    return HiddenText(value) if isinstance(value, str) else value


class HiddenFields(dict[str, Any]):
    """A dict whose repr shows only its keys, also in Sentry and rich. JSON encoders treat it as a plain dict."""

    __slots__ = ()

    def copy(self) -> Any:
        return type(self)(self)

    def __or__(self, other: Any) -> Any:
        return type(self)(super().__or__(other))

    def __ror__(self, other: Any) -> Any:
        return type(self)(super().__ror__(other))

    def __repr__(self) -> str:
        return f"<{', '.join(map(str, self))}>"

    def __sentry_repr__(self) -> str:
        return repr(self)

    def __rich_repr__(self) -> Any:
        yield from self
