"""Runs a move: shows a progress bar, prints the report, and sets the exit code."""

import os
import sys
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from ..errors import PixstoreError
from ..transfer.steps import Outcome, Report, Step, printable, quoted
from .frame import progress_bar, run
from .stores import NewPath

SOURCE = NewPath(exists=True, dir_okay=False, path_type=Path)
"""The type of an option that names an existing database."""

_WIDEST = 44  # characters of an id, in the column before the reasons


@dataclass
class Move:
    """One move on the command line.

    doing: the label of the bar. done, deleted, present: the words after "3 images" in the report. goes_on: whether a
    second run continues after an interruption.
    """

    doing: str
    done: str
    deleted: str = "deleted"
    present: str = "skipped, there already"
    goes_on: bool = True
    report: Report = field(default_factory=Report)

    def run(self, steps: Coroutine[Any, Any, None]) -> None:
        """Run the steps of a move and print its report."""
        run(steps, self._show, stopped=f"Stopped. {self._hint}".rstrip())

    @property
    def has_changed(self) -> bool:
        """Whether anything was moved or deleted so far."""
        return self.report.moved + self.report.deleted > 0

    @property
    def has_read_nothing(self) -> bool:
        """Whether every image was skipped because it can't be read."""
        return bool(self.report.left) and self.report.moved + self.report.present == 0

    @property
    def _hint(self) -> str:
        return "The same command goes on from here." if self.goes_on else ""

    def end(self) -> None:
        """Exit with code 1 if an image was skipped."""
        if self.report.left:
            sys.exit(1)

    async def follow(self, steps: AsyncIterator[Step], total: int) -> None:
        """Run the steps of a move. Show the progress on a terminal."""
        with progress_bar(self.doing, total) as bar:
            async for step in steps:
                self.report.add(step)
                bar.update(1)

    def _show(self, error: BaseException | None) -> str:
        report = self.report
        if isinstance(error, PixstoreError) and not self.has_changed:
            return ""
        if self.has_changed and hasattr(os, "sync"):
            os.sync()  # once for all images: a reported image survives a power failure, so its source may be removed
        click.echo(f"{report.counts[Outcome.MOVED]} {self.done}")
        if report.present:
            click.echo(f"{report.counts[Outcome.PRESENT]} {self.present}")
        if report.deleted:
            click.echo(f"{report.counts[Outcome.DELETED]} {self.deleted}")
        if report.left:
            click.echo(f"{report.counts[Outcome.LEFT]} left alone:")
        names = [quoted(step.image_id) for step in report.left]
        column = min(max(map(len, names), default=0), _WIDEST)
        for name, step in zip(names, report.left, strict=True):
            click.echo(f"  {name:<{column}}  {printable(step.reason)}")
        return self._hint
