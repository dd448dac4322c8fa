"""Errors as users of a command line want them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ..errors import PixstoreError
from ..transfer.totals import printable


@contextmanager
def plain_errors() -> Iterator[None]:
    """Make every error of ours one line on stderr and exit code 1."""
    try:
        yield
    except PixstoreError as error:
        raise click.ClickException(printable(error)) from error


@contextmanager
def stoppable(says: str) -> Iterator[None]:
    """Where Ctrl-C comes, say what it left behind and exit with code 130."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(says, err=True)
        sys.exit(130)
