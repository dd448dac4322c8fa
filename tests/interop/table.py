"""Runs the scenarios against both packages and prints the table of README: `python -m tests.interop.table`.

With `--write` it also puts the table into README.
"""

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.interop.scenarios import SCENARIOS, ServerScenario
from tests.interop.sides import REPOSITORY, Side, both_sides
from tests.interop.tabs import Tabs, open_tabs

README = REPOSITORY / "README.md"
MARKER = "<!-- scenarios -->"
HEAD = ["| | scenario | npm pixstore 3.2.1 | pixstore_asgi |", "|--:|---|---|---|"]


class Row(NamedTuple):
    """One scenario: its title and what was observed on either side."""

    title: str
    npm: str
    ours: str


def observe(number: int, sides: Mapping[str, Side], tabs: Tabs | None) -> Row:
    """Run a scenario against both sides; those of the client need tabs."""
    scenario = SCENARIOS[number]
    if isinstance(scenario, ServerScenario):
        return Row(scenario.title, *(scenario.observe(sides[name]) for name in ("npm", "ours")))
    assert tabs is not None
    return Row(scenario.title, *(scenario.observe(sides[name], tabs) for name in ("npm", "ours")))


def render(rows: Mapping[int, Row]) -> str:
    lines = [f"| {number} | {' | '.join(row)} |" for number, row in rows.items()]
    return "\n".join([*HEAD, *lines])


def shown_in_readme() -> dict[int, Row]:
    """Return the rows of the table that stands in README."""
    _, table, _ = README.read_text().split(MARKER)
    lines = re.findall(r"^\| (\d+) \| (.*?) \| (.*?) \| (.*?) \|$", table, re.MULTILINE)
    return {int(number): Row(*cells) for number, *cells in lines}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.interop.table", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    is_written = parser.parse_args().write
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is missing: install the package chromium (Debian)")
    with tempfile.TemporaryDirectory() as folder, both_sides(Path(folder)) as sides, open_tabs(chromium) as tabs:
        table = render({number: observe(number, sides, tabs) for number in SCENARIOS})
    print(table)
    if is_written:
        before, _, after = README.read_text().split(MARKER)
        README.write_text(f"{before}{MARKER}\n\n{table}\n\n{MARKER}{after}")


if __name__ == "__main__":
    main()
