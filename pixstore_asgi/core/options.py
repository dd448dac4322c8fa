"""Checks that options are numbers. A text, for example from an environment variable, is refused."""

from numbers import Real

from ..errors import ConfigError


def check_numbers(**options: object) -> None:
    """Raise ConfigError if a value is not a number. The message names the option."""
    for name, value in options.items():
        if not isinstance(value, Real) or isinstance(value, bool):
            raise ConfigError(f"{name} must be a number, not {type(value).__name__}: convert text with int(…)")
