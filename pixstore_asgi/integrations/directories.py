"""The directories whose pictures a column may name."""

from collections.abc import Iterable

from ..core.ids import checked_directory, directory_of
from ..errors import InputError


class Directories:
    """The directories of a picture column. Its text lists them, for error messages.

    Args:
        patterns: Each is a directory, or the beginning of directories with a `*` at its end. None: pictures without a
            directory.

    Raises:
        InputError: A pattern is invalid.
    """

    def __init__(self, patterns: Iterable[str | None]) -> None:
        given = [_checked(pattern) for pattern in patterns]
        self._names = frozenset(each for each in given if each is None or not each.endswith("*"))
        self._heads = tuple(sorted({each[:-1] for each in given if each is not None and each.endswith("*")}))

    def has(self, directory: str | None) -> bool:
        """Return whether this is one of the directories."""
        return directory in self._names or (directory is not None and directory.startswith(self._heads))

    def hold(self, image_id: str) -> bool:
        """Return whether an image with this id lies in one of the directories."""
        return self.has(directory_of(image_id))

    def __str__(self) -> str:
        return ", ".join([*sorted(each or "(none)" for each in self._names), *(f"{head}*" for head in self._heads)])


def _checked(pattern: str | None) -> str | None:
    if pattern is None:
        return None
    if pattern == "*":
        return pattern
    if isinstance(pattern, str) and pattern.endswith("*"):
        checked_directory(pattern[:-1])
        return pattern
    try:
        return checked_directory(pattern)
    except InputError as error:
        raise InputError(f"{error}; a pattern such as 'user-*' has one `*`, at its end") from None
