"""Checks options that must be numbers. Refuses text, such as the value of an environment variable."""

from numbers import Real

from ..errors import ConfigError


def check_numbers(**options: object) -> None:
    """Raise ConfigError, which names the option, if a value is not a number."""
    for name, value in options.items():
        if not isinstance(value, Real) or isinstance(value, bool):
            raise ConfigError(f"{name} must be a number, not {type(value).__name__}: convert text with int(…)")
