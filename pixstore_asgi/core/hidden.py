"""Values that no printout shows: keys, proofs, secrets, and bytes that hold them.

Error trackers record the local variables of every frame that an error passed. They ask a value for its repr, or walk
into lists and dicts. So a value hides itself, wherever it is kept. The encoders and ciphers take it as the plain one.
"""

from collections.abc import Callable
from typing import Any, SupportsIndex, TypeVar

_T = TypeVar("_T")
Hidden = Callable[[], _T]
"""A function that returns what was hidden: no repr and no attribute of it shows that."""


def hide(value: _T) -> Hidden[_T]:
    """Return a function that returns `value`, which may be of any type."""
    return lambda: value


class HiddenBytes(bytes):
    """Bytes that hide themselves in a repr; so do their slices and sums."""

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
    """A text that hides itself in a repr. `str()` and formatting give the text itself.

    Only for values that stay in the package: msgspec refuses subclasses of str.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} hidden characters>"

    __sentry_repr__ = __repr__


def hidden_text(value: object) -> Any:
    """Return a text as a HiddenText, and any other value as it is."""
    return HiddenText(value) if isinstance(value, str) else value


class HiddenFields(dict[str, Any]):
    """A dict that shows only its names to printouts that ask it, Sentry and rich too. JSON encoders see a dict."""

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
