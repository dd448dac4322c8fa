"""Errors as users of a command line want them."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from ..errors import PixstoreError


@contextmanager
def plain_errors() -> Iterator[None]:
    """Make every error of ours one line on stderr and exit code 1."""
    try:
        yield
    except PixstoreError as error:
        raise click.ClickException(str(error)) from error
