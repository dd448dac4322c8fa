"""Options that are numbers: text is refused, as it comes out of an environment variable."""

from numbers import Real

from ..errors import ConfigError


def check_numbers(**options: object) -> None:
    """Raise ConfigError, which names the option, for a value that is no number."""
    for name, value in options.items():
        if not isinstance(value, Real) or isinstance(value, bool):
            raise ConfigError(f"{name} must be a number, not {type(value).__name__}: int(…) makes one of a text")
