"""What commands print alike: a bar where a terminal looks on, and JSON where it is asked for."""

import sys
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""Puts `--json` on a command."""


def progress_bar(label: str, length: int) -> Any:
    """Return a bar on stderr, to be entered, which is hidden where no terminal looks on."""
    return click.progressbar(
        length=length, label=label, file=sys.stderr, show_pos=True, width=32, hidden=not sys.stderr.isatty()
    )
