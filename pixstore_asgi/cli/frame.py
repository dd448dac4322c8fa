"""The frame of every command: prints its report, errors in one line and a progress bar, and sets the exit code."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from ..core.ids import Count, number_of
from ..errors import PixstoreError
from ..transfer.steps import Outcome, Report, Step, printable, quoted

_T = TypeVar("_T")

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_WIDEST = 44  # the widest column of ids, in characters

Show = Callable[[BaseException | None], str | None]
"""Prints the results of a command.

Its argument is None after the last step, or the error or KeyboardInterrupt that ended the command earlier. It may
return a hint, which is printed after the error.
"""


def all_of(*options: Callable[[Any], Any]) -> Callable[[_T], _T]:
    """Return a decorator that adds these options to a command, in this order."""

    def add(command: _T) -> _T:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _no_report(_: BaseException | None) -> None:
    pass


@contextmanager
def framed(report: Show = _no_report, *, stopped: str | Callable[[], str] = "Stopped.") -> Iterator[None]:
    """During the block, turn an error of this package into one line and exit code 1, and Ctrl-C into exit code 130.

    report: called at the end, with the error or None, to print the results. stopped: printed on stderr after Ctrl-C.
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
    steps: Coroutine[Any, Any, _T], report: Show = _no_report, *, stopped: str | Callable[[], str] = "Stopped."
) -> _T:
    """Run a coroutine in a new event loop, within `framed`, and return its result."""
    with framed(report, stopped=stopped):
        return asyncio.run(steps)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""Adds `--json` to a command."""


def size_of(size: float) -> str:
    """Return a number of bytes for people, such as "512 bytes" or "1.5 MiB"."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:,.1f} {_UNITS[unit]}" if unit else f"{size:.0f} bytes"


def progress_bar(label: str, length: int, *, of_bytes: bool = False) -> Any:
    """Return a progress bar on stderr, to use with `with`. It is hidden if stderr is not a terminal.

    It shows count, percent and time left. `update(1, size)`, with the number of bytes so far, adds it and its rate.
    of_bytes: the length is a number of bytes, so there is no other count.
    """
    begun_s = time.monotonic()

    def rate(size: int | None) -> str | None:
        return f"{size_of(size)}, {size_of(size / (time.monotonic() - begun_s))}/s" if size else None

    return click.progressbar(
        length=length,
        label=label,
        file=sys.stderr,
        show_pos=not of_bytes,
        show_percent=True,
        width=0,  # as wide as the terminal
        item_show_func=rate,
        hidden=not sys.stderr.isatty(),
    )


@contextmanager
def copy_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """During the block, show a progress bar of bytes. The function takes the bytes so far, and all of them."""
    with progress_bar(label, 0, of_bytes=True) as bar:

        def show(copied: int, total: int) -> None:
            bar.length = total
            bar.update(copied - bar.pos, copied)

        yield show


@dataclass
class Move:
    """One move of images by a command.

    doing: the label of the progress bar. done, deleted, present: the words after "3 images" in the report. goes_on:
    whether running the command again continues an interrupted move. of_files: whether the source has files that are not
    images. notes: printed after the report of a finished move.
    """

    doing: str
    done: str
    deleted: str = "deleted"
    present: str = "skipped, there already"
    goes_on: bool = True
    of_files: bool = False
    report: Report = field(default_factory=Report)
    notes: list[str] = field(default_factory=list)

    def run(self, steps: Coroutine[Any, Any, None]) -> None:
        """Run the coroutine of a move, and print its report and notes. Exit with code 1 if an image can't be moved."""
        run(steps, self._show, stopped=f"Stopped. {self._hint}".rstrip())
        for note in self.notes:
            click.echo(note)
        if self.report.left:
            sys.exit(1)

    @property
    def has_changed(self) -> bool:
        """Whether an image was moved or deleted so far."""
        return self.report.moved + self.report.deleted > 0

    @property
    def has_read_nothing(self) -> bool:
        """Whether no image could be read: some failed, and none was moved or was there already."""
        return bool(self.report.left) and self.report.moved + self.report.present == 0

    @property
    def _hint(self) -> str:
        return "Run the same command again to continue." if self.goes_on else ""

    async def follow(
        self, steps: AsyncIterator[Step], total: int, on_step: Callable[[Step], None] | None = None
    ) -> None:
        """Iterate the steps of a move, count them, and show the progress on a terminal. on_step: called with each."""
        with progress_bar(self.doing, total) as bar:
            async for step in steps:
                self.report.add(step)
                if on_step:
                    on_step(step)
                bar.update(1, self.report.bytes)

    def _show(self, error: BaseException | None) -> str:
        report = self.report
        if isinstance(error, PixstoreError) and not self.has_changed:
            return ""
        if self.has_changed and hasattr(os, "sync"):
            os.sync()  # reported images must survive a power failure: users may now delete the source
        click.echo(f"{report.counts[Outcome.MOVED]} {self.done}")
        if report.present:
            click.echo(f"{report.counts[Outcome.PRESENT]} {self.present}")
        if report.deleted:
            click.echo(f"{report.counts[Outcome.DELETED]} {self.deleted}")
        self._show_left(report.counts[Outcome.LEFT])
        return self._hint

    def _show_left(self, count: Count) -> None:
        if count.total:
            click.echo(f"{number_of(count.total, 'file') if self.of_files else count} left alone:")
        reasons = sorted((step.name or step.image_id, step.reason) for step in self.report.left)
        names = [quoted(name) for name, _ in reasons]
        column = min(max(map(len, names), default=0), _WIDEST)
        for name, (_, reason) in zip(names, reasons, strict=True):
            click.echo(f"  {name:<{column}}  {printable(reason)}")
        if more := count.total - len(names):
            click.echo(f"  and {more:,} more: the file of --report lists all of them")
