"""Bodies in files of a folder."""

from .folder import BodyFolder

__all__ = ["BodyFolder"]
