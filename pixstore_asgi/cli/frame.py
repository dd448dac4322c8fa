"""The frame of every command: its report, errors in one line, a progress bar, and the exit code."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from ..errors import PixstoreError
from ..transfer.steps import printable

_T = TypeVar("_T")

Report = Callable[[BaseException | None], str | None]
"""Prints the result of a command: of all its steps (None), or of those before an error or Ctrl-C. May return a hint to
print behind the error."""


def _no_report(_: BaseException | None) -> None:
    pass


@contextmanager
def framed(report: Report = _no_report, *, stopped: str | Callable[[], str] = "Stopped.") -> Iterator[None]:
    """Print the report. Turn an error of this package into one line and exit code 1, and Ctrl-C into exit code 130.

    stopped: printed on stderr after Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        report(error)
        click.echo(stopped if isinstance(stopped, str) else stopped(), err=True)
        sys.exit(130)
    except PixstoreError as error:
        raise click.ClickException(f"{printable(error)}\n{report(error) or ''}".rstrip()) from error
    report(None)


def run(
    steps: Coroutine[Any, Any, _T], report: Report = _no_report, *, stopped: str | Callable[[], str] = "Stopped."
) -> _T:
    """Run the steps of a command in an event loop and return their result, within `framed`."""
    with framed(report, stopped=stopped):
        return asyncio.run(steps)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""Adds `--json` to a command."""


def progress_bar(label: str, length: int) -> Any:
    """Return a progress bar on stderr, to use in a `with`. It is hidden if stderr is not a terminal."""
    return click.progressbar(
        length=length, label=label, file=sys.stderr, show_pos=True, width=32, hidden=not sys.stderr.isatty()
    )
